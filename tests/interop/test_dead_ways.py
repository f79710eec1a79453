"""What no address change announces: a lost carrier, a way that falls silent, a NAT or a gateway that forgets."""

import time

import pytest

from client.core.ikev2.ways import FIRST_RETURN
from tests.interop.rovetest import connected, state, status
from tests.interop.test_reauth import with_agent
from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.ping import lost, outage

NAME = "certec"     # its key needs nobody at a terminal


def both(lab: Lab, name: str = NAME) -> str:
    """Connected over Wi-Fi while LTE is there → the IKE_SA's SPI."""
    before = connected(lab, name)
    lab.link("lte", "up")
    time.sleep(0.5)
    return str(before["ike"]["spi_i"])


@pytest.mark.parametrize(("way", "limit"), [("carrier", 1.0), ("silent", 4.0)])
def test_the_other_uplink_takes_over(lab: Lab, way: str, limit: float) -> None:
    """The address stays; with "silent" the carrier, too. Where Wi-Fi works again it is taken again."""
    spi = both(lab)
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.2)
        gone = time.monotonic()
        lab.link("wifi", way)
        measure.wait_until(lambda: lab.ping("client", plan.CORP_HOST, 0.1), "something passes", 10)
        time.sleep(0.3)
    assert outage(stream.probes, gone) < limit
    measure.wait_until(lambda: state(lab, NAME) == "connected", "confirmed")
    shown = status(lab, NAME)
    assert (shown["path"]["interface"], shown["ike"]["spi_i"]) == ("lte0", spi)
    assert shown["last_error"] is None
    lab.link("wifi", "up")
    if way == "carrier":
        measure.wait_until(lambda: status(lab, NAME)["path"]["interface"] == "wifi0", "it is back on Wi-Fi",
                           2 * FIRST_RETURN)
        assert lab.ping("client", plan.CORP_HOST)


@pytest.mark.parametrize("what", ["newport", "newaddr"])
def test_a_nat_that_forgets(lab: Lab, what: str) -> None:
    spi = connected(lab, NAME)["ike"]["spi_i"]
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.5)
        changed = time.monotonic()
        lab.nat("wifi", what)
        measure.wait_until(lambda: lab.ping("client", plan.CORP_HOST, 0.1), "something passes", 10)
        time.sleep(0.3)
    assert outage(stream.probes, changed) < 4
    shown = status(lab, NAME)
    assert (shown["ike"]["spi_i"], shown["counters"]["roams"]) == (spi, 0)
    assert not lost(stream.probes[-10:])


def test_a_gateway_that_forgot_everything(lab: Lab) -> None:
    """Killed under traffic and started again: another IKE_SA beside the lost one, and nobody is asked."""
    before = connected(lab, NAME)
    with_agent(lab)
    with lab.ping_stream("client", plan.CORP_HOST):
        lab.gateway.kill()
        measure.wait_until(lambda: state(lab, NAME) == "reconnecting", "it is noticed", 10)
        assert status(lab, NAME)["last_error"]["code"] == "dead-peer"
        lab.gateway.start()
        measure.wait_until(lambda: lab.ping("client", plan.CORP_HOST, 0.1), "something passes", 10)
    measure.wait_until(lambda: state(lab, NAME) == "connected", "it says so")
    after = status(lab, NAME)
    assert after["ike"]["spi_i"] != before["ike"]["spi_i"]
    assert after["last_error"] is None


def test_a_gateway_that_comes_back_with_its_sas(lab: Lab) -> None:
    """The only way is silent for some seconds: the IKE_SA stands, and no other is left behind."""
    spi = connected(lab, NAME)["ike"]["spi_i"]
    with lab.ping_stream("client", plan.CORP_HOST):
        lab.link("wifi", "silent")
        measure.wait_until(lambda: state(lab, NAME) == "reconnecting", "it is noticed", 10)
        lab.link("wifi", "up")
        measure.wait_until(lambda: state(lab, NAME) == "connected", "it is there after all", 10)
    assert status(lab, NAME)["ike"]["spi_i"] == spi
    assert status(lab, NAME)["last_error"] is None
    lab.gateway.wait_sas(1)


def test_a_better_uplink_that_leads_nowhere_is_not_taken(lab: Lab) -> None:
    """Not one packet is lost by looking."""
    connected(lab, NAME)
    lab.roam("lte")
    measure.wait_until(lambda: status(lab, NAME)["path"]["interface"] == "lte0", "it is on LTE")
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.3)
        lab.loss("wifi", 1000)
        lab.link("wifi", "up")
        time.sleep(2)
    assert lost(stream.probes[:-1]) == []
    assert status(lab, NAME)["path"]["interface"] == "lte0"
    assert lab.ping("client", plan.CORP_HOST)


def test_without_mobike(lab: Lab) -> None:
    """Make before break: a new IKE_SA over the better uplink, while the old one carries on over the old."""
    before = connected(lab, NAME, ike={"mobike": False})
    with_agent(lab)
    lab.roam("lte")
    measure.wait_until(lambda: lab.ping("client", plan.CORP_HOST, 0.1), "something passes on LTE", 10)
    measure.wait_until(lambda: status(lab, NAME)["path"]["interface"] == "lte0"
                       and state(lab, NAME) == "connected", "it is on LTE", 10)
    time.sleep(1.5)
    middle = status(lab, NAME)["ike"]["spi_i"]
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.3)
        lab.link("wifi", "up")
        measure.wait_until(lambda: status(lab, NAME)["path"]["interface"] == "wifi0", "it is on Wi-Fi", 10)
        time.sleep(0.3)
    after = status(lab, NAME)
    assert after["ike"]["spi_i"] not in (middle, before["ike"]["spi_i"])
    assert after["virtual_ips"] == before["virtual_ips"]
    assert len(lost(stream.probes[:-1])) <= 1
