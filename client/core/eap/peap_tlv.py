"""EAP-TLV of PEAPv0 (MS-PEAP §2.2.8): the result, and the cryptobinding that ties the inner method to its tunnel."""

import hmac
from dataclasses import dataclass, field
from enum import IntEnum

from client.core.eap.packet import EapError, malformed
from client.model.cause import Cause

MAX_TLVS = 16
MANDATORY = 0x8000
EAP_TYPE_TLV = 33           # EAP type of these messages ("Extensions")
PEAP_TYPE = b"\x19"
MAC = 20
NONCE = 32
_BINDING = 56               # octets of its value
COMPOUND_KEYS = b"Inner Methods Compound Keys"
SESSION_KEY = b"Session Key Generating Function"


class Tlv(IntEnum):
    RESULT = 3
    CRYPTO_BINDING = 12


class Status(IntEnum):
    SUCCESS = 1
    FAILURE = 2


@dataclass(frozen=True)
class Binding:
    """A cryptobinding request; ``whole`` is its TLV as it came."""

    nonce: bytes
    mac: bytes = field(repr=False)
    whole: bytes = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    status: Status
    binding: Binding | None


def parse(data: bytes) -> Outcome:
    """TLVs of a request. Raises EapError (PROTOCOL_ERROR)."""
    values: dict[int, tuple[bytes, bytes]] = {}
    count = 0
    while data:
        count += 1
        if count > MAX_TLVS or len(data) < 4:
            raise malformed("PEAP: TLVs")
        kind, length = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        if length > len(data) - 4:
            raise malformed(f"PEAP: a TLV length of {length}")
        number = kind & 0x3FFF
        if number in values:
            raise malformed(f"PEAP: TLV {number} twice")
        if number not in (Tlv.RESULT, Tlv.CRYPTO_BINDING) and kind & MANDATORY:
            raise EapError(Cause.PROTOCOL_ERROR, f"PEAP: a TLV that must be understood: {number}")
        values[number] = data[4:4 + length], data[:4 + length]
        data = data[4 + length:]
    result = values.get(Tlv.RESULT, (b"", b""))[0]
    if len(result) != 2 or result[0] or result[1] not in (Status.SUCCESS, Status.FAILURE):
        raise malformed("PEAP: no result")
    return Outcome(Status(result[1]), _binding(*values[Tlv.CRYPTO_BINDING]) if Tlv.CRYPTO_BINDING in values else None)


def _binding(value: bytes, whole: bytes) -> Binding:
    # MS-PEAP §2.2.8.1.1: reserved, version, received version, subtype (0: request), nonce, compound MAC
    if len(value) != _BINDING or value[1] != 0 or value[3] != 0:
        raise malformed("PEAP: cryptobinding")
    return Binding(value[4:4 + NONCE], value[4 + NONCE:], whole)


def result_tlv(status: Status) -> bytes:
    return (MANDATORY | Tlv.RESULT).to_bytes(2, "big") + b"\0\2" + status.to_bytes(2, "big")


def binding_response(nonce: bytes, cmk: bytes) -> bytes:
    """With the nonce of the request, as everybody does."""
    head = Tlv.CRYPTO_BINDING.to_bytes(2, "big") + _BINDING.to_bytes(2, "big") + bytes((0, 0, 0, 1)) + nonce
    return head + compound_mac(head + bytes(MAC), cmk)


def is_bound(binding: Binding, cmk: bytes) -> bool:
    """Has whoever sent it the keys of the tunnel and of the inner method?"""
    blank = binding.whole[:-MAC] + bytes(MAC)
    return hmac.compare_digest(binding.mac, compound_mac(blank, cmk))


def compound_mac(tlv: bytes, cmk: bytes) -> bytes:
    """HMAC-SHA1-160 of the TLV with a MAC of zeros, and PEAP's EAP type."""
    return hmac.digest(cmk, tlv + PEAP_TYPE, "sha1")


@dataclass(frozen=True)
class CompoundKeys:
    """MS-PEAP §3.1.5.5.2.2."""

    ipmk: bytes = field(repr=False)
    cmk: bytes = field(repr=False)

    def session_key(self) -> bytes:
        """CSK: 128 octets, the MSK in the first 64."""
        return prf_plus(self.ipmk, SESSION_KEY + b"\0", 128)


def compound_keys(key_material: bytes, inner_msk: bytes) -> CompoundKeys:
    """``inner_msk``: empty for a method that makes none."""
    isk = inner_msk[:32].ljust(32, b"\0")
    imck = prf_plus(key_material[:40], COMPOUND_KEYS + isk, 60)
    return CompoundKeys(imck[:40], imck[40:])


def prf_plus(key: bytes, seed: bytes, length: int) -> bytes:
    """PRF+ of PEAPv0: T1 | T2 | …, each HMAC-SHA1 (K, T | S | counter | 0 | 0)."""
    made, last, counter = b"", b"", 0
    while len(made) < length:
        counter += 1
        last = hmac.digest(key, last + seed + bytes((counter, 0, 0)), "sha1")
        made += last
    return made[:length]
