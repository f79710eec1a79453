"""The protection of the Encrypted payload: RFC 7296 §3.14 (CBC and HMAC), RFC 5282 (AES-GCM), RFC 7634 (ChaCha20)."""

import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.modes import CBC

from client.core.crypto.algorithms import ENCR, INTEG, Encr, Integ
from client.core.crypto.block import block_cipher
from client.core.crypto.errors import IntegrityError

Random = Callable[[int], bytes]


class SkCipher:
    """One direction of one IKE_SA. ``sk_e`` ends with the salt where the cipher has one.

    An AEAD's IV is a counter from 0: it must never come twice under a key (RFC 5282 §3.1), so there is one sealing
    SkCipher per key in a process, and IKE_SAs do not outlive the process.
    """

    def __init__(self, encr_id: int, key_bits: int, integ_id: int | None, sk_e: bytes, sk_a: bytes) -> None:
        """``integ_id`` is None or 0 with an AEAD. Raises ValueError for unknown algorithms and keys that do not fit."""
        encr = ENCR.get((encr_id, key_bits))
        integ = INTEG.get(integ_id) if integ_id else None
        if encr is None or encr.aead == (integ is not None) or (integ_id and integ is None):
            raise ValueError(f"no SK cipher of ENCR {encr_id}-{key_bits} and INTEG {integ_id}")
        if len(sk_e) != encr.key_len + encr.salt_len or len(sk_a) != (integ.key_len if integ else 0):
            raise ValueError("keys do not have the lengths of their algorithms")
        self._encr = encr
        self._cipher = _Aead(encr, sk_e) if integ is None else _CbcHmac(encr, sk_e, integ, sk_a)
        self._icv_len = encr.icv_len if integ is None else integ.icv_len

    @property
    def overhead(self) -> int:
        """Octets that sealing adds at least: IV, pad length, ICV."""
        return self._encr.iv_len + 1 + self._icv_len

    def sealed_length(self, plaintext_length: int) -> int:
        padded = plaintext_length + 1 + _pad_length(plaintext_length, self._encr.block)
        return self._encr.iv_len + padded + self._icv_len

    def room(self, sealed_length: int) -> int:
        """The most plaintext whose sealed form is no longer than that; 0 or less when there is no room at all."""
        padded = sealed_length - self._encr.iv_len - self._icv_len
        return padded - padded % self._encr.block - 1

    def seal(self, aad: bytes, plaintext: bytes, iv_random: Random) -> bytes:
        """IV | ciphertext | ICV. ``aad`` is everything before it, from the IKE header on."""
        pad_length = _pad_length(len(plaintext), self._encr.block)
        return self._cipher.seal(aad, plaintext + bytes(pad_length) + bytes([pad_length]), iv_random)

    def open(self, aad: bytes, body: bytes) -> bytes:
        """The plaintext without its padding. Raises IntegrityError."""
        if len(body) < self.overhead:
            raise IntegrityError("too short to be encrypted")
        padded = self._cipher.open(aad, body)
        pad_length = padded[-1]
        if pad_length >= len(padded):
            raise IntegrityError("more padding than payload")
        return padded[:len(padded) - pad_length - 1]


def _pad_length(length: int, block: int) -> int:
    return -(length + 1) % block


class _Aead:
    def __init__(self, encr: Encr, sk_e: bytes) -> None:
        key, self._salt = sk_e[:encr.key_len], sk_e[encr.key_len:]
        self._aead = ChaCha20Poly1305(key) if encr.name == "chacha20poly1305" else AESGCM(key)
        self._iv_len = encr.iv_len
        self._sealed = 0

    def seal(self, aad: bytes, padded: bytes, iv_random: Random) -> bytes:
        iv = self._sealed.to_bytes(self._iv_len, "big")
        self._sealed += 1
        return iv + self._aead.encrypt(self._salt + iv, padded, aad)

    def open(self, aad: bytes, body: bytes) -> bytes:
        iv = body[:self._iv_len]
        try:
            return self._aead.decrypt(self._salt + iv, body[self._iv_len:], aad)
        except InvalidTag as error:
            raise IntegrityError("the ICV does not match") from error


class _CbcHmac:
    """The ICV covers ``aad``, IV and ciphertext, and is checked before anything is decrypted."""

    def __init__(self, encr: Encr, sk_e: bytes, integ: Integ, sk_a: bytes) -> None:
        self._algorithm = block_cipher(encr, sk_e)
        self._block = encr.block
        self._integ = integ
        self._sk_a = sk_a

    def seal(self, aad: bytes, padded: bytes, iv_random: Random) -> bytes:
        iv = iv_random(self._block)      # not to be predicted (RFC 7296 §3.14)
        encryptor = Cipher(self._algorithm, CBC(iv)).encryptor()
        sealed = iv + encryptor.update(padded) + encryptor.finalize()
        return sealed + self._icv(aad, sealed)

    def open(self, aad: bytes, body: bytes) -> bytes:
        sealed, icv = body[:-self._integ.icv_len], body[-self._integ.icv_len:]
        if not hmac.compare_digest(self._icv(aad, sealed), icv):
            raise IntegrityError("the ICV does not match")
        ciphertext = sealed[self._block:]
        if not ciphertext or len(ciphertext) % self._block:
            raise IntegrityError("not a whole number of blocks")
        decryptor = Cipher(self._algorithm, CBC(sealed[:self._block])).decryptor()
        return decryptor.update(ciphertext) + decryptor.finalize()

    def _icv(self, aad: bytes, sealed: bytes) -> bytes:
        return hmac.digest(self._sk_a, aad + sealed, self._integ.hash)[:self._integ.icv_len]
