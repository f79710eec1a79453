"""One X.509 certificate, parsed completely, once: what fails later fails here, as BadCertificate."""

import base64
import binascii
import re
import warnings
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import PublicKeyAlgorithmOID

from client.core.ikev2 import auth

MAX_CERTIFICATE = 64 * 1024
_MAX_SHOWN = 256
_REMEMBERED = 32
_PEM = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----([^-]*)-----END (?:X509 )?CERTIFICATE-----")    # RFC 7468
# What the library raises for octets that are no certificate; not all of them are ValueErrors.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
               x509.InvalidVersion)

_E = TypeVar("_E", bound=x509.ExtensionType)


class BadCertificate(ValueError):
    """These octets are no certificate that we could judge; the message says why."""


@dataclass(frozen=True)
class Certificate:
    """``subject`` and ``issuer`` are DER Names, ``spki`` the DER SubjectPublicKeyInfo; times are aware, in UTC."""

    der: bytes = field(repr=False)
    parsed: x509.Certificate = field(repr=False, compare=False)
    subject: bytes = field(repr=False, compare=False)
    issuer: bytes = field(repr=False, compare=False)
    name: str = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    public_key: CertificatePublicKeyTypes = field(repr=False, compare=False)
    spki: bytes = field(repr=False, compare=False)
    extensions: x509.Extensions = field(repr=False, compare=False)

    @property
    def self_issued(self) -> bool:
        return self.subject == self.issuer

    @property
    def signatures(self) -> tuple[str, ...]:
        """What its key may sign with in IKE, best first (keys of ``auth.SIGNATURES``); nothing for one of no use."""
        names = auth.signatures_for(self.public_key)
        if self.parsed.public_key_algorithm_oid != PublicKeyAlgorithmOID.RSASSA_PSS:
            return names
        only = auth.signatures_of_pss_key(self.der)
        return tuple(name for name in names if name in only)

    def extension(self, kind: type[_E]) -> _E | None:
        for extension in self.extensions:
            if isinstance(extension.value, kind):
                return extension.value
        return None

    def alternative_names(self) -> tuple[x509.GeneralName, ...]:
        names = self.extension(x509.SubjectAlternativeName)
        return tuple(names) if names else ()


def parse_certificate(der: bytes) -> Certificate:
    """DER → Certificate. Raises BadCertificate."""
    if len(der) > MAX_CERTIFICATE:
        raise BadCertificate(f"larger than {MAX_CERTIFICATE // 1024} KiB")
    try:
        # The library warns of oddities (a serial number of 0, a long name) that are no reason to refuse.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _parsed(bytes(der))
    except UNREADABLE as error:
        raise BadCertificate(display(str(error))) from error


def parse_pem(pem: bytes) -> tuple[Certificate, ...]:
    """PEM text with any number of certificates → those that are usable. Raises BadCertificate when none is."""
    usable, problem = [], "no certificate"
    for block in _PEM.findall(pem):
        try:
            usable.append(parse_certificate(base64.b64decode(block)))
        except (BadCertificate, binascii.Error) as error:       # one odd root of 150 must not hide the others
            problem = display(str(error))
    if not usable:
        raise BadCertificate(problem)
    return tuple(usable)


def display(text: str) -> str:
    """A certificate's words, safe on a terminal: printable and bounded."""
    return "".join(c if c.isprintable() else "?" for c in text[:_MAX_SHOWN])


@lru_cache(maxsize=_REMEMBERED)      # a gateway shows the same ones at every log-in
def _parsed(der: bytes) -> Certificate:
    cert = x509.load_der_x509_certificate(der)
    public_key = cert.public_key()
    return Certificate(
        der=der, parsed=cert, subject=cert.subject.public_bytes(),
        issuer=cert.issuer.public_bytes(), name=display(cert.subject.rfc4514_string()) or "(no subject)",
        not_before=cert.not_valid_before_utc, not_after=cert.not_valid_after_utc, public_key=public_key,
        spki=public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), extensions=cert.extensions)
