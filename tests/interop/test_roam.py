"""The tunnel follows the laptop from Wi-Fi to LTE and back: the same IKE_SA, the same addresses inside."""

import time

import pytest

from tests.interop.rovetest import connected, status
from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.ping import lost, outage

NAME = "mschap"


@pytest.mark.parametrize("how", ["bbm", "mbb"])
@pytest.mark.parametrize("way", ["nm", "admin"])
def test_there_and_back(lab: Lab, how: str, way: str) -> None:
    before = connected(lab, NAME)
    for number, uplink in enumerate(("lte", "wifi"), 1):
        roam(lab, uplink, how, way)
        after = status(lab, NAME)
        assert after["state"] == "connected"
        assert after["counters"]["roams"] == number
        assert after["path"]["interface"] == plan.UPLINKS[uplink].interface
        assert (after["ike"]["spi_i"], after["ike"]["spi_r"]) == (before["ike"]["spi_i"], before["ike"]["spi_r"])
        assert after["virtual_ips"] == before["virtual_ips"]
    assert lab.ping("client", plan.CORP_HOST6)


def test_without_any_uplink_for_a_while(lab: Lab) -> None:
    """Nothing is given up in a tunnel of the railway; the first uplink afterwards is taken."""
    before = connected(lab, NAME, ike={"dpd": "2s"})
    lab.link("wifi", "carrier")
    measure.wait_until(lambda: status(lab, NAME)["state"] == "offline", "it is offline")
    lab.link("wifi", "nm")
    time.sleep(4)
    assert status(lab, NAME)["state"] == "offline"
    roam(lab, "lte", "mbb", "nm")
    after = status(lab, NAME)
    assert (after["state"], after["ike"]["spi_i"]) == ("connected", before["ike"]["spi_i"])
    assert after["path"]["interface"] == "lte0"


def test_between_ip_versions(lab6: Lab) -> None:
    """Wi-Fi with IPv4 only, LTE with IPv6 only (RFC 4555 §3.1)."""
    before = connected(lab6, NAME, gateway={"address": [plan.GATEWAY, plan.GATEWAY6]})
    assert before["path"]["local"].startswith(plan.UPLINKS["wifi"].client)
    with lab6.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.2)
        lab6.link("lte", "up")
        lab6.exec("client", "ip", "addr", "del", f"{plan.UPLINKS['lte'].client}/24", "dev", "lte0")
        lab6.link("wifi", "nm")
        measure.wait_until(lambda: remote(lab6) == plan.UPLINKS["lte"].client6, "the SA on IPv6", 10)
        time.sleep(0.5)
    assert stream.probes[-1].rtt is not None
    after = status(lab6, NAME)
    assert after["ike"]["spi_i"] == before["ike"]["spi_i"]
    assert after["gateway"]["address"] == plan.GATEWAY6


def test_roams_while_keys_are_renewed(lab: Lab) -> None:
    """Whichever exchange is under way, the tunnel comes along."""
    connected(lab, NAME)
    for number, (rekey, uplink) in enumerate([(["--ike"], "lte"), ([], "wifi"), (["--ike"], "lte")], 1):
        asking = lab.rove_popen("rekey", NAME, *rekey)
        lab.roam(uplink)
        asking.wait()
        measure.wait_until(lambda uplink=uplink: remote(lab) == plan.UPLINKS[uplink].outside, "the SA moved", 10)  # type: ignore[misc] # bound
        measure.wait_until(lambda: status(lab, NAME)["state"] == "connected", "confirmed")
        assert lab.ping("client", plan.CORP_HOST)
        assert status(lab, NAME)["counters"]["roams"] == number


def test_several_roams_in_a_second(lab: Lab) -> None:
    """The last word counts, however many roams are under way (RFC 4555 §3.5)."""
    before = connected(lab, NAME)
    for uplink in ("lte", "wifi", "lte", "wifi", "lte"):
        lab.roam(uplink)
        time.sleep(0.15)
    roam(lab, "wifi", "mbb", "nm")
    assert status(lab, NAME)["ike"]["spi_i"] == before["ike"]["spi_i"]


def roam(lab: Lab, uplink: str, how: str, way: str) -> None:
    """Under a ping every 10 ms: none is lost before, and they come back."""
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.2)
        moved = time.monotonic()
        lab.roam(uplink, how, way=way)
        measure.wait_until(lambda: remote(lab) == plan.UPLINKS[uplink].outside, f"the SA on {uplink}", 10)
        measure.wait_until(lambda: status(lab, NAME)["state"] == "connected", "confirmed")
        time.sleep(0.3)
    assert not lost(stream.probes[-20:])
    assert outage(stream.probes, moved - 0.05) < 2


def remote(lab: Lab) -> str:
    sas = [sa for sa in lab.gateway.sas() if sa.state == "ESTABLISHED"]
    return sas[-1].remote[0] if sas else ""
