"""IKE messages: plain (IKE_SA_INIT) and protected, to bytes and back."""

from dataclasses import dataclass, field, replace
from typing import TypeVar

from client.core.crypto.provider import Cipher
from client.core.ikev2.constants import ExchangeType, PayloadType
from client.core.ikev2.errors import IntegrityError, InvalidSyntax, MisuseError, ProtocolError
from client.core.ikev2.fragment import Reassembly
from client.core.ikev2.header import (
    Header,
    encode_header,
    encode_payloads,
    parse_header,
    parse_payloads,
)
from client.core.ikev2.message_rules import MESSAGE_RULES, check_counts
from client.core.ikev2.payloads import Nonce, Notify, Payload
from client.core.ikev2.protection import Random, protect, unprotect

__all__ = ["MESSAGE_RULES", "Header", "Message", "check_rules", "encode_plain", "encode_protected", "parse_header",
           "parse_plain", "parse_protected", "summary"]

P = TypeVar("P", bound=Payload)


@dataclass(frozen=True)
class Message:
    """``initiator``: sent by the IKE_SA's original initiator. ``payloads`` are those inside the SK payload, if any.

    ``inner`` is what a received SK payload held: type of the first payload, and the octets (RFC 9242 §3.3.2).
    """

    spi_i: bytes
    spi_r: bytes
    exchange: ExchangeType
    initiator: bool
    response: bool
    message_id: int
    payloads: tuple[Payload, ...]
    inner: tuple[int, bytes] = field(default=(0, b""), repr=False, compare=False)

    def get(self, kind: type[P]) -> P | None:
        """The first payload of that class."""
        return next((payload for payload in self.payloads if isinstance(payload, kind)), None)

    def require(self, kind: type[P]) -> P:
        """Raises InvalidSyntax."""
        found = self.get(kind)
        if found is None:
            raise InvalidSyntax(f"{self.exchange.name} without {kind.__name__}")
        return found

    def all(self, kind: type[P]) -> tuple[P, ...]:
        return tuple(payload for payload in self.payloads if isinstance(payload, kind))

    def notify(self, kind: int) -> Notify | None:
        """The first notification of that type."""
        return next((notify for notify in self.notifies() if notify.type == kind), None)

    def notifies(self) -> tuple[Notify, ...]:
        return self.all(Notify)


def encode_plain(message: Message) -> bytes:
    first, chain = encode_payloads(message.payloads)
    return encode_header(_spi(message.spi_i), _spi(message.spi_r), first, message.exchange,
                         initiator=message.initiator, response=message.response, message_id=message.message_id,
                         body_length=len(chain)) + chain


def parse_plain(data: bytes) -> Message:
    """Raises ProtocolError (InvalidSyntax, InvalidMajorVersion, UnsupportedCriticalPayload)."""
    header = parse_header(data)
    if header.next_payload in (PayloadType.SK, PayloadType.SKF):
        raise InvalidSyntax("an encrypted message in the place of a plain one")
    return _message(header, parse_payloads(header.next_payload, data[28:]))


def encode_protected(message: Message, cipher: Cipher, random: Random, fragment_size: int | None = None
                     ) -> list[bytes]:
    """One datagram, or RFC 7383 fragments where that one would make an IP packet larger than ``fragment_size``."""
    first, chain = encode_payloads(message.payloads)
    header = parse_header(encode_header(
        _spi(message.spi_i), _spi(message.spi_r), first, message.exchange, initiator=message.initiator,
        response=message.response, message_id=message.message_id, body_length=0))
    return protect(header, first, chain, cipher, random, fragment_size)


def parse_protected(data: bytes, cipher: Cipher, reassembly: Reassembly | None) -> Message | None:
    """None: a fragment was kept and more are needed. ``reassembly`` is None where fragments were not negotiated.

    Raises IntegrityError for what does not authenticate, and ProtocolError for what does and makes no sense.
    """
    try:
        header = parse_header(data)
    except ProtocolError as error:
        raise IntegrityError("no IKE header") from error
    opened = unprotect(header, data, cipher, reassembly)
    return None if opened is None else replace(_message(header, parse_payloads(*opened)), inner=opened)


def check_rules(message: Message) -> None:
    """Is everything there, and nothing too often (MESSAGE_RULES)? Raises InvalidSyntax."""
    problem = check_counts(message.exchange, message.response, message.payloads)
    if problem:
        raise InvalidSyntax(f"{message.exchange.name}: {problem}")


def summary(message: Message) -> str:
    """For logs, in the RFC's notation: ``IKE_AUTH request 1 { IDi CERT AUTH SA TSi TSr N(MOBIKE_SUPPORTED) }``."""
    nonce = "Nr" if message.response else "Ni"
    labels = [nonce if isinstance(payload, Nonce) else payload.label for payload in message.payloads]
    kind = "response" if message.response else "request"
    return " ".join([f"{message.exchange.name} {kind} {message.message_id} {{", *labels, "}"])


def _message(header: Header, payloads: tuple[Payload, ...]) -> Message:
    return Message(header.spi_i, header.spi_r, header.exchange, header.initiator, header.response, header.message_id,
                   payloads)


def _spi(spi: bytes) -> bytes:
    if len(spi) != 8:
        raise MisuseError(f"an IKE SPI of {len(spi)} octets")
    return spi
