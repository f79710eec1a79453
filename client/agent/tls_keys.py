"""The user's certificate for TLS: which SignatureSchemes its key can make, and by which of our signatures."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from client.agent.keys import Credential
from client.core.eap.tls_method import TlsCredential
from client.core.pki.certificate import parse_certificate

# RFC 8446 §4.2.3, best first → keys of ``auth.SIGNATURES``
_RSA = {0x0804: "rsa-pss-sha256", 0x0805: "rsa-pss-sha384", 0x0806: "rsa-pss-sha512",
        0x0401: "rsa-pkcs1-sha256", 0x0501: "rsa-pkcs1-sha384", 0x0601: "rsa-pkcs1-sha512"}
# TLS 1.3 ties the hash to the curve
_CURVES = {"secp256r1": {0x0403: "ecdsa-sha256"}, "secp384r1": {0x0503: "ecdsa-sha384"},
           "secp521r1": {0x0603: "ecdsa-sha512"}}
_ED25519, _ED448 = {0x0807: "ed25519"}, {0x0808: "ed448"}
_ALL = {scheme: name for rows in (_RSA, *_CURVES.values(), _ED25519, _ED448) for scheme, name in rows.items()}


def signature_of(scheme: int) -> str:
    """The key of ``auth.SIGNATURES`` for a scheme that ``tls_credential`` offered. Raises KeyError for others."""
    return _ALL[scheme]


def tls_credential(credential: Credential) -> TlsCredential:
    """Without schemes where the key signs nothing that TLS takes."""
    key = parse_certificate(credential.certificates[0]).public_key
    return TlsCredential(credential.certificates, _offered(_schemes_of(key), credential.signer.algorithms))


def _schemes_of(key: object) -> dict[int, str]:
    if isinstance(key, rsa.RSAPublicKey):
        return _RSA
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, {})
    if isinstance(key, Ed25519PublicKey):
        return _ED25519
    return _ED448 if isinstance(key, Ed448PublicKey) else {}


def _offered(schemes: dict[int, str], algorithms: Sequence[str]) -> tuple[int, ...]:
    return tuple(scheme for scheme, name in schemes.items() if name in algorithms)

