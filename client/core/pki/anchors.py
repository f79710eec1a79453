"""Trust anchors: the system's, or those that a profile brings."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from cryptography import x509

from client.core.pki.certificate import BadCertificate, Certificate, parse_pem
from client.model.cause import Cause, RoveError

# Debian and Arch, Fedora, Fedora (older), openSUSE, Alpine
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_MAX_BUNDLE = 8 * 1024 * 1024
_MAX_HASHES = 32
_PIN = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Trust:
    """``direct`` are certificates that are trusted as they are: a profile may bring the gateway's own.

    ``pin``: SHA-256 of the SubjectPublicKeyInfo that the gateway's certificate must have; with ``pin_alone`` that is
    all that has to vouch for it.
    """

    anchors: tuple[Certificate, ...] = field(repr=False)
    direct: frozenset[bytes] = field(default=frozenset(), repr=False)
    system: bool = False
    pin: bytes = b""
    pin_alone: bool = False

    def issuers_of(self, certificate: Certificate) -> list[Certificate]:
        return [anchor for anchor in self.anchors if anchor.subject == certificate.issuer]


def load_trust(trust: Trust | str | tuple[str, ...], pin: str = "") -> Trust:
    """``"system"``, ``"pin"`` or PEM texts, and a pin, as a profile has them → Trust, parsed once.

    Raises RoveError (BAD_SETTINGS).
    """
    if isinstance(trust, Trust):
        return trust
    if pin:
        return replace(Trust(()) if trust == "pin" else load_trust(trust), pin=_digest(pin), pin_alone=trust == "pin")
    if isinstance(trust, str):
        if trust != "system":
            raise RoveError(Cause.BAD_SETTINGS, "gateway.trust is neither \"system\" nor a list of certificates")
        path = _system_bundle(SYSTEM_BUNDLES)
        return _load_system(path, path.stat().st_mtime_ns)
    return _load_pem(tuple(trust))


def ca_key_hashes(trust: Trust | str | tuple[str, ...]) -> tuple[bytes, ...]:
    """SHA-1 of each anchor's SubjectPublicKeyInfo, for CERTREQ (RFC 7296 §3.7); none for the system's many, or where
    there is no authority. Raises as ``load_trust``.
    """
    if trust in ("system", "pin"):
        return ()
    trust = load_trust(trust)
    if trust.system:
        return ()
    hashes = dict.fromkeys(hashlib.sha1(anchor.spki, usedforsecurity=False).digest()
                           for anchor in trust.anchors if _is_ca(anchor))
    return tuple(hashes)[:_MAX_HASHES]


def _digest(pin: str) -> bytes:
    match = _PIN.fullmatch(pin)
    if match is None:
        raise RoveError(Cause.BAD_SETTINGS, "gateway.pin is not sha256: and 64 hexadecimal digits")
    return bytes.fromhex(match[1])


@lru_cache(maxsize=16)
def _load_pem(texts: tuple[str, ...]) -> Trust:
    found: list[Certificate] = []
    for text in texts:
        try:
            found += parse_pem(text.encode())
        except (BadCertificate, UnicodeEncodeError) as error:
            raise RoveError(Cause.BAD_SETTINGS, f"gateway.trust: not a certificate in PEM: {error}") from error
    if not found:
        raise RoveError(Cause.BAD_SETTINGS, "gateway.trust names no certificate")
    return Trust(_unique(found), frozenset(certificate.der for certificate in found))


@lru_cache(maxsize=1)
def _load_system(path: Path, _changed: int) -> Trust:
    with path.open("rb") as file:
        pem = file.read(_MAX_BUNDLE)
    try:
        return Trust(_unique(parse_pem(pem)), system=True)
    except BadCertificate as error:
        raise RoveError(Cause.BAD_SETTINGS, f"the system's CA certificates in {path}: {error}") from error


def _system_bundle(candidates: Iterable[str]) -> Path:
    for name in candidates:
        if (path := Path(name)).is_file():
            return path
    raise RoveError(Cause.BAD_SETTINGS, "this system has no CA certificates (package ca-certificates)")


def _unique(certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
    return tuple({certificate.der: certificate for certificate in certificates}.values())


def _is_ca(certificate: Certificate) -> bool:
    basic = certificate.extension(x509.BasicConstraints)
    return bool(basic and basic.ca)
