"""The IKE header (RFC 7296 §3.1) and the chain of payloads behind it (§3.2)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from client.core.ikev2.constants import ExchangeType, PayloadType
from client.core.ikev2.errors import InvalidMajorVersion, InvalidSyntax
from client.core.ikev2.payload_base import Payload, Unknown
from client.core.ikev2.payloads import parse_payload
from client.core.ikev2.wire import Reader, u8, u16, u32

HEADER_LENGTH = 28
GENERIC_HEADER_LENGTH = 4
MAX_PAYLOADS = 256

_INITIATOR, _RESPONSE = 0x08, 0x20
_CRITICAL = 0x80
_VERSION = 0x20     # 2.0
_LAYOUT = struct.Struct("!8s8sBBBBII")


@dataclass(frozen=True)
class Header:
    """Numbers as they came; ``length`` is that of the whole message."""

    spi_i: bytes
    spi_r: bytes
    next_payload: PayloadType
    major: int
    minor: int
    exchange: ExchangeType
    flags: int
    message_id: int
    length: int

    @property
    def initiator(self) -> bool:
        """From the IKE_SA's original initiator."""
        return bool(self.flags & _INITIATOR)

    @property
    def response(self) -> bool:
        return bool(self.flags & _RESPONSE)

    @property
    def protected(self) -> bool:
        """By an SK or SKF payload; whether it is authentic is another question."""
        return self.next_payload in (PayloadType.SK, PayloadType.SKF)


def parse_header(data: bytes) -> Header:
    """``data`` is one whole message. Raises InvalidSyntax, InvalidMajorVersion. The minor version and the version
    flag are ignored (RFC 7296 §2.5)."""
    if len(data) < HEADER_LENGTH:
        raise InvalidSyntax(f"a message of {len(data)} octets")
    spi_i, spi_r, following, version, exchange, flags, message_id, length = _LAYOUT.unpack_from(data)
    if version >> 4 != 2:
        raise InvalidMajorVersion(version >> 4)
    if length != len(data):
        raise InvalidSyntax(f"length {length} of {len(data)} octets")
    return Header(spi_i, spi_r, PayloadType(following), 2, version & 0x0F, ExchangeType(exchange), flags, message_id,
                  length)


def encode_header(spi_i: bytes, spi_r: bytes, next_payload: int, exchange: int, *, initiator: bool, response: bool,
                  message_id: int, body_length: int) -> bytes:
    flags = _INITIATOR * initiator | _RESPONSE * response
    return (spi_i + spi_r + bytes([next_payload, _VERSION]) + u8(exchange) + u8(flags) + u32(message_id)
            + u32(HEADER_LENGTH + body_length))


def parse_payloads(first: int, data: bytes) -> tuple[Payload, ...]:
    """A chain that fills ``data``. Raises InvalidSyntax, UnsupportedCriticalPayload."""
    reader = Reader(data)
    payloads: list[Payload] = []
    number = first
    while number != PayloadType.NONE:
        if len(payloads) >= MAX_PAYLOADS:
            raise InvalidSyntax(f"more than {MAX_PAYLOADS} payloads")
        following, critical, body = read_payload(reader)
        payloads.append(parse_payload(number, critical, body))
        number = following
    reader.expect_end()
    return tuple(payloads)


def encode_payloads(payloads: Sequence[Payload]) -> tuple[int, bytes]:
    """(type of the first, the chain). Only an Unknown payload can be critical: of a known one the bit says nothing."""
    types = [payload.payload_type for payload in payloads] + [PayloadType.NONE]
    chain = bytearray()
    for payload, following in zip(payloads, types[1:], strict=True):
        body = payload.encode()
        critical = isinstance(payload, Unknown) and payload.critical
        chain += generic_header(following, len(body), critical=critical) + body
    return types[0], bytes(chain)


def read_payload(reader: Reader) -> tuple[int, bool, bytes]:
    """(type of the next, critical bit, body)."""
    following, flags, length = reader.u8(), reader.u8(), reader.u16()
    if length < GENERIC_HEADER_LENGTH:
        raise InvalidSyntax(f"a payload of {length} octets")
    return following, bool(flags & _CRITICAL), reader.take(length - GENERIC_HEADER_LENGTH)


def generic_header(following: int, body_length: int, *, critical: bool = False) -> bytes:
    return bytes([following, _CRITICAL * critical]) + u16(body_length + GENERIC_HEADER_LENGTH)
