"""Logging in again under a ping every 10 ms: make before break, and not one packet is lost."""

import json
from typing import Any

import pytest

from tests.interop.rovetest import connected, status
from tests.interop.test_rekey import no_loss
from tests.lab import measure, plan, profiles
from tests.lab.lab import Lab


def reauth(lab: Lab, name: str) -> Any:
    return lab.rove("reauth", name, "--timeout", "20", secrets=profiles.secrets(name))


def took_over(lab: Lab, name: str, before: dict[str, Any], times: int = 1) -> dict[str, Any]:
    """Both ends agree on the one IKE_SA and the one CHILD_SA that there are, which are new ones."""
    shown: dict[str, Any] = {}

    def settled() -> bool:
        shown.update(status(lab, name))
        sas = [sa for sa in lab.gateway.sas() if sa.state == "ESTABLISHED"]
        return (len(sas) == len(shown["children"]) == 1 and shown["counters"]["reauths"] >= times
                and shown["ike"]["spi_i"] == sas[0].spi_i)
    measure.wait_until(settled, "one new IKE_SA", 10)
    assert shown["ike"]["spi_i"] != before["ike"]["spi_i"]
    assert shown["state"] == "connected"
    return shown


@pytest.mark.parametrize("name", ["psk", "cert", "mschap"])
def test_by_hand(lab: Lab, name: str) -> None:
    before = connected(lab, name)
    with no_loss(lab):
        for times in (1, 2):
            done = reauth(lab, name)
            assert done.returncode == 0, json.dumps([done.stdout, done.stderr])
            after = took_over(lab, name, before, times)
    assert after["virtual_ips"] == before["virtual_ips"]
    assert lab.ping("client", plan.CORP_HOST6)
