"""Pings through the lab: one, or a stream beside whatever the test does."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.lab import netns, pinger, shell
from tests.lab.shell import LabError


@dataclass(frozen=True)
class Probe:
    """``sent`` by CLOCK_MONOTONIC; ``rtt`` in seconds, None where no answer came."""

    sent: float
    rtt: float | None


def ping(space: str, destination: str, timeout: float = 1.0) -> bool:
    """Does one of three probes come back within ``timeout`` s each?"""
    probes = netns.inside(space, lambda: pinger.Pinger(destination))
    with probes.socket:
        for _ in range(3):
            probes.send()
            until = time.monotonic() + timeout
            while time.monotonic() < until:
                probes.receive(min(until, time.monotonic() + 0.005))
                if max(probes.rtt) >= 0:
                    return True
    return False


class PingStream:
    """Probes from entering to leaving the ``with`` block, in a process of its own; then ``probes`` holds them."""

    def __init__(self, space: str, destination: str, interval: float = 0.01, seconds: float = 600.0) -> None:
        self.probes: list[Probe] = []
        program = [sys.executable, "-E", "-S", str(Path(pinger.__file__)), destination, str(interval), str(seconds)]
        self.process = shell.start([*netns.command(space), *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            raise LabError(f"the pinger towards {destination} did not start")

    def __enter__(self) -> "PingStream":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> list[Probe]:
        """No more probes; every answer that takes less than half a second still counts."""
        if not self.probes:
            out, _ = self.process.communicate(timeout=10)  # closes its standard input
            pairs = (line.split() for line in out.splitlines())
            self.probes = [Probe(float(sent), float(rtt) if float(rtt) >= 0 else None) for sent, rtt in pairs]
        return self.probes

    def wait(self) -> list[Probe]:
        """Until its ``seconds`` are over."""
        self.process.wait()
        return self.stop()


def lost(probes: list[Probe]) -> list[Probe]:
    return [probe for probe in probes if probe.rtt is None]


def outage(probes: list[Probe], since: float = 0.0) -> float:
    """Seconds from the first lost probe after ``since`` to the first later one that was answered; 0 without loss.

    Raises LabError where the answers never came back.
    """
    missing = [probe.sent for probe in lost(probes) if probe.sent >= since]
    if not missing:
        return 0.0
    back = [probe.sent for probe in probes if probe.rtt is not None and probe.sent > missing[0]]
    if not back:
        raise LabError(f"no answer after {missing[0] - since:.3f} s")
    return back[0] - missing[0]
