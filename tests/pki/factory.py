"""Certificates made on the spot. Keys are P-256 unless told otherwise; everything is valid around NOW."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from client.core.pki.certificate import Certificate, parse_certificate

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def name_of(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab"),
                      x509.NameAttribute(NameOID.COMMON_NAME, text)])


def key_usage(**wanted: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})


@dataclass
class Issued:
    """A certificate with its key; ``issue`` makes the next one down."""

    certificate: x509.Certificate
    key: Any
    extras: dict[str, Any] = field(default_factory=dict)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def parsed(self) -> Certificate:
        return parse_certificate(self.der)

    def issue(self, name: str | x509.Name, **options: Any) -> "Issued":
        return make(name, issuer=self, **options)


def make(name: str | x509.Name, *, issuer: Issued | None = None, key: Any = None, ca: bool = False,
         path_length: int | None = None, san: tuple[x509.GeneralName, ...] = (), before: datetime = NOW - 30 * DAY,
         after: datetime = NOW + 30 * DAY, hash_algorithm: hashes.HashAlgorithm | None = hashes.SHA256(),  # noqa: B008
         extensions: tuple[tuple[x509.ExtensionType, bool], ...] = (), basic: bool = True) -> Issued:
    """A CA or an end entity; without ``issuer`` it signs itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = name_of(name) if isinstance(name, str) else name
    signing = issuer.key if issuer else key
    builder = (x509.CertificateBuilder().subject_name(subject)
               .issuer_name(issuer.certificate.subject if issuer else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(before).not_valid_after(after))
    if basic:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if san:
        builder = builder.add_extension(x509.SubjectAlternativeName(san), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    if isinstance(signing, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        hash_algorithm = None
    return Issued(builder.sign(signing, hash_algorithm), key)


def make_ca(name: str = "Root", **options: Any) -> Issued:
    return make(name, ca=True, **options)


def with_sha1(issued: Issued, issuer: Issued) -> Issued:
    """The same certificate signed with SHA-1, which the library does not do any more: by hand, for RSA issuers."""
    sha256, sha1 = (bytes.fromhex("2a864886f70d0101") + bytes((last,)) for last in (11, 5))
    to_be_signed = issued.certificate.tbs_certificate_bytes
    assert issued.der.count(sha256) == 2
    changed = to_be_signed.replace(sha256, sha1)
    signature = issuer.key.sign(changed, padding.PKCS1v15(), hashes.SHA1())
    der = issued.der.replace(to_be_signed, changed).replace(sha256, sha1)[:-len(signature)] + signature
    return Issued(x509.load_der_x509_certificate(der), issued.key)


def dns(*names: str) -> tuple[x509.DNSName, ...]:
    return tuple(x509.DNSName(name) for name in names)
