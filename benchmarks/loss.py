"""``python -m benchmarks.loss [SEEDS]``: how long a connect takes while 30 % of the packets are lost each way."""

import statistics
import sys
from dataclasses import dataclass

from tests.interop.rovetest import connect_through_loss, imported
from tests.lab.lab import Lab

CONNECTIONS = ("psk", "mschap")
TIMEOUT = 30.0
PERMILLE = 300


@dataclass(frozen=True)
class Run:
    connection: str
    seed: int
    code: int        # rove's exit code
    elapsed: float   # s, from starting rove to its end


def run(lab: Lab, seeds: range) -> list[Run]:
    """One run per seed, the ways to log in by turns. ``lab`` has a relay and a running gateway."""
    for connection in CONNECTIONS:
        imported(lab, connection)
    runs = []
    for seed in seeds:
        connection = CONNECTIONS[seed % len(CONNECTIONS)]
        done = connect_through_loss(lab, connection, seed, PERMILLE, TIMEOUT)
        runs.append(Run(connection, seed, done.returncode, done.elapsed))
    return runs


def main(count: int) -> int:
    with Lab("rvloss", relay=True) as lab:
        lab.gateway.start()
        runs = run(lab, range(count))
    for one in runs:
        print(f"seed {one.seed:3}  {one.connection:7}  exit {one.code}  {one.elapsed:6.2f} s")
    good = [one.elapsed for one in runs if one.code == 0]
    print(f"{len(good)} of {count} connected within {TIMEOUT:g} s at {PERMILLE / 10:g} % loss each way"
          + (f"; median {statistics.median(good):.2f} s, worst {max(good):.2f} s" if good else ""))
    return 0 if len(good) == count else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
