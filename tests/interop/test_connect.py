"""Rove connects to a real gateway by every way to log in, and packets of both families pass."""

import pytest

from tests.interop.rovetest import connected
from tests.lab import plan
from tests.lab.lab import Lab

WAYS = ["psk", "cert", "certec", "certed", "mschap"]


@pytest.mark.parametrize("name", WAYS)
def test_connects_and_pings(lab: Lab, name: str) -> None:
    assert not lab.ping("client", plan.CORP_HOST, timeout=0.1)
    shown = connected(lab, name)
    (theirs,) = lab.gateway.sas()
    assert (shown["ike"]["spi_i"], shown["ike"]["spi_r"]) == (theirs.spi_i, theirs.spi_r)
    assert sorted(shown["virtual_ips"]) == sorted(theirs.virtual_ips)
    assert shown["gateway"]["address"] == plan.GATEWAY
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST6)


@pytest.mark.parametrize("name", WAYS)
def test_connects_over_ipv6(lab6: Lab, name: str) -> None:
    shown = connected(lab6, name, gateway={"address": [plan.GATEWAY6]})
    assert shown["gateway"]["address"] == plan.GATEWAY6
    assert lab6.gateway.sas()[0].remote[0] == plan.UPLINKS["wifi"].client6
    assert lab6.ping("client", plan.CORP_HOST)
    assert lab6.ping("client", plan.CORP_HOST6)
