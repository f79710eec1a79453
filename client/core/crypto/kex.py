"""Key exchange: one row per method (RFC 7296 §3.4; ECP RFC 5903, Curve25519 RFC 8031, MODP RFC 3526, ML-KEM FIPS 203).

A KEM is no Diffie-Hellman: the responder answers to the initiator's key (``respond``), it does not send one of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec, mlkem
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from client.core.crypto import modp
from client.core.crypto.errors import KexError

__all__ = ["KEX", "KexError", "KexMethod", "KeyExchange", "generate", "respond"]

Random = Callable[[int], bytes]
Derive = Callable[[bytes], bytes]


@dataclass(frozen=True)
class KexMethod:
    """``public_length`` in octets, of the initiator's KE payload data. ``make`` gives (public, derive).

    ``encapsulate`` is a KEM's: the initiator's key → (ciphertext for our KE payload, shared secret).
    """

    id: int
    name: str
    public_length: int
    make: Callable[[Random], tuple[bytes, Derive]] = field(repr=False)
    encapsulate: Callable[[bytes], tuple[bytes, bytes]] | None = field(default=None, repr=False)
    legacy: bool = False    # for old gateways only, where the profile says so


@dataclass(frozen=True)
class KeyExchange:
    """Our half of one exchange; use it once."""

    group: int
    public: bytes
    _derive: Derive = field(repr=False)

    def derive(self, peer_public: bytes) -> bytes:
        """g^ir as RFC 7296 §2.14 takes it. Raises KexError when the peer's value is not valid (RFC 6989)."""
        return self._derive(peer_public)


def generate(group: int, random: Random) -> KeyExchange:
    """The private key comes from ``random(n)`` alone. Raises KexError for a group we do not have."""
    method = KEX.get(group)
    if method is None:
        raise KexError(f"unknown key exchange method {group}")
    return KeyExchange(group, *method.make(random))


def respond(group: int, peer_public: bytes, random: Random) -> tuple[bytes, bytes]:
    """As responder: (our KE payload's data, shared secret). Raises KexError as ``generate`` and ``derive`` do.

    A KEM's own randomness is the library's; FIPS 203 does not let it be chosen.
    """
    method = KEX.get(group)
    if method is not None and method.encapsulate is not None:
        return method.encapsulate(peer_public)
    own = generate(group, random)
    return own.public, own.derive(peer_public)


def _modp(prime: int) -> Callable[[Random], tuple[bytes, Derive]]:
    def make(random: Random) -> tuple[bytes, Derive]:
        private = modp.private_exponent(prime, random)
        return modp.public_value(prime, private), lambda peer: modp.shared_secret(prime, private, peer)
    return make


def _ecp(curve: ec.EllipticCurve, order: int, octets: int) -> Callable[[Random], tuple[bytes, Derive]]:
    def make(random: Random) -> tuple[bytes, Derive]:
        # FIPS 186-5 A.2.1: 64 bits more than needed make the bias of the remainder negligible.
        scalar = int.from_bytes(random(octets + 8), "big") % (order - 1) + 1
        private = ec.derive_private_key(scalar, curve)
        numbers = private.public_key().public_numbers()

        def derive(peer: bytes) -> bytes:
            if len(peer) != 2 * octets:
                raise KexError(f"a public value of {len(peer)} octets")
            try:    # refuses points that are not on the curve
                point = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + peer)
            except ValueError as error:
                raise KexError("a point that is not on the curve") from error
            return private.exchange(ec.ECDH(), point)   # the x coordinate (RFC 5903 §7)
        return numbers.x.to_bytes(octets, "big") + numbers.y.to_bytes(octets, "big"), derive
    return make


def _x25519(random: Random) -> tuple[bytes, Derive]:
    private = X25519PrivateKey.from_private_bytes(random(32))

    def derive(peer: bytes) -> bytes:
        if len(peer) != 32:
            raise KexError(f"a public value of {len(peer)} octets")
        try:
            return private.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError as error:     # RFC 8031 §4: the all-zero secret of a point of small order
            raise KexError("a point of small order") from error
    return private.public_key().public_bytes_raw(), derive


_MlKem = type[mlkem.MLKEM768PrivateKey] | type[mlkem.MLKEM1024PrivateKey]
_MlKemPublic = type[mlkem.MLKEM768PublicKey] | type[mlkem.MLKEM1024PublicKey]


def _mlkem(private_type: _MlKem) -> Callable[[Random], tuple[bytes, Derive]]:
    def make(random: Random) -> tuple[bytes, Derive]:
        private = private_type.from_seed_bytes(random(64))      # d | z (FIPS 203 §7.1)

        def derive(ciphertext: bytes) -> bytes:
            try:        # a wrong ciphertext of the right length gives a secret that nobody else has (§7.3)
                return private.decapsulate(ciphertext)
            except ValueError as error:
                raise KexError(f"a ciphertext of {len(ciphertext)} octets") from error
        return private.public_key().public_bytes_raw(), derive
    return make


def _encapsulate(public_type: _MlKemPublic) -> Callable[[bytes], tuple[bytes, bytes]]:
    def encapsulate(peer: bytes) -> tuple[bytes, bytes]:
        try:
            shared, ciphertext = public_type.from_public_bytes(peer).encapsulate()
        except ValueError as error:
            raise KexError("not an encapsulation key") from error
        return ciphertext, shared
    return encapsulate


# Group orders (RFC 5903 §3; SEC 2).
_N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_N384 = int("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
            "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16)
_N521 = int("01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA"
            "51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16)

KEX = {method.id: method for method in (
    KexMethod(2, "modp1024", 128, _modp(modp.P1024), legacy=True),
    KexMethod(14, "modp2048", 256, _modp(modp.P2048)),
    KexMethod(15, "modp3072", 384, _modp(modp.P3072)),
    KexMethod(16, "modp4096", 512, _modp(modp.P4096)),
    KexMethod(19, "ecp256", 64, _ecp(ec.SECP256R1(), _N256, 32)),
    KexMethod(20, "ecp384", 96, _ecp(ec.SECP384R1(), _N384, 48)),
    KexMethod(21, "ecp521", 132, _ecp(ec.SECP521R1(), _N521, 66)),
    KexMethod(31, "curve25519", 32, _x25519),
    KexMethod(36, "mlkem768", 1184, _mlkem(mlkem.MLKEM768PrivateKey), _encapsulate(mlkem.MLKEM768PublicKey)),
    KexMethod(37, "mlkem1024", 1568, _mlkem(mlkem.MLKEM1024PrivateKey), _encapsulate(mlkem.MLKEM1024PublicKey)),
)}
