"""What the engine asks of cryptography, as one value: a constructor argument of it.

``LIBRARY`` is the real one. Simulations of thousands of hours pass a cheap one (tests/sim). AUTH is not in here: the
agent makes and judges it in another process, so its PRF is always real.
"""

from typing import Protocol

from client.core.crypto import kex
from client.core.crypto.kex import KeyExchange, Random
from client.core.crypto.prf import prf, prf_plus
from client.core.crypto.sk_cipher import SkCipher


class Cipher(Protocol):
    """One direction of one IKE_SA, as SkCipher has it. Lengths in octets."""

    def sealed_length(self, plaintext_length: int) -> int: ...

    def room(self, sealed_length: int) -> int: ...

    def seal(self, aad: bytes, plaintext: bytes, iv_random: Random) -> bytes: ...

    def open(self, aad: bytes, body: bytes) -> bytes:
        """Raises IntegrityError."""


class CryptoProvider(Protocol):
    """Key exchange by method, key derivation, and what protects SK payloads."""

    def generate(self, group: int, random: Random) -> KeyExchange:
        """Raises KexError for a group that is not there."""

    def respond(self, group: int, peer_public: bytes, random: Random) -> tuple[bytes, bytes]:
        """(our KE payload's data, shared secret). Raises KexError."""

    def prf(self, prf_id: int, key: bytes, data: bytes) -> bytes: ...

    def prf_plus(self, prf_id: int, key: bytes, seed: bytes, length: int) -> bytes:
        """``length`` octets of prf+ (RFC 7296 §2.13)."""

    def cipher(self, encr_id: int, key_bits: int, integ_id: int | None, sk_e: bytes, sk_a: bytes) -> Cipher: ...


class _Library:
    generate = staticmethod(kex.generate)
    respond = staticmethod(kex.respond)
    prf_plus = staticmethod(prf_plus)
    prf = staticmethod(prf)
    cipher = SkCipher


LIBRARY: CryptoProvider = _Library()
