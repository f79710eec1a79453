"""Certificate revocation lists (RFC 5280 §5, §6.3): full ones, by the issuer of the certificate itself."""

from datetime import datetime

from cryptography import x509

from client.core.pki.certificate import UNREADABLE, Certificate
from client.core.pki.revocation import SKEW, Answer, Status, full_points, revoked, unreadable
from client.core.pki.weak import weak_hash

MAX_CRL = 5 * 1024 * 1024
_UNDERSTOOD = (x509.IssuingDistributionPoint, x509.AuthorityKeyIdentifier, x509.CRLNumber, x509.IssuerAlternativeName,
               x509.FreshestCRL, x509.AuthorityInformationAccess)


def judge_crl(data: bytes, subject: Certificate, issuer: Certificate, now: datetime) -> Answer:
    """What the list says of ``subject``; ``issuer`` is the certificate that vouches for it in its path.

    A list that is too old still tells of revocations: those are for ever, but for a hold.
    """
    if len(data) > MAX_CRL:
        return Answer(Status.UNKNOWN, "the CRL is too large")
    try:
        crl = x509.load_pem_x509_crl(data) if data.startswith(b"-----") else x509.load_der_x509_crl(data)
        if problem := _problem(crl, subject, issuer):
            return Answer(Status.UNKNOWN, problem)
        this_update, next_update = crl.last_update_utc, crl.next_update_utc
        if this_update > now + SKEW:
            return Answer(Status.UNKNOWN, "the CRL is from the future")
        stale = next_update is None or next_update < now - SKEW
        entry = crl.get_revoked_certificate_by_serial_number(subject.parsed.serial_number)
        reason = _reason(entry) if entry is not None else None
        if entry is None or reason is x509.ReasonFlags.remove_from_crl:
            return Answer(Status.UNKNOWN, "the CRL is out of date") if stale else Answer(
                Status.GOOD, until=next_update)
        if stale and reason is x509.ReasonFlags.certificate_hold:
            return Answer(Status.UNKNOWN, "the CRL is out of date")
        return Answer(Status.REVOKED, revoked(entry.revocation_date_utc, reason), None if stale else next_update)
    except UNREADABLE as error:
        return unreadable("the CRL", error)


def _problem(crl: x509.CertificateRevocationList, subject: Certificate, issuer: Certificate) -> str:
    """Why it says nothing of ``subject``, empty when it does."""
    if crl.issuer.public_bytes() != issuer.subject:
        return "the CRL is by another authority"
    for extension in crl.extensions:
        if isinstance(extension.value, x509.DeltaCRLIndicator):
            return "it is a delta CRL"
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            return f"the CRL has a critical extension {extension.oid.dotted_string} that is not understood"
        if isinstance(extension.value, x509.IssuingDistributionPoint) and (
                problem := _out_of_scope(extension.value, subject)):
            return problem
        if isinstance(extension.value, x509.AuthorityKeyIdentifier) and _by_another_key(extension.value, issuer):
            return "the CRL is by another key of the authority"
    usage = issuer.extension(x509.KeyUsage)
    if usage and not usage.crl_sign:
        return f"the keyUsage of {issuer.name} lacks cRLSign"
    if problem := weak_hash(crl.signature_hash_algorithm):
        return f"the CRL is signed with {problem}"
    if not _is_signed(crl, issuer):
        return "the signature of the CRL is wrong"
    return ""


def _is_signed(crl: x509.CertificateRevocationList, issuer: Certificate) -> bool:
    return crl.is_signature_valid(issuer.public_key)  # type: ignore[arg-type]  # path building took no other keys


def _out_of_scope(point: x509.IssuingDistributionPoint, subject: Certificate) -> str:
    """RFC 5280 §5.2.5, §6.3.3 (b)."""
    basic = subject.extension(x509.BasicConstraints)
    authority = bool(basic and basic.ca)
    if point.indirect_crl:
        return "it is an indirect CRL"
    if point.only_some_reasons is not None:
        return "the CRL is for some reasons only"
    if point.only_contains_attribute_certs or (authority and point.only_contains_user_certs) or (
            not authority and point.only_contains_ca_certs):
        return "the CRL is for other certificates"
    if point.relative_name is not None:
        return "the CRL is for a distribution point that is not understood"
    if point.full_name is not None:
        named = [name for own in full_points(subject) for name in own.full_name or ()]
        if not any(name in named for name in point.full_name):
            return "the CRL is for another distribution point"
    return ""


def _by_another_key(identifier: x509.AuthorityKeyIdentifier, issuer: Certificate) -> bool:
    own = issuer.extension(x509.SubjectKeyIdentifier)
    return bool(own and identifier.key_identifier is not None and own.digest != identifier.key_identifier)


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            return extension.value.reason
    return None
