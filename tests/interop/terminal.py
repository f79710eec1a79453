"""``rove agent`` on a terminal that the test types on."""

import contextlib
import os
import pty
import select
import time
from collections.abc import Mapping

from tests.lab.accounts import ACCOUNTS
from tests.lab.lab import Lab
from tests.lab.rove import ROVE
from tests.lab.shell import start, stop

USER = ACCOUNTS["rovetest1"]


class Terminal:
    """``rove agent``, or another command, with a controlling terminal of its own."""

    def __init__(self, lab: Lab, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self._fd, follower = pty.openpty()
        try:
            # not a leader yet, so that setsid itself becomes the program
            self.process = start(["setsid", "--ctty", *lab.host.enter(*ROVE, *(arguments or ("agent",)), account=USER,
                                                                      folder="/")],
                                 stdin=follower, stdout=follower, stderr=follower, start_new_session=False,
                                 env=lab.host.environment(USER) | dict(env or {}))
        finally:
            os.close(follower)
        self.said = ""

    def wait(self, words: str, timeout: float = 10) -> None:
        until = time.monotonic() + timeout
        while words not in self.said:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"{words!r} did not come; it said {self.said!r}"
            self.said += os.read(self._fd, 4096).decode()

    def look(self) -> None:
        """What it has said by now."""
        with contextlib.suppress(OSError):      # EIO: it has ended
            while select.select([self._fd], [], [], 0)[0]:
                self.said += os.read(self._fd, 4096).decode()

    def new(self, words: str, timeout: float = 10) -> None:
        """As ``wait``, for what has not been said yet; what came before is forgotten."""
        self.said = ""
        self.wait(words, timeout)

    def type(self, line: str) -> None:
        os.write(self._fd, f"{line}\n".encode())

    def close(self) -> int:
        code = stop(self.process)
        os.close(self._fd)
        return code
