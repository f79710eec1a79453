"""CRLs and OCSP responses made on the spot, right unless told otherwise."""

from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.pki.factory import DAY, NOW, Issued, key_usage

CRL_URL, OCSP_URL = "http://pki.lab.test/ca.crl", "http://pki.lab.test/ocsp"


def crl_points(*urls: str, **fields: Any) -> tuple[x509.ExtensionType, bool]:
    points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, fields.get("reasons"),
                                     fields.get("crl_issuer")) for url in urls]
    return x509.CRLDistributionPoints(points), False


def ocsp_at(*urls: str) -> tuple[x509.ExtensionType, bool]:
    return x509.AuthorityInformationAccess([
        x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))
        for url in urls]), False


def entry(revoked: Issued, reason: x509.ReasonFlags | None = None, when: datetime = NOW - DAY
          ) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder(revoked.certificate.serial_number, when)
    return (builder.add_extension(x509.CRLReason(reason), critical=False) if reason else builder).build()


def make_crl(issuer: Issued, *entries: x509.RevokedCertificate, begin: datetime = NOW - DAY,
             end: datetime = NOW + DAY, key: Any = None, name: x509.Name | None = None,
             extensions: tuple[tuple[x509.ExtensionType, bool], ...] | None = None,
             hash_algorithm: hashes.HashAlgorithm | None = hashes.SHA256()) -> bytes:  # noqa: B008
    key = key or issuer.key
    builder = x509.CertificateRevocationListBuilder(name or issuer.certificate.subject, begin, end)
    for one in entries:
        builder = builder.add_revoked_certificate(one)
    if extensions is None:
        extensions = ((x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False),)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, _hash_for(key, hash_algorithm)).public_bytes(Encoding.DER)


def make_responder(issuer: Issued, *extra: tuple[x509.ExtensionType, bool], nocheck: bool = True, **options: Any
                   ) -> Issued:
    """A delegated responder."""
    extensions = [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
                  (key_usage(digital_signature=True), True), *extra]
    if nocheck:
        extensions.append((x509.OCSPNoCheck(), False))
    return issuer.issue("Responder", **{"extensions": tuple(extensions), **options})


def make_ocsp(subject: Issued, issuer: Issued, *, revoked: datetime | None = None, signer: Issued | None = None,
              status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD, begin: datetime = NOW - DAY,
              end: datetime | None = NOW + DAY, algorithm: hashes.HashAlgorithm = hashes.SHA1(),  # noqa: B008
              by_name: bool = False, send: bool = True,
              extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (),
              hash_algorithm: hashes.HashAlgorithm | None = hashes.SHA256()) -> bytes:  # noqa: B008
    if revoked is not None:
        status = ocsp.OCSPCertStatus.REVOKED
    who = signer or issuer
    builder = ocsp.OCSPResponseBuilder().add_response(
        subject.certificate, issuer.certificate, algorithm, status, begin, end, revoked,
        x509.ReasonFlags.key_compromise if revoked else None)
    encoding = ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH
    builder = builder.responder_id(encoding, who.certificate)
    if signer is not None and send:
        builder = builder.certificates([signer.certificate])
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(who.key, _hash_for(who.key, hash_algorithm)).public_bytes(Encoding.DER)


def _hash_for(key: Any, algorithm: hashes.HashAlgorithm | None) -> Any:
    return None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else algorithm
