"""Thousands of random lives of a connection (tests/sim/life.py), on all cores.

    python -m tests.sim.table --runs 2000           seeds 0 to 1999, two simulated hours each; every 40th with real
                                                    cryptography
    python -m tests.sim.table --seed 1234           one of them, with its traceback

A seed that breaks an invariant is printed with it, and makes the exit status 1.
"""

import argparse
import multiprocessing
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.sim.life import Life

HOURS = 2.0
REAL_EVERY = 40         # 50 of 2000


@dataclass(frozen=True)
class Result:
    """Of one seed; ``broken`` is empty when everything held."""

    seed: int
    real: bool
    exchanges: int
    datagrams: int
    checks: int
    cpu: float
    done: Counter[str] = field(default_factory=Counter)
    broken: str = ""
    trace: str = ""


def run(seed: int, hours: float = HOURS) -> Result:
    """One life. Never raises."""
    began = time.process_time()
    real = seed % REAL_EVERY == 0
    life, broken, trace = Life(seed, real=real), "", ""
    try:
        life.run(hours * 3600.0)
    except Exception as error:
        broken, trace = f"at {life.world.now:.3f}: {error!r}", traceback.format_exc()
    return Result(seed, real, life.exchanges, len(life.world.sent), life.invariants.checks,
                  time.process_time() - began, life.done, broken, trace)


def summary(results: Sequence[Result], seconds: float) -> str:
    done = sum((result.done for result in results), Counter[str]())
    broken = [result.seed for result in results if result.broken]
    return (f"{len(results)} runs of {HOURS:g} simulated hours, {sum(r.real for r in results)} with real cryptography: "
            f"{sum(r.exchanges for r in results):,} exchanges, {sum(r.datagrams for r in results):,} datagrams, "
            f"invariants checked {sum(r.checks for r in results):,} times, {seconds:.0f} s "
            f"({sum(r.cpu for r in results):.0f} s of CPU)\n"
            f"{', '.join(f'{count:,} × {what}' for what, count in done.most_common())}\n"
            f"{len(broken)} broken{': ' if broken else ''}{' '.join(map(str, broken))}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.sim.table", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.runs) if options.seed is None else [options.seed]
    began, results = time.monotonic(), []
    with multiprocessing.Pool(options.jobs) as pool:
        for result in pool.imap_unordered(run, seeds):
            results.append(result)
            if result.broken:
                print(f"seed {result.seed} {result.broken}", flush=True)
                print(result.trace if options.seed is not None else "", end="", flush=True)
            if len(results) % 100 == 0:
                print(f"  {len(results)} of {len(seeds)} after {time.monotonic() - began:.0f} s", flush=True)
    print(summary(results, time.monotonic() - began))
    return int(any(result.broken for result in results))


if __name__ == "__main__":
    sys.exit(main())
