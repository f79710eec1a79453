"""RFC 9329 §4, §5: lengths count themselves, 0 and 1 are fatal, everything else is a message, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.datapath.framing import MAX_FRAME, FrameReader, StreamError, frame_header, frames


def read(reader: FrameReader, data: bytes) -> list[bytes]:
    return [bytes(message) for message in reader.feed(data)]


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.lists(st.integers(1, 50), min_size=1))
def test_messages_come_as_they_were_sent_whatever_the_cuts(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame_header(len(message)) + message for message in messages)
    reader, got, at = FrameReader(), [], 0
    for step in cuts * (len(stream) + 1):
        got += read(reader, stream[at : at + step])
        at += step
        if at >= len(stream):
            break
    assert got == messages
    assert len(reader) == 0


def test_the_length_counts_itself() -> None:
    assert frame_header(1) == b"\x00\x03"
    assert frames([b"ab", b"c", b"", b"d"]) == [b"\x00\x05", b"ab", b"c", b"\x00\x03", b"", b"d"]


@pytest.mark.parametrize("length", [0, -1, MAX_FRAME + 1])
def test_what_no_frame_holds(length: int) -> None:
    with pytest.raises(ValueError, match="octets"):
        frame_header(length)


@pytest.mark.parametrize("length", [0, 1])
def test_a_length_below_two_is_fatal_and_what_came_before_counts(length: int) -> None:
    """RFC 9329 §4: the receiver closes the connection."""
    got: list[bytes] = []
    with pytest.raises(StreamError):
        got.extend(bytes(message) for message in FrameReader().feed(b"\x00\x03a\x00" + bytes((length,)) + b"rest"))
    assert got == [b"a"]


def test_an_empty_frame_says_nothing() -> None:
    assert read(FrameReader(), b"\x00\x02\x00\x03a") == [b"a"]


def test_the_largest_frame_is_waited_for_and_no_more_than_that_is_kept() -> None:
    reader = FrameReader()
    assert read(reader, b"\xff\xff" + bytes(MAX_FRAME - 1)) == []
    assert len(reader) == 0xFFFE
    assert read(reader, b"x\x00\x03y") == [bytes(MAX_FRAME - 1) + b"x", b"y"]
