"""Fuzzes every target for a time, two side by side: ``python -m tests.fuzz.run --seconds 600 [TARGET…]``.

Prints what each did. Exits with 1 when one crashed; the input is kept, and the command that shows it again printed.
"""

import argparse
import importlib
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.seeds import CORPUS
from tests.fuzz.targets import NAMES

WORK = Path("build/fuzz")       # what was found: <target>/corpus, log, dictionary, crash-…
ROW = "{:<12} {:>10} {:>8} {:>7} {:>9} {:>9} {:>9} {:>9} {:>8}"
_STATUS = re.compile(rb"cov: (\d+) ft: (\d+) corp: (\d+)/")
_FINAL = re.compile(rb"stat::(\w+):\s+(\d+)")


@dataclass(frozen=True)
class Outcome:
    target: str
    executions: int
    seconds: float
    coverage: int
    features: int
    corpus: int
    rss: int
    crashes: tuple[Path, ...]
    problem: str        # empty when it ran its time without one

    @property
    def row(self) -> str:
        rate = self.executions / self.seconds if self.seconds else 0
        return ROW.format(self.target, self.executions, f"{rate:.0f}", f"{self.seconds:.0f}", self.coverage,
                          self.features, self.corpus, self.rss, len(self.crashes))


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz.run", description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--jobs", type=int, default=2, help="targets side by side (default: 2)")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(NAMES):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    _check_runner()
    print(ROW.format("target", "executions", "exec/s", "seconds", "coverage", "features", "corpus", "RSS MiB",
                     "crashes"), flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = []
        for outcome in pool.map(lambda name: fuzz(name, options.seconds), options.targets or NAMES):
            print(outcome.row, flush=True)
            outcomes.append(outcome)
    bad = [outcome for outcome in outcomes if outcome.problem]
    for outcome in bad:
        print(f"\n{outcome.target}: {outcome.problem}")
        for crash in outcome.crashes:
            print(f"  again: {_command(outcome.target, str(crash))}")
    return 1 if bad else 0


def fuzz(name: str, seconds: int) -> Outcome:
    folder = WORK / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    before = set(_crashes(folder))
    options = [str(corpus), str(CORPUS / name), f"-max_total_time={seconds}", f"-artifact_prefix={folder}/"]
    if (words := _dictionary(name)) is not None:
        (folder / "dictionary").write_text(words)
        options.append(f"-dict={folder}/dictionary")
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        code = subprocess.run([sys.executable, "-m", "tests.fuzz.child", name, *options], stdout=log, stderr=log,
                              check=False).returncode
    taken = time.monotonic() - began
    output = (folder / "log").read_bytes()
    final = {key.decode(): int(value) for key, value in _FINAL.findall(output)}
    coverage, features, size = map(int, (_STATUS.findall(output) or [(0, 0, 0)])[-1])
    crashes = tuple(sorted(set(_crashes(folder)) - before))
    executions = final.get("number_of_executed_units", 0)
    problem = ""
    if code:
        problem = f"exit {code}; the end of {folder}/log:\n{_end(output)}"
    elif not executions:
        problem = f"did not run; see {folder}/log"
    return Outcome(name, executions, taken, coverage, features, size, final.get("peak_rss_mb", 0), crashes, problem)


def _check_runner() -> None:
    """The planted faults are found: an exception by fuzzing, a slow input and a large one by running them."""
    folder = WORK / "planted"
    folder.mkdir(parents=True, exist_ok=True)
    for crash in _crashes(folder):
        crash.unlink()
    for name in ("slow", "leak"):
        (folder / name).write_bytes(name.encode())
    commands = [["-runs=2000000", "-max_total_time=30"], [str(folder / "slow")], [str(folder / "leak")]]
    children = [subprocess.Popen([sys.executable, "-m", "tests.fuzz.child", "planted", *command,
                                  f"-artifact_prefix={folder}/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                for command in commands]
    for child, expected in zip(children, (b"planted", b"TooSlow", b"out-of-memory"), strict=True):
        output = child.communicate()[0]
        if child.returncode == 0 or expected not in output:
            raise SystemExit(f"the runner is blind: {expected.decode()} was not found\n{_end(output)}")
    if not _crashes(folder):
        raise SystemExit("the runner is blind: no input was kept")


def _crashes(folder: Path) -> list[Path]:
    return [path for kind in ("crash", "timeout", "oom", "leak") for path in folder.glob(f"{kind}-*")]


def _dictionary(name: str) -> str | None:
    target = importlib.import_module(f"tests.fuzz.targets.{name}")
    if not hasattr(target, "words"):
        return None
    return "".join('"' + "".join(f"\\x{octet:02x}" for octet in word) + '"\n' for word in target.words())


def _command(*arguments: str) -> str:
    return " ".join((".venv/bin/python", "-m", "tests.fuzz.child", *arguments))


def _end(output: bytes) -> str:
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if not line.startswith(("#", "stat::"))]
    return "\n".join(f"  {line}" for line in lines[-40:])


if __name__ == "__main__":
    sys.exit(main())
