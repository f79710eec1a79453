"""TLS in EAP packets (RFC 5216 §3): flags, lengths, fragments; hostile ones too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.eap.framing import MAX_FRAGMENT, MAX_MESSAGE, Framing, Message, Start
from client.core.eap.packet import EapError
from client.model.cause import Cause


def started(versioned: bool = True) -> Framing:
    framing = Framing(versioned)
    assert framing.receive(b"\x20") == Start()
    return framing


def refused(framing: Framing, data: bytes) -> None:
    with pytest.raises(EapError) as error:
        framing.receive(data)
    assert error.value.cause is Cause.PROTOCOL_ERROR


def test_a_message_with_and_without_its_length() -> None:
    assert started().receive(b"\0abc") == Message(b"abc")
    assert started().receive(b"\x80\0\0\0\3abc") == Message(b"abc")
    assert started().receive(b"\0") == Message(b"")


def test_fragments_are_acknowledged_and_put_together() -> None:
    framing = started()
    assert framing.receive(b"\xc0\0\0\0\6ab") is None
    assert framing.next() == b"\0"
    assert framing.receive(b"\x40cd") is None
    assert framing.receive(b"\0ef") == Message(b"abcdef")
    assert framing.receive(b"\0next") == Message(b"next")


def test_a_server_that_says_the_length_in_every_fragment() -> None:
    framing = started()
    assert framing.receive(b"\xc0\0\0\0\4ab") is None
    assert framing.receive(b"\x80\0\0\0\4cd") == Message(b"abcd")


@given(st.binary(min_size=0, max_size=5 * MAX_FRAGMENT))
def test_what_one_sends_the_other_receives(octets: bytes) -> None:
    sender, receiver = started(), started()
    data = sender.send(octets)
    while (got := receiver.receive(data)) is None:
        assert len(data) <= 5 + MAX_FRAGMENT
        assert sender.receive(receiver.next()) is None
        data = sender.next()
    assert got == Message(octets)
    assert not sender.sending


@pytest.mark.parametrize("data", [b"", b"\0abc", b"\x80\0\0\0\3abc", b"\xa0\0\0\0\0", b"\x60", b"\x20x"])
def test_nothing_before_an_empty_start(data: bytes) -> None:
    refused(Framing(True), data)


@pytest.mark.parametrize("data", [
    b"\x20", b"\x80\0\0\0", b"\x80\0\0\0\4abc", b"\x80\0\0\0\2abc", b"\x40abc", b"\xc0\0\0\0\3", b"\xc0\0\0\0\2abc",
    b"\xc0" + (MAX_MESSAGE + 1).to_bytes(4, "big") + b"a", b"\x80\xff\xff\xff\xffabc", b"\x01abc", b"\x07"])
def test_what_no_message_may_be(data: bytes) -> None:
    refused(started(), data)


@pytest.mark.parametrize("data", [b"\x80\0\0\0\7cdef", b"\x40cdefg", b"\0cdefg", b"\0cde", b"\x20", b"\x40"])
def test_what_may_not_follow_a_fragment(data: bytes) -> None:
    framing = started()
    framing.receive(b"\xc0\0\0\0\6ab")
    refused(framing, data)


def test_a_length_cannot_come_late() -> None:
    framing = started()
    refused(framing, b"\x40ab")


@pytest.mark.parametrize("data", [b"\0x", b"\x80\0\0\0\0", b"\x40", b"\x20"])
def test_an_acknowledgement_is_empty(data: bytes) -> None:
    framing = started()
    framing.send(bytes(2 * MAX_FRAGMENT))
    refused(framing, data)


def test_versions() -> None:
    """A higher one is offered at the start and answered with ours; later it is ours or wrong. EAP-TLS has none."""
    framing = Framing(True)
    assert framing.receive(b"\x21") == Start()
    assert framing.send(b"x") == b"\0x"
    refused(framing, b"\x01x")
    assert started(versioned=False).receive(b"\x07x") == Message(b"x")


def test_memory_is_bounded_without_a_length() -> None:
    framing = started()
    refused(framing, b"\0" + bytes(MAX_MESSAGE + 1))
