"""``rove agent`` on a terminal answers for connections that were started elsewhere."""

from collections.abc import Iterator

import pytest

from tests.interop.rovetest import imported, state, status
from tests.interop.terminal import USER, Terminal
from tests.lab import plan
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab
from tests.lab.measure import wait_until
from tests.lab.shell import run


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
