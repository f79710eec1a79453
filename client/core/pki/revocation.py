"""Has a certificate been revoked? Where to ask, and what a CRL or an OCSP response says. Pure: fetching is roved's."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID

from client.core.pki.certificate import Certificate, display
from client.core.pki.weak import weak_hash

SKEW = timedelta(minutes=5)         # between our clock and an authority's
MAX_URLS = 3                        # of each kind in a certificate
MAX_URL = 2048


class Status(Enum):
    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """``detail``: when and why it was revoked, or why it is not known; ``until``: so long the answer may be used again.

    ``signer``: who signed in the authority's name and may have been revoked himself (RFC 6960 §4.2.2.2.1).
    """

    status: Status
    detail: str = ""
    until: datetime | None = None
    signer: Certificate | None = None


@dataclass(frozen=True)
class Sources:
    """URLs, in the certificate's order."""

    ocsp: tuple[str, ...] = ()
    crl: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ocsp or self.crl)


def sources(certificate: Certificate) -> Sources:
    """Where a certificate says that one can ask about it (RFC 5280 §4.2.1.13, §4.2.2.1)."""
    access = certificate.extension(x509.AuthorityInformationAccess)
    ocsp = (description.access_location for description in access or ()
            if description.access_method == AuthorityInformationAccessOID.OCSP)
    return Sources(_urls(ocsp), _urls(name for point in full_points(certificate) for name in point.full_name or ()))


def full_points(certificate: Certificate) -> list[x509.DistributionPoint]:
    """Those whose CRL is by the issuer itself and for all reasons."""
    points = certificate.extension(x509.CRLDistributionPoints)
    return [point for point in points or () if point.crl_issuer is None and point.reasons is None]


def revoked(when: datetime, reason: x509.ReasonFlags | None) -> str:
    """For people."""
    said = f" ({reason.value})" if reason not in (None, x509.ReasonFlags.unspecified) else ""
    return f"on {when:%Y-%m-%d}{said}"


def is_signed_by(key: object, signature: bytes, algorithm: hashes.HashAlgorithm | None, data: bytes) -> bool:
    """By the signature algorithms of certificates, without SHA-1."""
    if weak_hash(algorithm):
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, data, ec.ECDSA(algorithm))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and algorithm is None:
            key.verify(signature, data)
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def unreadable(what: str, error: Exception) -> Answer:
    return Answer(Status.UNKNOWN, f"{what} cannot be read: {display(str(error))}")


def _urls(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    found = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    usable = [url for url in found if url.lower().startswith(("http://", "https://")) and len(url) <= MAX_URL
              and url.isascii() and url.isprintable() and " " not in url]
    return tuple(dict.fromkeys(usable))[:MAX_URLS]
