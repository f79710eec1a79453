"""What a token does not do itself: DigestInfo, the paddings of RSA (RFC 8017 §9), the forms of an ECDSA signature."""

import hashlib
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

# RFC 8017 §9.2, note 1: DER of DigestInfo up to the digest
_DIGEST_INFO = {
    "sha1": "3021300906052b0e03021a05000414",
    "sha256": "3031300d060960864801650304020105000420",
    "sha384": "3041300d060960864801650304020205000430",
    "sha512": "3051300d060960864801650304020305000440",
}


def digest(name: str, octets: bytes) -> bytes:
    return hashlib.new(name, octets).digest()


def digest_info(name: str, octets: bytes) -> bytes:
    """DER of DigestInfo: what CKM_RSA_PKCS pads and signs."""
    return bytes.fromhex(_DIGEST_INFO[name]) + digest(name, octets)


def emsa_pkcs1(name: str, octets: bytes, size: int) -> bytes:
    """EMSA-PKCS1-v1_5 of ``size`` octets (RFC 8017 §9.2)."""
    info = digest_info(name, octets)
    if size < len(info) + 11:
        raise ValueError("the key is too short for this hash")
    return b"\0\1" + b"\xff" * (size - len(info) - 3) + b"\0" + info


def emsa_pss(name: str, octets: bytes, bits: int, random: Callable[[int], bytes]) -> bytes:
    """EMSA-PSS for a modulus of ``bits``, MGF1 with the same hash, a salt as long as it (RFC 8017 §9.1.1).

    As long as the modulus: the octet that emBits = bits - 1 may leave out is a zero in front.
    """
    length = (bits - 1 + 7) // 8
    hashed = digest(name, octets)
    salt = random(len(hashed))
    if length < len(hashed) + len(salt) + 2:
        raise ValueError("the key is too short for this hash")
    h = digest(name, bytes(8) + hashed + salt)
    block = bytes(length - len(salt) - len(h) - 2) + b"\1" + salt
    masked = bytearray(a ^ b for a, b in zip(block, _mgf1(name, h, len(block)), strict=True))
    masked[0] &= 0xff >> (8 * length - (bits - 1))
    return (bytes(masked) + h + b"\xbc").rjust((bits + 7) // 8, b"\0")


def ecdsa_input(name: str, octets: bytes, bits: int) -> bytes:
    """What CKM_ECDSA signs: the digest, no longer than the order, which tokens do not all cut themselves.

    FIPS 186-5 §6.4.1; all orders that IKE has are of whole octets but P-521's, which is longer than any digest.
    """
    return digest(name, octets)[:(bits + 7) // 8]


def ecdsa_der(raw: bytes) -> bytes:
    """r ‖ s → Ecdsa-Sig-Value (RFC 7427 §A.3)."""
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def _mgf1(name: str, seed: bytes, length: int) -> bytes:
    mask, counter = b"", 0
    while len(mask) < length:
        mask += digest(name, seed + counter.to_bytes(4, "big"))
        counter += 1
    return mask[:length]
