"""``make bench-roam``: the table of roaming beside strongSwan's client in the same lab. Root; half an hour."""

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Iterable
from itertools import groupby

import benchmarks.roaming
from benchmarks import blocked, suspend
from benchmarks.roaming import endurance, idle
from benchmarks.roaming.clients import Client, Rove, StrongSwan, healthy
from benchmarks.roaming.row import Row, met, shown
from tests.lab.lab import Lab

NAME = "certec"     # a key without passphrase: nobody is asked, and nobody need be
_HEAD = f"  {'':<48} {'Rove':>12} {'strongSwan':>14}   {'goal':<14} met"


def rows() -> list[Row]:
    """Of every module of this package that has some."""
    found: list[Row] = []
    for module in sorted(pkgutil.iter_modules(benchmarks.roaming.__path__), key=lambda one: one.name):
        if not module.name.startswith("__"):
            found += getattr(importlib.import_module(f"benchmarks.roaming.{module.name}"), "ROWS", ())
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.roaming", description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each row")
    parser.add_argument("--only", default="",
                        help="rows whose name has this in it; also: suspend, blocked, idle, endurance")
    parser.add_argument("--minutes", type=float, default=5.0, help="of random roams under a download")
    parser.add_argument("--alone", action="store_true", help="without strongSwan's client")
    parser.add_argument("--raw", action="store_true", help="every single run, too")
    options = parser.parse_args()
    chosen = [row for row in rows() if options.only in row.name]
    good = True
    print(f"\nHow long nothing passes, medians of {options.runs} runs\n{_HEAD}", flush=True)
    for settings, group in groupby(sorted(chosen, key=lambda row: repr(sorted(row.lab.items()))),
                                   key=lambda row: dict(row.lab)):
        good = _table(settings, list(group), options) and good
    if options.only in ("", "suspend"):
        good = suspend.run(options.runs) and good
    if options.only in ("", "blocked"):
        good = blocked.run(options.runs) and good
    if options.only in ("", "idle"):
        good = idle.run(NAME) and good
    if options.only in ("", "endurance"):
        good = endurance.run(NAME, options.minutes) and good
    print("\nEvery goal is met." if good else "\nNot every goal is met.")
    return 0 if good else 1


def _table(settings: dict[str, object], group: Iterable[Row], options: argparse.Namespace) -> bool:
    good = True
    with Lab("rvbroam", **settings) as lab:  # type: ignore[arg-type] # a row's own options
        lab.gateway.start()
        for row in group:
            runs = min(options.runs, row.runs)
            ours = _runs(Rove(lab, NAME, row.cap), row, runs)
            theirs = _runs(StrongSwan(lab, NAME, row.cap), row, runs) \
                if row.strongswan and not options.alone else []
            yes = met(ours, row)
            good = good and yes
            print(f"  {row.name:<48} {shown(ours, row):>12} {shown(theirs, row):>14}   {row.goal:<14} "
                  f"{'yes' if yes else 'NO'}   (n={len(ours)})", flush=True)
            if options.raw:
                print(f"    {[None if v is None else round(v, 3) for v in ours]} "
                      f"{[None if v is None else round(v, 3) for v in theirs]}", flush=True)
    return good


def _runs(client: Client, row: Row, runs: int) -> list[float | None]:
    """One connection for all of them, unless the client lost it."""
    found: list[float | None] = []
    client.lab.reset()
    client.lab.gateway.start()
    client.connect()
    for _ in range(runs):
        healthy(client.lab)
        if not client.back():       # it did not recover from the last one
            client.disconnect()
            client.connect()
        time.sleep(0.3)
        found.append(row.run(client))
        if len(found) == 3 and found == [None] * 3:
            break                   # it never does
    healthy(client.lab)
    client.disconnect()
    return found


if __name__ == "__main__":
    sys.exit(main())
