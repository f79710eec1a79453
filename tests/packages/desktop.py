"""A screen for a machine's programs: an X server in the machine's network, where its abstract socket is found."""

import subprocess
import sys
import time
from pathlib import Path

from tests.lab import plan
from tests.lab.lab import Lab
from tests.lab.shell import LabError

DISPLAY = ":97"
_DARK = 10_000      # octets; a picture of an empty screen is smaller


class Screen:
    """For a ``with`` block. Nothing of it is on the machine: what a program needs there has to come with it."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __enter__(self) -> "Screen":
        self._server = self._lab.popen(plan.CLIENT, "Xvfb", DISPLAY, "-screen", "0", "1280x900x24", "-ac", "-nolisten",
                                       "tcp", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait()

    def await_window(self, title: str, seconds: float = 30.0) -> None:
        """Raises LabError."""
        end = time.monotonic() + seconds
        while not self._run("xdotool", "search", "--onlyvisible", "--name", title).split():
            if time.monotonic() > end:
                raise LabError(f"no window {title!r} came")
            time.sleep(0.2)

    def picture(self, path: Path) -> bool:
        """Was something to be seen?"""
        self._run(sys.executable, "-m", "tests.gui.shot", str(path))
        return path.exists() and path.stat().st_size > _DARK

    def _run(self, *argv: str) -> str:
        return self._lab.exec(plan.CLIENT, "env", f"DISPLAY={DISPLAY}", *argv, check=False).stdout
