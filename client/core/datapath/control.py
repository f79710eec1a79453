"""The control channel between roved and its data path: one message per SOCK_SEQPACKET packet.

``encode`` and ``decode`` are inverse; integers are big endian. Neither side trusts the other: a packet that is not
exactly one message raises ControlError, and the reader gives up on the writer.
"""

import struct
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from client.core.datapath.base import DataPathEndpoint, InboundSa, OutboundSa, Selector
from client.core.datapath.messages import (
    AttachStream,
    Checkpoint,
    DetachStream,
    HardExpired,
    IkeReceived,
    InstallInbound,
    InstallOutbound,
    Message,
    Reached,
    Ready,
    Rebind,
    Remove,
    SendRefused,
    SendStreamIke,
    SetKeepalive,
    SetLimit,
    SetPatience,
    SoftExpired,
    StreamIke,
    StreamLost,
    Together,
    Unanswered,
)
from client.model.endpoint import Endpoint

BEGIN = b"begin"  # comes with the descriptors, before the first message
MAX_MESSAGE = 0x1_1000  # a UDP datagram and a little more


class ControlError(Exception):
    """Not one whole message of ours."""


def encode(message: Message) -> bytes:
    """Raises ControlError for what the format cannot hold (an address with a zone, too many selectors)."""
    number, write = _WRITERS[type(message)]
    try:
        data = bytes((number,)) + write(message)
    except (struct.error, ValueError, KeyError, OverflowError) as error:
        raise ControlError("not encodable") from error
    if len(data) > MAX_MESSAGE:
        raise ControlError("too long")
    return data


def decode(data: bytes) -> Message:
    """Raises ControlError."""
    reader = _Reader(data)
    read = _READERS.get(reader.number(1))
    if read is None:
        raise ControlError("unknown message")
    message = read(reader)
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

    def flag(self) -> bool:
        value = self.number(1)
        if value > 1:
            raise ControlError("neither yes nor no")
        return bool(value)

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
    if "%" in endpoint.address:
        raise ValueError("an address with a zone")
    packed = ip_address(endpoint.address).packed if endpoint.address else b""
    return _octets(packed) + endpoint.port.to_bytes(2, "big")


def _read_endpoint(reader: _Reader) -> Endpoint:
    packed = reader.octets()
    if len(packed) not in (0, 4, 16):
        raise ControlError("no address")
    return Endpoint(str(ip_address(packed)) if packed else "", reader.number(2))


_TRANSPORTS = ("udp", "esp", "tcp")


def _transport(endpoint: DataPathEndpoint) -> bytes:
    return bytes((_TRANSPORTS.index(endpoint.transport),))


def _read_data_path_endpoint(reader: _Reader) -> DataPathEndpoint:
    number = reader.number(1)
    if number >= len(_TRANSPORTS):
        raise ControlError("no transport")
    interface = reader.number(4)
    return DataPathEndpoint(_read_endpoint(reader), _read_endpoint(reader), interface, _TRANSPORTS[number])


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
        _selectors(sa.local_ts), _selectors(sa.remote_ts), struct.pack(">Q?", sa.hard_packets, sa.esn),
    ))  # fmt: skip


def _read_sa(reader: _Reader) -> dict[str, Any]:
    spi = reader.take(4)
    try:
        suite = reader.octets().decode("ascii")
    except UnicodeDecodeError as error:
        raise ControlError("not a suite's name") from error
    return {
        "spi": spi, "suite": suite, "encr_key": reader.octets(), "integ_key": reader.octets(),
        "local_ts": _read_selectors(reader), "remote_ts": _read_selectors(reader), "hard_packets": reader.number(8),
        "esn": reader.flag(),
    }  # fmt: skip


def _together(together: Together) -> bytes:
    parts = [encode(message) for message in together.messages]
    return bytes((len(parts),)) + b"".join(part for data in parts for part in (len(data).to_bytes(4, "big"), data))


def _read_together(reader: _Reader) -> Together:
    parts = [reader.take(reader.number(4)) for _ in range(reader.number(1))]
    if any(data[:1] in _ALONE for data in parts):
        raise ControlError("it cannot be said with others")
    return Together(tuple(decode(data) for data in parts))


# One row per message: its number, how its body is written, how it is read.
_ROWS: tuple[tuple[int, type[Message], Callable[[Any], bytes], Callable[[_Reader], Message]], ...] = (
    (
        1, InstallInbound,
        lambda m: struct.pack(">HQ", m.slot, m.highest) + _sa(m.sa),
        lambda r: InstallInbound(r.number(2), r.number(8), InboundSa(**_read_sa(r))),
    ),
    (
        2, InstallOutbound,
        lambda m: struct.pack(">HQI", m.slot, m.next_seq, m.epoch) + _sa(m.sa),
        lambda r: InstallOutbound(r.number(2), r.number(8), r.number(4), OutboundSa(**_read_sa(r))),
    ),
    (3, Remove, lambda m: _spi(m.spi), lambda r: Remove(r.take(4))),
    (
        4, Rebind,
        lambda m: _transport(m.endpoint) + struct.pack(">I", m.endpoint.interface) + _endpoint(m.endpoint.local)
        + _endpoint(m.endpoint.remote),
        lambda r: Rebind(_read_data_path_endpoint(r)),
    ),
    (5, SetKeepalive, lambda m: struct.pack(">I", m.milliseconds), lambda r: SetKeepalive(r.number(4))),
    (6, Checkpoint, lambda m: struct.pack(">I", m.number), lambda r: Checkpoint(r.number(4))),
    (7, SetPatience, lambda m: struct.pack(">I", m.milliseconds), lambda r: SetPatience(r.number(4))),
    (8, SetLimit, lambda m: struct.pack(">H", m.octets), lambda r: SetLimit(r.number(2))),
    (
        9, AttachStream,
        lambda m: struct.pack(">I?", m.number, m.originator),
        lambda r: AttachStream(r.number(4), r.flag()),
    ),
    (10, DetachStream, lambda m: b"", lambda r: DetachStream()),
    (11, SendStreamIke, lambda m: bytes(m.data), lambda r: SendStreamIke(r.rest())),
    (12, Together, _together, _read_together),
    (64, Ready, lambda m: b"", lambda r: Ready()),
    (
        65, IkeReceived,
        lambda m: _endpoint(m.local) + _endpoint(m.remote) + m.data,
        lambda r: IkeReceived(_read_endpoint(r), _read_endpoint(r), r.rest()),
    ),
    (66, SoftExpired, lambda m: _spi(m.spi), lambda r: SoftExpired(r.take(4))),
    (67, HardExpired, lambda m: _spi(m.spi), lambda r: HardExpired(r.take(4))),
    (
        68, SendRefused,
        lambda m: _endpoint(m.remote) + struct.pack(">H", m.errno),
        lambda r: SendRefused(_read_endpoint(r), r.number(2)),
    ),
    (69, Reached, lambda m: struct.pack(">I", m.number), lambda r: Reached(r.number(4))),
    (70, Unanswered, lambda m: b"", lambda r: Unanswered()),
    (71, StreamIke, lambda m: bytes(m.data), lambda r: StreamIke(r.rest())),
    (
        72, StreamLost,
        lambda m: struct.pack(">IH", m.number, m.errno),
        lambda r: StreamLost(r.number(4), r.number(2)),
    ),
)  # fmt: skip

_WRITERS = {kind: (number, write) for number, kind, write, _ in _ROWS}
_READERS = {number: read for number, _, _, read in _ROWS}
_ALONE = tuple(bytes((_WRITERS[kind][0],)) for kind in (Together, AttachStream))
