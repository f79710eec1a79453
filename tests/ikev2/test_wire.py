"""The bounded reader and the numbers."""

import pytest

from client.core.ikev2.constants import ConfigAttribute, ExchangeType, NotifyType, PayloadType
from client.core.ikev2.errors import InvalidSyntax, MisuseError
from client.core.ikev2.wire import Reader, number, u8, u16, u32


def test_reads_numbers_in_network_order():
    reader = Reader(bytes(range(1, 11)))
    assert (reader.u8(), reader.u16(), reader.u32(), reader.remaining) == (1, 0x0203, 0x04050607, 3)
    assert reader.rest() == b"\x08\x09\x0a"
    reader.expect_end()


@pytest.mark.parametrize("read", [Reader.u8, Reader.u16, Reader.u32, lambda r: r.take(1), lambda r: r.take(-1)])
def test_does_not_read_past_the_end(read):
    with pytest.raises(InvalidSyntax):
        read(Reader(b""))


def test_must_end_exactly():
    with pytest.raises(InvalidSyntax, match="2 octets too many"):
        Reader(b"ab").expect_end()


def test_a_restriction_hides_what_follows_and_must_be_used_up():
    reader = Reader(b"abcdef")
    with reader.restrict_to(3):
        assert reader.remaining == 3
        with pytest.raises(InvalidSyntax):
            reader.take(4)
        assert reader.rest() == b"abc"
    assert reader.take(1) == b"d"
    with pytest.raises(InvalidSyntax, match="1 octets too many"), reader.restrict_to(2):
        reader.take(1)


@pytest.mark.parametrize("length", [-1, 7])
def test_a_restriction_cannot_be_wider_than_what_is_there(length):
    with pytest.raises(InvalidSyntax), Reader(b"abcdef").restrict_to(length):
        pass


def test_numbers_that_do_not_fit_are_our_mistake():
    assert (u8(255), u16(256), u32(1)) == (b"\xff", b"\1\0", b"\0\0\0\1")
    for value, octets in ((256, 1), (-1, 1), (1 << 16, 2), (1 << 32, 4)):
        with pytest.raises(MisuseError):
            number(value, octets)


def test_unknown_numbers_survive_and_print_well():
    unknown = NotifyType(40999)
    assert unknown == 40999
    assert unknown == NotifyType(40999)
    assert {unknown: "a"}[40999] == "a"
    assert unknown.name == "NOTIFY_TYPE_40999"
    assert repr(PayloadType(200)) == "<PayloadType.PAYLOAD_TYPE_200: 200>"
    assert ExchangeType(240).name == "EXCHANGE_TYPE_240"
    assert ConfigAttribute(0x7ABC).name == "CONFIG_ATTRIBUTE_31420"


@pytest.mark.parametrize("nonsense", [-1, 1 << 16, "IKE_AUTH", None])
def test_a_registry_has_no_other_values(nonsense):
    with pytest.raises(ValueError, match="is not a valid"):
        NotifyType(nonsense)


def test_errors_are_below_16384():
    assert NotifyType.NO_PROPOSAL_CHOSEN.is_error
    assert NotifyType(16383).is_error
    assert not NotifyType(16384).is_error
    assert not NotifyType.COOKIE.is_error
