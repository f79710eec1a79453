"""What a certificate says of its key."""

from pathlib import Path

import pytest

from client.core.ikev2 import auth
from client.core.pki.certificate import parse_certificate, parse_pem
from tests.pki import pss
from tests.pki.factory import make_ca

PSS = ("rsa-pss-sha512", "rsa-pss-sha384", "rsa-pss-sha256")


@pytest.mark.parametrize(("options", "expected"), [
    ({}, PSS),
    ({"md": "sha256", "mgf1_md": "sha256", "saltlen": "32"}, ("rsa-pss-sha256",)),
    ({"md": "sha512", "mgf1_md": "sha512", "saltlen": "64"}, ("rsa-pss-sha512",)),
    ({"md": "sha512", "mgf1_md": "sha256", "saltlen": "64"}, ()),      # a mask that is not ours
    ({"md": "sha1", "mgf1_md": "sha1", "saltlen": "20"}, ()),
])
def test_a_key_for_pss_alone(tmp_path: Path, options: dict[str, str], expected: tuple[str, ...]) -> None:
    (certificate,) = parse_pem(Path(f"{pss.make(tmp_path, '/CN=alice', options)}.crt").read_bytes())
    assert certificate.signatures == expected


def test_any_other_key_signs_as_it_can() -> None:
    parsed = parse_certificate(make_ca("Root").issue("alice").der)
    assert parsed.signatures == auth.signatures_for(parsed.public_key) != ()
