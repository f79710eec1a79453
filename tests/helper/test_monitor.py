"""When a connection is tried again."""

import random

import pytest

from client.core.helper.monitor import BACK_OFF, EAGER, EAGER_WAIT, JITTER, SHORT_ATTEMPT, SILENCE, BackOff
from client.model.cause import Cause, Retry


def back_off(octet: int = 128) -> BackOff:
    return BackOff(lambda n: bytes((octet,)) * n)


@pytest.mark.parametrize("cause", sorted(SILENCE, key=lambda cause: cause.code))
def test_silence_is_looked_into_soon_for_some_minutes_and_then_less_and_less(cause: Cause) -> None:
    waits = back_off()
    now, seen = 100.0, []
    while now < 100 + EAGER:
        seen.append(waits.wait(cause, now))
        assert waits.give_up(now, 60.0) == 60.0
        now += seen[-1] + 20
    assert max(seen) <= EAGER_WAIT * (1 + JITTER)
    later = []
    for _ in range(10):
        later.append(waits.wait(cause, now))
        assert waits.give_up(now, 60.0) == SHORT_ATTEMPT
        assert waits.give_up(now, 8.0) == 8.0
        now += later[-1] + SHORT_ATTEMPT
    assert later == sorted(later)
    assert later[-1] == pytest.approx(BACK_OFF[-1], rel=0.01)


def test_a_gateway_that_refuses_is_left_in_peace_sooner() -> None:
    waits = back_off()
    seen = [waits.wait(Cause.ADDRESS_FAILURE, float(now)) for now in range(8)]
    assert seen == pytest.approx([*BACK_OFF, BACK_OFF[-1]], rel=0.01)


def test_who_was_waited_for_already_is_not_waited_for() -> None:
    waits = back_off()
    assert waits.wait(Cause.DEAD_PEER, 0.0) < 0.3
    assert waits.wait(Cause.DEAD_PEER, 1.0) > 0.5     # once: an SA that dies at once again is another matter
    assert back_off().wait(Cause.GATEWAY_CLOSED, 0.0) > 0.5


def test_it_begins_anew() -> None:
    waits = back_off()
    for now in (0.0, 2 * EAGER, 3 * EAGER):
        waits.wait(Cause.GATEWAY_SILENT, now)
    assert waits.give_up(3 * EAGER, 60.0) == SHORT_ATTEMPT
    waits.begin_anew()
    assert waits.give_up(3 * EAGER, 60.0) == 60.0
    assert waits.wait(Cause.GATEWAY_SILENT, 3 * EAGER) <= EAGER_WAIT * (1 + JITTER)


def test_a_refusal_between_silences_is_no_silence() -> None:
    waits = back_off()
    waits.wait(Cause.GATEWAY_SILENT, 0.0)
    waits.wait(Cause.PROTOCOL_ERROR, EAGER)
    assert waits.give_up(EAGER, 60.0) == 60.0


def test_no_two_clients_come_back_as_one() -> None:
    seeded = random.Random(7)
    seen = {BackOff(seeded.randbytes).wait(Cause.GATEWAY_CLOSED, 0.0) for _ in range(50)}
    assert len(seen) > 20
    assert min(seen) >= 1 - JITTER
    assert max(seen) <= 1 + JITTER


def test_only_what_may_be_retried_counts_as_silence() -> None:
    assert {cause.retry for cause in SILENCE} == {Retry.BACK_OFF}
