"""The lab's certificates: a root, an intermediate and one row per leaf; made once and kept for some days.

``<name>.crt`` and ``<name>.key`` are PEM (PKCS#8, plain), ``<name>.enc.key`` and the bundles ``<name>.p12`` and
``<name>.legacy.p12`` (3DES, SHA-1) of the client rows have the passphrase ``lab``. ``root.crl``, ``int.crl``: DER.
Certificates of ``CHECKED``, and its own, say where to ask whether they were revoked (``pkiserver``).
Every certificate and CRL carries an authorityKeyIdentifier: without it strongSwan passes a revoked one.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from tests.lab import plan
from tests.lab.gateways import CONNECTIONS, DOMAIN
from tests.lab.shell import LabError

PASSPHRASE = "lab"
CHECKED = "checked"
WEB = "http://pki.lab.test"
KEEP_DAYS = 10           # a CRL lasts 30

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_NOW = datetime.now(UTC).replace(microsecond=0)
_USUAL = (_NOW - timedelta(days=1), _NOW + timedelta(days=3650))
_PAST = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
_FUTURE = (datetime(2040, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC))
_IKE_EKU = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.17")  # id-kp-ipsecIKE, RFC 4945 §5.1.3.12
_SERVER_EKU = (ExtendedKeyUsageOID.SERVER_AUTH, _IKE_EKU)
_CLIENT_EKU = (ExtendedKeyUsageOID.CLIENT_AUTH,)


@dataclass(frozen=True)
class Leaf:
    """``names`` are DNS names, addresses or mail addresses; ``usage`` is a KeyUsage bit, or none at all."""

    name: str
    common_name: str
    key: str                       # rsa | ec | ec384 | ed
    names: tuple[str, ...]
    eku: tuple[x509.ObjectIdentifier, ...]
    issuer: str = "int"
    usage: str | None = "digital_signature"
    validity: tuple[datetime, datetime] = _USUAL
    revoked: bool = False
    crl: str = ""
    ocsp: str = ""


def _server(name: str, key: str = "ec", bad: str = "", **fields: object) -> Leaf:
    names = (f"{bad}.{DOMAIN}",) if bad else _SERVER_NAMES
    settings: dict[str, object] = {"names": names, "eku": _SERVER_EKU} | fields
    return Leaf(name, DOMAIN, key, **settings)  # type: ignore[arg-type] # a table: the rows below are the proof


def _client(name: str, user: str, key: str = "ec", **fields: object) -> Leaf:
    return Leaf(name, user, key, (f"{user}@lab.test",), _CLIENT_EKU, **fields)  # type: ignore[arg-type] # as above


_SERVER_NAMES = (DOMAIN, *(f"{name}.{DOMAIN}" for name, row in CONNECTIONS.items() if not name.startswith("bad-")),
                 plan.GATEWAY, plan.GATEWAY6)
LEAVES = (
    _server("server", "rsa"),
    _server("server-ec"),
    _server("server-ed", "ed"),
    _server("server-radius", names=("radius.lab.test",)),
    _server("server-noeku", bad="noeku", eku=()),
    _server("server-rogue", bad="bad-rogue", issuer="rogue"),
    _server("server-wrongname", names=("other.example",)),
    _server("server-expired", bad="bad-expired", validity=_PAST),
    _server("server-keyusage", "rsa", bad="bad-keyusage", usage="key_encipherment"),
    _server("server-revoked", bad="bad-revoked", revoked=True),
    _server("server-crl", issuer=CHECKED, crl=f"{WEB}/{CHECKED}.crl"),
    _server("server-ocsp", issuer=CHECKED, ocsp=f"{WEB}/ocsp"),
    _server("server-silentcrl", issuer=CHECKED, crl="http://silent.example/x.crl"),
    _server("server-soon"),
    _server("server-bad-crl", bad="bad-crl", issuer=CHECKED, revoked=True, crl=f"{WEB}/{CHECKED}.crl"),
    _server("server-bad-ocsp", bad="bad-ocsp", issuer=CHECKED, revoked=True, ocsp=f"{WEB}/ocsp"),
    _client("client-rsa", "alice", "rsa"),
    _client("client-ec", "bob"),
    _client("client-ec384", "bob384", "ec384"),
    _client("client-ed", "carol", "ed"),
    _client("client-expired", "dave", validity=_PAST),
    _client("client-future", "frank", validity=_FUTURE),
    _client("client-revoked", "erin", revoked=True),
    _client("client-rogue", "alice", issuer="rogue"),
)
_KEYS: dict[str, Callable[[], PrivateKey]] = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ec384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed": ed25519.Ed25519PrivateKey.generate,
}


def directory() -> Path:
    """The folder with everything, made when it is missing or old; labs of other processes share it."""
    digest = hashlib.sha256(Path(__file__).read_bytes() + " ".join(_SERVER_NAMES).encode()).hexdigest()[:12]
    root = Path(tempfile.gettempdir()) / f"rove-lab-pki-{digest}"
    root.mkdir(mode=0o755, exist_ok=True)
    if root.is_symlink() or root.stat().st_uid != os.getuid():
        raise LabError(f"{root} is not ours")  # /tmp is everybody's
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = root / "made"
        if not made.is_dir() or time.time() - made.stat().st_mtime > KEEP_DAYS * 86400:
            shutil.rmtree(made, ignore_errors=True)
            draft = Path(tempfile.mkdtemp(dir=root))
            _make(draft)
            draft.chmod(0o755)  # unprivileged test users import from here; nothing in it is worth a secret
            draft.rename(made)
    return made


class _Authority:
    def __init__(self, name: str, common_name: str, key: str, issuer: "_Authority | None" = None) -> None:
        self.key: PrivateKey = _KEYS[key]()
        self.subject = _distinguished(common_name)
        self.revoked: list[x509.RevokedCertificate] = []
        usage = _usage("key_cert_sign", "crl_sign")
        limits = x509.BasicConstraints(ca=True, path_length=0 if issuer else None)
        where = _where(f"{WEB}/root.crl", "") if name == CHECKED else []
        self.certificate = _sign(self.subject, self.key.public_key(), issuer or self, _USUAL, (limits, usage, *where))
        self.name = name

    def crl(self) -> x509.CertificateRevocationList:
        validity = (_NOW - timedelta(days=1), _NOW + timedelta(days=30))
        builder = x509.CertificateRevocationListBuilder(self.subject, *validity)
        for entry in self.revoked:
            builder = builder.add_revoked_certificate(entry)
        builder = builder.add_extension(_authority_key(self), critical=False)
        return builder.add_extension(x509.CRLNumber(1), critical=False).sign(self.key, _hash(self.key))


def _make(folder: Path) -> None:
    root = _Authority("root", "Lab Root CA", "rsa")
    authorities = {"root": root, "int": _Authority("int", "Lab Intermediate CA", "rsa", root),
                   CHECKED: _Authority(CHECKED, "Lab Checked CA", "rsa", root),
                   "rogue": _Authority("rogue", "Lab Rogue CA", "ec")}  # nobody trusts it
    for authority in authorities.values():
        (folder / f"{authority.name}.crt").write_bytes(_pem(authority.certificate))
    for name in ("int", CHECKED):
        (folder / f"{name}.key").write_bytes(_private(authorities[name].key, serialization.NoEncryption()))
    for leaf in LEAVES:
        _issue(folder, leaf, authorities)
    for name in ("root", "int", CHECKED):
        (folder / f"{name}.crl").write_bytes(authorities[name].crl().public_bytes(serialization.Encoding.DER))


def _issue(folder: Path, leaf: Leaf, authorities: dict[str, _Authority]) -> None:
    key: PrivateKey = _KEYS[leaf.key]()
    issuer = authorities[leaf.issuer]
    extensions: list[x509.ExtensionType] = [x509.BasicConstraints(ca=False, path_length=None),
                                            x509.SubjectAlternativeName([_general(name) for name in leaf.names])]
    if leaf.usage:
        extensions.append(_usage(leaf.usage))
    if leaf.eku:
        extensions.append(x509.ExtendedKeyUsage(leaf.eku))
    extensions += _where(leaf.crl, leaf.ocsp)
    certificate = _sign(_distinguished(leaf.common_name), key.public_key(), issuer, leaf.validity, tuple(extensions))
    if leaf.revoked:
        entry = x509.RevokedCertificateBuilder(certificate.serial_number, _NOW - timedelta(hours=1))
        issuer.revoked.append(entry.build())
    (folder / f"{leaf.name}.crt").write_bytes(_pem(certificate))
    (folder / f"{leaf.name}.key").write_bytes(_private(key, serialization.NoEncryption()))
    if leaf.name.startswith("client-"):
        encrypted = serialization.BestAvailableEncryption(PASSPHRASE.encode())
        (folder / f"{leaf.name}.enc.key").write_bytes(_private(key, encrypted))
        legacy = (serialization.PrivateFormat.PKCS12.encryption_builder().hmac_hash(hashes.SHA1())
                  .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).build(PASSPHRASE.encode()))
        chain = [authorities[name].certificate for name in (("int", "root") if leaf.issuer == "int" else ("rogue",))]
        for suffix, encryption in (("p12", encrypted), ("legacy.p12", legacy)):
            bundle = pkcs12.serialize_key_and_certificates(leaf.name.encode(), key, certificate, chain, encryption)
            (folder / f"{leaf.name}.{suffix}").write_bytes(bundle)


def short_lived(name: str, seconds: float) -> tuple[bytes, bytes]:
    """(certificate, key) in PEM: as the leaf of this name, but over in so many seconds."""
    folder = directory()
    old = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
    key = (folder / f"{name}.key").read_bytes()
    authority = serialization.load_pem_private_key((folder / "int.key").read_bytes(), None)
    assert isinstance(authority, rsa.RSAPrivateKey)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), x509.random_serial_number(),
                                      now - timedelta(hours=1), now + timedelta(seconds=seconds))
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return _pem(builder.sign(authority, hashes.SHA256())), key


def _where(crl: str, ocsp: str) -> list[x509.ExtensionType]:
    found: list[x509.ExtensionType] = []
    if crl:
        name = x509.UniformResourceIdentifier(crl)
        found.append(x509.CRLDistributionPoints([x509.DistributionPoint([name], None, None, None)]))
    if ocsp:
        found.append(x509.AuthorityInformationAccess([x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))]))
    return found


def _sign(subject: x509.Name, public: object, issuer: _Authority, validity: tuple[datetime, datetime],
          extensions: tuple[x509.ExtensionType, ...]) -> x509.Certificate:
    builder = x509.CertificateBuilder(issuer.subject, subject, public, x509.random_serial_number(), *validity)  # type: ignore[arg-type] # any public key
    for extension in extensions:
        critical = isinstance(extension, x509.BasicConstraints | x509.KeyUsage)
        builder = builder.add_extension(extension, critical=critical)
    subject_key = x509.SubjectKeyIdentifier.from_public_key(public)  # type: ignore[arg-type] # any public key
    builder = builder.add_extension(subject_key, critical=False)
    return builder.add_extension(_authority_key(issuer), critical=False).sign(issuer.key, _hash(issuer.key))


def _authority_key(issuer: _Authority) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())


def _usage(*bits: str) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{bit: bit in bits for bit in every})


def _general(name: str) -> x509.GeneralName:
    if "@" in name:
        return x509.RFC822Name(name)
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _distinguished(common_name: str) -> x509.Name:
    parts = ((NameOID.COUNTRY_NAME, "XX"), (NameOID.ORGANIZATION_NAME, "Lab"), (NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _hash(key: PrivateKey) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: PrivateKey, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
