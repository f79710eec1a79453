"""A network that drops IP fragments: with IKE fragmentation (RFC 7383) nobody notices, without it the user is told."""

from typing import Any

import pytest

from tests.interop.rovetest import connect, connected, imported, status
from tests.lab import plan
from tests.lab.lab import Lab

SMALLEST = 1500     # octets: an IKE_AUTH above this does not fit one packet of the lab


def test_ip_fragments_blocked(lab: Lab) -> None:
    """IKE_AUTH with certificate chains in both directions: → { SKF 1/2 } { SKF 2/2 } ← { SKF 1/n } …"""
    lab.udp("wifi", "blockfrag")
    with lab.capture("client", "wifi0") as capture:
        connected(lab, "cert")
    auth = [message for message in capture.ike() if message.exchange == "IKE_AUTH"]
    for response in (False, True):
        sizes = [message.size for message in auth if message.response is response]
        assert sum(sizes) > SMALLEST
        assert max(sizes) <= 1280 - 28      # of IPv4 and UDP, and the marker's four are in it
    assert {message.payloads[0] for message in auth} == {"SKF"}
    assert capture.count("ip.flags.mf == 1 || ip.frag_offset > 0") == 0
    assert lab.ping("client", plan.CORP_HOST)


@pytest.mark.parametrize(("name", "changes", "who"), [
    ("cert", {"ike": {"fragmentation": False}}, "the profile turns it off"),
    ("nofrag", {}, "the gateway does not offer it"),
], ids=["ours", "the-gateways"])
def test_without_fragmentation_the_reason_is_said(lab: Lab, name: str, changes: dict[str, Any], who: str) -> None:
    """IKE_SA_INIT passes, IKE_AUTH (ours with a certificate, or the gateway's answer to EAP) does not."""
    lab.udp("wifi", "blockfrag")
    imported(lab, name, **changes)
    done = connect(lab, name, timeout=4)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "The gateway answers at first, but not to the log-in." in done.stderr
    assert f"without IKE fragmentation: {who}" in done.stderr
    assert "ike.fragmentation" in done.stderr
    assert status(lab, name)["last_error"]["code"] == "login-unanswered"
    lab.udp("wifi", "open")
    assert connect(lab, name).returncode == 0       # it was the fragments
