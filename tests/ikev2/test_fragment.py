"""Reassembly (RFC 7383 §2.6): consistent, bounded."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.ikev2.fragment import MAX_FRAGMENTS, MAX_MESSAGES, MAX_OCTETS, MessageKey, Reassembly
from tests.ikev2.strategies import quick

KEY = MessageKey(35, True, 1)


def test_every_order_of_three():
    for order in itertools.permutations([(1, 35, b"a"), (2, 0, b"b"), (3, 0, b"c")]):
        reassembly = Reassembly()
        results = [reassembly.add(KEY, number, 3, first, piece) for number, first, piece in order]
        assert results == [None, None, (35, b"abc")]


def test_duplicates_change_nothing():
    reassembly = Reassembly()
    assert reassembly.add(KEY, 1, 2, 35, b"a") is None
    assert reassembly.add(KEY, 1, 2, 36, b"another") is None
    assert reassembly.add(KEY, 2, 2, 0, b"b") == (35, b"ab")


def test_a_larger_total_begins_anew_and_a_smaller_one_is_late():
    reassembly = Reassembly()
    assert reassembly.add(KEY, 1, 2, 35, b"large") is None
    assert reassembly.add(KEY, 2, 3, 0, b"b") is None
    assert reassembly.add(KEY, 2, 2, 0, b"rest") is None
    assert reassembly.add(KEY, 3, 3, 0, b"c") is None
    assert reassembly.add(KEY, 1, 3, 35, b"a") == (35, b"abc")


@pytest.mark.parametrize(("number", "total"), [(0, 2), (3, 2), (1, 0), (0, 0), (1, MAX_FRAGMENTS + 1), (65535, 65535)])
def test_impossible_numbers_are_dropped(number, total):
    reassembly = Reassembly()
    assert reassembly.add(KEY, number, total, 35, b"x") is None
    assert reassembly.add(KEY, 1, 1, 35, b"y") == (35, b"y")


def test_messages_are_kept_apart():
    reassembly = Reassembly()
    other = MessageKey(35, True, 2)
    request = MessageKey(35, False, 1)
    for key, piece in ((KEY, b"1"), (other, b"2"), (request, b"3")):
        assert reassembly.add(key, 1, 2, 35, piece) is None
    assert [reassembly.add(key, 2, 2, 0, b"!") for key in (KEY, other, request)] == [
        (35, b"1!"), (35, b"2!"), (35, b"3!")]


def test_the_size_of_a_message_is_bounded():
    reassembly = Reassembly()
    assert reassembly.add(KEY, 1, 3, 35, bytes(MAX_OCTETS)) is None
    assert reassembly.add(KEY, 2, 3, 0, b"x") is None
    assert reassembly.add(KEY, 3, 3, 0, b"") is None
    assert reassembly.add(KEY, 2, 3, 0, b"") == (35, bytes(MAX_OCTETS))


def test_the_number_of_messages_is_bounded():
    reassembly = Reassembly()
    for i in range(100):
        assert reassembly.add(MessageKey(35, True, i), 1, 2, 35, b"x") is None
    assert len(reassembly._partials) == MAX_MESSAGES
    assert reassembly.add(MessageKey(35, True, 99), 2, 2, 0, b"y") == (35, b"xy")
    assert reassembly.add(MessageKey(35, True, 0), 2, 2, 0, b"y") is None


numbers = st.integers(0, 6)


@quick
@given(st.lists(st.tuples(st.integers(0, 3), numbers, numbers, st.binary(max_size=3)), max_size=60))
def test_whatever_comes_memory_stays_bounded(arrivals):
    reassembly = Reassembly()
    for message_id, number, total, piece in arrivals:
        result = reassembly.add(MessageKey(35, True, message_id), number, total, 35, piece)
        assert result is None or len(result[1]) <= MAX_OCTETS
        for partial in reassembly._partials.values():
            assert partial.octets == sum(map(len, partial.pieces.values()))
            assert len(partial.pieces) < partial.total <= MAX_FRAGMENTS


def test_pieces_are_not_shown():
    reassembly = Reassembly()
    reassembly.add(KEY, 1, 2, 35, b"decrypted")
    assert "decrypted" not in repr(reassembly._partials)
