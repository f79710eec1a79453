"""Trust anchors from PEM and from the system; hashes for CERTREQ."""

import hashlib
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from client.core.pki import anchors
from client.core.pki.certificate import MAX_CERTIFICATE, BadCertificate, display, parse_certificate, parse_pem
from client.model.cause import Cause, RoveError
from tests.pki.factory import make, make_ca, name_of

ROOT, OTHER, GATEWAY = make_ca("Root"), make_ca("Other"), make("gw")


def test_several_certificates_in_one_or_several_texts() -> None:
    trust = anchors.load_trust((ROOT.pem + "words between\n" + OTHER.pem, GATEWAY.pem, ROOT.pem))
    assert [one.der for one in trust.anchors] == [ROOT.der, OTHER.der, GATEWAY.der]
    assert trust.direct == {ROOT.der, OTHER.der, GATEWAY.der}
    assert anchors.load_trust((ROOT.pem + "words between\n" + OTHER.pem, GATEWAY.pem, ROOT.pem)) is trust


def test_hashes_for_certreq_are_of_the_cas_public_keys() -> None:
    spki = ROOT.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for trust in ((ROOT.pem, GATEWAY.pem), anchors.load_trust((ROOT.pem, GATEWAY.pem))):
        assert anchors.ca_key_hashes(trust) == (hashlib.sha1(spki).digest(),)
    assert anchors.ca_key_hashes("system") == ()


@pytest.mark.parametrize("texts", [
    (), ("",), ("no PEM",), ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",), ("\ud800",)])
def test_unusable_texts_are_wrong_settings(texts: tuple[str, ...]) -> None:
    with pytest.raises(RoveError) as error:
        anchors.load_trust(texts)
    assert error.value.cause is Cause.BAD_SETTINGS


def test_another_word_than_system_is_a_wrong_setting() -> None:
    with pytest.raises(RoveError) as error:
        anchors.load_trust("everything")
    assert error.value.cause is Cause.BAD_SETTINGS


def test_the_system_s_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setattr(anchors, "SYSTEM_BUNDLES", (str(tmp_path / "none"), str(bundle)))
    with pytest.raises(RoveError) as error:
        anchors.load_trust("system")
    assert error.value.cause is Cause.BAD_SETTINGS
    broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
    bundle.write_text(f"# comment\n{ROOT.pem}{OTHER.pem}")
    trust = anchors.load_trust("system")
    assert len(trust.anchors) == 2
    assert not trust.direct
    assert anchors.ca_key_hashes(trust) == ()
    bundle.write_text(broken)
    with pytest.raises(RoveError):
        anchors.load_trust("system")


def test_a_hostile_subject_prints_safely() -> None:
    certificate = make(x509.Name([*name_of("x\x1b[2J\n\u202e").rdns]))
    assert certificate.parsed.name.isprintable()
    assert len(display("\x00" * 9999)) == 256


@pytest.mark.parametrize("der", [b"", b"\x30\x00", ROOT.der[:-1], ROOT.der + b"x", b"\x30" * MAX_CERTIFICATE + b"\x30"])
def test_octets_that_are_no_certificate(der: bytes) -> None:
    with pytest.raises(BadCertificate):
        parse_certificate(der)
    with pytest.raises(BadCertificate):
        parse_pem(der)


@given(st.integers(0, len(ROOT.der) - 1), st.integers(1, 255))
def test_any_flipped_octet_gives_a_certificate_or_bad_certificate(position: int, flip: int) -> None:
    changed = bytearray(ROOT.der)
    changed[position] ^= flip
    try:
        certificate = parse_certificate(bytes(changed))
    except BadCertificate as error:
        assert str(error).isprintable()     # noqa: PT017 - both ends are right
    else:
        assert certificate.name.isprintable()


def test_a_pem_certificate_of_an_unknown_version_is_skipped_or_refused() -> None:
    changed = ROOT.der.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020106"), 1)     # [0] version
    pem = f"-----BEGIN CERTIFICATE-----\n{b64encode(changed).decode()}\n-----END CERTIFICATE-----\n"
    with pytest.raises(BadCertificate):
        parse_pem(pem.encode())
    assert [found.der for found in parse_pem((pem + OTHER.pem).encode())] == [OTHER.der]
