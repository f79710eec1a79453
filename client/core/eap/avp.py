"""AVPs of EAP-TTLS (RFC 5281 §10.1): as Diameter's, within the tunnel."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from client.core.eap.packet import EapError, malformed
from client.model.cause import Cause

MAX_AVPS = 64
VENDOR, MANDATORY = 0x80, 0x40
MICROSOFT = 311


class Avp(IntEnum):
    """Of RADIUS (vendor 0)."""

    USER_NAME = 1
    USER_PASSWORD = 2
    REPLY_MESSAGE = 18
    EAP_MESSAGE = 79


class MicrosoftAvp(IntEnum):
    """RFC 2548, vendor 311."""

    CHAP_ERROR = 2
    CHAP_CHALLENGE = 11
    CHAP2_RESPONSE = 25
    CHAP2_SUCCESS = 26


@dataclass(frozen=True)
class Attribute:
    code: int
    data: bytes = field(repr=False)
    vendor: int = 0
    mandatory: bool = True


def encode(attributes: Sequence[Attribute]) -> bytes:
    return b"".join(map(_encoded, attributes))


def _encoded(one: Attribute) -> bytes:
    vendor = one.vendor.to_bytes(4, "big") if one.vendor else b""
    flags = (VENDOR if vendor else 0) | (MANDATORY if one.mandatory else 0)
    length = 8 + len(vendor) + len(one.data)
    # padded to four octets, which the length does not count
    return (one.code.to_bytes(4, "big") + bytes((flags,)) + length.to_bytes(3, "big") + vendor + one.data
            + bytes(-length % 4))


def parse(data: bytes) -> tuple[Attribute, ...]:
    """Raises EapError (PROTOCOL_ERROR)."""
    found: list[Attribute] = []
    while data:
        if len(found) == MAX_AVPS:
            raise malformed(f"more than {MAX_AVPS} AVPs")
        if len(data) < 8:
            raise malformed("an AVP without its header")
        code, flags, length = int.from_bytes(data[:4], "big"), data[4], int.from_bytes(data[5:8], "big")
        header = 12 if flags & VENDOR else 8
        if not header <= length <= len(data):
            raise malformed(f"an AVP length of {length}")
        vendor = int.from_bytes(data[8:12], "big") if flags & VENDOR else 0
        found.append(Attribute(code, data[header:length], vendor, bool(flags & MANDATORY)))
        data = data[length + -length % 4:]      # some leave the last one's padding out
    return tuple(found)


def only(attributes: Sequence[Attribute], *known: tuple[int, int]) -> dict[tuple[int, int], bytes]:
    """(vendor, code) → data, repeated ones put together (EAP-Message, RFC 3579 §3.1).

    Raises EapError for others that must be understood (RFC 5281 §10.1).
    """
    values: dict[tuple[int, int], bytes] = {}
    for one in attributes:
        key = one.vendor, one.code
        if key in known:
            values[key] = values.get(key, b"") + one.data
        elif one.mandatory:
            raise EapError(Cause.PROTOCOL_ERROR, f"an AVP that must be understood: {one.code} of vendor {one.vendor}")
    return values
