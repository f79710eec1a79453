"""Always online: the gateway goes away and comes back, and so does the tunnel, without anybody's doing."""

import time
from collections.abc import Iterator

import pytest

from tests.interop.rovetest import imported, state, status
from tests.interop.test_agent import USER, Terminal
from tests.lab import plan
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab
from tests.lab.measure import wait_until
from tests.lab.shell import run

NAME = "mschap"
BACK = 5.0      # s after the gateway answers again


@pytest.fixture
def terminal(lab: Lab) -> Iterator[Terminal]:
    """``rove agent``, by which the connection was made: it has been given the password once."""
    lab.roved.start(fresh=True)
    opened = Terminal(lab)
    imported(lab, NAME, ike={"dpd": "2s"})
    opened.wait("Ready to be asked")
    run(*lab.host.enter("dbus-send", "--system", "--print-reply", "--dest=org.rovevpn.Rove1", "/org/rovevpn/Rove1",
                        "org.rovevpn.Rove1.Connect", f"string:{NAME}", "double:20", account=USER),
        env=lab.host.environment(USER))
    opened.wait("Password of")
    opened.type(PASSWORD)
    wait_until(lambda: state(lab, NAME) == "connected", "it is connected", 10)
    yield opened
    opened.close()
    if not lab.gateway.running:
        lab.gateway.start()


def test_a_gateway_that_was_away(lab: Lab, terminal: Terminal) -> None:
    """Restarted politely: it deletes the IKE_SA, its host says that the port is closed, and then it is there again."""
    before = status(lab, NAME)
    lab.gateway.stop()
    wait_until(lambda: state(lab, NAME) == "reconnecting", "it reconnects", 5)
    time.sleep(7)       # the first retransmissions are over, and the intervals as long as they get
    lab.gateway.start()
    began = time.monotonic()
    wait_until(lambda: lab.ping("client", plan.CORP_HOST, timeout=0.2), "traffic flows again", BACK)
    print(f"back {time.monotonic() - began:.2f} s after the gateway")
    after = status(lab, NAME)
    assert after["state"] == "connected"
    assert after["ike"]["spi_i"] != before["ike"]["spi_i"]
    terminal.look()
    assert terminal.said.count("Password of") == 1


def test_without_a_network_nothing_is_tried_and_then_at_once(lab: Lab, terminal: Terminal) -> None:
    lab.gateway.stop()
    wait_until(lambda: state(lab, NAME) == "reconnecting", "it reconnects", 5)
    lab.link("wifi", "nm")
    wait_until(lambda: state(lab, NAME) == "offline", "it is offline", 5)
    lab.gateway.start()
    with lab.capture("client", "any", "udp") as capture:
        time.sleep(2.5)
    assert capture.count("udp") == 0
    lab.link("lte", "up")
    began = time.monotonic()
    wait_until(lambda: lab.ping("client", plan.CORP_HOST, timeout=0.2), "traffic flows again", BACK)
    print(f"back {time.monotonic() - began:.2f} s after the network")
    terminal.look()
    assert terminal.said.count("Password of") == 1
