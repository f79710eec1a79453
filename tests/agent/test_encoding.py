"""What tokens leave to us, checked by the library's own verification of the bare RSA function and of ECDSA."""

import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from client.agent import encoding

HASHES = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
OCTETS = b"to be signed"


def bare(key: rsa.RSAPrivateKey, block: bytes) -> bytes:
    """CKM_RSA_X_509."""
    numbers = key.private_numbers()
    assert int.from_bytes(block, "big") < numbers.public_numbers.n
    size = (key.key_size + 7) // 8
    assert len(block) == size
    return pow(int.from_bytes(block, "big"), numbers.d, numbers.public_numbers.n).to_bytes(size, "big")


# 2049 and 2050: emBits is a multiple of 8, and not
@pytest.fixture(scope="module", params=[2048, 2049, 2050])
def key(request: pytest.FixtureRequest) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, request.param)


@pytest.mark.parametrize("name", HASHES)
def test_pkcs1(key: rsa.RSAPrivateKey, name: str) -> None:
    block = encoding.emsa_pkcs1(name, OCTETS, (key.key_size + 7) // 8)
    key.public_key().verify(bare(key, block), OCTETS, padding.PKCS1v15(), HASHES[name])
    assert block.endswith(encoding.digest_info(name, OCTETS))


@pytest.mark.parametrize("name", [name for name in HASHES if name != "sha1"])
def test_pss(key: rsa.RSAPrivateKey, name: str) -> None:
    for _ in range(8):
        block = encoding.emsa_pss(name, OCTETS, key.key_size, os.urandom)
        pss = padding.PSS(padding.MGF1(HASHES[name]), HASHES[name].digest_size)
        key.public_key().verify(bare(key, block), OCTETS, pss, HASHES[name])


@pytest.mark.parametrize("make", [lambda: encoding.emsa_pkcs1("sha512", OCTETS, 64),
                                  lambda: encoding.emsa_pss("sha512", OCTETS, 1024, os.urandom)])
def test_a_short_key_is_an_error(make: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match="too short"):
        make()


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_ecdsa(curve: ec.EllipticCurve, name: str) -> None:
    key = ec.generate_private_key(curve)
    given = encoding.ecdsa_input(name, OCTETS, curve.key_size)
    assert len(given) <= (curve.key_size + 7) // 8
    # the token signs what it is given; any hash of that length serves to say so to the library
    same_length = {32: hashes.SHA256(), 48: hashes.SHA384(), 64: hashes.SHA512()}[len(given)]
    r, s = decode_dss_signature(key.sign(given, ec.ECDSA(Prehashed(same_length))))
    size = (curve.key_size + 7) // 8
    raw = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    key.public_key().verify(encoding.ecdsa_der(raw), OCTETS, ec.ECDSA(HASHES[name]))
