"""Addresses that the two sides tell each other: ADDITIONAL_*_ADDRESS, NO_NATS_ALLOWED (RFC 4555 §3.4, §3.6, §3.9)."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network

from client.core.ikev2.constants import NotifyType
from client.core.ikev2.events import GatewayAddresses, IpAddress, Path
from client.core.ikev2.ike_sa import Context
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import Notify, Payload
from client.core.ikev2.traffic_selector import TrafficSelector

MAX_ADDRESSES = 16       # of a gateway that we take note of

_OF_VERSION = {4: NotifyType.ADDITIONAL_IP4_ADDRESS, 6: NotifyType.ADDITIONAL_IP6_ADDRESS}
# Behind a gateway of the internet these lead nowhere, or to somebody else (RFC 1918, RFC 6598, RFC 4193, …).
_LOCAL = tuple(ip_network(text) for text in (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7",
    "fe80::/10", "::1/128"))


def address_list(addresses: Sequence[str] | None) -> list[Payload]:
    """§3.4; None says nothing of them."""
    if addresses is None:
        return []
    if not addresses:
        return [Notify.of(NotifyType.NO_ADDITIONAL_ADDRESSES)]
    return [Notify.of(_OF_VERSION[ip_address(text).version], ip_address(text).packed) for text in addresses]


def heed_addresses(ctx: Context, message: Message) -> None:
    """Where else the gateway can be reached (§3.4, §3.6): each list replaces the one before."""
    found = [str(ip_address(notify.data)) for notify in message.notifies()
             if (notify.type, len(notify.data)) in ((_OF_VERSION[4], 4), (_OF_VERSION[6], 16))]
    if ctx.mobike and (found or message.notify(NotifyType.NO_ADDITIONAL_ADDRESSES) is not None):
        ctx.emit(GatewayAddresses(tuple(dict.fromkeys(found))[:MAX_ADDRESSES]))


def no_nats_allowed_is_true(notify: Notify, path: Path) -> bool:
    """Does it say what the IP header said: source, destination, and their ports (§3.9, §4.2.6)? ``path`` is ours."""
    if not path.local.address:
        return True         # the kernel did not say
    addresses = ip_address(path.remote.address).packed + ip_address(path.local.address).packed
    return notify.data == addresses + path.remote.port.to_bytes(2, "big") + path.local.port.to_bytes(2, "big")


def outside(addresses: Iterable[str], inside: Sequence[TrafficSelector], in_use: str) -> tuple[str, ...]:
    """Of the addresses that a gateway names those that may lead to it from out here.

    Its other side is none: what the tunnel itself leads to, and private addresses of one that has a public address in
    use. Selectors that hold the address in use too, or everything, say nothing.
    """
    present = ip_address(in_use)
    telling = [ts for ts in inside if not _holds(ts, present) and not _is_everything(ts)]
    private = _is_local(present)
    return tuple(text for text in addresses
                 if text != in_use and not any(_holds(ts, ip_address(text)) for ts in telling)
                 and not ip_address(text).is_multicast and not ip_address(text).is_unspecified
                 and (private or not _is_local(ip_address(text))))


def _is_everything(selector: TrafficSelector) -> bool:
    return int(selector.start) == 0 and int(selector.end) == 2 ** selector.end.max_prefixlen - 1


def _holds(selector: TrafficSelector, address: IpAddress) -> bool:
    start, end = selector.start, selector.end
    return start.version == address.version and int(start) <= int(address) <= int(end)


def _is_local(address: IpAddress) -> bool:
    return any(address in network for network in _LOCAL)
