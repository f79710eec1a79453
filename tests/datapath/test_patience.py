"""When silence is suspicious. Times are milliseconds here."""

import itertools

import pytest

from client.core.datapath.patience import Patience


class Clock:
    """``at(ms)``: was a suspicion due by then?"""

    def __init__(self, limit: int = 1000) -> None:
        self.patience = Patience()
        self.patience.set_limit(limit * 1_000_000)

    def sent(self, *times: int) -> None:
        for time in times:
            self.patience.sent(time * 1_000_000)

    def suspects(self, time: int) -> bool:
        return self.patience.is_exhausted(time * 1_000_000)


def test_sending_on_and_on_without_an_answer():
    clock = Clock()
    clock.sent(*range(10, 1000, 10))
    assert not clock.suspects(1009)
    assert clock.suspects(1010)


def test_an_answer_ends_it():
    clock = Clock()
    clock.sent(10, 500)
    clock.patience.answered()
    clock.sent(600)
    assert not clock.suspects(1599)
    assert clock.patience.deadline == 1_600_000_000


def test_the_last_word_of_a_conversation_is_not_suspicious():
    """An acknowledgement, and its likes just after it; then nothing is due either."""
    clock = Clock()
    clock.sent(10, 20, 140)
    assert not clock.suspects(1010)
    assert clock.patience.deadline == 0


def test_a_second_one_that_goes_unanswered_is():
    """Whoever sends less often than our patience lasts is heard too."""
    clock = Clock()
    for second in range(3):
        clock.sent(5000 * second)
        assert clock.suspects(5000 * second + 2000) is (second > 0)


def test_a_far_side_that_is_quiet_is_suspected_ever_more_rarely():
    clock = Clock()
    suspicions = []
    for time in range(0, 300_000, 10):
        clock.sent(time)
        if clock.suspects(time):
            suspicions.append(time)
    gaps = [later - earlier for earlier, later in itertools.pairwise(suspicions)]
    assert suspicions[0] == 1000
    assert gaps[:4] == [2010, 4010, 8010, 16010]
    assert max(gaps) == 64_010


def test_after_an_answer_or_on_another_path_it_begins_anew():
    clock = Clock()
    for begin in (clock.patience.answered, clock.patience.begin_anew):
        clock.sent(0, 900)
        assert clock.suspects(1000)
        begin()
        clock.sent(2000)
        assert not clock.suspects(3000)
        begin()


@pytest.mark.parametrize("again", [0, 1000])
def test_without_a_limit_it_lasts_for_ever(again: int):
    clock = Clock(0)
    clock.sent(10, 1000)
    assert clock.patience.deadline == 0
    clock.patience.set_limit(again)
    assert not clock.suspects(10**9)
