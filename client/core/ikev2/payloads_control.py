"""Payloads that tell and ask: Notify, Delete, Vendor ID, CP (RFC 7296 §3.10–3.12, §3.15)."""

from dataclasses import dataclass
from typing import Self

from client.core.ikev2.constants import ConfigAttribute, ConfigType, NotifyType, PayloadType, ProtocolId
from client.core.ikev2.errors import InvalidSyntax, MisuseError
from client.core.ikev2.payload_base import Opaque, Payload
from client.core.ikev2.wire import Reader, u8, u16

_SPI_SIZES = {ProtocolId.IKE: 0, ProtocolId.AH: 4, ProtocolId.ESP: 4}
_RESERVED_BIT = 0x8000


@dataclass(frozen=True)
class Notify(Payload):
    """``protocol`` 0 and an empty ``spi`` are about the IKE_SA."""

    TYPE = PayloadType.NOTIFY

    protocol: ProtocolId
    type: NotifyType
    spi: bytes
    data: bytes

    @classmethod
    def of(cls, kind: int, data: bytes = b"", *, protocol: int = 0, spi: bytes = b"") -> Self:
        return cls(ProtocolId(protocol), NotifyType(kind), spi, data)

    @property
    def is_error(self) -> bool:
        return self.type.is_error

    @property
    def type_name(self) -> str:
        return self.type.name

    @property
    def label(self) -> str:
        return f"N({self.type_name})"

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        protocol, spi_size, kind = ProtocolId(reader.u8()), reader.u8(), NotifyType(reader.u16())
        return cls(protocol, kind, reader.take(spi_size), reader.rest())

    def encode(self) -> bytes:
        return u8(self.protocol) + u8(len(self.spi)) + u16(self.type) + self.spi + self.data


@dataclass(frozen=True)
class Delete(Payload):
    """``spis`` is empty for the IKE_SA itself."""

    TYPE = PayloadType.DELETE

    protocol: ProtocolId
    spis: tuple[bytes, ...]

    @property
    def label(self) -> str:
        return "D"

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        protocol, size, count = ProtocolId(reader.u8()), reader.u8(), reader.u16()
        if size != _SPI_SIZES.get(protocol, size):
            raise InvalidSyntax(f"SPIs of {size} octets for {protocol.name}")
        if size == 0:   # some count the IKE_SA as one
            reader.expect_end()
            return cls(protocol, ())
        spis = tuple(reader.take(size) for _ in range(count))
        reader.expect_end()
        return cls(protocol, spis)

    def encode(self) -> bytes:
        sizes = {len(spi) for spi in self.spis} or {_SPI_SIZES.get(self.protocol, 0)}
        if len(sizes) > 1:
            raise MisuseError("SPIs of several lengths")
        return u8(self.protocol) + u8(sizes.pop()) + u16(len(self.spis)) + b"".join(self.spis)


@dataclass(frozen=True)
class VendorID(Opaque):
    TYPE = PayloadType.VENDOR_ID

    @property
    def label(self) -> str:
        return "V"


@dataclass(frozen=True)
class CP(Payload):
    """``attributes`` are (type, value) as they came: one that is malformed spoils only itself."""

    TYPE = PayloadType.CP

    type: ConfigType
    attributes: tuple[tuple[int, bytes], ...]

    @property
    def label(self) -> str:
        return f"CP({self.type.name})"

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        kind = ConfigType(reader.u8())
        reader.take(3)
        attributes: list[tuple[int, bytes]] = []
        while reader.remaining:
            attribute = ConfigAttribute(reader.u16() & ~_RESERVED_BIT)
            attributes.append((attribute, reader.take(reader.u16())))
        return cls(kind, tuple(attributes))

    def encode(self) -> bytes:
        return u8(self.type) + bytes(3) + b"".join(
            u16(attribute) + u16(len(value)) + value for attribute, value in self.attributes)
