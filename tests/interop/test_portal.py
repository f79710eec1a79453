"""A hotel's Wi-Fi: nothing passes until somebody logs in to the portal, and then the tunnel comes up by itself."""

import time
from collections.abc import Iterator

import pytest

from tests.interop.rovetest import connect, imported, state, status
from tests.lab import plan, profiles
from tests.lab.lab import Lab
from tests.lab.measure import wait_until
from tests.lab.portal import LOGIN, Portal

NAME = "mschap"


@pytest.fixture
def portal(lab: Lab) -> Iterator[Portal]:
    there = Portal(lab)
    yield there
    there.close()


def test_it_is_named_and_the_tunnel_comes_up_when_it_opens(lab: Lab, portal: Portal) -> None:
    imported(lab, NAME)
    connecting = lab.rove_popen("connect", NAME, "--timeout", "60", secrets=profiles.secrets(NAME))
    wait_until(lambda: state(lab, NAME) == "blocked", "the portal is found", 12)
    shown = status(lab, NAME)
    assert shown["last_error"]["code"] == "captive-portal"
    assert [finding["code"] for finding in shown["findings"]] == ["captive-portal"]
    assert LOGIN in shown["findings"][0]["message"]
    with lab.capture("client", "wifi0", "tcp port 80") as capture:
        time.sleep(4)
        portal.log_in()
        began = time.monotonic()
        wait_until(lambda: lab.ping("client", plan.CORP_HOST, timeout=0.2), "traffic flows", 8)
    print(f"up {time.monotonic() - began:.2f} s after the log-in")
    assert 1 <= capture.count("tcp.flags.syn == 1 && tcp.flags.ack == 0") <= 4     # a modest rate
    out, error = connecting.communicate(timeout=10)
    assert connecting.returncode == 0, error
    assert LOGIN in out
    after = status(lab, NAME)
    assert (after["state"], after["last_error"]) == ("connected", None)
    assert "captive-portal" not in [finding["code"] for finding in after["findings"]]


def test_who_does_not_wait_is_told_why(lab: Lab, portal: Portal) -> None:
    """And a page of one's own may be asked instead, once the gateway is silent and not before."""
    lab.roved.forget()
    (lab.roved.folder / "config/rove.toml").write_text(f'[portal]\ncheck = "http://{plan.INET_DNS}/204"\n')
    lab.roved.start()
    imported(lab, NAME)
    done = connect(lab, NAME, timeout=8)
    assert done.returncode == 3
    assert "wants you to log in" in done.stderr
    assert LOGIN in done.stderr
