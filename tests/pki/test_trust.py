"""verify_gateway: who may be which gateway. One row per fault, and what is accepted beside it."""

import hashlib
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from client.core.ikev2 import auth
from client.core.pki.trust import Accepted, load_trust, trusted_path, verify_gateway
from client.model.cause import Cause, RoveError
from tests.pki.factory import DAY, NOW, Issued, dns, key_usage, make, make_ca

OCTETS = b"octets that the gateway signs"
ROOT = make_ca("Root")
SUB = ROOT.issue("Sub", ca=True)
FQDN, RFC822, IPV4, IPV6, DN, KEY_ID = 2, 3, 1, 5, 9, 11
SIGNATURE = {ec.EllipticCurvePrivateKey: "ecdsa-sha256", rsa.RSAPrivateKey: "rsa-pss-sha256",
             ed448.Ed448PrivateKey: "ed448", ed25519.Ed25519PrivateKey: "ed25519"}


def verify(leaf: Issued, *others: bytes, **changes: Any) -> Accepted:
    name = next(name for kind, name in SIGNATURE.items() if isinstance(leaf.key, kind))
    method, auth_data = auth.auth_payload_data(name, auth.sign(leaf.key, name, OCTETS))
    options = {"id_type": FQDN, "id_data": b"gw.lab.test", "expected": "gw.lab.test", "now": NOW, "method": method,
               "auth_data": auth_data, "octets": OCTETS, "trust": (ROOT.pem,)} | changes
    return verify_gateway((leaf.der, *others), **options)


def refused(leaf: Issued, *others: bytes, **changes: Any) -> RoveError:
    with pytest.raises(RoveError) as error:
        verify(leaf, *others, **changes)
    return error.value


def gateway(issuer: Issued = ROOT, **options: Any) -> Issued:
    return issuer.issue("gw", **{"san": dns("gw.lab.test"), **options})


LEAF = gateway()


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048),
                                 ec.generate_private_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate(),
                                 ed448.Ed448PrivateKey.generate()])
def test_a_right_gateway_is_accepted(key: Any) -> None:
    verify(gateway(key=key))


def test_through_an_intermediate_among_rubbish() -> None:
    verify(gateway(SUB), b"rubbish", ROOT.der, LEAF.der, SUB.der)


def test_trust_may_be_loaded_before() -> None:
    verify(LEAF, trust=load_trust((ROOT.pem,)))


def test_the_path_is_told() -> None:
    leaf = gateway(SUB)
    assert [one.der for one in verify(leaf, SUB.der).path] == [leaf.der, SUB.der, ROOT.der]


# --- pinned ---

ALONE = make("gw", san=dns("gw.lab.test"))


def pinned(*, leaf: Issued = ALONE, trust: Any = "pin") -> Any:
    return load_trust(trust, f"sha256:{hashlib.sha256(leaf.parsed.spki).hexdigest()}")


def test_a_pinned_key_needs_no_authority() -> None:
    assert [one.der for one in verify(ALONE, trust=pinned()).path] == [ALONE.der]
    renewed = make("gw", key=ALONE.key, san=dns("gw.lab.test"), after=NOW + 900 * DAY)    # the same key
    verify(renewed, trust=pinned())
    verify(gateway(make_ca("Unheard-of"), key=ALONE.key), trust=pinned())


def test_another_key_than_the_pinned_one() -> None:
    error = refused(LEAF, ROOT.der, trust=pinned())
    assert error.cause is Cause.GATEWAY_PIN
    assert hashlib.sha256(LEAF.parsed.spki).hexdigest() in error.detail
    assert refused(LEAF, ALONE.der, trust=pinned()).cause is Cause.GATEWAY_PIN  # not as the gateway's


def test_a_pin_replaces_nothing_but_the_authority() -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    def cause(**options: Any) -> Cause:
        leaf = make("gw", key=key, **{"san": dns("gw.lab.test"), **options})
        return refused(leaf, trust=pinned(leaf=leaf)).cause
    assert cause(san=dns("other.lab.test")) is Cause.GATEWAY_WRONG_NAME
    assert cause(before=NOW - 9 * DAY, after=NOW - DAY) is Cause.GATEWAY_EXPIRED
    assert cause(extensions=eku(ExtendedKeyUsageOID.CLIENT_AUTH)) is Cause.GATEWAY_KEY_USAGE
    weak = make("gw", key=rsa.generate_private_key(65537, 1024), san=dns("gw.lab.test"))
    with pytest.raises(RoveError) as error:
        trusted_path([weak.der], pinned(leaf=weak), NOW)
    assert error.value.cause is Cause.GATEWAY_UNTRUSTED
    other = make("gw", san=dns("gw.lab.test"))
    name = "ecdsa-sha256"
    method, by_another = auth.auth_payload_data(name, auth.sign(other.key, name, OCTETS))
    assert refused(ALONE, trust=pinned(), method=method, auth_data=by_another).cause is Cause.GATEWAY_BAD_SIGNATURE


def test_pin_and_authority_must_both_vouch() -> None:
    verify(LEAF, trust=pinned(leaf=LEAF, trust=(ROOT.pem,)))
    assert refused(LEAF, trust=pinned(trust=(ROOT.pem,))).cause is Cause.GATEWAY_PIN
    assert refused(ALONE, trust=pinned(trust=(ROOT.pem,))).cause is Cause.GATEWAY_UNTRUSTED


def test_a_pin_that_is_none() -> None:
    for text in ("sha256:", "sha256:00", "sha1:" + "00" * 32, "00" * 32):
        with pytest.raises(RoveError) as error:
            load_trust("pin", text)
        assert error.value.cause is Cause.BAD_SETTINGS


IP4, IP6 = ip_address("192.0.2.1"), ip_address("2001:db8::1")
NAMES = (*dns("gw.lab.test", "*.wild.test"), x509.RFC822Name("gw@lab.test"), x509.IPAddress(IP4), x509.IPAddress(IP6))
NAMED = gateway(san=NAMES)


@pytest.mark.parametrize(("id_type", "id_data", "expected"), [
    (FQDN, b"gw.lab.test", "gw.lab.test"),
    (FQDN, b"GW.lab.TEST", "gw.Lab.test"),
    (RFC822, b"gw@lab.test", "gw@lab.test"),
    (RFC822, b"gw@LAB.test", "gw@lab.test"),
    (IPV4, IP4.packed, "192.0.2.1"),
    (IPV6, IP6.packed, "2001:db8::1"),
    (DN, NAMED.parsed.subject, "CN=gw,O=Lab"),
    (DN, NAMED.parsed.subject, "O=Lab,CN=gw"),
    (DN, NAMED.parsed.subject, "CN=GW,O=lab"),
    (DN, NAMED.parsed.subject, "asn1dn:O=Lab, CN=gw"),
])
def test_identities_of_every_type(id_type: int, id_data: bytes, expected: str) -> None:
    verify(NAMED, id_type=id_type, id_data=id_data, expected=expected)


@pytest.mark.parametrize(("id_type", "id_data", "expected"), [
    (FQDN, b"other.lab.test", "gw.lab.test"),               # says it is another
    (FQDN, b"other.lab.test", "other.lab.test"),            # as expected, but not in the certificate
    (FQDN, b"gw.wild.test", "gw.wild.test"),                # wildcards are for the web
    (FQDN, b"*.wild.test", "*.wild.test"),
    (FQDN, b"gw", "gw"),                                    # the CN counts for nothing
    (FQDN, b"gw.lab.test\x00", "gw.lab.test"),
    (FQDN, b"gw.lab.test.", "gw.lab.test"),
    (FQDN, b"192.0.2.1", "192.0.2.1"),                      # the right value of the wrong type
    (RFC822, b"gw.lab.test", "gw.lab.test"),
    (FQDN, b"gw@lab.test", "gw@lab.test"),
    (RFC822, b"GW@lab.test", "gw@lab.test"),
    (IPV4, b"\xc0\x00\x02", "192.0.2.1"),
    (IPV4, ip_address("192.0.2.2").packed, "192.0.2.2"),
    (IPV6, IP4.packed, "192.0.2.1"),
    (DN, NAMED.parsed.subject, "CN=other,O=Lab"),
    (DN, NAMED.parsed.subject, "CN=gw"),
    (DN, ROOT.parsed.subject, "CN=Root,O=Lab"),
    (DN, b"", "CN=gw,O=Lab"),
    (DN, b"\x30\x00", "CN=gw,O=Lab"),
    (KEY_ID, b"gw.lab.test", "gw.lab.test"),
    (99, b"gw.lab.test", "gw.lab.test"),
    (FQDN, b"\xff\xfe", "gw.lab.test"),
    (FQDN, b"", "gw.lab.test"),
])
def test_wrong_identities_and_the_names_are_listed(id_type: int, id_data: bytes, expected: str) -> None:
    error = refused(NAMED, id_type=id_type, id_data=id_data, expected=expected)
    assert error.cause is Cause.GATEWAY_WRONG_NAME
    assert "gw.lab.test" in error.detail
    assert "192.0.2.1" in error.detail
    assert error.detail.isprintable()


def test_a_certificate_without_names() -> None:
    assert refused(gateway(san=())).cause is Cause.GATEWAY_WRONG_NAME
    assert len(refused(gateway(san=dns(*(f"n{i}.lab.test" for i in range(500))))).detail) < 5000


@pytest.mark.parametrize("before_after", [(NOW - 9 * DAY, NOW - DAY), (NOW + DAY, NOW + 9 * DAY)])
def test_out_of_time(before_after: tuple[Any, Any]) -> None:
    leaf = gateway(before=before_after[0], after=before_after[1])
    assert refused(leaf).cause is Cause.GATEWAY_EXPIRED


def test_unknown_ca() -> None:
    assert refused(gateway(make_ca("Evil"))).cause is Cause.GATEWAY_UNTRUSTED
    assert refused(LEAF, trust=(make_ca("Else").pem,)).cause is Cause.GATEWAY_UNTRUSTED


def test_no_or_unreadable_certificates() -> None:
    for certificates in ((), (b"",), (b"rubbish", LEAF.der), (b"\x30" * 70000,)):
        with pytest.raises(RoveError) as error:
            verify_gateway(certificates, (ROOT.pem,), FQDN, b"gw.lab.test", "gw.lab.test", NOW, 14, b"", OCTETS)
        assert error.value.cause is Cause.GATEWAY_UNTRUSTED


def test_only_the_first_sixteen_certificates_count() -> None:
    assert refused(gateway(SUB), *[LEAF.der] * 15, SUB.der).cause is Cause.GATEWAY_UNTRUSTED


def eku(*oids: ObjectIdentifier) -> Any:
    return ((x509.ExtendedKeyUsage(oids), False),)


IPSEC_IKE, INTERMEDIATE = ObjectIdentifier("1.3.6.1.5.5.7.3.17"), ObjectIdentifier("1.3.6.1.5.5.8.2.2")


@pytest.mark.parametrize("extensions", [
    ((key_usage(digital_signature=True), True),), ((key_usage(content_commitment=True), True),),
    eku(ExtendedKeyUsageOID.SERVER_AUTH), eku(IPSEC_IKE), eku(INTERMEDIATE),
    eku(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE), eku(ExtendedKeyUsageOID.CLIENT_AUTH, IPSEC_IKE)])
def test_usable_key_usages(extensions: Any) -> None:
    verify(gateway(extensions=extensions))


@pytest.mark.parametrize("extensions", [
    ((key_usage(key_encipherment=True), True),), ((key_usage(key_agreement=True), False),),
    eku(ExtendedKeyUsageOID.CLIENT_AUTH), eku(ExtendedKeyUsageOID.CODE_SIGNING),
    ((key_usage(digital_signature=True), True), *eku(ExtendedKeyUsageOID.CLIENT_AUTH))])
def test_unusable_key_usages(extensions: Any) -> None:
    assert refused(gateway(extensions=extensions)).cause is Cause.GATEWAY_KEY_USAGE


def test_bad_signatures() -> None:
    other = gateway()
    name = "ecdsa-sha256"
    method, by_another = auth.auth_payload_data(name, auth.sign(other.key, name, OCTETS))
    for changes in ({"auth_data": by_another, "method": method}, {"octets": b"others"}, {"auth_data": b""},
                    {"auth_data": b"\x0c"}, {"method": 1}, {"method": 2}, {"method": 0}, {"method": 255}):
        assert refused(LEAF, **changes).cause is Cause.GATEWAY_BAD_SIGNATURE


def test_sha1_in_method_1_is_said_and_may_be_refused() -> None:
    leaf = gateway(key=rsa.generate_private_key(65537, 2048))
    sha1 = {"method": 1, "auth_data": auth.sign(leaf.key, "rsa-sha1", OCTETS)}
    assert verify(leaf, **sha1).sha1
    error = refused(leaf, **sha1, sha1=False)
    assert (error.cause, error.detail) == (Cause.GATEWAY_SHA1, "the AUTH payload is an RSA signature with SHA-1")
    assert not verify(leaf, sha1=False).sha1
    wrong = {"method": 1, "auth_data": auth.sign(leaf.key, "rsa-sha1", b"other octets")}
    assert refused(leaf, **wrong, sha1=False).cause is Cause.GATEWAY_BAD_SIGNATURE


def test_an_impossible_expectation_is_a_wrong_setting_or_a_wrong_name() -> None:
    for expected in ("", "CN=", "@#xyz", "\ud800", "CN=a,,"):
        assert refused(LEAF, expected=expected).cause in (Cause.BAD_SETTINGS, Cause.GATEWAY_WRONG_NAME)


@given(st.integers(0, 255), st.binary(max_size=60), st.integers(0, 255), st.binary(max_size=80))
def test_any_identity_and_auth_payload_end_in_a_named_error(id_type: int, id_data: bytes, method: int,
                                                            auth_data: bytes) -> None:
    assert refused(LEAF, id_type=id_type, id_data=id_data).cause is Cause.GATEWAY_WRONG_NAME
    assert refused(LEAF, method=method, auth_data=auth_data).cause is Cause.GATEWAY_BAD_SIGNATURE


# --- a key that a person may pin ---


def key_of(issued: Issued) -> str:
    spki = issued.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"it has proved to have the key sha256:{hashlib.sha256(spki).hexdigest()}"


def test_what_lacks_trust_alone_names_its_key() -> None:
    stranger = gateway(make_ca("Evil"))
    assert refused(stranger).detail.endswith(key_of(stranger))
    assert refused(stranger, trust=pinned()).detail.endswith(key_of(stranger))


@pytest.mark.parametrize("changes", [
    {"octets": b"others"}, {"expected": "other.lab.test", "id_data": b"other.lab.test"},
    {"now": NOW + 4000 * DAY}], ids=["not proved", "another name", "expired"])
def test_what_lacks_more_names_none(changes: dict[str, Any]) -> None:
    for trust in ((ROOT.pem,), pinned()):
        assert "it has proved" not in refused(gateway(make_ca("Evil")), trust=trust, **changes).detail
