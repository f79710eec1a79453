"""RFC 4303 §3.4.3: the window slides right, refuses what it has and what is too old."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.esp.packet import MAX_SEQ
from client.core.esp.replay import WINDOW, ReplayWindow

SIZE = 8


@pytest.mark.parametrize(
    ("arrivals", "accepted"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([0], []),                                # no sender uses 0
        ([1, 1], [1]),
        ([3, 1, 2, 2, 1, 3], [3, 1, 2]),          # reordered, then all again
        ([9, 1], [9]),                            # 1 is just outside a window of 8
        ([9, 2], [9, 2]),                         # 2 is just inside
        ([1, 9, 17, 9, 1], [1, 9, 17]),           # the same slot each time
        ([5, 1000, 5, 993, 992], [5, 1000, 993]),  # a jump forgets nothing that it should know
        ([MAX_SEQ, MAX_SEQ, 1, MAX_SEQ - 7], [MAX_SEQ, MAX_SEQ - 7]),
    ],
)
def test_arrivals(arrivals: list[int], accepted: list[int]):
    assert _feed(ReplayWindow(size=SIZE), arrivals) == accepted


def test_asking_changes_nothing():
    """An attacker's forged number must not move the window before the ICV is checked."""
    window = ReplayWindow(size=SIZE)
    assert window.is_new(1_000_000)
    assert window.highest == 0
    assert _feed(window, [1]) == [1]


def test_after_a_restart_everything_up_to_the_stored_number_has_been_seen():
    window = ReplayWindow(100, size=SIZE)
    assert _feed(window, [100, 99, 94, 1, 0]) == []
    assert _feed(window, [102, 101, 102]) == [102, 101]


def test_the_window_is_at_least_what_is_promised():
    assert WINDOW >= 1024
    window = ReplayWindow()
    assert _feed(window, [5000, 5000 - 1023]) == [5000, 5000 - 1023]


def test_a_size_that_is_no_power_of_two_is_our_own_mistake():
    with pytest.raises(ValueError, match="power of two"):
        ReplayWindow(size=1000)


@given(st.lists(st.integers(0, 40), max_size=200), st.integers(0, 20))
def test_as_a_set_would_do_it(arrivals: list[int], start: int):
    window = ReplayWindow(start, size=SIZE)
    seen: set[int] = set()
    highest = start
    for seq in arrivals:
        expected = seq > start and seq > highest - SIZE and seq not in seen
        assert window.is_new(seq) == expected
        if expected:
            window.accept(seq)
            seen.add(seq)
            highest = max(highest, seq)
        assert window.highest == highest


@pytest.mark.parametrize(
    ("highest", "low", "whole"),
    [
        (100, 101, 101),                                          # A2.2 case A, in front of the window
        (100, 100 - SIZE + 1, 100 - SIZE + 1),                    # its lower end
        (100, 100 - SIZE, 0x1_0000_0000 + 100 - SIZE),            # below it: only the next round has such a number
        (0xFFFF_FFFF, 0xFFFF_FFF8, 0xFFFF_FFF8),                  # a window that ends where the lower half does
        (0xFFFF_FFFF, 0, 0x1_0000_0000),
        (0xFFFF_FFFF, 0xFFFF_FFF7, 0x1_FFFF_FFF7),
        (0x3_0000_0002, 0xFFFF_FFFB, 0x2_FFFF_FFFB),              # case B: the window spans the boundary
        (0x3_0000_0002, 0xFFFF_FFFA, 0x3_FFFF_FFFA),
        (0x3_0000_0002, 3, 0x3_0000_0003),
        (2, 0xFFFF_FFFF, -1),                                     # before the first packet: there was none
    ],
)
def test_the_upper_half_is_inferred(highest: int, low: int, whole: int):
    """RFC 4303 appendix A2.2."""
    window = ReplayWindow(highest, size=SIZE)
    assert window.whole(low) == whole
    if whole < 0:
        assert not window.is_new(whole)


@given(st.integers(0, 1 << 40), st.integers(1 - SIZE, (1 << 32) - SIZE))
def test_the_upper_half_is_right_for_whatever_is_less_than_a_round_ahead(highest: int, ahead: int):
    seq = highest + ahead
    assert ReplayWindow(highest, size=SIZE).whole(seq & 0xFFFF_FFFF) == seq


def test_numbers_that_differ_in_the_upper_half_only_are_different():
    window = ReplayWindow(size=SIZE)
    assert _feed(window, [5, 0x1_0000_0005, 5, 0x1_0000_0005]) == [5, 0x1_0000_0005]


def _feed(window: ReplayWindow, arrivals: list[int]) -> list[int]:
    accepted = []
    for seq in arrivals:
        if window.is_new(seq):
            window.accept(seq)
            accepted.append(seq)
    return accepted
