"""A gateway's certificates, any octets at all: parsed, put into a path, compared with who it says it is."""

from datetime import UTC, datetime
from random import Random

from cryptography import x509

from client.core.ikev2.constants import IdType
from client.core.ikev2.identity import identity_to_text
from client.core.pki import path
from client.core.pki.anchors import Trust, ca_key_hashes
from client.core.pki.certificate import BadCertificate, Certificate, parse_certificate, parse_pem
from client.core.pki.identity import certificate_names, check_identity
from client.core.pki.names import constraint_violation
from client.core.pki.trust import verify_gateway
from client.core.pki.usage import ca_usage_problem, gateway_usage_problem
from client.model.cause import Cause, RoveError
from tests.fuzz.frames import Octets, join, mutate_parts, split
from tests.fuzz.judge import plain_words, refused

MAX_LEN = 8192
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OCTETS = b"octets that the gateway signs"
_CAUSES = (Cause.GATEWAY_UNTRUSTED, Cause.GATEWAY_EXPIRED, Cause.GATEWAY_WRONG_NAME, Cause.GATEWAY_KEY_USAGE,
           Cause.GATEWAY_BAD_SIGNATURE, Cause.BAD_SETTINGS)
_signed = path.signed_by


def one(data: bytes) -> None:
    """An octet of choices, then parts: AUTH method and data, identity type and data, what is expected, DER or PEM …"""
    parts = split(data[1:])
    if not data or len(parts) < 4 or len(parts[0]) < 1 or len(parts[1]) < 1:
        return
    choice, auth, identity, expected, ders = data[0], parts[0], parts[1], parts[2].decode("utf-8", "replace"), parts[3:]
    if choice & 1:
        _pem(ders[0])
    certificates = [parsed for der in ders if (parsed := _parsed(der)) is not None]
    for certificate in certificates:
        _look_at(certificate, certificates)
    # Mutations break signatures: without them the rest of path building would stay unseen.
    path.signed_by = (lambda _issuer, _subject: True) if choice & 2 else _signed
    anchors = tuple(certificates[-1:] if choice & 4 else certificates)
    trust = Trust(anchors, frozenset(anchor.der for anchor in anchors if choice & 8))
    ca_key_hashes(trust)
    try:
        verify_gateway(ders, trust, identity[0], identity[1:], expected, NOW, auth[0], auth[1:], OCTETS)
    except RoveError as error:
        refused(error, _CAUSES, 16 * 1024)
    finally:
        path.signed_by = _signed


def _parsed(der: bytes) -> Certificate | None:
    try:
        return parse_certificate(der)
    except BadCertificate as error:
        plain_words(str(error))
        return None


def _pem(data: bytes) -> None:
    try:
        for certificate in parse_pem(data):
            plain_words(certificate.name)
    except BadCertificate as error:
        plain_words(str(error))


def _look_at(certificate: Certificate, all_of_them: list[Certificate]) -> None:
    for name in certificate_names(certificate):
        plain_words(name)
    for problem in (gateway_usage_problem(certificate), ca_usage_problem(certificate, is_anchor=False)):
        plain_words(problem or "")
    for issuer in all_of_them:
        constraints = issuer.extension(x509.NameConstraints)
        if constraints is not None:
            plain_words(constraint_violation(constraints, certificate) or "")
    subject = identity_to_text(IdType.DER_ASN1_DN, certificate.subject)
    for expected in (subject, *(name.value for name in certificate.alternative_names()
                                if isinstance(name, x509.DNSName | x509.RFC822Name))):
        try:
            check_identity(certificate, IdType.DER_ASN1_DN, certificate.subject, expected)
        except RoveError as error:
            refused(error, (Cause.GATEWAY_WRONG_NAME, Cause.BAD_SETTINGS), 16 * 1024)


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    if len(data) < 8 or random.randrange(16) == 0:
        return octets(data, limit)
    choice = data[0] if random.randrange(4) else random.randrange(16)
    return bytes((choice,)) + mutate_parts(data[1:], limit - 1, random, octets, _nested(random, octets))


def _nested(random: Random, octets: Octets):
    def change(part: bytes, room: int) -> bytes:
        """Somewhere in the middle of a DER value, where lengths further out stay right if its own does."""
        if len(part) < 64 or random.randrange(3) == 0:
            return octets(part, room)
        at = random.randrange(len(part) - 8)
        piece = part[at:at + random.choice((1, 2, 4, 8, 16))]
        return part[:at] + (octets(piece, len(piece)) + piece)[:len(piece)] + part[at + len(piece):]
    return change


def seeds() -> dict[str, bytes]:
    from ipaddress import ip_address, ip_network

    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    from client.core.ikev2.auth import auth_payload_data, sign
    from tests.pki.factory import DAY, Issued, dns, key_usage, make, make_ca
    assert make_ca("any").parsed.not_after > NOW
    names = (*dns("gw.lab.test", "*.lab.test"), x509.RFC822Name("gw@lab.test"), x509.IPAddress(ip_address("192.0.2.1")),
             x509.IPAddress(ip_address("2001:db8::1")), x509.UniformResourceIdentifier("https://lab.test"),
             x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")])),
             x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x02hi"),
             x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")))
    constraints = x509.NameConstraints(
        [x509.DNSName("lab.test"), x509.RFC822Name("lab.test"), x509.IPAddress(ip_network("192.0.2.0/24")),
         x509.IPAddress(ip_network("2001:db8::/32"))], [x509.DNSName(".bad.test"), x509.RFC822Name("eve@lab.test")])
    usages = ((key_usage(digital_signature=True), True),
              (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
              (x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]), False))
    root = make_ca("Root")
    sub = root.issue("Sub", ca=True, path_length=0, extensions=(
        (constraints, True), (key_usage(key_cert_sign=True, crl_sign=True), True)))

    def seed(choice: int, signature: str, leaf: Issued, *others: Issued, identity: bytes = b"\2gw.lab.test",
             expected: bytes = b"gw.lab.test") -> bytes:
        method, auth = auth_payload_data(signature, sign(leaf.key, signature, OCTETS))
        return bytes((choice,)) + join([bytes((method,)) + auth, identity, expected,
                                        leaf.der, *(other.der for other in others)])
    plain = root.issue("gw", san=dns("gw.lab.test"), extensions=usages)
    ec_leaf = sub.issue("gw", san=names, extensions=usages)
    rsa_leaf = root.issue("gw", san=dns("gw.lab.test"), key=rsa.generate_private_key(65537, 2048))
    ed_leaf = root.issue("gw", san=dns("gw.lab.test"), key=ed25519.Ed25519PrivateKey.generate())
    odd = make(x509.Name([
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "gw@lab.test"),
        x509.NameAttribute(NameOID.COMMON_NAME, "gw, \"x\"+\\"),
        x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "test")]), key=ec.generate_private_key(ec.SECP384R1()))
    subject = odd.certificate.subject.public_bytes()
    pem = root.pem.encode() + plain.pem.encode()
    return {
        "plain": seed(4, "ecdsa-sha256", plain, root),
        "through-sub": seed(4, "ecdsa-sha256", ec_leaf, sub, root),
        "by-mail": seed(4, "ecdsa-sha256", ec_leaf, sub, root, identity=b"\3gw@LAB.test", expected=b"gw@lab.test"),
        "by-address": seed(4, "ecdsa-sha256", ec_leaf, sub, root, identity=b"\1\xc0\0\2\1", expected=b"192.0.2.1"),
        "no-signatures": seed(6, "ecdsa-sha256", ec_leaf, sub, root),
        "rsa": seed(4, "rsa-pss-sha256", rsa_leaf, root), "ed25519": seed(4, "ed25519", ed_leaf, root),
        "direct": seed(12, "ecdsa-sha384", odd, identity=b"\x09" + subject, expected=b"CN=gw\\, \\\"x\\\"\\+\\\\"),
        "expired": seed(4, "ecdsa-sha256", root.issue("gw", before=NOW - 3 * DAY, after=NOW - DAY), root),
        "ed448": seed(4, "ecdsa-sha256", plain, root.issue("gw", key=ed448.Ed448PrivateKey.generate()), root),
        "pem": bytes((1,)) + join([b"\1", b"\2gw", b"gw", pem])}
