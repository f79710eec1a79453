"""The control channel between roved and its data path: one message per SOCK_SEQPACKET packet.

Each message is a frozen dataclass; ``encode`` and ``decode`` are inverse. Integers are big endian. Neither side
trusts the other: a packet that is not exactly one message raises ControlError, and the reader gives up on the writer.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address

from client.core.datapath.base import DataPathEndpoint, InboundSa, OutboundSa, Selector
from client.model.endpoint import Endpoint

MAX_MESSAGE = 0x1_1000  # a UDP datagram and a little more
MAX_SELECTORS = 255     # RFC 7296 §3.13: the number of TSs is one octet


class ControlError(Exception):
    """Not one whole message of ours."""


@dataclass(frozen=True)
class InstallInbound:
    """``highest``: everything up to this sequence number has been seen."""

    slot: int
    highest: int
    sa: InboundSa


@dataclass(frozen=True)
class InstallOutbound:
    """``next_seq`` is the first sequence number to use, ``epoch`` how often the data path was restarted."""

    slot: int
    next_seq: int
    epoch: int
    sa: OutboundSa


@dataclass(frozen=True)
class Remove:
    spi: bytes


@dataclass(frozen=True)
class Rebind:
    endpoint: DataPathEndpoint


@dataclass(frozen=True)
class SetKeepalive:
    milliseconds: int


@dataclass(frozen=True)
class Ready:
    """The data path has dropped its privileges and reads."""


@dataclass(frozen=True)
class IkeReceived:
    local: Endpoint
    remote: Endpoint
    data: bytes


@dataclass(frozen=True)
class SoftExpired:
    spi: bytes


@dataclass(frozen=True)
class HardExpired:
    spi: bytes


@dataclass(frozen=True)
class SendRefused:
    remote: Endpoint
    errno: int


Message = (
    InstallInbound | InstallOutbound | Remove | Rebind | SetKeepalive
    | Ready | IkeReceived | SoftExpired | HardExpired | SendRefused
)  # fmt: skip


def encode(message: Message) -> bytes:
    """Raises ControlError for what the format cannot hold (an address with a zone, too many selectors)."""
    number, write, _ = _BY_TYPE[type(message)]
    try:
        data = bytes((number,)) + write(message)
    except (struct.error, ValueError, OverflowError) as error:
        raise ControlError("not encodable") from error
    if len(data) > MAX_MESSAGE:
        raise ControlError("too long")
    return data


def decode(data: bytes) -> Message:
    """Raises ControlError."""
    reader = _Reader(data)
    row = _BY_NUMBER.get(reader.number(1))
    if row is None:
        raise ControlError("unknown message")
    message = row(reader)
    reader.end()
    return message


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        end = self._at + length
        if end > len(self._data):
            raise ControlError("truncated")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def octets(self) -> bytes:
        return self.take(self.number(1))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        if self._at != len(self._data):
            raise ControlError("trailing octets")


def _octets(data: bytes) -> bytes:
    return bytes((len(data),)) + data


def _spi(data: bytes) -> bytes:
    if len(data) != 4:
        raise ValueError("an ESP SPI has four octets")
    return data


def _endpoint(endpoint: Endpoint) -> bytes:
    """An empty address says: whichever the kernel picks."""
    packed = ip_address(endpoint.address).packed if endpoint.address else b""
    return _octets(packed) + endpoint.port.to_bytes(2, "big")


def _read_endpoint(reader: _Reader) -> Endpoint:
    packed = reader.octets()
    port = reader.number(2)
    kind = {0: None, 4: IPv4Address, 16: IPv6Address}.get(len(packed), ControlError)
    if kind is ControlError:
        raise ControlError("no address")
    return Endpoint(str(kind(packed)) if kind else "", port)


def _selectors(selectors: tuple[Selector, ...]) -> bytes:
    parts = [bytes((len(selectors),))]
    for selector in selectors:
        size = {4: 4, 6: 16}[selector.family]
        if len(selector.start) != size or len(selector.end) != size:
            raise ValueError("an address of the other family")
        ports = struct.pack(">HH", selector.port_start, selector.port_end)
        parts.append(bytes((selector.family, selector.protocol)) + selector.start + selector.end + ports)
    return b"".join(parts)


def _read_selectors(reader: _Reader) -> tuple[Selector, ...]:
    return tuple(_read_selector(reader) for _ in range(reader.number(1)))


def _read_selector(reader: _Reader) -> Selector:
    family, protocol = reader.take(2)
    size = {4: 4, 6: 16}.get(family)
    if size is None:
        raise ControlError("no address family")
    return Selector(family, protocol, reader.take(size), reader.take(size), reader.number(2), reader.number(2))


def _sa(sa: InboundSa | OutboundSa) -> bytes:
    return b"".join((
        _spi(sa.spi), _octets(sa.suite.encode("ascii")), _octets(sa.encr_key), _octets(sa.integ_key),
        _selectors(sa.local_ts), _selectors(sa.remote_ts), struct.pack(">I", sa.hard_packets),
    ))  # fmt: skip
