"""Reading netlink messages: whatever they are, a result."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from client.core.platform.links import RTM_NEWLINK, parse_link
from client.core.platform.netlink import Message, attribute, attributes, messages, number, text, u32


def test_attributes():
    data = attribute(3, b"rove0\0") + u32(4, 1400) + attribute(1 | 0x8000, b"\1")
    found = attributes(data)
    assert (text(found, 3), number(found, 4), number(found, 1), number(found, 9, 5)) == ("rove0", 1400, 1, 5)
    assert len(attribute(3, b"rove0\0")) == 12


def test_a_length_that_lies_ends_the_list():
    good = u32(1, 7)
    for bad in (struct.pack("=HH", 0, 1), struct.pack("=HH", 3, 1), struct.pack("=HH", 99, 1), b"\x08"):
        assert attributes(good + bad) == {1: struct.pack("=I", 7)}


@given(st.binary(max_size=200))
def test_any_octets(data):
    attributes(data)
    for message, _ in messages(data):
        assert len(message.body) <= len(data)
    link = parse_link(Message(RTM_NEWLINK, 0, data))
    assert link is None or isinstance(link.name, str)
