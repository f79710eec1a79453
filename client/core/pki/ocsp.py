"""OCSP (RFC 6960): a question about one certificate, and what the answer is worth. Also for RFC 4806."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from client.core.pki.certificate import UNREADABLE, BadCertificate, Certificate, parse_certificate
from client.core.pki.path import certificate_problem, signed_by
from client.core.pki.revocation import SKEW, Answer, Status, is_signed_by, revoked, sources, unreadable
from client.core.pki.weak import weak_hash

MAX_RESPONSE = 64 * 1024
MAX_SINGLE = 64          # certificates that one response speaks of
MAX_SIGNERS = 4          # certificates of responders in it
WITHOUT_NEXT = timedelta(hours=24)      # how old an answer may be that does not say when the next one comes
_CERT_ID_HASHES = (hashes.SHA1(), hashes.SHA256())      # noqa: S303  # of a name, not a signature


def build_request(subject: Certificate, issuer: Certificate, nonce: bytes) -> bytes:
    """In DER. The certID is with SHA-1, which every responder knows (RFC 5019 §2.1.1)."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(subject.parsed, issuer.parsed, _CERT_ID_HASHES[0])
    return builder.add_extension(x509.OCSPNonce(nonce), critical=False).build().public_bytes(Encoding.DER)


def judge_ocsp(data: bytes, subject: Certificate, issuer: Certificate, now: datetime, nonce: bytes = b"") -> Answer:
    """What the response says of ``subject``. ``nonce``: of our request; it may be left out, but not changed."""
    if len(data) > MAX_RESPONSE:
        return Answer(Status.UNKNOWN, "the OCSP response is too large")
    try:
        response = ocsp.load_der_ocsp_response(data)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            name = response.response_status.name.lower().replace("_", " ")
            return Answer(Status.UNKNOWN, f"the OCSP responder answers: {name}")
        if problem := _extension_problem(response, nonce):
            return Answer(Status.UNKNOWN, problem)
        single = _about(response, subject, issuer)
        if single is None:
            return Answer(Status.UNKNOWN, "the OCSP response is about other certificates")
        signer = _signer(response, issuer, now)
        if signer is None:
            return Answer(Status.UNKNOWN, "the OCSP response is not signed by whoever may do so")
        return _judged(single, now, None if signer.der == issuer.der else _to_check(signer))
    except UNREADABLE as error:
        return unreadable("the OCSP response", error)


def _judged(single: ocsp.OCSPSingleResponse, now: datetime, signer: Certificate | None) -> Answer:
    begin, end = single.this_update_utc, single.next_update_utc
    if begin > now + SKEW:
        return Answer(Status.UNKNOWN, "the OCSP response is from the future")
    if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        return Answer(Status.UNKNOWN, "the OCSP responder does not know the certificate")
    if (end or begin + WITHOUT_NEXT) < now - SKEW:
        return Answer(Status.UNKNOWN, "the OCSP response is out of date")
    if single.certificate_status is ocsp.OCSPCertStatus.GOOD:
        return Answer(Status.GOOD, "", end, signer)
    when = single.revocation_time_utc
    return Answer(Status.REVOKED, revoked(when, single.revocation_reason) if when else "", end, signer)


def _extension_problem(response: ocsp.OCSPResponse, nonce: bytes) -> str:
    for extension in response.extensions:
        if isinstance(extension.value, x509.OCSPNonce):
            if nonce and extension.value.nonce != nonce:
                return "the OCSP response answers another question"
        elif extension.critical:
            return f"the OCSP response has a critical extension {extension.oid.dotted_string} that is not understood"
    return ""


def _about(response: ocsp.OCSPResponse, subject: Certificate, issuer: Certificate) -> ocsp.OCSPSingleResponse | None:
    wanted = [(type(algorithm), request.issuer_name_hash, request.issuer_key_hash, request.serial_number)
              for algorithm in _CERT_ID_HASHES
              for request in [ocsp.OCSPRequestBuilder().add_certificate(
                  subject.parsed, issuer.parsed, algorithm).build()]]
    for number, single in enumerate(response.responses):
        if number >= MAX_SINGLE:
            break
        try:
            found = (type(single.hash_algorithm), single.issuer_name_hash, single.issuer_key_hash, single.serial_number)
        except UnsupportedAlgorithm:
            continue
        if found in wanted:
            return single
    return None


def _signer(response: ocsp.OCSPResponse, issuer: Certificate, now: datetime) -> Certificate | None:
    """The authority itself, or one that it has made for this (RFC 6960 §4.2.2.2)."""
    if weak_hash(response.signature_hash_algorithm):
        return None
    for candidate in (issuer, *_delegates(response, issuer, now)):
        if _is_named(response, candidate) and is_signed_by(
                candidate.public_key, response.signature, response.signature_hash_algorithm,
                response.tbs_response_bytes):
            return candidate
    return None


def _delegates(response: ocsp.OCSPResponse, issuer: Certificate, now: datetime) -> Iterator[Certificate]:
    for certificate in response.certificates[:MAX_SIGNERS]:
        try:
            candidate = parse_certificate(certificate.public_bytes(Encoding.DER))
        except BadCertificate:
            continue
        usages = candidate.extension(x509.ExtendedKeyUsage)
        usage = candidate.extension(x509.KeyUsage)
        if (usages and ExtendedKeyUsageOID.OCSP_SIGNING in usages and (not usage or usage.digital_signature)
                and candidate.not_before <= now <= candidate.not_after and candidate.issuer == issuer.subject
                and not certificate_problem(candidate, is_anchor=False) and signed_by(issuer, candidate)):
            yield candidate


def _is_named(response: ocsp.OCSPResponse, candidate: Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name.public_bytes() == candidate.subject
    key = x509.SubjectKeyIdentifier.from_public_key(candidate.public_key)
    return response.responder_key_hash == key.digest


def _to_check(signer: Certificate) -> Certificate | None:
    """RFC 6960 §4.2.2.2.1: unless its authority vouches for it, or names no way to ask."""
    checked = signer.extension(x509.OCSPNoCheck) is None and sources(signer).crl
    return signer if checked else None
