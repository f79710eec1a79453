"""A hundred random lives, two simulated hours each; ``python -m tests.sim.table`` runs thousands."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from client.core.ikev2 import answer_child, create_child_sa, rekey_ike
from client.core.ikev2.ike_sa import Context
from client.core.ikev2.informational import DeleteChild
from tests.sim.table import REAL_EVERY, Result, run

RUNS, BATCH = 100, 5


@pytest.mark.parametrize("first", range(0, RUNS, BATCH))
def test_lives_end_in_agreement(first: int) -> None:
    """Both sides rekey both SAs every few minutes; loss, duplication, reordering, corruption, roams."""
    seeds = range(first, first + BATCH)
    results = [run(seed) for seed in seeds]
    assert [f"python -m tests.sim.table --seed {r.seed}: {r.broken}" for r in results if r.broken] == []
    assert sum(result.exchanges for result in results) > 100 * BATCH
    assert [result.seed for result in results if result.real] == [seed for seed in seeds if seed % REAL_EVERY == 0]


def test_a_seed_repeats_its_life() -> None:
    def facts(result: Result) -> tuple[Any, ...]:
        return result.exchanges, result.datagrams, result.checks, result.done
    assert facts(run(7, 0.5)) == facts(run(7, 0.5)) != facts(run(8, 0.5))


def _both_keep_their_child(patch: pytest.MonkeyPatch) -> None:
    accept = create_child_sa.accept_child

    def wrong(*arguments: Any, **keywords: Any) -> Any:
        child = accept(*arguments, **keywords)
        child.lowest_nonce = b"\xff" * 33
        return child
    patch.setattr(create_child_sa, "accept_child", wrong)


def _both_keep_their_ike_sa(patch: pytest.MonkeyPatch) -> None:
    install = rekey_ike.RekeyIke._install

    def wrong(self: rekey_ike.RekeyIke, new: Any, now: float) -> None:
        new.lowest_nonce = b"\xff" * 33
        install(self, new, now)
    patch.setattr(rekey_ike.RekeyIke, "_install", wrong)


def _a_delete_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DeleteChild, "process_response", lambda self, message, now: None)


def _timers_outlive_their_ike_sa(patch: pytest.MonkeyPatch) -> None:
    def wrong(self: Context, sa: Any) -> None:
        self.sas.pop(sa.own_spi, None)
    patch.setattr(Context, "remove_sa", wrong)


def _the_answering_side_forgets_pfs(patch: pytest.MonkeyPatch) -> None:
    make = answer_child.make_child

    def wrong(*arguments: Any, **keywords: Any) -> Any:
        return make(*arguments[:7], (b"", b""), *arguments[8:], **keywords)
    patch.setattr(answer_child, "make_child", wrong)


def _packets_leave_with_what_is_gone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Context, "use_successor", lambda self, sa, old: None)


@pytest.mark.parametrize(("mistake", "noticed"), [
    (_both_keep_their_child, "no timer ends|CHILD_SAs|GATEWAY_CLOSED"),
    (_both_keep_their_ike_sa, "IKE_SAs|DEAD_PEER"),
    (_a_delete_is_forgotten, "CHILD_SAs"),
    (_timers_outlive_their_ike_sa, "without an owner"),
    (_the_answering_side_forgets_pfs, "other keys"),
    (_packets_leave_with_what_is_gone, "SPI that the other side does not have|outbound")])
def test_mistakes_are_noticed(monkeypatch: pytest.MonkeyPatch, mistake: Callable[[pytest.MonkeyPatch], None],
                              noticed: str) -> None:
    """The invariants have teeth: engines with one mistake break them within a few lives."""
    mistake(monkeypatch)
    broken = [run(seed, 1.0).broken for seed in range(1, 7)]
    assert any(re.search(noticed, what) for what in broken), broken
