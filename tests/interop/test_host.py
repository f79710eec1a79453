"""Rove gives the host back as it was, however it ends; and what dies comes back."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.interop.rovetest import connect, connected, imported, state, status
from tests.lab import measure, plan, profiles
from tests.lab.lab import Lab
from tests.lab.ping import outage

TUNNELS = ["psk", "full", "full4", "v4", "v6"]
# Parts of a connect at which it is broken off, as roved's log names them.
MOMENTS = ["initiating IKE_SA", "established", "CHILD_SA [0-9a-f]+ installed", "connected"]


@pytest.mark.parametrize("name", TUNNELS)
def test_disconnect_gives_the_host_back(lab: Lab, name: str) -> None:
    before = lab.snapshot()
    connected(lab, name)
    during = lab.snapshot()
    assert {"rule4", "route4", "links", "resolv.conf"} <= {key for key in before if during[key] != before[key]}
    assert lab.rove("disconnect", name).returncode == 0
    assert lab.snapshot() == before
    assert not lab.exec("client", "ss", "-Hlun").stdout, "sockets still open"
    assert status(lab, name)["state"] == "disconnected"


@pytest.mark.parametrize("name", TUNNELS)
def test_cleanup_gives_the_host_back_after_a_crash(lab: Lab, name: str) -> None:
    before = lab.snapshot()
    connected(lab, name)
    child = data_path(lab)
    lab.roved.kill()
    measure.wait_until(lambda: not alive(child), "the data path ends with roved")
    assert lab.snapshot() != before
    done = lab.roved.cleanup()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.snapshot() == before
    assert lab.roved.cleanup().returncode == 0
    assert lab.snapshot() == before


@pytest.mark.parametrize("moment", MOMENTS)
def test_cleanup_after_a_crash_in_the_middle_of_a_connect(lab: Lab, moment: str) -> None:
    before = lab.snapshot()
    imported(lab, "full")
    lab.rove_popen("connect", "full", secrets=profiles.secrets("full"))
    lab.roved.wait(moment)
    lab.roved.kill()
    assert lab.roved.cleanup().returncode == 0
    assert lab.snapshot() == before


@pytest.mark.parametrize("moment", MOMENTS)
def test_disconnect_in_the_middle_of_a_connect(lab: Lab, moment: str) -> None:
    before = lab.snapshot()
    imported(lab, "full")
    lab.rove_popen("connect", "full", secrets=profiles.secrets("full"))
    lab.roved.wait(moment)
    assert lab.rove("disconnect", "full").returncode == 0
    assert lab.snapshot() == before
    measure.wait_until(lambda: not lab.gateway.sas(), "the gateway knows nothing of it any more")


def test_roved_stopped_gives_the_host_back_and_says_goodbye(lab: Lab) -> None:
    before = lab.snapshot()
    connected(lab, "full")
    assert lab.roved.stop() == 0
    assert lab.snapshot() == before
    measure.wait_until(lambda: not lab.gateway.sas(), "the gateway heard of the end")


def test_roved_started_after_a_crash_connects_again(lab: Lab) -> None:
    connected(lab, "full")
    lab.roved.kill()
    lab.roved.start()
    done = connect(lab, "full")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST6)


def test_data_path_comes_back_with_its_sas(lab: Lab) -> None:
    before = connected(lab, "psk")
    first = data_path(lab)
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.2)
        os.kill(first, signal.SIGKILL)
        measure.wait_until(lambda: data_path(lab) not in (0, first), "another data path")
        lab.roved.wait("the data path died and was restarted")
        measure.wait_until(lambda: lab.ping("client", plan.CORP_HOST, timeout=0.05), "pings through the new one")
    after = status(lab, "psk")
    assert stream.probes[-1].rtt is not None
    assert outage(stream.probes) < 3
    assert spis(after) == spis(before)
    assert after["children"][0]["packets_out"] > before["children"][0]["packets_out"]
    assert after["counters"]["replays"] == 0
    assert state(lab, "psk") == "connected"


def spis(shown: dict[str, object]) -> list[str]:
    return re.findall(r"'spi_\w+': '(\w+)'", str(shown))


def data_path(lab: Lab) -> int:
    """The pid of roved's only child process, 0 where there is none."""
    assert lab.roved.process is not None
    pid = lab.roved.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
