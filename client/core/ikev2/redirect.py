"""REDIRECT: a gateway sends its client to another one (RFC 5685). Here: what its notifications hold, and how often.

    IKE_SA_INIT   request { … N(REDIRECT_SUPPORTED) }    response { N(REDIRECT, new gateway, Ni) }
    IKE_AUTH      request { … }                          response { IDr AUTH N(REDIRECT, new gateway) }
    INFORMATIONAL request { N(REDIRECT, new gateway) }   response { }
"""

from collections import deque
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address

from client.core.ikev2.constants import NotifyType
from client.core.ikev2.payloads import Notify

MAX_REDIRECTS = 5        # within DETECT_PERIOD, as RFC 5685 §7 recommends (MAX_REDIRECTS, REDIRECT_LOOP_DETECT_PERIOD)
DETECT_PERIOD = 300.0    # s
_IPV4, _IPV6, _FQDN = 1, 2, 3
_MAX_NAME = 253
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def new_gateway(notify: Notify, nonce: bytes = b"") -> str | None:
    """The address or name that REDIRECT leads to; None where it cannot be followed.

    ``nonce``: ours, which an unprotected REDIRECT must bring back (§3): nobody off the path can send us away.
    """
    data = notify.data
    if len(data) < 2 or len(data) < 2 + data[1] or data[2 + data[1]:] != nonce:
        return None
    kind, identity = data[0], data[2:2 + data[1]]
    try:
        if kind == _IPV4:
            return _usable(IPv4Address(identity))
        if kind == _IPV6:
            return _usable(IPv6Address(identity))
        name = identity.decode("ascii") if kind == _FQDN else ""
    except (AddressValueError, UnicodeDecodeError):
        return None
    return name if 0 < len(name) <= _MAX_NAME and set(name) <= _NAME_CHARACTERS and _is_no_address(name) else None


def redirected_from(address: str) -> Notify:
    """Tells the new gateway who sent us (§3)."""
    packed = ip_address(address).packed
    return Notify.of(NotifyType.REDIRECTED_FROM, bytes([_IPV4 if len(packed) == 4 else _IPV6, len(packed)]) + packed)


class RedirectedAway(Exception):
    """The answer to IKE_SA_INIT is that ``gateway`` has one; None: it may be anybody's, without our nonce (§3)."""

    def __init__(self, gateway: str | None) -> None:
        super().__init__(gateway)
        self.gateway = gateway


class RedirectLimit:
    """Gateways that send us in a circle are left."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Counts one redirect more; False when there were too many in DETECT_PERIOD."""
        while self._times and self._times[0] <= now - DETECT_PERIOD:
            self._times.popleft()
        if len(self._times) >= MAX_REDIRECTS:
            return False
        self._times.append(now)
        return True


def _usable(address: IPv4Address | IPv6Address) -> str | None:
    """A gateway is another host: no gateway sends us into our own network or computer."""
    unusable = address.is_unspecified or address.is_multicast or address.is_loopback or address.is_link_local
    return None if unusable else str(address)


def _is_no_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return not name.replace(".", "").isdigit()
    return False
