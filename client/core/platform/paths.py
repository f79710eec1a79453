"""Which ways lead to a gateway now, the kernel's own choice first. On the roaming path: about a millisecond."""

import contextlib
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from client.core.platform.config import IpAddress
from client.core.platform.conventions import interface_index
from client.core.platform.links import Link, LinkAddress, list_addresses, list_links
from client.core.platform.netlink import Attributes, Netlink, NetlinkError, attribute, attributes, number, u32
from client.core.platform.routes import (
    ROUTE_HEADER,
    RTA_DST,
    RTA_GATEWAY,
    RTA_MARK,
    RTA_OIF,
    RTA_PREFSRC,
    RTA_PRIORITY,
    RTM_GETROUTE,
    RTM_NEWROUTE,
    RTN_LOCAL,
    RTN_UNICAST,
)

MAX_CANDIDATES = 32

_FIB_MATCH = 0x2000       # RTM_F_FIB_MATCH: the table's entry, or an error where none matches
_MAX_GATEWAYS = 16
_ANYWHERE = ("198.18.0.1", "2001:db8::1")    # nobody's (RFC 2544, RFC 3849): the kernel is asked, nothing is sent


@dataclass(frozen=True)
class Candidate:
    """``local`` and ``gateway`` are address literals of one IP version; ``mtu`` is the interface's, ``router`` the
    next hop, where there is one, ``index`` the kernel's for the interface."""

    interface: str
    local: str
    gateway: str
    mtu: int = field(default=1500, compare=False)
    router: str = field(default="", compare=False)
    index: int = 0


def candidate_paths(gateway_addresses: Sequence[str], mark: int) -> list[Candidate]:
    """The usable ways to each gateway, best first, without duplicates.

    For each address in the order given what the kernel would take for traffic with ``mark`` (so never a tunnel of
    ours), then the other uplinks that have a route there, by metric. Links without carrier and addresses that are
    still being checked do not count. Raises RoveError nowhere: a host without network has no candidates.
    """
    gateways = [address for text in gateway_addresses[:_MAX_GATEWAYS] if (address := _gateway(text)) is not None]
    try:
        with Netlink() as netlink:
            return _candidates(netlink, gateways, mark)
    except NetlinkError:
        return []


def any_uplink(gateway_addresses: Sequence[str], mark: int) -> bool:
    """Does anything lead out of this host, to one of these literals or to anywhere? If not, only the kernel's next
    notification can change that."""
    return bool(candidate_paths((*_ANYWHERE, *gateway_addresses), mark))


def _candidates(netlink: Netlink, gateways: Sequence[IpAddress], mark: int) -> list[Candidate]:
    links = {link.index: link for link in list_links(netlink)}
    uplinks = _Uplinks(links, list_addresses(netlink))
    chosen: list[Candidate] = []
    others: list[tuple[int, int, Candidate]] = []
    for order, gateway in enumerate(gateways):
        first = _ask(netlink, gateway, mark)
        interface, source = _interface_and_source(first)
        if first is not None and source is not None and uplinks.usable(interface, source):
            chosen.append(Candidate(links[interface].name, str(source), str(gateway), links[interface].mtu,
                                    _router(first), interface))
        for index in uplinks.with_version(gateway.version):
            if index == interface:
                continue
            # Asked with an interface and no route, IPv4 assumes the gateway to be a neighbour: insist on an entry.
            entry = _ask(netlink, gateway, mark, index, _FIB_MATCH)
            if entry is None:
                continue
            _, source = _interface_and_source(_ask(netlink, gateway, mark, index))
            if source is not None and uplinks.usable(index, source):
                others.append((number(entry, RTA_PRIORITY), order,
                               Candidate(links[index].name, str(source), str(gateway), links[index].mtu,
                                         _router(entry), index)))
    ranked = chosen + [candidate for _, _, candidate in sorted(others, key=lambda entry: entry[:2])]
    return list(dict.fromkeys(ranked))[:MAX_CANDIDATES]


class _Uplinks:
    """Links that could carry traffic to a gateway, with their addresses."""

    def __init__(self, links: dict[int, Link], addresses: Iterable[LinkAddress]) -> None:
        self._links = {index: link for index, link in links.items()
                       if link.carrier and interface_index(link.name) is None}
        known = list(addresses)
        self._usable = {(entry.index, entry.address) for entry in known if entry.usable}
        self._anywhere = {address for _, address in self._usable}
        self._on_loopback = {address for index, address in self._usable if index in links and links[index].loopback}
        self._numbered = {(entry.index, entry.address.version) for entry in known if not entry.link_scope}
        self._versions = sorted({(entry.index, entry.address.version) for entry in known
                                 if entry.usable and not entry.link_scope and entry.index in self._links
                                 and not self._links[entry.index].loopback})

    def with_version(self, version: int) -> list[int]:
        return [index for index, of in self._versions if of == version]

    def usable(self, interface: int, source: IpAddress) -> bool:
        """The source belongs to the interface, to the whole host, or to a neighbour of an unnumbered interface.

        While an uplink's own address is being checked the kernel lends another uplink's, which leads nowhere.
        """
        if interface not in self._links:
            return False
        if (interface, source) in self._usable or source in self._on_loopback:
            return True
        return (interface, source.version) not in self._numbered and source in self._anywhere


def _ask(netlink: Netlink, gateway: IpAddress, mark: int, interface: int = 0, flags: int = 0) -> Attributes | None:
    """RTM_GETROUTE; None where no unicast or local route leads there."""
    family = socket.AF_INET if gateway.version == 4 else socket.AF_INET6
    body = ROUTE_HEADER.pack(family, gateway.max_prefixlen, 0, 0, 0, 0, 0, 0, flags)
    body += attribute(RTA_DST, gateway.packed) + u32(RTA_MARK, mark)
    if interface:
        body += u32(RTA_OIF, interface)
    with contextlib.suppress(NetlinkError):
        reply = netlink.request(RTM_GETROUTE, body, 0)
        if reply is not None and reply.kind == RTM_NEWROUTE and len(reply.body) >= ROUTE_HEADER.size:
            kind = ROUTE_HEADER.unpack_from(reply.body)[7]
            if kind in (RTN_UNICAST, RTN_LOCAL):
                return attributes(reply.body[ROUTE_HEADER.size :])
    return None


def _interface_and_source(found: Attributes | None) -> tuple[int, IpAddress | None]:
    if found is None:
        return 0, None
    packed = found.get(RTA_PREFSRC, b"")
    return number(found, RTA_OIF), ip_address(packed) if len(packed) in (4, 16) else None


def _router(found: Attributes) -> str:
    packed = found.get(RTA_GATEWAY, b"")
    return str(ip_address(packed)) if len(packed) in (4, 16) else ""


def _gateway(text: str) -> IpAddress | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return None if address.is_unspecified or address.is_multicast or address.is_link_local else address
