"""What all payloads have in common (RFC 7296 §3.2)."""

from dataclasses import dataclass
from typing import ClassVar, Self

from client.core.ikev2.constants import PayloadType


class Payload:
    """``parse`` and ``encode`` are about the payload without its generic header."""

    TYPE: ClassVar[PayloadType]

    @property
    def payload_type(self) -> PayloadType:
        return self.TYPE

    @property
    def label(self) -> str:
        """As RFC 7296 writes it, without anything secret."""
        return type(self).__name__

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Raises InvalidSyntax."""
        raise NotImplementedError

    def encode(self) -> bytes:
        raise NotImplementedError


@dataclass(frozen=True)
class Opaque(Payload):
    """A payload whose data has no structure of its own."""

    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        return cls(body)

    def encode(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class Unknown(Payload):
    """A payload type that we have no name for: passed over, unless it is critical (RFC 7296 §2.5)."""

    type: PayloadType
    critical: bool
    body: bytes

    @property
    def payload_type(self) -> PayloadType:
        return self.type

    @property
    def label(self) -> str:
        return self.type.name

    def encode(self) -> bytes:
        return self.body
