"""roved started anew, as an upgrade does it, or after a crash: what stood stands again, by the user's own agent."""

import pytest

from tests.interop.rovetest import connect, imported, state
from tests.lab import measure, plan
from tests.lab.lab import Lab


@pytest.mark.parametrize("how", ["upgrade", "crash"])
def test_what_stood_stands_again(lab: Lab, how: str) -> None:
    name = imported(lab, "certec")
    agent = lab.rove_popen("agent")
    assert agent.stdout is not None
    assert "Ready" in agent.stdout.readline()
    assert connect(lab, name).returncode == 0
    if how == "crash":
        lab.roved.kill()
        lab.roved.cleanup()
    lab.roved.start()
    measure.wait_until(lambda: state(lab, name) == "connected", "it is connected again", 15)
    assert lab.ping("client", plan.CORP_HOST)


def test_what_was_ended_stays_so(lab: Lab) -> None:
    name = imported(lab, "certec")
    agent = lab.rove_popen("agent")
    assert agent.stdout is not None
    assert "Ready" in agent.stdout.readline()
    assert connect(lab, name).returncode == 0
    assert lab.rove("disconnect", name).returncode == 0
    lab.roved.start()
    assert "is back" in agent.stdout.readline() + agent.stdout.readline()
    assert state(lab, name) == "disconnected"
