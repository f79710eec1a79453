"""The small DER reader: exact, bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.ikev2 import der
from client.core.ikev2.errors import InvalidSyntax
from client.core.ikev2.wire import Reader
from tests.ikev2.strategies import quick


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65535])
def test_lengths_round_trip(length):
    reader = Reader(der.write(der.SEQUENCE, bytes(length)))
    assert der.read(reader) == (der.SEQUENCE, bytes(length))
    reader.expect_end()


@pytest.mark.parametrize("data", [
    "", "30", "3005", "3080", "308100", "30817f" + "00" * 127, "3082007f" + "00" * 127, "3083010000", "30ff"])
def test_other_lengths_are_not_der(data):
    with pytest.raises(InvalidSyntax):
        der.read(Reader(bytes.fromhex(data)))


@pytest.mark.parametrize(("dotted", "encoded"), [
    ("1.2.840.113549.1.1.11", "06092a864886f70d01010b"), ("2.5.4.3", "0603550403"), ("2.999.3", "0603883703"),
    ("0.9.2342.19200300.100.1.25", "060a0992268993f22c640119")])
def test_object_identifiers(dotted, encoded):
    assert der.write_oid(dotted).hex() == encoded
    assert der.oid_text(bytes.fromhex(encoded)[2:]) == dotted


@pytest.mark.parametrize("contents", [b"", b"\x80", b"\x2a\x86", b"\x2a" * 65])
def test_object_identifiers_that_do_not_end(contents):
    with pytest.raises(InvalidSyntax):
        der.oid_text(contents)


def test_another_tag_is_named():
    with pytest.raises(InvalidSyntax, match="0x5 in the place of 0x30"):
        der.read_tag(Reader(b"\x05\0"), der.SEQUENCE)


@quick
@given(st.binary(max_size=300))
def test_random_octets_are_der_or_a_named_error(data):
    reader = Reader(data)
    try:
        tag, contents = der.read(reader)
    except InvalidSyntax:
        return
    assert data.startswith(der.write(tag, contents))
