"""reauth: hosts an agent, waits for the new login, and says how it ended."""

import pytest

from client.model.cause import Cause, RoveError
from client.model.state import TunnelState
from tests.cli import samples
from tests.cli.test_connect import then


def test_logged_in_again(rove, roved):
    roved.after["Reauthenticate"] = then(samples.step("reauthenticated", 9, connection="other"),
                                         samples.step("ike-sa-init", 0.02), samples.step("reauthenticated", 0.2))
    result = rove("reauth", "work")
    assert (result.code, result.out, result.err) == (0, "Logged in to work again.\n", "")
    assert roved.called("Reauthenticate") == [["work"]]
    [[options]] = roved.called("RegisterAgent")
    assert options["kind"].value == "cli"


@pytest.mark.parametrize("cause", [Cause.USER_REFUSED, Cause.PROMPT_CANCELLED, Cause.GATEWAY_SILENT])
def test_a_failure_has_its_exit_code(rove, roved, cause):
    roved.after["Reauthenticate"] = then(samples.error(cause, final=False))
    result = rove("reauth", "work")
    assert (result.code, result.out) == (cause.exit_code.value, "")
    assert result.err.startswith("rove: It went wrong.")


def test_disconnected_meanwhile(rove, roved):
    roved.after["Reauthenticate"] = then(
        samples.state_event(TunnelState("work", "disconnected", "2026-05-04T10:00:00.000Z")))
    assert rove("reauth", "work").code == 4


def test_no_end_of_it(rove, roved):
    assert rove("reauth", "work", "--timeout", "0.1").code == 3
    roved.answers["Reauthenticate"] = RoveError(Cause.NO_SUCH_PROFILE)
    assert rove("reauth", "other").code == 10
