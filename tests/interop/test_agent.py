"""``rove agent`` on a terminal answers for connections that were started elsewhere."""

import os
import pty
import select
import time
from collections.abc import Iterator

import pytest

from tests.interop.rovetest import imported, state, status
from tests.lab import plan
from tests.lab.accounts import ACCOUNTS
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab
from tests.lab.measure import wait_until
from tests.lab.rove import ROVE
from tests.lab.shell import run, start, stop

USER = ACCOUNTS["rovetest1"]


class Terminal:
    """``rove agent`` with a controlling terminal of its own."""

    def __init__(self, lab: Lab) -> None:
        self._fd, follower = pty.openpty()
        try:
            # not a leader yet, so that setsid itself becomes the program
            self.process = start(["setsid", "--ctty", *lab.host.enter(*ROVE, "agent", account=USER, folder="/")],
                                 stdin=follower, stdout=follower, stderr=follower, start_new_session=False,
                                 env=lab.host.environment(USER))
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
        while select.select([self._fd], [], [], 0)[0]:
            self.said += os.read(self._fd, 4096).decode()

    def type(self, line: str) -> None:
        os.write(self._fd, f"{line}\n".encode())

    def close(self) -> int:
        code = stop(self.process)
        os.close(self._fd)
        return code


@pytest.fixture
def terminal(lab: Lab) -> Iterator[Terminal]:
    lab.roved.start(fresh=True)
    opened = Terminal(lab)
    yield opened
    opened.close()


def test_agent_answers_a_connect_from_elsewhere(lab: Lab, terminal: Terminal) -> None:
    imported(lab, "mschap")
    terminal.wait("Ready to be asked")
    run(*lab.host.enter("dbus-send", "--system", "--print-reply", "--dest=org.rovevpn.Rove1", "/org/rovevpn/Rove1",
                        "org.rovevpn.Rove1.Connect", "string:mschap", "double:20", account=USER),
        env=lab.host.environment(USER))
    terminal.wait("mschap")
    wait_until(lambda: state(lab, "mschap") == "waiting-for-user", "it waits for the user", 5)
    assert lab.gateway.sas() == []      # asked before anything is sent
    terminal.type(PASSWORD)
    wait_until(lambda: state(lab, "mschap") == "connected", "it is connected", 10)
    assert lab.ping("client", plan.CORP_HOST)
    assert PASSWORD not in terminal.said
    assert status(lab, "mschap")["last_error"] is None
