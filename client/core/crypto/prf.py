"""Pseudo-random functions: HMAC-SHA2 (RFC 4868), for old gateways HMAC-SHA1 (RFC 2104), and prf+ (RFC 7296 §2.13)."""

import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Prf:
    """Lengths in octets. ``key_len`` is the preferred key size, so the size of SK_d, SK_pi and SK_pr."""

    id: int
    name: str       # as in a proposal
    hash: str       # hashlib's name
    output_len: int
    key_len: int
    legacy: bool = False    # for old gateways only, where the profile says so


_ROWS = (
    Prf(5, "prfsha256", "sha256", 32, 32),
    Prf(6, "prfsha384", "sha384", 48, 48),
    Prf(7, "prfsha512", "sha512", 64, 64),
    Prf(2, "prfsha1", "sha1", 20, 20, legacy=True),
)
PRF = {row.id: row for row in _ROWS}
_BY_NAME = {row.name: row for row in _ROWS}


def prf_row(prf_id: int | str) -> Prf:
    """By IANA number or by name ("prfsha256"). Raises ValueError for one we do not have."""
    row = _BY_NAME.get(prf_id) if isinstance(prf_id, str) else PRF.get(prf_id)
    if row is None:
        raise ValueError(f"unknown PRF {prf_id}")
    return row


def prf(prf_id: int | str, key: bytes, data: bytes) -> bytes:
    """Raises ValueError for an unknown PRF."""
    return hmac.digest(key, data, prf_row(prf_id).hash)


def prf_plus(prf_id: int | str, key: bytes, seed: bytes, length: int) -> bytes:
    """prf+ (K,S) = T1 | T2 | …, T1 = prf (K, S | 0x01), Tn = prf (K, Tn-1 | S | n). Raises ValueError."""
    row = prf_row(prf_id)
    if not 0 <= length <= 255 * row.output_len:     # RFC 7296 §2.13: the counter is one octet
        raise ValueError(f"prf+ does not give {length} octets")
    block, stream = b"", bytearray()
    counter = 0
    while len(stream) < length:
        counter += 1
        block = hmac.digest(key, block + seed + bytes([counter]), row.hash)
        stream += block
    return bytes(stream[:length])
