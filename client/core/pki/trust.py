"""Does this gateway prove to be the one the profile names? The one question that roved asks of PKI."""

from collections.abc import Sequence
from datetime import datetime

from client.core.ikev2 import auth
from client.core.pki.anchors import Trust, ca_key_hashes, load_trust
from client.core.pki.certificate import BadCertificate, Certificate, parse_certificate
from client.core.pki.identity import check_identity
from client.core.pki.path import build_path
from client.core.pki.usage import gateway_usage_problem
from client.model.cause import Cause, RoveError

__all__ = ["Trust", "ca_key_hashes", "load_trust", "verify_gateway"]

MAX_CERTIFICATES = 16


def verify_gateway(certificates: Sequence[bytes], trust: Trust | str | tuple[str, ...], id_type: int,
                   id_data: bytes, expected: str, now: datetime, method: int, auth_data: bytes,
                   octets: bytes, sha1: bool = True) -> bool:
    """Accepts, and says whether by a signature with SHA-1; or raises RoveError with the GATEWAY_… cause.

    ``certificates``: DER as they came, the gateway's own first (RFC 7296 §3.6), any others after it in any
    order; ``trust``: as in the profile, or loaded; ``id_type``/``id_data``: IDr; ``expected``: the profile's
    gateway identity; ``now``: aware wall-clock time; ``method``/``auth_data``: the AUTH payload over ``octets``;
    ``sha1``: is SHA-1 allowed in method 1? (Elsewhere it never is.)
    """
    leaf, others = _parsed(certificates)
    build_path(leaf, others, load_trust(trust), now)
    check_identity(leaf, id_type, id_data, expected)
    if problem := gateway_usage_problem(leaf):
        raise RoveError(Cause.GATEWAY_KEY_USAGE, problem)
    try:
        with_sha1 = auth.verify_signature(leaf.public_key, method, auth_data, octets)
    except auth.SignatureError as error:
        raise RoveError(Cause.GATEWAY_BAD_SIGNATURE, str(error)) from error
    if with_sha1 and not sha1:
        raise RoveError(Cause.GATEWAY_SHA1, "the AUTH payload is an RSA signature with SHA-1")
    return with_sha1


def _parsed(certificates: Sequence[bytes]) -> tuple[Certificate, list[Certificate]]:
    if not certificates:
        raise RoveError(Cause.GATEWAY_UNTRUSTED, "the gateway sent no certificate")
    try:
        leaf = parse_certificate(certificates[0])
    except BadCertificate as error:
        raise RoveError(Cause.GATEWAY_UNTRUSTED, f"the gateway's certificate cannot be read: {error}") from error
    others = {}
    for der in certificates[1:MAX_CERTIFICATES]:
        try:
            certificate = parse_certificate(der)
        except BadCertificate:      # one that cannot be read helps no path, that is all
            continue
        if certificate.der != leaf.der:
            others[certificate.der] = certificate
    return leaf, list(others.values())
