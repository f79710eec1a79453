"""A gateway sends a live session to another one (RFC 5685 §5): make before break."""

import time
from collections.abc import Callable

from tests.interop.renewal import no_loss
from tests.interop.rovetest import connected, status
from tests.interop.test_reauth import took_over, with_agent
from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.ping import lost, outage


def redirect(lab: Lab) -> None:
    """← INFORMATIONAL { N(REDIRECT) } → { }  → IKE_SA_INIT { …, N(REDIRECTED_FROM) } to the new one …
    → INFORMATIONAL { D } to the old one
    """
    lab.gateway.ctl("--redirect", "--ike", "cert", "--gateway", plan.GATEWAY_SECOND)
    measure.wait_until(lambda: status(lab, "cert")["gateway"]["address"] == plan.GATEWAY_SECOND, "the new gateway", 10)


def test_a_live_session_moves_to_another_gateway(lab_with: Callable[..., Lab]) -> None:
    """charon gives the same virtual address to the same outer one, and so not one packet is lost."""
    lab = lab_with(nat={"wifi": "none"})
    before = connected(lab, "cert")
    with_agent(lab)
    assert before["gateway"]["address"] == plan.GATEWAY
    with no_loss(lab):
        redirect(lab)
        after = took_over(lab, "cert", before)
    assert after["virtual_ips"] == before["virtual_ips"]
    assert "REDIR_FROM" in lab.gateway.log()
    lab.roam("lte")
    measure.wait_until(lambda: status(lab, "cert")["path"]["interface"] == "lte0", "it roams", 5)
    measure.wait_until(lambda: status(lab, "cert")["state"] == "connected", "confirmed", 5)
    assert lab.ping("client", plan.CORP_HOST)
    assert status(lab, "cert")["gateway"]["address"] == plan.GATEWAY_SECOND


def test_the_virtual_address_moves_too(lab: Lab) -> None:
    """Behind a NAT that gives each destination a port of its own charon gives another address: routes have no gap."""
    before = connected(lab, "cert")
    with_agent(lab)
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.3)
        redirect(lab)
        after = took_over(lab, "cert", before)
        time.sleep(0.3)
    assert after["virtual_ips"] != before["virtual_ips"]
    assert len(lost(stream.probes[:-1])) <= 2       # on its way back to an address that is not there any more
    assert outage(stream.probes[:-1]) <= 0.1
