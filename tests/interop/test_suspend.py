"""The laptop's lid closes for ten minutes, the NAT in front forgets us, and the tunnel is there when it opens."""

import time

from tests.interop.rovetest import connected, status
from tests.lab import plan
from tests.lab.lab import Lab
from tests.lab.measure import wait_until
from tests.lab.ping import outage
from tests.lab.sleep import Machine

NAME = "mschap"


def test_ten_minutes(lab: Lab) -> None:
    """Traffic flows a second after waking, over the same IKE_SA, and nobody is asked for anything."""
    machine = Machine(lab)
    machine.start()
    before = connected(lab, NAME)
    mark = lab.roved.mark()
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.3)
        woke = machine.sleep(600)
        time.sleep(1.5)
    seconds = outage(stream.probes, woke - 0.05)
    print(f"traffic {seconds:.3f} s after waking")
    assert seconds <= 1
    lab.roved.wait("awake after 600 s", since=mark)
    after = status(lab, NAME)
    assert (after["state"], after["ike"]["spi_i"]) == ("connected", before["ike"]["spi_i"])
    assert after["counters"]["reauths"] == 0
    lab.gateway.wait_sas(1)


def test_all_night(lab: Lab) -> None:
    """Keys that should have been renewed meanwhile are renewed now, IKE_SA's and CHILD_SA's; that is no reason for a
    log-in. charon renews the CHILD_SA by itself, too, when its addresses change."""
    machine = Machine(lab)
    machine.start()
    before = connected(lab, NAME)
    woke = machine.sleep(7 * 3600)
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(2)
    assert outage(stream.probes, woke) <= 1
    wait_until(lambda: status(lab, NAME)["ike"]["spi_i"] != before["ike"]["spi_i"], "the IKE_SA is renewed", 15)
    after = status(lab, NAME)
    assert {child["spi_in"] for child in after["children"]}.isdisjoint(
        child["spi_in"] for child in before["children"])
    assert (after["counters"]["reauths"], after["state"]) == (0, "connected")
    assert lab.ping("client", plan.CORP_HOST)
