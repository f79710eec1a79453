"""The scripted responder in strongSwan's place (``tests.peer.gateway``): TCP, plain ESP, a real data path."""

import json
import re
import subprocess
import sys
import time
from types import TracebackType
from typing import Any

from tests.lab import netns, plan, shell
from tests.lab.host import REPOSITORY
from tests.lab.lab import Lab
from tests.lab.plan import GW
from tests.lab.shell import LabError


class Peer:
    """For a ``with`` block; strongSwan rests meanwhile."""

    def __init__(self, lab: Lab, *options: str) -> None:
        self._lab = lab
        self._options = options
        self._log = lab.folder / "peer.log"
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Peer":
        self._lab.gateway.stop()
        self.start()
        return self

    def start(self) -> None:
        command = [*netns.command(self._lab.spaces[GW]), sys.executable, "-m", "tests.peer.gateway", plan.GATEWAY,
                   *self._options]
        self._log.unlink(missing_ok=True)
        with self._log.open("w") as out:
            self.process = shell.start(command, stdout=out, stderr=out, cwd=str(REPOSITORY))
        self.wait("ready")

    def stop(self) -> None:
        if self.process is not None:
            shell.stop(self.process)
            self.process = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def said(self, what: str = "") -> list[dict[str, Any]]:
        """Its lines, those of one kind."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if what in ("", line["what"])]

    def wait(self, what: str, timeout: float = 10.0, **values: Any) -> dict[str, Any]:
        """The last line of a kind, once it has these values. Raises LabError."""
        until = time.monotonic() + timeout
        while True:
            found = self.said(what)
            if found and values.items() <= found[-1].items():
                return found[-1]
            if time.monotonic() > until or (self.process is not None and self.process.poll() is not None):
                text = self._log.read_text()
                raise LabError(f"the peer never said {what} {values}:\n{re.sub(r'^.*DEBUG.*$', '', text)[-3000:]}")
            time.sleep(0.02)
