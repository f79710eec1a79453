"""AUTH: the octets, shared keys, and every signature algorithm made, recognised and refused."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from client.core.ikev2 import auth, der
from client.core.ikev2.constants import AuthMethod, HashAlgorithm
from client.core.ikev2.errors import MisuseError
from client.core.ikev2.wire import Reader
from tests.ikev2.strategies import quick

OCTETS = b"the signed octets"
RSA = rsa.generate_private_key(65537, 2048)
KEYS = {
    "rsa": RSA, "p256": ec.generate_private_key(ec.SECP256R1()), "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()), "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate()}
PAIRS = [(key, name) for key in KEYS for name in auth.signatures_for(KEYS[key].public_key())]
SHA2 = frozenset({HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512})
ALL = SHA2 | {HashAlgorithm.IDENTITY}


def signed(key, name, octets=OCTETS):
    return auth.auth_payload_data(name, auth.sign(KEYS[key], name, octets))


def digital(identifier, signature):
    return bytes([len(identifier)]) + identifier + signature


# --- octets and shared keys ---

def test_signed_octets():
    """RFC 7296 §2.15, RFC 9242 §3.3.2."""
    assert auth.signed_octets(b"message", b"nonce", b"mac") == b"messagenoncemac"
    assert auth.signed_octets(b"message", b"nonce", b"mac", b"intauth") == b"messagenoncemacintauth"


def test_maced_id():
    assert auth.maced_id(6, b"sk_p", b"\x02\0\0\0gw") == hmac.new(b"sk_p", b"\x02\0\0\0gw", "sha384").digest()


@pytest.mark.parametrize("prf", [5, "prfsha256"])
def test_psk_auth(prf):
    inner = hmac.new(b"secret", b"Key Pad for IKEv2", "sha256").digest()
    assert auth.psk_auth(prf, b"secret", OCTETS) == hmac.new(inner, OCTETS, "sha256").digest()
    assert auth.eap_auth(prf, b"secret", OCTETS) == auth.psk_auth(prf, b"secret", OCTETS)


def test_prf_names():
    assert [auth.prf_name(number) for number in (5, 6, 7, 2)] == ["prfsha256", "prfsha384", "prfsha512", "prfsha1"]
    with pytest.raises(ValueError, match="unknown PRF 1"):
        auth.prf_name(1)


# --- the table ---

@pytest.mark.parametrize(("name", "identifier"), [
    ("rsa-pkcs1-sha256", "300d06092a864886f70d01010b0500"),
    ("rsa-pkcs1-sha384", "300d06092a864886f70d01010c0500"),
    ("rsa-pkcs1-sha512", "300d06092a864886f70d01010d0500"),
    ("ecdsa-sha256", "300a06082a8648ce3d040302"),
    ("ecdsa-sha384", "300a06082a8648ce3d040303"),
    ("ecdsa-sha512", "300a06082a8648ce3d040304"),
    ("ed25519", "300506032b6570"),
    ("ed448", "300506032b6571"),
])
def test_identifiers_of_rfc_7427_appendix_a(name, identifier):
    assert auth.SIGNATURES[name].algorithm.hex() == identifier


@pytest.mark.parametrize(("name", "algorithm"), [
    ("rsa-pss-sha256", hashes.SHA256()), ("rsa-pss-sha384", hashes.SHA384()), ("rsa-pss-sha512", hashes.SHA512())])
def test_identifiers_of_pss_are_those_of_certificates(name, algorithm):
    """The library writes the same AlgorithmIdentifier (RFC 4055) into a certificate that it signs with PSS."""
    subject = x509.Name([])
    now = datetime(2030, 1, 1, tzinfo=UTC)
    certificate = x509.CertificateBuilder(
        subject, subject, RSA.public_key(), 1, now, now + timedelta(days=1),
    ).sign(RSA, algorithm, rsa_padding=padding.PSS(padding.MGF1(algorithm), algorithm.digest_size))
    tbs = Reader(certificate.tbs_certificate_bytes)
    tbs = Reader(der.read_tag(tbs, der.SEQUENCE))
    der.read(tbs)       # version
    der.read(tbs)       # serial number
    assert der.write(der.SEQUENCE, der.read_tag(tbs, der.SEQUENCE)) == auth.SIGNATURES[name].algorithm
    assert certificate.public_bytes(Encoding.DER).count(auth.SIGNATURES[name].algorithm) == 2


def test_names_are_keys():
    assert all(row.name == name for name, row in auth.SIGNATURES.items())
    assert {row.method for row in auth.SIGNATURES.values()} == {1, 9, 10, 11, 14}
    assert all(bool(row.algorithm) is (row.method == 14) is bool(row.hash_id) for row in auth.SIGNATURES.values())


# --- choosing ---

@pytest.mark.parametrize(("key", "hashes_of_peer", "expected"), [
    ("rsa", ALL, "rsa-pkcs1-sha512"),
    ("rsa", frozenset({HashAlgorithm.SHA2_512}), "rsa-pkcs1-sha512"),
    ("rsa", None, "rsa-sha1"),
    ("rsa", frozenset({HashAlgorithm.SHA1}), "rsa-sha1"),
    ("p256", ALL, "ecdsa-sha256"),
    ("p384", ALL, "ecdsa-sha384"),
    ("p384", frozenset({HashAlgorithm.SHA2_256}), "ecdsa-sha256"),
    ("p521", frozenset(), "ecdsa-521"),
    ("p256", None, "ecdsa-256"),
    ("ed25519", ALL, "ed25519"),
    ("ed25519", SHA2, None),
    ("ed448", ALL, "ed448"),
    ("ed448", SHA2, None),
    ("ed25519", None, None),
])
def test_the_algorithm_is_one_that_the_peer_takes(key, hashes_of_peer, expected):
    assert auth.choose_signature(auth.signatures_for(KEYS[key].public_key()), hashes_of_peer) == expected


def test_the_order_is_that_of_the_caller():
    assert auth.choose_signature(("rsa-pss-sha512", "rsa-pkcs1-sha256"), ALL) == "rsa-pss-sha512"
    assert auth.choose_signature(("falcon-512", "ecdsa-256"), ALL) == "ecdsa-256"
    assert auth.choose_signature((), ALL) is None


def test_keys_that_ike_has_no_use_for():
    weak = rsa.generate_private_key(65537, 1024)
    other = ec.generate_private_key(ec.SECP256K1())
    for key in (weak, other):
        assert auth.signatures_for(key.public_key()) == ()
        with pytest.raises(MisuseError):
            auth.sign(key, "rsa-pkcs1-sha256", OCTETS)
    assert auth.signatures_for(object()) == ()
    with pytest.raises(MisuseError):
        auth.sign(KEYS["p256"], "ecdsa-384", OCTETS)


# --- signing and verifying ---

@pytest.mark.parametrize(("key", "name"), PAIRS)
def test_what_is_signed_is_verified(key, name):
    method, data = signed(key, name)
    assert method == auth.SIGNATURES[name].method
    auth.verify_signature(KEYS[key].public_key(), method, data, OCTETS)


@pytest.mark.parametrize(("key", "name"), PAIRS)
def test_other_octets_keys_and_signatures_are_refused(key, name):
    method, data = signed(key, name)
    public = KEYS[key].public_key()
    for wrong in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data + b"\0", b"", data[:1], data[:20]):
        with pytest.raises(auth.SignatureError):
            auth.verify_signature(public, method, wrong, OCTETS)
    with pytest.raises(auth.SignatureError):
        auth.verify_signature(public, method, data, OCTETS + b"!")
    for other in {*KEYS} - {key}:
        with pytest.raises(auth.SignatureError):
            auth.verify_signature(KEYS[other].public_key(), method, data, OCTETS)


def test_raw_ecdsa_signatures_are_r_and_s():
    """RFC 4754 §7: each padded to the length of the order."""
    for key, name, length in (("p256", "ecdsa-256", 64), ("p384", "ecdsa-384", 96), ("p521", "ecdsa-521", 132)):
        assert {len(auth.sign(KEYS[key], name, bytes([i]))) for i in range(20)} == {length}


@pytest.mark.parametrize("method", [0, AuthMethod.SHARED_KEY, 3, 12, 13, 201])
def test_other_methods_are_no_signatures(method):
    with pytest.raises(auth.SignatureError, match="no signature"):
        auth.verify_signature(RSA.public_key(), method, bytes(256), OCTETS)


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_method_1_does_not_say_its_hash(algorithm):
    """RFC 7296 §3.8: whether it was SHA-1 is found out, for who wants to know."""
    signature = RSA.sign(OCTETS, padding.PKCS1v15(), algorithm)
    with_sha1 = auth.verify_signature(RSA.public_key(), AuthMethod.RSA_SIGNATURE, signature, OCTETS)
    assert with_sha1 == isinstance(algorithm, hashes.SHA1)


def test_weak_rsa_keys_are_refused():
    weak = rsa.generate_private_key(65537, 1024)
    signature = weak.sign(OCTETS, padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(auth.SignatureError, match="1024 bits"):
        auth.verify_signature(weak.public_key(), AuthMethod.RSA_SIGNATURE, signature, OCTETS)


def test_sha1_is_refused_in_method_14():
    identifier = bytes.fromhex("300d06092a864886f70d0101050500")
    signature = RSA.sign(OCTETS, padding.PKCS1v15(), hashes.SHA1())
    with pytest.raises(auth.SignatureError, match=r"1\.2\.840\.113549\.1\.1\.5"):
        auth.verify_signature(RSA.public_key(), 14, digital(identifier, signature), OCTETS)


def test_rsa_identifiers_without_null_are_taken():
    identifier = bytes.fromhex("300b06092a864886f70d01010b")
    signature = RSA.sign(OCTETS, padding.PKCS1v15(), hashes.SHA256())
    auth.verify_signature(RSA.public_key(), 14, digital(identifier, signature), OCTETS)


# --- PSS parameters ---

SHA256_ID = der.write(der.SEQUENCE, der.write_oid("2.16.840.1.101.3.4.2.1"), der.write(der.NULL))
SHA256_BARE = der.write(der.SEQUENCE, der.write_oid("2.16.840.1.101.3.4.2.1"))
SHA384_ID = der.write(der.SEQUENCE, der.write_oid("2.16.840.1.101.3.4.2.2"), der.write(der.NULL))
SHA1_ID = der.write(der.SEQUENCE, der.write_oid("1.3.14.3.2.26"), der.write(der.NULL))


def mgf1(hash_id):
    return der.write(der.SEQUENCE, der.write_oid("1.2.840.113549.1.1.8"), hash_id)


def pss(hash_id=SHA256_ID, mask=None, salt=32, trailer=None):
    fields = [der.write(der.context(0), hash_id)] if hash_id else []
    fields.append(der.write(der.context(1), mask or mgf1(SHA256_ID)))
    if salt is not None:
        fields.append(der.write(der.context(2), der.write(der.INTEGER, salt.to_bytes(2 if salt > 127 else 1, "big"))))
    if trailer is not None:
        fields.append(der.write(der.context(3), der.write(der.INTEGER, bytes([trailer]))))
    return der.write(der.SEQUENCE, der.write_oid("1.2.840.113549.1.1.10"), der.write(der.SEQUENCE, *fields))


def pss_data(identifier, salt):
    return digital(identifier, RSA.sign(OCTETS, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256()))


@pytest.mark.parametrize(("identifier", "salt"), [
    (pss(), 32), (pss(SHA256_BARE, mgf1(SHA256_BARE)), 32), (pss(salt=0), 0), (pss(salt=64), 64), (pss(salt=200), 200),
    (pss(trailer=1), 32), (pss(salt=None), 20)])
def test_pss_parameters_are_those_of_the_peer(identifier, salt):
    auth.verify_signature(RSA.public_key(), 14, pss_data(identifier, salt), OCTETS)


@pytest.mark.parametrize("identifier", [
    pss(salt=31), pss(salt=255), pss(salt=300), pss(trailer=2), pss(SHA1_ID), pss(SHA384_ID), pss(b""),
    pss(mask=mgf1(SHA384_ID)), pss(mask=mgf1(SHA1_ID)), pss(mask=SHA256_ID), pss()[:-1], pss() + b"\0",
    der.write(der.SEQUENCE, der.write_oid("1.2.840.113549.1.1.10")),    # all defaults, so SHA-1
])
def test_other_pss_parameters_are_refused(identifier):
    with pytest.raises(auth.SignatureError):
        auth.verify_signature(RSA.public_key(), 14, pss_data(identifier, 32), OCTETS)


# --- hostile data ---

@quick
@given(st.sampled_from([*AuthMethod, 99]), st.binary(max_size=300))
def test_random_auth_data_is_refused(method, data):
    for key in KEYS.values():
        with pytest.raises(auth.SignatureError):
            auth.verify_signature(key.public_key(), method, data, OCTETS)


@quick
@given(st.sampled_from(PAIRS).filter(lambda pair: auth.SIGNATURES[pair[1]].method == 14), st.data())
def test_damaged_identifiers_are_refused(pair, data):
    key, name = pair
    _, payload = signed(key, name)
    length = len(auth.SIGNATURES[name].algorithm)
    at = data.draw(st.integers(0, length))
    changed = payload[:at] + bytes([payload[at] ^ data.draw(st.integers(1, 255))]) + payload[at + 1:]
    with pytest.raises(auth.SignatureError):
        auth.verify_signature(KEYS[key].public_key(), 14, changed, OCTETS)
