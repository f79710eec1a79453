"""Payloads that say who is who: IDi, IDr, CERT, CERTREQ, AUTH, EAP (RFC 7296 §3.5–3.8, §3.16)."""

from dataclasses import dataclass, field
from typing import Self

from client.core.ikev2.constants import AuthMethod, CertEncoding, IdType, PayloadType
from client.core.ikev2.payload_base import Payload
from client.core.ikev2.wire import Reader, u8

_KEY_HASH = 20      # SHA-1 of a trust anchor's SubjectPublicKeyInfo (RFC 7296 §3.7)


@dataclass(frozen=True)
class _Identification(Payload):
    """``reserved`` is kept as it came: AUTH covers the payload with it (RFC 7296 §2.15, RestOfIDPayload)."""

    id_type: int
    data: bytes
    reserved: bytes = bytes(3)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        id_type, reserved = IdType(reader.u8()), reader.take(3)
        return cls(id_type, reader.rest(), reserved)

    def encode(self) -> bytes:
        return u8(self.id_type) + self.reserved + self.data


@dataclass(frozen=True)
class IDi(_Identification):
    TYPE = PayloadType.IDI


@dataclass(frozen=True)
class IDr(_Identification):
    TYPE = PayloadType.IDR


@dataclass(frozen=True)
class CERT(Payload):
    TYPE = PayloadType.CERT

    encoding: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        return cls(CertEncoding(reader.u8()), reader.rest())

    def encode(self) -> bytes:
        return u8(self.encoding) + self.data


@dataclass(frozen=True)
class CERTREQ(Payload):
    """``authorities`` are 20 octets each; a list that does not divide so is one odd item."""

    TYPE = PayloadType.CERTREQ

    encoding: int
    authorities: tuple[bytes, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        encoding, data = CertEncoding(reader.u8()), reader.rest()
        size = _KEY_HASH if len(data) % _KEY_HASH == 0 else len(data)
        return cls(encoding, tuple(data[i:i + size] for i in range(0, len(data), size)))

    def encode(self) -> bytes:
        return u8(self.encoding) + b"".join(self.authorities)


@dataclass(frozen=True)
class AUTH(Payload):
    TYPE = PayloadType.AUTH

    method: int
    data: bytes = field(repr=False)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        method = AuthMethod(reader.u8())
        reader.take(3)
        return cls(method, reader.rest())

    def encode(self) -> bytes:
        return u8(self.method) + bytes(3) + self.data


@dataclass(frozen=True)
class EAP(Payload):
    """``packet`` may hold a password (EAP-GTC), so it is never shown."""

    TYPE = PayloadType.EAP

    packet: bytes = field(repr=False)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        return cls(body)

    def encode(self) -> bytes:
        return self.packet
