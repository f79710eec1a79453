"""What a key may be used for: keyUsage, extendedKeyUsage, basicConstraints (RFC 4945 §5.1.3, RFC 5280)."""

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from client.core.pki.certificate import Certificate

# Any of these lets a certificate authenticate an IKE gateway (RFC 4945 §5.1.3.12 and what gateways use).
GATEWAY_USAGES = (
    ExtendedKeyUsageOID.SERVER_AUTH,
    ObjectIdentifier("1.3.6.1.5.5.7.3.17"),     # id-kp-ipsecIKE
    ObjectIdentifier("1.3.6.1.5.5.8.2.2"),      # ipsecIKEIntermediate
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
)


def gateway_usage_problem(certificate: Certificate) -> str | None:
    """Why this certificate may not sign for an IKE gateway, or None."""
    usage = certificate.extension(x509.KeyUsage)
    if usage and not (usage.digital_signature or usage.content_commitment):
        return f"the keyUsage of {certificate.name} lacks digitalSignature"
    return _extended_problem(certificate)


def ca_usage_problem(certificate: Certificate, *, is_anchor: bool) -> str | None:
    """Why this certificate may not issue a gateway's, or None (RFC 5280 §6.1.4 (k), (n))."""
    basic = certificate.extension(x509.BasicConstraints)
    if not basic or not basic.ca:
        return f"{certificate.name} is not a CA"
    usage = certificate.extension(x509.KeyUsage)
    if usage and not usage.key_cert_sign:
        return f"the keyUsage of {certificate.name} lacks keyCertSign"
    # Not in the RFC, but what everybody does: a CA restricted to, say, client certificates makes no gateways.
    return None if is_anchor else _extended_problem(certificate)


def _extended_problem(certificate: Certificate) -> str | None:
    usages = certificate.extension(x509.ExtendedKeyUsage)
    if usages and not any(usage in GATEWAY_USAGES for usage in usages):
        return f"the extendedKeyUsage of {certificate.name} allows neither serverAuth nor IKE"
    return None
