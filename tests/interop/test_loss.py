"""Rove connects through 30 % loss each way. ``python -m benchmarks.loss`` makes the 20 runs and prints their times."""

from benchmarks import loss
from tests.lab.lab import Lab

RUNS = 6     # the suite has no more time; the seeds are the first of the benchmark's


def test_connects_through_heavy_loss(lab_relay: Lab) -> None:
    runs = loss.run(lab_relay, range(RUNS))
    assert [one.connection for one in runs if one.code == 0] == ["psk", "mschap"] * (RUNS // 2), runs
