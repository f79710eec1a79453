"""Traffic selector substructures (RFC 7296 §3.13.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from client.core.ikev2.constants import TsType
from client.core.ikev2.errors import InvalidSyntax, MisuseError
from client.core.ikev2.traffic_selector import OPAQUE, TrafficSelector
from client.core.ikev2.wire import Reader, u8, u16

_LENGTHS = {TsType.IPV4_ADDR_RANGE: 16, TsType.IPV6_ADDR_RANGE: 40}
_HEADER = 4


@dataclass(frozen=True)
class UnknownSelector:
    """A type we do not know: to be passed over (RFC 7296 §2.9). ``body`` is what follows the length."""

    ts_type: TsType
    protocol: int
    body: bytes


def parse_selectors(reader: Reader) -> tuple[tuple[TrafficSelector, ...], tuple[UnknownSelector, ...]]:
    """The data of a TSi or TSr payload. Raises InvalidSyntax."""
    count = reader.u8()
    reader.take(3)
    known: list[TrafficSelector] = []
    unknown: list[UnknownSelector] = []
    for _ in range(count):
        kind, protocol, length = TsType(reader.u8()), reader.u8(), reader.u16()
        if length < _HEADER or _LENGTHS.get(kind, length) != length:
            raise InvalidSyntax(f"a traffic selector of {length} octets")
        with reader.restrict_to(length - _HEADER):
            if kind in _LENGTHS:
                known.append(_parse_range(kind, protocol, reader))
            else:
                unknown.append(UnknownSelector(kind, protocol, reader.rest()))
    reader.expect_end()
    return tuple(known), tuple(unknown)


def encode_selectors(known: Sequence[TrafficSelector], unknown: Sequence[UnknownSelector] = ()) -> bytes:
    encoded = [_encode_range(ts) for ts in known]
    encoded += [u8(ts.ts_type) + u8(ts.protocol) + u16(len(ts.body) + _HEADER) + ts.body for ts in unknown]
    return u8(len(encoded)) + bytes(3) + b"".join(encoded)


def _parse_range(kind: TsType, protocol: int, reader: Reader) -> TrafficSelector:
    ports = reader.u16(), reader.u16()
    address: type[IPv4Address | IPv6Address] = IPv4Address if kind == TsType.IPV4_ADDR_RANGE else IPv6Address
    size = reader.remaining // 2
    start, end = address(reader.take(size)), address(reader.take(size))
    if int(start) > int(end) or (ports[0] > ports[1] and ports != OPAQUE):
        raise InvalidSyntax("a traffic selector whose range is upside down")
    return TrafficSelector(kind, protocol, *ports, start, end)


def _encode_range(ts: TrafficSelector) -> bytes:
    addresses = ts.start.packed + ts.end.packed
    if _LENGTHS.get(ts.ts_type) != len(addresses) + 8:
        raise MisuseError(f"{ts.ts_type.name} with addresses of another family")
    return (u8(ts.ts_type) + u8(ts.protocol) + u16(len(addresses) + 8) + u16(ts.start_port) + u16(ts.end_port)
            + addresses)
