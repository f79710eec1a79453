"""What a traffic selector may ask about an inner packet (RFC 4301 §4.4.1.1), and whether one is met.

The addresses come from the packet itself, so a packet that contradicts itself is malformed and goes nowhere.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from client.core.datapath.base import Selector

UNKNOWN = -1  # the packet has such a field elsewhere, or nowhere: only ANY and OPAQUE selectors meet it
IGNORED = -2  # the protocol has one selector value, and it belongs to the other end (RFC 4301 §4.4.1.3 C)

ANY = (0, 0xFFFF)
OPAQUE = (0xFFFF, 0)  # RFC 7296 §3.13.1


@dataclass(frozen=True)
class Inner:
    """``length`` is the packet's own, without the traffic flow padding after it (RFC 4303 §2.7)."""

    family: int
    length: int
    protocol: int
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int


def parse_inner(packet: bytes | memoryview) -> Inner | None:
    """None for what is not one whole IPv4 or IPv6 packet, perhaps followed by padding."""
    if len(packet) < 20:
        return None
    version = packet[0] >> 4
    if version == 4:
        return _parse_ipv4(packet)
    return _parse_ipv6(packet) if version == 6 else None


def meets(inner: Inner, source: Sequence[Selector], destination: Sequence[Selector]) -> bool:
    """Is the packet's source within one of ``source``, and its destination within one of ``destination``?"""
    return _any_meets(source, inner, inner.source, inner.source_port) and _any_meets(
        destination, inner, inner.destination, inner.destination_port
    )


def addresses_only(selectors: Sequence[Selector]) -> bool:
    """Do the addresses alone decide?"""
    return all(s.protocol == 0 and (s.port_start, s.port_end) == ANY for s in selectors)


_IPV4 = struct.Struct(">BxHxxHxBxx4s4s")
_IPV6 = struct.Struct(">4xHBx16s16s")
_PORTS = struct.Struct(">HH")

_ICMP, _TCP, _UDP, _FRAGMENT, _ICMPV6, _DCCP, _MOBILITY, _SCTP, _UDPLITE = 1, 6, 17, 44, 58, 33, 135, 132, 136
_WITH_PORTS = frozenset((_TCP, _UDP, _DCCP, _SCTP, _UDPLITE))
_OPTIONS = frozenset((0, 43, 60))  # hop-by-hop, routing, destination options: not what the packet is about
_MAX_EXTENSIONS = 8


def _any_meets(selectors: Sequence[Selector], inner: Inner, address: bytes, port: int) -> bool:
    return any(
        selector.family == inner.family
        and selector.start <= address <= selector.end
        and selector.protocol in (0, inner.protocol)
        and _port_meets(selector, port)
        for selector in selectors
    )


def _port_meets(selector: Selector, port: int) -> bool:
    ports = (selector.port_start, selector.port_end)
    if port >= 0:
        return ports[0] <= port <= ports[1]
    # RFC 4301 §7.1: a fragment without ports travels only where ports do not matter.
    return port == IGNORED or ports in (ANY, OPAQUE)


def _parse_ipv4(packet: bytes | memoryview) -> Inner | None:
    first, length, fragment, protocol, source, destination = _IPV4.unpack_from(packet)
    header = (first & 15) * 4
    if header < 20 or not header <= length <= len(packet):
        return None
    ports = (UNKNOWN, UNKNOWN) if fragment & 0x1FFF else _ports(packet[header:length], protocol)
    return Inner(4, length, protocol, source, destination, *ports)


def _parse_ipv6(packet: bytes | memoryview) -> Inner | None:
    if len(packet) < 40:
        return None
    payload, protocol, source, destination = _IPV6.unpack_from(packet)
    length = 40 + payload
    if length > len(packet):
        return None
    rest = packet[40:length]
    fragmented = False
    for _ in range(_MAX_EXTENSIONS):
        if protocol not in _OPTIONS and protocol != _FRAGMENT:
            ports = (UNKNOWN, UNKNOWN) if fragmented else _ports(rest, protocol)
            return Inner(6, length, protocol, source, destination, *ports)
        if fragmented:  # what follows in a later fragment is data, not a header
            return Inner(6, length, protocol, source, destination, UNKNOWN, UNKNOWN)
        if len(rest) < 8:
            return None
        size = 8
        if protocol == _FRAGMENT:
            fragmented = bool((rest[2] << 8 | rest[3]) & 0xFFF8)
        else:
            size = 8 + rest[1] * 8
        if len(rest) < size:
            return None
        protocol = rest[0]
        rest = rest[size:]
    return None


def _ports(transport: bytes | memoryview, protocol: int) -> tuple[int, int]:
    if protocol in _WITH_PORTS and len(transport) >= 4:
        source, destination = _PORTS.unpack_from(transport)
        return source, destination
    if protocol in (_ICMP, _ICMPV6) and len(transport) >= 2:
        return transport[0] << 8 | transport[1], IGNORED
    if protocol == _MOBILITY and len(transport) >= 3:
        return transport[2] << 8, IGNORED
    return UNKNOWN, UNKNOWN
