"""A machine that sleeps: roved with a clock that jumps, and a logind that says so.

What really happens in a suspend is that CLOCK_BOOTTIME goes on, CLOCK_MONOTONIC and with it every timer of the event
loop stand still, and the network outside forgets us. As a program this is roved, whose CLOCK_BOOTTIME is the kernel's
and the seconds in the file $ROVE_LAB_SLEPT.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.lab.lab import Lab

VARIABLE = "ROVE_LAB_SLEPT"
PROGRAM = [sys.executable, "-m", "tests.lab.sleep"]
_CALLER = Path(__file__).parents[1] / "helper" / "caller.py"
_LOGIND = {"path": "/org/freedesktop/login1", "interface": "org.freedesktop.login1.Manager", "destination": None}


class Machine:
    """``start`` roved by this; then ``sleep``."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab
        self._slept = lab.folder / "slept"
        self._slept.write_text("0")
        self._logind = lab.popen("client", sys.executable, str(_CALLER), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True)
        self._answer()
        owned = self._ask(op="call", destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                          interface="org.freedesktop.DBus", member="RequestName", signature="su",
                          body=["org.freedesktop.login1", 0])
        assert owned["body"] == [1], owned

    def start(self) -> None:
        self._lab.roved.start(fresh=True, env={VARIABLE: str(self._slept)}, program=PROGRAM)

    def sleep(self, seconds: float, *, forgotten: bool = True) -> float:
        """To sleep and awake again; ``forgotten`` by the NAT meanwhile → when it woke (CLOCK_MONOTONIC)."""
        self._say(going=True)
        if forgotten:
            self._lab.nat("wifi", "flush")
            self._lab.nat("wifi", "newport")
        self._slept.write_text(str(float(self._slept.read_text()) + seconds))
        woke = time.monotonic()
        self._say(going=False)
        return woke

    def _say(self, *, going: bool) -> None:
        self._ask(op="signal", **_LOGIND, member="PrepareForSleep", signature="b", body=[going])

    def _ask(self, **order: Any) -> dict[str, Any]:
        assert self._logind.stdin is not None
        self._logind.stdin.write(json.dumps(order) + "\n")
        self._logind.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._logind.stdout is not None
        answer: dict[str, Any] = json.loads(self._logind.stdout.readline())
        return answer


def _main() -> int:
    from client.core.helper.log import LogBook
    from client.core.helper.main import main
    from client.core.helper.manager import Manager
    from client.core.helper.protocols import OnEvent
    from client.core.platform.host import Host
    slept = Path(os.environ[VARIABLE])

    def clock() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) + float(slept.read_text() or 0)

    def manager(log: LogBook, on_event: OnEvent) -> Manager:
        return Manager(Host(), log, on_event, clock=clock)

    return main([], manager)


if __name__ == "__main__":
    sys.exit(_main())
