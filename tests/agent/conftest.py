"""A smartcard for the agent's tests: SoftHSM behind a module that misbehaves to order (tests/lab/shim.c)."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.lab.smartcard import Card
from tests.pki.factory import Issued, make_ca

NOW = datetime.now(UTC)
VALID = {"before": NOW - timedelta(days=1), "after": NOW + timedelta(days=30)}
CLIENT = ((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),)


def write(folder: Path, name: str, issued: Issued) -> Path:
    stem = folder / name
    stem.with_suffix(".crt").write_text(issued.pem)
    stem.with_suffix(".key").write_bytes(
        issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return stem


@pytest.fixture(scope="session")
def whole_card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    """Two tokens: “badge” with an RSA and a P-384 key and the CA above them, “spare” with a P-256 key that asks for the
    PIN each time, and a certificate that has expired."""
    missing = [tool for tool in ("softhsm2-util", "pkcs11-tool", "gcc") if shutil.which(tool) is None]
    if missing:
        pytest.fail(f"the smartcard tests need {', '.join(missing)}: tools/setup installs them")
    folder = tmp_path_factory.mktemp("card")
    root = make_ca("Card Root", **VALID)
    corp, other = root.issue("Corp CA", ca=True, **VALID), make_ca("Other CA", **VALID)
    alice = corp.issue("alice", key=rsa.generate_private_key(65537, 2048), extensions=CLIENT, **VALID)
    bob = corp.issue("bob", key=ec.generate_private_key(ec.SECP384R1()), **VALID)
    carol = other.issue("carol", **VALID)
    past = other.issue("dave", before=NOW - timedelta(days=90), after=NOW - timedelta(days=2))
    card = Card(folder / "card")
    for label in ("badge", "spare"):
        card.token(label)
    card.add("badge", 1, write(folder, "alice", alice))
    card.add("badge", 2, write(folder, "bob", bob))
    card.certificate("badge", 0x11, write(folder, "corp", corp).with_suffix(".crt"))
    card.add("spare", 1, write(folder, "carol", carol), "--always-auth")
    card.add("spare", 2, write(folder, "dave", past))
    return card


@pytest.fixture
def card(whole_card: Card, monkeypatch: pytest.MonkeyPatch) -> Card:
    """As nobody had used it, and the only one that this process sees."""
    whole_card.renew()
    for name, value in whole_card.environment.items():
        monkeypatch.setenv(name, value)
    return whole_card
