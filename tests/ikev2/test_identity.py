"""Identities: from what people write, and to what may be shown."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from client.core.ikev2.constants import IdType
from client.core.ikev2.identity import MAX_SHOWN, identity_from_text, identity_to_text
from tests.ikev2.strategies import quick

DN = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab"),
                x509.NameAttribute(NameOID.COMMON_NAME, "alice")]).public_bytes()


@pytest.mark.parametrize(("text", "id_type", "data"), [
    ("vpn.lab.test", IdType.FQDN, b"vpn.lab.test"),
    ("@vpn.lab.test", IdType.FQDN, b"vpn.lab.test"),
    ("moon", IdType.FQDN, b"moon"),
    ("fqdn:10.0.0.1", IdType.FQDN, b"10.0.0.1"),
    ("alice@lab.test", IdType.RFC822_ADDR, b"alice@lab.test"),
    ("email:alice", IdType.RFC822_ADDR, b"alice"),
    ("10.0.0.1", IdType.IPV4_ADDR, b"\x0a\0\0\x01"),
    ("ipv4:10.0.0.1", IdType.IPV4_ADDR, b"\x0a\0\0\x01"),
    ("2001:db8::1", IdType.IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001")),
    ("@#0badcafe", IdType.KEY_ID, bytes.fromhex("0badcafe")),
    ("keyid:group 7", IdType.KEY_ID, b"group 7"),
    ("keyid:#00ff", IdType.KEY_ID, b"\0\xff"),
    ("CN=alice, O=Lab, C=CH", IdType.DER_ASN1_DN, DN),
    ("CN=alice,O=Lab,C=CH", IdType.DER_ASN1_DN, DN),
    ("asn1dn:CN=alice,O=Lab,C=CH", IdType.DER_ASN1_DN, DN),
    (f"asn1dn:#{DN.hex()}", IdType.DER_ASN1_DN, DN),
    ("  vpn.lab.test\n", IdType.FQDN, b"vpn.lab.test"),
])
def test_from_text(text, id_type, data):
    assert identity_from_text(text) == (id_type, data)


@pytest.mark.parametrize("text", [
    "", "   ", "@", "@#", "@#xyz", "vpn lab", "büro.test", "CN=", "=", "nonsense=1", "a" * 1025, "ipv4:2001:db8::1",
    "ipv6:10.0.0.1", "asn1dn:#00", "asn1dn:#zz", "keyid:#", "email:", "fqdn:a\0b",
])
def test_from_text_refuses(text):
    with pytest.raises(ValueError, match=r"."):
        identity_from_text(text)


@pytest.mark.parametrize(("id_type", "data", "text"), [
    (IdType.FQDN, b"vpn.lab.test", "vpn.lab.test"),
    (IdType.IPV4_ADDR, b"\x0a\0\0\x01", "10.0.0.1"),
    (IdType.IPV4_ADDR, b"\x0a", "ipv4_addr:#0a"),
    (IdType.IPV6_ADDR, bytes(15) + b"\1", "::1"),
    (IdType.DER_ASN1_DN, DN, "CN=alice,O=Lab,C=CH"),
    (IdType.DER_ASN1_DN, b"\x30\x05", "der_asn1_dn:#3005"),
    (IdType.KEY_ID, b"\0\xff", "@#00ff"),
    (IdType.FQDN, b"a\x1b[31m\r\nb\x7f", "a�[31m��b�"),
    (IdType.FQDN, b"\xff\xfe", "fqdn:#fffe"),
    (99, b"x", "@#78"),
])
def test_to_text(id_type, data, text):
    assert identity_to_text(id_type, data) == text


def test_names_with_commas_are_escaped():
    data = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Doe, John")]).public_bytes()
    assert identity_to_text(IdType.DER_ASN1_DN, data) == r"CN=Doe\, John"
    assert identity_from_text(r"CN=Doe\, John") == (IdType.DER_ASN1_DN, data)


def test_names_with_an_address_in_them():
    data = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alice"),
                      x509.NameAttribute(NameOID.EMAIL_ADDRESS, "alice@lab.test")]).public_bytes()
    assert identity_from_text("E=alice@lab.test, CN=alice") == (IdType.DER_ASN1_DN, data)
    assert identity_to_text(IdType.DER_ASN1_DN, data) == "E=alice@lab.test,CN=alice"


@quick
@given(st.integers(0, 255), st.binary(max_size=2000))
def test_whatever_a_peer_sends_can_be_shown(id_type, data):
    text = identity_to_text(id_type, data)
    assert text.isprintable()
    assert len(text) <= MAX_SHOWN + 1


@quick
@given(st.binary(max_size=len(DN)), st.integers(0, len(DN)))
def test_damaged_names_can_be_shown(noise, at):
    damaged = DN[:at] + noise + DN[at + len(noise):]
    assert identity_to_text(IdType.DER_ASN1_DN, damaged).isprintable()
