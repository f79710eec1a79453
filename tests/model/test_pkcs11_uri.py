"""PKCS#11 URIs (RFC 7512): what they mean, that they come back as they were, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.pkcs11_uri import MAX_URI, MAX_VALUE, TYPES, Pkcs11Uri, UriError, is_pkcs11_uri, parse_pkcs11_uri


@pytest.mark.parametrize(("text", "meaning"), [      # the first five are RFC 7512 §3's
    ("pkcs11:", Pkcs11Uri()),
    ("pkcs11:object=my-pubkey;type=public", Pkcs11Uri(object="my-pubkey", type="public")),
    ("pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;"
     "object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial=",
     Pkcs11Uri(token="The Software PKCS#11 Softtoken", manufacturer="Snake Oil, Inc.", model="1.0",
               object="my-certificate", type="cert", id=bytes.fromhex("69953e5cf4bdec91"), serial="")),
    ("pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;library-description=Soft%20Token%20Library;library-version=1.23",
     Pkcs11Uri(library_manufacturer="Snake Oil, Inc.", library_description="Soft Token Library",
               library_version="1.23")),
    ("pkcs11:slot-description=Sun%20Metaslot;slot-id=327", Pkcs11Uri(slot_description="Sun Metaslot", slot_id=327)),
    ("PKCS11:token=a;id=%01?module-path=/usr/lib/x.so", Pkcs11Uri(token="a", id=b"\1", module_path="/usr/lib/x.so")),
    ("pkcs11:?module-name=opensc", Pkcs11Uri(module_name="opensc")),
    ("pkcs11:id=abc", Pkcs11Uri(id=b"abc")),
    ("pkcs11:token=%C3%A9l%C3%A8ve&co", Pkcs11Uri(token="élève&co")),
])
def test_meaning(text: str, meaning: Pkcs11Uri) -> None:
    assert parse_pkcs11_uri(text) == meaning
    assert parse_pkcs11_uri(str(meaning)) == meaning


@pytest.mark.parametrize(("text", "why"), [
    ("pkcs11:token=a?pin-value=1234", "never written down"),
    ("pkcs11:token=a?pin-source=file:/etc/pin", "never written down"),
    ("pkcs11:token=a;pin-value=1234", "never written down"),
    ("pkcs11:token=a;token=b", "twice"), ("pkcs11:x-vendor=a", "no attribute"), ("pkcs11:tokens=a", "no attribute"),
    ("pkcs11:token", "no attribute"), ("pkcs11:token=a;", "no attribute"), ("pkcs11:?", "no attribute"),
    ("pkcs11:module-path=/x", "no attribute"), ("pkcs11:?token=a", "no attribute"),
    ("pkcs11:token=a b", "%XX"), ("pkcs11:token=%zz", "%XX"), ("pkcs11:token=%4", "%XX"), ("pkcs11:token=é", "%XX"),
    ("pkcs11:token=a/b", "%XX"), ("pkcs11:token=%FF", "UTF-8"), ("pkcs11:token=%1B", "shown"),
    ("pkcs11:token=%E2%80%AE", "shown"), ("pkcs11:type=key", "type must"), ("pkcs11:slot-id=x", "number"),
    ("pkcs11:slot-id=99999999999999999999", "number"), ("pkcs11:library-version=1.2.3", "number"),
    ("pkcs11:?module-path=x.so", "absolute"), ("pkcs11:?module-name=../x", "a name"),
    ("pkcs11:object=" + "a" * (MAX_VALUE + 1), "longer"), ("pkcs11:object=" + "a" * MAX_URI, "at most"),
    ("alice.p12", "begins with"), ("", "begins with"),
])
def test_refused(text: str, why: str) -> None:
    with pytest.raises(UriError, match=why):
        parse_pkcs11_uri(text)


def test_a_refused_pin_is_not_repeated() -> None:
    with pytest.raises(UriError) as error:
        parse_pkcs11_uri("pkcs11:token=a?pin-value=8675309")
    assert "8675309" not in str(error.value)


TEXT = st.text(st.characters(exclude_categories=("C", "Z")), max_size=20)


@given(st.builds(Pkcs11Uri, token=st.none() | TEXT, serial=st.none() | TEXT, object=st.none() | TEXT,
                 type=st.none() | st.sampled_from(TYPES), id=st.none() | st.binary(max_size=64),
                 slot_id=st.none() | st.integers(0, 2**64 - 1), module_path=st.none() | TEXT.map("/".__add__)))
def test_it_comes_back_as_it_was(uri: Pkcs11Uri) -> None:
    assert is_pkcs11_uri(str(uri))
    assert parse_pkcs11_uri(str(uri)) == uri


@given(st.text(max_size=200))
def test_any_text_is_a_uri_or_an_error(text: str) -> None:
    for candidate in (text, "pkcs11:" + text):
        try:
            uri = parse_pkcs11_uri(candidate)
        except UriError:
            continue
        assert parse_pkcs11_uri(str(uri)) == uri
