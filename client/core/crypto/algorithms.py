"""Encryption and integrity algorithms: one row each, by IANA number, and the pairs of them that ESP uses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Encr:
    """Lengths in octets. ``key_bits`` is the Key Length attribute, 0 where there is none.

    ``salt_len`` octets of keying material follow the key (RFC 5282 §7.1, RFC 4106 §8.1, RFC 7634 §2).
    ``block`` is the multiple to which plaintext is padded. ``packets`` is how many of them one ESP key may protect.
    ``legacy`` ones are for old gateways only, where the profile says so.
    """

    id: int
    key_bits: int
    name: str
    key_len: int
    salt_len: int
    iv_len: int
    icv_len: int    # of the cipher itself: 0 where INTEG makes it
    block: int
    aead: bool
    packets: int = 1 << 36      # 128-bit blocks: of 1500 octets 2^42.6 blocks, and a distinguisher's luck is 2^-44
    legacy: bool = False


@dataclass(frozen=True)
class Integ:
    """Lengths in octets (RFC 4868 §2.3: the key is as long as the hash, the ICV half of it; SHA-1: RFC 2404)."""

    id: int
    name: str
    hash: str       # hashlib's name
    key_len: int
    icv_len: int
    legacy: bool = False


ENCR_3DES = 3
_ENCR_ROWS = (
    Encr(12, 128, "aes128", 16, 0, 16, 0, 16, aead=False),      # RFC 3602
    Encr(12, 192, "aes192", 24, 0, 16, 0, 16, aead=False),
    Encr(12, 256, "aes256", 32, 0, 16, 0, 16, aead=False),
    Encr(20, 128, "aes128gcm16", 16, 4, 8, 16, 1, aead=True),   # RFC 5282, RFC 4106
    Encr(20, 192, "aes192gcm16", 24, 4, 8, 16, 1, aead=True),
    Encr(20, 256, "aes256gcm16", 32, 4, 8, 16, 1, aead=True),
    Encr(28, 0, "chacha20poly1305", 32, 4, 8, 16, 1, aead=True, packets=1 << 40),  # RFC 7634: no Key Length attribute
    # RFC 2451. Of 64-bit blocks 2^32 are half a collision; these packets of 1500 octets are 2^27.5 of them, 1.5 GB.
    Encr(ENCR_3DES, 0, "3des", 24, 0, 8, 0, 8, aead=False, packets=1 << 20, legacy=True),
)
_INTEG_ROWS = (
    Integ(12, "sha256", "sha256", 32, 16),
    Integ(13, "sha384", "sha384", 48, 24),
    Integ(14, "sha512", "sha512", 64, 32),
    Integ(2, "sha1", "sha1", 20, 12, legacy=True),
)
ENCR = {(row.id, row.key_bits): row for row in _ENCR_ROWS}
INTEG = {row.id: row for row in _INTEG_ROWS}

# What a CHILD_SA may use, as swanctl writes it.
ESP_SUITES: dict[str, tuple[Encr, Integ | None]] = {row.name: (row, None) for row in _ENCR_ROWS if row.aead} | {
    f"{encr.name}-{integ.name}": (encr, integ) for encr in _ENCR_ROWS if not encr.aead for integ in _INTEG_ROWS}

_SEQUENCE_NUMBERS = 0xFFFF_F000     # without ESN, and a few to spare


def packet_limit(suite: str, esn: bool) -> int:
    """How many packets a CHILD_SA of an ESP_SUITES key may carry in one direction.

    Without extended sequence numbers they end at 2^32 (RFC 4303 §3.3.3), with them the cipher decides.
    """
    packets = ESP_SUITES[suite][0].packets
    return packets if esn else min(packets, _SEQUENCE_NUMBERS)
