"""Credentials from files: every container, passphrases, and files that are none."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from client.agent.keys import Credential, load_credential
from client.agent.prompts import PromptCancelled, SecretUsedUp
from client.core.ikev2 import auth
from client.model.cause import Cause, RoveError
from tests.pki.factory import NOW, Issued, make_ca

ROOT = make_ca("Root")
SUB = ROOT.issue("Sub", ca=True)
ALICE = SUB.issue("alice")
PASSPHRASE = "sésame"


def private(issued: Issued, passphrase: str = "", encoding: Encoding = Encoding.PEM,
            form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    data = issued.key.private_bytes(encoding, form, encryption)
    assert isinstance(data, bytes)
    return data


def bundle(passphrase: str = "") -> bytes:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return pkcs12.serialize_key_and_certificates(
        b"alice", ALICE.key, ALICE.certificate, [ROOT.certificate, SUB.certificate], encryption)


def load(folder: Path, data: bytes, key: bytes | None = None, answers: tuple[Any, ...] = (), mode: int = 0o600,
         now: Any = NOW) -> tuple[Credential, int]:
    """→ the credential and how often a passphrase was asked for."""
    path, key_path = folder / "alice", folder / "alice.key"
    path.write_bytes(data)
    path.chmod(mode)
    if key is not None:
        key_path.write_bytes(key)
        key_path.chmod(0o600)
    left = list(answers)

    async def ask() -> str:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, str)
        return answer

    credential = asyncio.run(load_credential(path, key_path if key is not None else None, ask, now))
    return credential, len(answers) - len(left)


CHAIN = (ALICE.pem + SUB.pem).encode()
FORMS: dict[str, tuple[bytes, bytes | None, int]] = {
    "PKCS#12": (bundle(), None, 0),
    "PKCS#12 with a passphrase": (bundle(PASSPHRASE), None, 1),
    "PEM with its key": (CHAIN + private(ALICE), None, 0),
    "PEM, key first": (private(ALICE) + CHAIN, None, 0),
    "PEM with an encrypted key": (CHAIN + private(ALICE, PASSPHRASE), None, 1),
    "PEM, traditional encryption": (
        CHAIN + private(ALICE, PASSPHRASE, form=PrivateFormat.TraditionalOpenSSL), None, 1),
    "PEM in any order": ((ROOT.pem + SUB.pem + ALICE.pem).encode(), private(ALICE), 0),
    "two PEM files": (CHAIN, private(ALICE), 0),
    "two PEM files, encrypted": (CHAIN, private(ALICE, PASSPHRASE), 1),
    "PEM and a DER key": (CHAIN, private(ALICE, encoding=Encoding.DER), 0),
    "PEM and an encrypted DER key": (CHAIN, private(ALICE, PASSPHRASE, Encoding.DER), 1),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_container(form: str, tmp_path: Path) -> None:
    data, key, asked = FORMS[form]
    credential, times = load(tmp_path, data, key, (PASSPHRASE,))
    rooted = (ALICE.der, SUB.der, ROOT.der)
    assert credential.certificates == (rooted if ROOT.der in data or "12" in form or ROOT.pem.encode() in data
                                       else rooted[:2])         # own first
    assert credential.subject == "CN=alice,O=Lab"
    assert credential.findings == ()
    assert times == asked
    name = credential.signer.algorithms[0]
    raw = asyncio.run(credential.signer.sign(name, b"octets"))
    auth.verify_signature(ALICE.key.public_key(), *auth.auth_payload_data(name, raw), b"octets")
    assert "key=" not in repr(credential)


def test_der_files(tmp_path: Path) -> None:
    credential, _ = load(tmp_path, ALICE.der, private(ALICE, encoding=Encoding.DER))
    assert credential.certificates == (ALICE.der,)


@pytest.mark.parametrize("make_key", [lambda: rsa.generate_private_key(65537, 2048),
                                      ed25519.Ed25519PrivateKey.generate, ed448.Ed448PrivateKey.generate,
                                      lambda: ec.generate_private_key(ec.SECP521R1()),
                                      lambda: ec.generate_private_key(ec.SECP384R1())])
def test_every_signature_a_key_offers_verifies(make_key: Callable[[], Any], tmp_path: Path) -> None:
    user = ROOT.issue("user", key=make_key())
    credential, _ = load(tmp_path, user.pem.encode(), private(user))
    assert credential.signer.algorithms
    for name in credential.signer.algorithms:
        raw = asyncio.run(credential.signer.sign(name, b"octets"))
        auth.verify_signature(user.key.public_key(), *auth.auth_payload_data(name, raw), b"octets")


def test_a_signature_of_another_kind_is_refused(tmp_path: Path) -> None:
    credential, _ = load(tmp_path, bundle())
    for name in ("ed25519", "none", ""):
        with pytest.raises(RoveError) as error:
            asyncio.run(credential.signer.sign(name, b"octets"))
        assert error.value.cause is Cause.CREDENTIAL_UNUSABLE


def refused(tmp_path: Path, *args: Any, **options: Any) -> str:
    with pytest.raises(RoveError) as error:
        load(tmp_path, *args, **options)
    assert error.value.cause is Cause.CREDENTIAL_UNUSABLE
    return error.value.detail


@pytest.mark.parametrize("form", ["PKCS#12 with a passphrase", "PEM with an encrypted key",
                                  "PEM, traditional encryption", "PEM and an encrypted DER key"])
def test_wrong_passphrases_are_asked_again_three_times_in_all(form: str, tmp_path: Path) -> None:
    data, key, _ = FORMS[form]
    assert load(tmp_path, data, key, ("wrong", "", PASSPHRASE))[1] == 3
    detail = refused(tmp_path, data, key, ("wrong",) * 3)
    assert "passphrase" in detail
    assert "wrong" not in detail.replace("is wrong", "")


def test_a_passphrase_given_beforehand_is_tried_once(tmp_path: Path) -> None:
    used_up = SecretUsedUp("used")
    assert "passphrase" in refused(tmp_path, bundle(PASSPHRASE), answers=("wrong", used_up))
    with pytest.raises(SecretUsedUp):
        load(tmp_path, bundle(PASSPHRASE), answers=(used_up,))


def test_a_cancelled_passphrase_prompt_is_just_that(tmp_path: Path) -> None:
    with pytest.raises(PromptCancelled):
        load(tmp_path, bundle(PASSPHRASE), answers=("wrong", PromptCancelled("no")))


def test_files_open_to_others_and_certificates_out_of_time_are_findings(tmp_path: Path) -> None:
    credential, _ = load(tmp_path, bundle(), mode=0o644)
    assert [finding.code for finding in credential.findings] == ["credential-file-open"]
    credential, _ = load(tmp_path, bundle(), now=NOW + timedelta(days=365))
    assert [finding.code for finding in credential.findings] == ["certificate-not-valid-now"]


@pytest.mark.parametrize(("data", "key", "word"), [
    (b"", None, "neither"), (b"hello", None, "neither"), (b"\x30\x03abc", None, "passphrase"),
    (b"x" * (1024 * 1024 + 1), None, "larger"), (CHAIN, None, "no key"), (private(ALICE), None, "no certificate"),
    (CHAIN, b"", "its key cannot be read"), (CHAIN, b"\x30\x00", "its key cannot be read"),
    (CHAIN, private(ROOT), "does not belong"), (ALICE.der[:-1], private(ALICE), "cannot be read"),
    (b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" + private(ALICE), None, "cannot be read"),
    (CHAIN, CHAIN, "its key cannot be read"),
])
def test_files_that_are_no_credential(tmp_path: Path, data: bytes, key: bytes | None, word: str) -> None:
    assert word in refused(tmp_path, data, key, ("a", "b", "c"))


def test_keys_that_do_not_sign_for_ike(tmp_path: Path) -> None:
    for key in (dsa.generate_private_key(1024), rsa.generate_private_key(65537, 1024)):
        weak = ROOT.issue("weak", key=key)
        assert "does not sign" in refused(tmp_path, weak.pem.encode(), private(weak))


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    async def ask() -> str:
        raise AssertionError

    for name in ("fifo", ".", "missing"):
        with pytest.raises(RoveError) as error:
            asyncio.run(load_credential(tmp_path / name, None, ask, NOW))
        assert error.value.cause is Cause.CREDENTIAL_UNUSABLE
