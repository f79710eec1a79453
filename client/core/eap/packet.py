"""The EAP packet (RFC 3748 §4) and what an EAP conversation may end with."""

from dataclasses import dataclass
from enum import IntEnum

from client.model.cause import Cause, RoveError

MAX_PACKET = 16 * 1024      # RFC 3748 §3.1 asks for 1020; certificates in EAP-TLS come in fragments
MAX_TEXT = 512


class EapCode(IntEnum):
    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


class EapType(IntEnum):
    """RFC 3748 §5 and the IANA registry."""

    IDENTITY = 1
    NOTIFICATION = 2
    NAK = 3
    MD5 = 4
    OTP = 5
    GTC = 6
    TLS = 13
    TTLS = 21
    PEAP = 25
    MSCHAPV2 = 26
    TEAP = 55
    EXPANDED = 254


class EapError(RoveError):
    """The conversation is over without success; ``detail`` may carry the gateway's words, made safe."""


@dataclass(frozen=True)
class EapPacket:
    """``type`` and ``data`` only in requests and responses; an unknown type stays the number it is."""

    code: EapCode
    identifier: int
    type: int = 0
    data: bytes = b""

    def encode(self) -> bytes:
        body = bytes((self.type,)) + self.data if self.code in (EapCode.REQUEST, EapCode.RESPONSE) else b""
        return bytes((self.code, self.identifier)) + (4 + len(body)).to_bytes(2, "big") + body


def parse_packet(data: bytes) -> EapPacket:
    """Octets of one EAP payload → EapPacket. Raises EapError (PROTOCOL_ERROR)."""
    if not 4 <= len(data) <= MAX_PACKET:
        raise malformed(f"{len(data)} octets")
    length = int.from_bytes(data[2:4], "big")
    # RFC 3748 §4: octets beyond the length are padding of the lower layer, and ignored
    if not 4 <= length <= len(data):
        raise malformed(f"its length says {length} of {len(data)} octets")
    try:
        code = EapCode(data[0])
    except ValueError:
        raise malformed(f"code {data[0]}") from None
    if code in (EapCode.SUCCESS, EapCode.FAILURE):
        # Nothing may follow (§4.2), but FortiGate sends a fifth octet; it is not looked at.
        return EapPacket(code, data[1])
    if length < 5:
        raise malformed("a request without a type")
    return EapPacket(code, data[1], data[4], data[5:length])


def malformed(detail: str) -> EapError:
    """The error for what no EAP peer may send."""
    return EapError(Cause.PROTOCOL_ERROR, f"malformed EAP packet: {detail}")


def type_name(number: int) -> str:
    """For people: ``EAP-TLS`` or ``EAP type 52``."""
    try:
        return f"EAP-{EapType(number).name.replace('_', '-')}"
    except ValueError:
        return f"EAP type {number}"


def safe_text(data: bytes) -> str:
    """A gateway's words as plain text: UTF-8 with replacements, no control or format characters, bounded."""
    text = "".join(c if c.isprintable() else " " for c in data[:4 * MAX_TEXT].decode("utf-8", "replace"))
    return " ".join(text.split())[:MAX_TEXT]
