"""Does this gateway prove to be the one the profile names? The one question that roved asks of PKI."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from client.core.ikev2 import auth
from client.core.pki.anchors import Trust, ca_key_hashes, load_trust
from client.core.pki.certificate import BadCertificate, Certificate, parse_certificate
from client.core.pki.identity import check_identity
from client.core.pki.path import build_path, check_alone
from client.core.pki.usage import gateway_usage_problem
from client.model.cause import Cause, RoveError

__all__ = ["Accepted", "Trust", "ca_key_hashes", "load_trust", "trusted_path", "verify_gateway"]

MAX_CERTIFICATES = 16


@dataclass(frozen=True)
class Accepted:
    """``path``: the gateway's certificate first, the anchor last; alone where it is trusted by itself.

    ``sha1``: it proved its key by a signature with SHA-1.
    """

    path: tuple[Certificate, ...]
    sha1: bool = False


def verify_gateway(certificates: Sequence[bytes], trust: Trust | str | tuple[str, ...], id_type: int,
                   id_data: bytes, expected: str, now: datetime, method: int, auth_data: bytes,
                   octets: bytes, sha1: bool = True) -> Accepted:
    """Accepts, or raises RoveError with the GATEWAY_… cause. Whether a certificate was revoked is ``revocation``'s.

    ``certificates``: DER as they came, the gateway's own first (RFC 7296 §3.6), any others after it in any
    order; ``trust``: as in the profile, or loaded; ``id_type``/``id_data``: IDr; ``expected``: the profile's
    gateway identity; ``now``: aware wall-clock time; ``method``/``auth_data``: the AUTH payload over ``octets``;
    ``sha1``: is SHA-1 allowed in method 1? (Elsewhere it never is.)
    """
    def proved(leaf: Certificate) -> bool:
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

    try:
        path = trusted_path(certificates, load_trust(trust), now)
    except RoveError as error:
        if error.cause in (Cause.GATEWAY_UNTRUSTED, Cause.GATEWAY_PIN) and (key := _sound(certificates, now, proved)):
            raise RoveError(error.cause, f"{error.detail}; it has proved to have the key {key}") from error
        raise
    return Accepted(path, proved(path[0]))


def _sound(certificates: Sequence[bytes], now: datetime, proved: Callable[[Certificate], bool]) -> str:
    """The key of a gateway that lacks nothing but trust, as gateway.pin has it: only that one may be offered to a
    person to be pinned. Empty where there is none."""
    try:
        leaf, _ = _parsed(certificates)
        check_alone(leaf, now)
        proved(leaf)
    except RoveError:
        return ""
    return f"sha256:{hashlib.sha256(leaf.spki).hexdigest()}"


def trusted_path(certificates: Sequence[bytes], trust: Trust, now: datetime) -> tuple[Certificate, ...]:
    """From the first of ``certificates`` (DER) to what vouches for it. Raises RoveError with a GATEWAY_… cause.

    A pin replaces the authority and nothing else: a pinned certificate is held to its dates, its names and its usages.
    """
    leaf, others = _parsed(certificates)
    if trust.pin and hashlib.sha256(leaf.spki).digest() != trust.pin:
        raise RoveError(Cause.GATEWAY_PIN, f"its key is sha256:{hashlib.sha256(leaf.spki).hexdigest()}")
    return check_alone(leaf, now) if trust.pin_alone else build_path(leaf, others, trust, now)


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
