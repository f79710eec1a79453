"""Cryptography for simulations: no secret is safe with it, but what does not fit together does not fit here either.

Key exchanges are multiplications modulo 2^128, so both sides agree exactly when each has the other's public value of
the same method; keys come from a keyed BLAKE2; SK payloads are XORed with one octet of the key, and their ICV covers
everything, so corruption and wrong keys are noticed.
"""

import hashlib
import hmac
from collections.abc import Callable

from client.core.crypto.errors import IntegrityError, KexError
from client.core.crypto.kex import KEX, KeyExchange

_OCTETS = 16
_MODULUS = 1 << 8 * _OCTETS
_XOR = [bytes(octet ^ key for octet in range(256)) for key in range(256)]

Random = Callable[[int], bytes]


class CheapCipher:
    """One direction: XORed plaintext | ICV."""

    def __init__(self, encr_id: int, key_bits: int, integ_id: int | None, sk_e: bytes, sk_a: bytes) -> None:
        key = hashlib.blake2b(repr((encr_id, key_bits, integ_id)).encode() + sk_e + sk_a, digest_size=32).digest()
        self._key, self._xor = key, _XOR[key[0] | 1]

    def sealed_length(self, plaintext_length: int) -> int:
        return plaintext_length + _OCTETS

    def room(self, sealed_length: int) -> int:
        return sealed_length - _OCTETS

    def seal(self, aad: bytes, plaintext: bytes, iv_random: Random) -> bytes:
        sealed = plaintext.translate(self._xor)
        return sealed + self._icv(aad + sealed)

    def open(self, aad: bytes, body: bytes) -> bytes:
        sealed, icv = body[:-_OCTETS], body[-_OCTETS:]
        if len(body) < _OCTETS or not hmac.compare_digest(self._icv(aad + sealed), icv):
            raise IntegrityError("the ICV does not match")
        return sealed.translate(self._xor)

    def _icv(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=_OCTETS).digest()


class Cheap:
    """A CryptoProvider; KE payloads have 16 octets, whatever the method."""

    cipher = CheapCipher

    def generate(self, group: int, random: Random) -> KeyExchange:
        if group not in KEX:
            raise KexError(f"unknown key exchange method {group}")
        private = int.from_bytes(random(_OCTETS), "big") | 1

        def derive(peer_public: bytes) -> bytes:
            if len(peer_public) != _OCTETS:
                raise KexError(f"a public value of {len(peer_public)} octets")
            return _octets(private * int.from_bytes(peer_public, "big"))
        return KeyExchange(group, _octets(private * (2 * group + 1)), derive)

    def respond(self, group: int, peer_public: bytes, random: Random) -> tuple[bytes, bytes]:
        own = self.generate(group, random)
        return own.public, own.derive(peer_public)

    def prf(self, prf_id: int, key: bytes, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=key[:64], person=bytes([prf_id])).digest()

    def prf_plus(self, prf_id: int, key: bytes, seed: bytes, length: int) -> bytes:
        return hashlib.shake_128(bytes([prf_id]) + key + seed).digest(length)


def _octets(number: int) -> bytes:
    return (number % _MODULUS).to_bytes(_OCTETS, "big")
