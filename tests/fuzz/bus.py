"""``python -m tests.fuzz.bus --calls 100000``: random calls of every D-Bus method by three users at once.

roved as it is, with its dispatcher, polkit, stores and agents; only tunnels are not built (tests/helper/recording.py).
alice's and bob's sessions are active, carol has none. bob's profile holds a word that nobody else may ever be told.
Root, dbus and polkitd; prints what came back, and exits with 1 when something does not hold.
"""

import argparse
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from client.bus.interface import INTERFACE
from tests.fuzz.bus_calls import call
from tests.helper.world import World, profile

SECRET = "unheard-of.example"     # the gateway of bob's profile
USERS = ("alice", "bob", "carol")
BATCH = 12                        # below roved's limit of calls at the same time
ENDED = "the bus ended the connection"      # it does so with who sends what is no D-Bus message
GROWTH = 32.0                     # MB that roved may take more than after the first tenth


@dataclass
class Outcome:
    calls: int = 0
    seconds: float = 0.0
    errors: dict[str, Counter[str]] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)      # what alice or carol was told of bob's
    faults: list[str] = field(default_factory=list)
    memory: tuple[float, float] = (0.0, 0.0)            # MB, early and at the end


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.bus", description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    world = World()
    try:
        outcome = fuzz(world.up(), options.calls, options.seed)
    finally:
        world.down()
    for name, counts in outcome.errors.items():
        print(f"{name}: " + ", ".join(f"{error or 'answered'} {count}" for error, count in counts.most_common()))
    print(f"{outcome.calls} calls in {outcome.seconds:.0f} s; roved's memory {outcome.memory[0]:.1f} → "
          f"{outcome.memory[1]:.1f} MB; {len(outcome.leaks)} leaks, {len(outcome.faults)} faults")
    for line in [*outcome.leaks, *outcome.faults]:
        print(f"  {line}")
    return 1 if outcome.leaks or outcome.faults else 0


def fuzz(world: World, calls: int, seed: int) -> Outcome:
    """On a world without roved. Everything that does not hold is in the outcome."""
    outcome = Outcome()
    roved = world.roved()
    users = {name: world.user(name) for name in USERS}
    imported = users["bob"].call("ImportProfile", "sb", profile("bobs").replace("vpn.example.org", SECRET), False)
    assert imported == "bobs", imported
    began, early = time.monotonic(), 0.0
    each = -(-calls // len(USERS) // BATCH)
    sources = {name: random.Random(f"{seed} {name}") for name in USERS}
    with ThreadPoolExecutor(len(USERS)) as pool, suppress(KeyboardInterrupt):     # Ctrl-C: judged by what was done
        for number in range(each):
            for name, (counts, leaks) in zip(USERS, pool.map(
                    lambda name: _batch(users[name], name, sources[name]), USERS), strict=True):
                outcome.errors.setdefault(name, Counter()).update(counts)
                outcome.leaks += leaks
                if any(error.startswith(ENDED) for error in counts):
                    users[name].leave()
                    users[name] = world.user(name)
            outcome.calls += BATCH * len(USERS)
            early = early if number > each // 10 else _memory(roved.pid)
            if roved.poll() is not None:
                outcome.faults.append(f"roved ended with {roved.returncode}")
                return outcome
    outcome.seconds = time.monotonic() - began
    outcome.memory = early, _memory(roved.pid)
    _judge(world, users, outcome)
    return outcome


def _judge(world: World, users: dict, outcome: Outcome) -> None:
    if outcome.memory[1] > outcome.memory[0] + GROWTH:
        outcome.faults.append("roved's memory grows")
    if not str(users["alice"].call("ListProfiles")).startswith("["):
        outcome.faults.append("roved does not answer any more")
    log = world.log("roved").decode(errors="replace")
    if "Traceback" in log:
        outcome.faults.append("an exception that nobody expected: " + log[log.index("Traceback"):][:2000])
    for uid in {line["uid"] for line in world.record(what="connect")} - {4721, 4722}:
        outcome.faults.append(f"connected as uid {uid}")


def _batch(user, name: str, source: random.Random) -> tuple[Counter[str], list[str]]:
    orders = [call(source) for _ in range(BATCH)]
    answers = user.ask(op="each", orders=orders)
    if "answers" not in answers:
        return Counter({f"{ENDED} ({answers.get('error')})": BATCH}), []
    counts, leaks = Counter[str](), list[str]()
    for order, (error, body) in zip(orders, answers["answers"], strict=True):
        counts[(error or "").rpartition(".")[2]] += 1
        if name == "carol" and not error and order.get("interface", INTERFACE) == INTERFACE:
            leaks.append(f"carol, who has no session, was answered by {order['member']}: {body[:200]}")
        if name != "bob" and SECRET in body:
            leaks.append(f"{name} by {order['member']}: {body[:200]}")
    return counts, leaks


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
