"""Fuzzes one target, or runs single inputs: ``python -m tests.fuzz.child TARGET [libFuzzer's options] [FILES]``.

Every input has a second of CPU time, and the process 512 MiB. Started by tests.fuzz.run.
"""

import importlib
import signal
import sys
from collections.abc import Callable
from random import Random
from types import FrameType

import atheris

CPU_SECONDS = 1.0
WALL_SECONDS = 30      # for what never comes back to Python; the machine may be busy
RSS_MIB = 512
INSTRUMENTED = ["client", "tomllib"]


class TooSlow(BaseException):
    """One input took more than a second. Not an Exception: nothing may catch it on the way."""


def main() -> None:
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["tests"] if name == "planted" else INSTRUMENTED):
        target = importlib.import_module(f"tests.fuzz.targets.{name}")
    signal.signal(signal.SIGPROF, _too_slow)
    limits = [f"-max_len={target.MAX_LEN}", f"-rss_limit_mb={RSS_MIB}", f"-timeout={WALL_SECONDS}",
              "-print_final_stats=1"]
    keywords = {"custom_mutator": _mutator(target.mutate)} if hasattr(target, "mutate") else {}
    atheris.Setup([sys.argv[0], *limits, *options], _bounded(target.one), **keywords)
    atheris.Fuzz()


def _bounded(one: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        one(data)
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    return run


def _too_slow(_number: int, _frame: FrameType | None) -> None:
    raise TooSlow(f"more than {CPU_SECONDS:.0f} s of CPU time for one input")


def _mutator(mutate: Callable[..., bytes]) -> Callable[[bytes, int, int], bytes]:
    def run(data: bytes, limit: int, seed: int) -> bytes:
        return bytes(mutate(bytes(data), limit, Random(seed), atheris.Mutate))[:limit]
    return run


if __name__ == "__main__":
    main()
