"""Signature algorithms of IKE: one row each, and signing with a software key.

A raw signature is what the AUTH payload holds after any AlgorithmIdentifier: for RSA and EdDSA as the algorithm makes
it, for ``ecdsa-sha…`` (method 14) the DER of RFC 7427 §A.3, for ``ecdsa-256`` and its like (methods 9 to 11, RFC 4754)
r ‖ s, each as long as the order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from client.core.ikev2 import der
from client.core.ikev2.constants import AuthMethod, HashAlgorithm
from client.core.ikev2.errors import MisuseError

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16384    # beyond that verifying alone would be an attack

OID_RSA_ENCRYPTION_SHA = "1.2.840.113549.1.1."  # …11 sha256, …12 sha384, …13 sha512WithRSAEncryption
OID_PSS = "1.2.840.113549.1.1.10"
OID_MGF1 = "1.2.840.113549.1.1.8"
OID_ECDSA_SHA2 = "1.2.840.10045.4.3."           # …2 sha256, …3 sha384, …4 sha512
OID_ED25519 = "1.3.101.112"
OID_ED448 = "1.3.101.113"
OID_SHA2 = "2.16.840.1.101.3.4.2."              # …1 sha256, …2 sha384, …3 sha512


class SignatureError(Exception):
    """The AUTH payload does not prove that the peer has the key."""


@dataclass(frozen=True)
class Signature:
    """``algorithm`` is the AlgorithmIdentifier in DER, empty unless ``method`` is 14.

    ``hash_id`` is what the peer must have announced for it (0: nothing). ``hash`` is None where the algorithm hashes by
    itself. ``rsa_padding`` is RSA's, ``curve`` the only curve of methods 9 to 11.
    """

    name: str
    method: AuthMethod
    hash_id: int
    kind: str       # "rsa" | "ecdsa" | "ecdsa-raw" | "ed25519" | "ed448"
    hash: hashes.HashAlgorithm | None = field(repr=False)
    rsa_padding: padding.AsymmetricPadding | None = field(default=None, repr=False)
    curve: str = ""
    algorithm: bytes = field(default=b"", repr=False)


# SHA-2 by its bits: the HashAlgorithm of RFC 7427 §7, the hash, the last arcs of its OIDs.
_SHA2: dict[int, tuple[int, hashes.HashAlgorithm, int, int, int]] = {
    #     hash id                    hash           sha2  rsa  ecdsa
    256: (HashAlgorithm.SHA2_256, hashes.SHA256(), 1, 11, 2),
    384: (HashAlgorithm.SHA2_384, hashes.SHA384(), 2, 12, 3),
    512: (HashAlgorithm.SHA2_512, hashes.SHA512(), 3, 13, 4),
}


def sha2_identifier(bits: int) -> bytes:
    """RFC 4055 §2.1."""
    return der.write(der.SEQUENCE, der.write_oid(f"{OID_SHA2}{_SHA2[bits][2]}"), der.write(der.NULL))


def _pss_identifier(bits: int) -> bytes:
    """RFC 7427 §A.4.3: MGF1 with the same hash, a salt as long as the hash, the default trailer left out."""
    return der.write(
        der.SEQUENCE, der.write_oid(OID_PSS), der.write(
            der.SEQUENCE,
            der.write(der.context(0), sha2_identifier(bits)),
            der.write(der.context(1), der.write(der.SEQUENCE, der.write_oid(OID_MGF1), sha2_identifier(bits))),
            der.write(der.context(2), der.write(der.INTEGER, bytes([bits // 8])))))


def _rows() -> list[Signature]:
    digital = AuthMethod.DIGITAL_SIGNATURE
    rows = []
    for bits, (hash_id, algorithm, _, rsa_arc, ecdsa_arc) in _SHA2.items():
        rows += [
            Signature(f"ecdsa-sha{bits}", digital, hash_id, "ecdsa", algorithm, algorithm=der.write(
                der.SEQUENCE, der.write_oid(f"{OID_ECDSA_SHA2}{ecdsa_arc}"))),
            Signature(f"rsa-pkcs1-sha{bits}", digital, hash_id, "rsa", algorithm, padding.PKCS1v15(),
                      algorithm=der.write(der.SEQUENCE, der.write_oid(f"{OID_RSA_ENCRYPTION_SHA}{rsa_arc}"),
                                          der.write(der.NULL))),
            Signature(f"rsa-pss-sha{bits}", digital, hash_id, "rsa", algorithm,
                      padding.PSS(padding.MGF1(algorithm), bits // 8), algorithm=_pss_identifier(bits)),
        ]
    return [
        *rows,
        Signature("ed25519", digital, HashAlgorithm.IDENTITY, "ed25519", None,      # RFC 8420
                  algorithm=der.write(der.SEQUENCE, der.write_oid(OID_ED25519))),
        Signature("ed448", digital, HashAlgorithm.IDENTITY, "ed448", None,
                  algorithm=der.write(der.SEQUENCE, der.write_oid(OID_ED448))),
        Signature("ecdsa-256", AuthMethod.ECDSA_256, 0, "ecdsa-raw", hashes.SHA256(), curve="secp256r1"),
        Signature("ecdsa-384", AuthMethod.ECDSA_384, 0, "ecdsa-raw", hashes.SHA384(), curve="secp384r1"),
        Signature("ecdsa-521", AuthMethod.ECDSA_521, 0, "ecdsa-raw", hashes.SHA512(), curve="secp521r1"),
        Signature("rsa-sha1", AuthMethod.RSA_SIGNATURE, 0, "rsa", hashes.SHA1(), padding.PKCS1v15()),   # noqa: S303
    ]


SIGNATURES = {row.name: row for row in _rows()}

# Best first: the strongest hash. PKCS#1 before PSS: nothing announces PSS, and there are gateways that know RFC 7427
# without it. ECDSA cuts a hash to the length of its order, so the strongest is the one that just fills it.
PSS_ONLY = ("rsa-pss-sha512", "rsa-pss-sha384", "rsa-pss-sha256")
_OF_RSA = ("rsa-pkcs1-sha512", "rsa-pkcs1-sha384", "rsa-pkcs1-sha256", *PSS_ONLY, "rsa-sha1")
_OF_CURVE = {
    "secp256r1": ("ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512", "ecdsa-256"),
    "secp384r1": ("ecdsa-sha384", "ecdsa-sha512", "ecdsa-sha256", "ecdsa-384"),
    "secp521r1": ("ecdsa-sha512", "ecdsa-sha384", "ecdsa-sha256", "ecdsa-521"),
}


def signatures_for(public_key: object) -> tuple[str, ...]:
    """What a key can sign with, best first; nothing for a key that IKE has no use for."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return _OF_RSA if MIN_RSA_BITS <= public_key.key_size <= MAX_RSA_BITS else ()
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _OF_CURVE.get(public_key.curve.name, ())
    if isinstance(public_key, Ed25519PublicKey):
        return ("ed25519",)
    return ("ed448",) if isinstance(public_key, Ed448PublicKey) else ()


def sign(private_key: object, name: str, octets: bytes) -> bytes:
    """The raw signature of ``octets``. Raises MisuseError for a key that does not sign so."""
    row = SIGNATURES[name]
    if isinstance(private_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey | Ed448PrivateKey):
        if name not in signatures_for(private_key.public_key()):
            raise MisuseError(f"this key does not sign with {name}")
        return _SIGNERS[row.kind](private_key, row, octets)
    raise MisuseError("not a private key that IKE signs with")


def der_from_raw(raw: bytes, octets: int) -> bytes:
    """r ‖ s of ``octets`` each → the DER form. Raises SignatureError."""
    if len(raw) != 2 * octets:
        raise SignatureError(f"an ECDSA signature of {len(raw)} octets")
    return encode_dss_signature(int.from_bytes(raw[:octets], "big"), int.from_bytes(raw[octets:], "big"))


def curve_octets(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


def _sign_rsa(key: rsa.RSAPrivateKey, row: Signature, octets: bytes) -> bytes:
    assert row.rsa_padding is not None
    assert row.hash is not None
    return key.sign(octets, row.rsa_padding, row.hash)


def _sign_ecdsa(key: ec.EllipticCurvePrivateKey, row: Signature, octets: bytes) -> bytes:
    assert row.hash is not None
    return key.sign(octets, ec.ECDSA(row.hash))


def _sign_ecdsa_raw(key: ec.EllipticCurvePrivateKey, row: Signature, octets: bytes) -> bytes:
    r, s = decode_dss_signature(_sign_ecdsa(key, row, octets))
    size = curve_octets(key.curve)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _sign_eddsa(key: Ed25519PrivateKey | Ed448PrivateKey, row: Signature, octets: bytes) -> bytes:
    return key.sign(octets)     # of the whole message, without a context (RFC 8420 §2)


_SIGNERS: dict[str, Callable[..., bytes]] = {
    "rsa": _sign_rsa, "ecdsa": _sign_ecdsa, "ecdsa-raw": _sign_ecdsa_raw, "ed25519": _sign_eddsa,
    "ed448": _sign_eddsa}
