"""The running relay of a lab: delay, jitter and seeded loss, per uplink and changed at once."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lab import netns, relay, shell
from tests.lab.plan import UPLINKS
from tests.lab.shell import LabError


@dataclass(frozen=True)
class Impairment:
    """Each way: delay and the jitter on top of it in ms, loss in per mille from a seeded generator."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: int = 0
    seed: int = 0


class Relay:
    """A process in the namespace ``mid``."""

    def __init__(self, space: str) -> None:
        self._now = dict.fromkeys(UPLINKS, Impairment())
        ends = [word for name in UPLINKS for word in (name, f"{name}a", f"{name}b")]
        program = [sys.executable, "-E", "-S", str(Path(relay.__file__)), *ends]
        self._process = shell.start([*netns.command(space), *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answer()

    def change(self, uplink: str, **changes: float) -> None:
        """Set fields of this uplink's Impairment. The random numbers begin anew with every call."""
        now = self._now[uplink] = replace(self._now[uplink], **changes)  # type: ignore[arg-type] # int fields get ints
        assert self._process.stdin is not None
        self._process.stdin.write(f"{uplink} {now.delay} {now.jitter} {now.loss} {now.seed}\n")
        self._process.stdin.flush()
        self._answer()

    def reset(self) -> None:
        for uplink, now in self._now.items():
            if now != Impairment():
                self.change(uplink, delay=0.0, jitter=0.0, loss=0, seed=0)

    def stop(self) -> None:
        shell.stop(self._process)

    def _answer(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ok\n":
            raise LabError("the relay has died")
