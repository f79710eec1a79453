"""Traffic selectors: inclusive ranges of addresses and ports (RFC 7296 §2.9, §3.13)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, summarize_address_range
from typing import cast

from client.core.ikev2.constants import TsType
from client.core.ikev2.traffic_selector_text import parse_text, protocol_and_ports

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

ANY_PORT = (0, 65535)
OPAQUE = (65535, 0)     # ports that are not to be seen (RFC 7296 §3.13.1)


@dataclass(frozen=True)
class TrafficSelector:
    """``protocol`` 0 is any; ``start`` and ``end`` are of one family, in order."""

    ts_type: TsType
    protocol: int
    start_port: int
    end_port: int
    start: IpAddress
    end: IpAddress

    @classmethod
    def from_range(cls, start: IpAddress, end: IpAddress, protocol: int = 0, ports: tuple[int, int] = ANY_PORT
                   ) -> "TrafficSelector":
        kind = TsType.IPV4_ADDR_RANGE if start.version == 4 else TsType.IPV6_ADDR_RANGE
        return cls(kind, protocol, *ports, start, end)

    @classmethod
    def from_network(cls, network: IpNetwork, protocol: int = 0, ports: tuple[int, int] = ANY_PORT
                     ) -> "TrafficSelector":
        return cls.from_range(network.network_address, network.broadcast_address, protocol, ports)

    @classmethod
    def from_text(cls, text: str) -> "TrafficSelector":
        """What ``str()`` gives, and a bare address. Raises ValueError."""
        return cls.from_range(*parse_text(text))

    @property
    def ports(self) -> tuple[int, int]:
        return self.start_port, self.end_port

    def contains(self, address: IpAddress, protocol: int = 0, port: int = 0) -> bool:
        """Would a packet with this end be selected? Protocol and port 0 are a packet whose own are not known."""
        return (address.version == self.start.version and self.start <= address <= self.end   # type: ignore[operator]
                and self.protocol in (0, protocol)
                and (self.ports == ANY_PORT or self.start_port <= port <= self.end_port))

    def intersect(self, other: "TrafficSelector") -> "TrafficSelector | None":
        """What both select, None where that is nothing."""
        if self.start.version != other.start.version or (self.protocol and other.protocol
                                                         and self.protocol != other.protocol):
            return None
        ports = _common_ports(self.ports, other.ports)
        start = max(self.start, other.start, key=int)
        end = min(self.end, other.end, key=int)
        if ports is None or int(start) > int(end):
            return None
        return TrafficSelector.from_range(start, end, self.protocol or other.protocol, ports)

    def is_subset(self, of: Sequence["TrafficSelector"]) -> bool:
        """Do the addresses of ``of``, together, cover this one's, each with at least its protocol and ports?"""
        ranges = sorted((int(ts.start), int(ts.end)) for ts in of
                        if ts.start.version == self.start.version and ts.protocol in (0, self.protocol)
                        and _common_ports(self.ports, ts.ports) == self.ports)
        next_needed, last = int(self.start), int(self.end)
        for start, end in ranges:
            if start > next_needed:
                return False
            next_needed = max(next_needed, end + 1)
            if next_needed > last:
                return True
        return False

    def networks(self) -> tuple[IpNetwork, ...]:
        """The fewest prefixes that make up the range, ports and protocol aside."""
        summary = summarize_address_range(self.start, self.end)
        return tuple(cast(Iterable[IpNetwork], summary))

    def __str__(self) -> str:
        """As swanctl writes them: ``10.10.0.0/24``, ``10.20.0.0/25[tcp/8080]``, ``10.0.0.3-10.0.0.9``."""
        networks = self.networks()
        addresses = str(networks[0]) if len(networks) == 1 else f"{self.start}-{self.end}"
        return addresses + protocol_and_ports(self.protocol, self.ports)


def intersect_all(one: Sequence[TrafficSelector], other: Sequence[TrafficSelector]) -> tuple[TrafficSelector, ...]:
    """What both lists select, in the order of ``one``, without what another of the result covers already."""
    found = dict.fromkeys(common for a in one for b in other if (common := a.intersect(b)) is not None)
    kept: list[TrafficSelector] = []
    candidates = list(found)
    for i, ts in enumerate(candidates):
        if not any(ts.is_subset([wider]) for wider in (*kept, *candidates[i + 1:])):
            kept.append(ts)
    return tuple(kept)


def without(offered: Sequence[TrafficSelector], granted: Sequence[TrafficSelector]) -> tuple[TrafficSelector, ...]:
    """The address ranges of ``offered`` that ``granted`` leaves out.

    Where protocols or ports were narrowed too nothing can be said in ranges: such a selector has no rest.
    """
    rest: list[TrafficSelector] = []
    for ts in offered:
        met = [one for one in granted if ts.intersect(one) is not None]
        if any((one.protocol, one.ports) != (ts.protocol, ts.ports) for one in met):
            continue
        low, last = int(ts.start), int(ts.end)
        kind = type(ts.start)
        for one in sorted(met, key=lambda one: int(one.start)):
            if int(one.start) > low:
                rest.append(TrafficSelector.from_range(kind(low), kind(int(one.start) - 1), ts.protocol, ts.ports))
            low = max(low, int(one.end) + 1)
        if low <= last:
            rest.append(TrafficSelector.from_range(kind(low), ts.end, ts.protocol, ts.ports))
    return tuple(rest)


def _common_ports(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    if one == other or other == ANY_PORT:
        return one
    if one == ANY_PORT:
        return other
    if OPAQUE in (one, other):
        return None
    start, end = max(one[0], other[0]), min(one[1], other[1])
    return (start, end) if start <= end else None
