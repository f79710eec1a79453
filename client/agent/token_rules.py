"""Which certificates of the smartcards a profile may use: by URI or by rule, valid now, with a key that can sign."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from client.agent.pkcs11 import TokenCertificate, TokenInfo
from client.core.pki.certificate import Certificate, display
from client.core.pki.names import folded_name
from client.model.cause import Cause, RoveError
from client.model.pkcs11_uri import Pkcs11Uri
from client.model.profile import CertificateRule

Candidate = tuple[TokenInfo, TokenCertificate]
MAX_PATH = 8


def candidates(tokens: Sequence[TokenInfo], uri: Pkcs11Uri | None, rule: CertificateRule, now: datetime
               ) -> list[Candidate]:
    """All that fit, each certificate of a token once, those whose key is surely there before the others.

    Raises RoveError: TOKEN_MISSING (there is none, or not the one that the URI names), TOKEN_OTHER (nothing on the
    tokens fits), CREDENTIAL_UNUSABLE (what fits is not valid now).
    """
    meant = [token for token in tokens if uri is None or _is_token(token, uri)]
    if not tokens:
        raise RoveError(Cause.TOKEN_MISSING)
    if not meant:
        shown = ", ".join(f"“{token.id.label}” ({token.id.serial})" for token in tokens[:4])
        assert uri is not None
        raise RoveError(Cause.TOKEN_OTHER, f"it is {shown}, and the profile wants {_wanted(uri)}")
    fitting = [(token, one) for token, one in _once(meant)
               if (uri is None or _is_object(one, uri)) and _follows(rule, one.certificate, token) and _can_sign(one)]
    if not fitting:
        raise RoveError(Cause.TOKEN_OTHER, "no certificate on “{}” fits".format(
            "”, “".join(token.id.label for token in meant[:4])))
    sure = [(token, one) for token, one in fitting if one.key]
    fitting = sure or fitting
    valid = [(token, one) for token, one in fitting
             if one.certificate.not_before <= now <= one.certificate.not_after]
    if not valid:
        first = fitting[0][1].certificate
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"the certificate {first.name} is valid from "
                        f"{first.not_before:%Y-%m-%d} to {first.not_after:%Y-%m-%d} only")
    return valid


def _once(tokens: Sequence[TokenInfo]) -> Iterator[Candidate]:
    """Two modules may show the same token."""
    seen = set()
    for token in tokens:
        for one in token.certificates:
            key = (one.certificate.der, token.id.label, token.id.serial)
            if key not in seen:
                seen.add(key)
                yield token, one


def _is_token(token: TokenInfo, uri: Pkcs11Uri) -> bool:
    """RFC 7512 §2.3: what the URI does not say matches anything. What it says of the library, its module decides."""
    pairs = ((uri.token, token.id.label), (uri.manufacturer, token.id.manufacturer), (uri.model, token.id.model),
             (uri.serial, token.id.serial), (uri.slot_description, token.slot), (uri.slot_id, token.slot_id))
    return all(wanted is None or wanted == there for wanted, there in pairs)


def _is_object(one: TokenCertificate, uri: Pkcs11Uri) -> bool:
    return uri.object in (None, one.label) and uri.id in (None, one.id)


def _wanted(uri: Pkcs11Uri) -> str:
    parts = [f"“{uri.token}”" if uri.token else "", f"({uri.serial})" if uri.serial else ""]
    return " ".join(part for part in parts if part) or display(str(uri))


def _can_sign(one: TokenCertificate) -> bool:
    certificate = one.certificate
    basic = certificate.extension(x509.BasicConstraints)
    usage = certificate.extension(x509.KeyUsage)
    return (one.key is not False and not (basic and basic.ca)
            and not (usage and not (usage.digital_signature or usage.content_commitment))    # RFC 4945 §5.1.3.2
            and bool(certificate.signatures))


def _follows(rule: CertificateRule, certificate: Certificate, token: TokenInfo) -> bool:
    if rule.issuer and not any(_is_named(issuer, rule.issuer) for issuer in _issuers(certificate, token)):
        return False
    if not rule.eku:
        return True
    usages = certificate.extension(x509.ExtendedKeyUsage) or ()
    return any(usage.dotted_string == rule.eku or usage == ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
               for usage in usages)


def _issuers(certificate: Certificate, token: TokenInfo) -> Iterator[x509.Name]:
    """Who issued it, and who issued that, as far as the token has the certificates."""
    for _ in range(MAX_PATH):
        yield certificate.parsed.issuer
        above = next((one.certificate for one in token.certificates
                      if one.certificate.subject == certificate.issuer), None)
        if above is None or above.self_issued:
            return
        certificate = above


def _is_named(name: x509.Name, wanted: str) -> bool:
    """By its common name, or as a whole (RFC 4514)."""
    common = [str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if " ".join(wanted.casefold().split()) in (" ".join(text.casefold().split()) for text in common):
        return True
    try:
        return folded_name(x509.Name.from_rfc4514_string(wanted)) == folded_name(name)
    except ValueError:
        return False
