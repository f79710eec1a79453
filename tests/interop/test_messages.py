"""How many messages a set-up takes: no more than RFC 7296 §1.2 needs."""

import pytest

from tests.interop.rovetest import connect, imported
from tests.lab.lab import Lab

FOUR = [("IKE_SA_INIT", False), ("IKE_SA_INIT", True), ("IKE_AUTH", False), ("IKE_AUTH", True)]


@pytest.mark.parametrize("name", ["psk", "cert", "certec", "certed"])
def test_set_up_takes_four_messages(lab: Lab, name: str) -> None:
    """The first KE method is the gateway's, and messages are not fragmented by IKE."""
    imported(lab, name, ike={"proposals": ["aes256gcm16-prfsha384-ecp384"], "fragmentation": False})
    with lab.capture("client", "wifi0") as capture:
        assert connect(lab, name).returncode == 0
    assert [(message.exchange, message.response) for message in capture.ike()] == FOUR


def test_another_group_costs_one_round(lab: Lab) -> None:
    imported(lab, "psk", ike={"proposals": ["aes256gcm16-prfsha384-ecp521-ecp384"]})
    with lab.capture("client", "wifi0") as capture:
        assert connect(lab, "psk").returncode == 0
    messages = capture.ike()
    assert [(message.exchange, message.response) for message in messages] == FOUR[:2] + FOUR
    assert messages[1].notifies == ("INVALID_KE_PAYLOAD",)
