"""The ESP suites this data path carries: how each keyword's algorithms are called, keyed and sized."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EspSuite:
    """Lengths in octets. Either ``aead`` or ``mac`` is set; without ``aead`` the cipher is AES-CBC."""

    aead: str | None  # "aes-gcm" | "chacha20-poly1305"
    mac: str | None   # hashlib's name
    key_len: int
    salt_len: int
    integ_len: int
    icv_len: int

    def check_keys(self, encr_key: bytes, integ_key: bytes) -> None:
        """Raises ValueError."""
        if len(encr_key) != self.key_len + self.salt_len or len(integ_key) != self.integ_len:
            raise ValueError("keys do not have the suite's lengths")


def suite_named(name: str) -> EspSuite:
    """Raises ValueError for a keyword that is not in the table."""
    try:
        return ESP_SUITES[name]
    except KeyError:
        raise ValueError("unknown ESP suite") from None


def _cbc(key_bits: int, mac_bits: int) -> EspSuite:
    # RFC 4868 §2: the key is as long as the hash, the ICV half of it.
    return EspSuite(None, f"sha{mac_bits}", key_bits // 8, 0, mac_bits // 8, mac_bits // 16)


ESP_SUITES = {
    # RFC 4106 §8.1: the last four octets of the keying material are the salt. RFC 7634 §2 likewise.
    "aes128gcm16": EspSuite("aes-gcm", None, 16, 4, 0, 16),
    "aes192gcm16": EspSuite("aes-gcm", None, 24, 4, 0, 16),
    "aes256gcm16": EspSuite("aes-gcm", None, 32, 4, 0, 16),
    "chacha20poly1305": EspSuite("chacha20-poly1305", None, 32, 4, 0, 16),
} | {f"aes{key}-sha{mac}": _cbc(key, mac) for key in (128, 192, 256) for mac in (256, 384, 512)}
