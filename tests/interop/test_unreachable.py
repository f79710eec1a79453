"""No gateway to talk to: what the screen says meanwhile, and that --timeout ends it, not sooner and not much later."""

import selectors
import subprocess
import time

import pytest

from tests.interop.rovetest import imported, state, status
from tests.lab import plan, profiles
from tests.lab.lab import Lab

PATIENCE = 4.0      # s, for --timeout
SLACK = 1.0         # s that the end may come late
START = 3.0         # s in which a Python program starts on a busy machine, at most
SLOWEST_NAME = 5.0  # s until a name counts as not found


class Watched:
    """``rove connect`` beside the test. Times are seconds since roved sent the first IKE_SA_INIT, or gave it up."""

    def __init__(self, lab: Lab, name: str, begins: str, timeout: float = PATIENCE) -> None:
        mark = lab.roved.mark()
        self._process: subprocess.Popen[str] = lab.rove_popen(
            "connect", name, "--timeout", f"{timeout:g}", secrets=profiles.secrets("mschap"))
        lab.roved.wait(begins, timeout=START + SLOWEST_NAME, since=mark)
        self.begin = time.monotonic()
        self._said = ""

    def line(self, words: str, timeout: float) -> float:
        """When the screen first said ``words``; fails when it has not by ``timeout``."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while words not in self._said:
                left = self.begin + timeout - time.monotonic()
                assert left > 0, f"not said within {timeout:g} s: {words!r}; but: {self._said!r}"
                if selector.select(left):
                    said = self._process.stdout.readline()   # Screen.line writes whole lines
                    assert said, f"ended without saying {words!r}: {self._said!r}"
                    self._said += said
        return time.monotonic() - self.begin

    def end(self, timeout: float) -> tuple[int, str, str, float]:
        """(exit code, stdout, stderr, when)."""
        out, error = self._process.communicate(timeout=timeout)
        return self._process.returncode, self._said + out, error, time.monotonic() - self.begin


def _ended_in_time(watched: Watched, timeout: float = PATIENCE) -> tuple[str, str]:
    code, out, error, when = watched.end(timeout + 20)
    assert code == 3, out + error
    assert timeout - 0.5 < when < timeout + SLACK, f"--timeout {timeout:g} ended after {when:.2f} s"
    assert "Traceback" not in out + error
    assert profiles.secrets("mschap")["--password-fd"] not in out + error
    return out, error


def test_a_silent_gateway(lab: Lab) -> None:
    name = imported(lab, "mschap")
    lab.link("wifi", "silent")
    out, error = _ended_in_time(Watched(lab, name, "initiating IKE_SA"))
    assert "The gateway does not answer" in error
    assert "UDP ports 500 and 4500" in error
    assert "Still trying" in out
    assert state(lab, name) == "failed"
    assert status(lab, name)["last_error"]["code"] in ("gateway-silent", "timeout")


def test_udp_refused_is_said_soon_and_attempts_go_on(lab: Lab) -> None:
    name = imported(lab, "mschap")
    lab.udp("wifi", "reject")
    with lab.capture("client", "wifi0", "udp port 500") as capture:
        watched = Watched(lab, name, "initiating IKE_SA", timeout=6)
        watched.line("refuses UDP", timeout=2)
        out, error = _ended_in_time(watched, timeout=6)
    assert "Still trying" in out
    assert "refuses UDP" in error
    assert "try another network" in error
    times = [message.time for message in capture.ike() if message.source == plan.UPLINKS["wifi"].client]
    assert len(times) >= 4
    assert times[-1] - times[0] > 3     # still asked when the end was near


def test_udp_refused_is_no_proof(lab: Lab) -> None:
    """ICMP can be forged: Rove goes on, and connects as soon as UDP passes."""
    name = imported(lab, "mschap")
    lab.udp("wifi", "reject")
    watched = Watched(lab, name, "initiating IKE_SA", timeout=20)
    watched.line("refuses UDP", timeout=2)
    lab.udp("wifi", "open")
    code, out, error, _ = watched.end(25)
    assert code == 0, out + error
    assert lab.ping("client", plan.CORP_HOST)


def test_nobody_at_the_address(lab: Lab) -> None:
    """The last router finds no such host, and says so by ICMP."""
    name = imported(lab, "mschap", gateway={"address": [plan.GATEWAY_ABSENT]})
    out, error = _ended_in_time(Watched(lab, name, "initiating IKE_SA", timeout=6), timeout=6)
    assert plan.GATEWAY_ABSENT in error
    assert "Check the gateway's address" in error
    assert "Still trying" in out


def test_an_unknown_name(lab: Lab) -> None:
    name = imported(lab, "mschap", gateway={"address": ["nowhere.lab.test"]})
    watched = Watched(lab, name, "name-not-found")
    code, out, error, when = watched.end(PATIENCE + 20)
    assert code == 4, out + error
    assert PATIENCE / 2 < when < PATIENCE + SLACK   # looked up again and again, but all attempts share one --timeout
    assert "The gateway's name was not found: nowhere.lab.test" in error
    assert "gateway.address" in error
    assert status(lab, name)["last_error"]["code"] == "name-not-found"


def test_no_name_server_answers(lab: Lab) -> None:
    name = imported(lab, "mschap", gateway={"address": ["gw.lab.test"]})
    lab.link("wifi", "silent")
    watched = Watched(lab, name, "name-not-found", timeout=8)
    code, out, error, when = watched.end(40)
    assert when < 8 - SLOWEST_NAME + SLACK
    assert code == 4, out + error
    assert "gw.lab.test: the name servers do not answer" in error


@pytest.mark.parametrize("way", ["nm", "admin"])
def test_no_network(lab: Lab, way: str) -> None:
    name = imported(lab, "mschap")
    lab.link("wifi", way)
    watched = Watched(lab, name, "no-network")
    code, out, error, _ = watched.end(PATIENCE + 20)
    assert code == 11, out + error
    assert "There is no network" in error
