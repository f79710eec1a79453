"""How many messages a set-up takes: no more than RFC 7296 §1.2 needs."""

import socket
from dataclasses import replace

import pytest

from tests.interop.rovetest import connect, imported
from tests.lab import netns, plan
from tests.lab.capture import IkeMessage
from tests.lab.gateways import PSK, USER, identity
from tests.lab.lab import Lab
from tests.recorded.recording import Client

FOUR = [("IKE_SA_INIT", False), ("IKE_SA_INIT", True), ("IKE_AUTH", False), ("IKE_AUTH", True)]


@pytest.mark.parametrize("name", ["psk", "cert", "certec", "certed"])
def test_set_up_takes_four_messages(lab: Lab, name: str) -> None:
    """The first KE method is the gateway's, and messages are not fragmented by IKE."""
    imported(lab, name, ike={"proposals": ["aes256gcm16-prfsha384-ecp384"], "fragmentation": False})
    with lab.capture("client", "wifi0") as capture:
        assert connect(lab, name).returncode == 0
    assert [(message.exchange, message.response) for message in set_up(capture.ike())] == FOUR


def test_another_group_costs_one_round(lab: Lab) -> None:
    imported(lab, "psk", ike={"proposals": ["aes256gcm16-prfsha384-ecp521-ecp384"]})
    with lab.capture("client", "wifi0") as capture:
        assert connect(lab, "psk").returncode == 0
    messages = set_up(capture.ike())
    assert [(message.exchange, message.response) for message in messages] == FOUR[:2] + FOUR
    assert messages[1].notifies == ("INVALID_KE_PAYLOAD",)


@pytest.mark.parametrize(("groups", "refused"), [("ecp384", []), ("ecp521-ecp384", ["INVALID_KE_PAYLOAD"])],
                         ids=["cookie", "cookie-and-another-group"])
def test_cookies_forced(lab: Lab, groups: str, refused: list[str]) -> None:
    """RFC 7296 §2.6: no IKE_SA_INIT without a cookie is taken, and what follows is as ever.

    → IKE_SA_INIT { SA KE Ni }             ← { N(COOKIE) }
    → IKE_SA_INIT { N(COOKIE) SA KE Ni }   ← { N(INVALID_KE_PAYLOAD) } where the group is not the gateway's
    → IKE_SA_INIT { N(COOKIE) SA KE' Ni }  ← { SA KE Nr }
    """
    lab.gateway.start(cookies=True)
    half_open(lab)
    imported(lab, "psk", ike={"proposals": [f"aes256gcm16-prfsha384-{groups}"]})
    with lab.capture("client", "wifi0") as capture:
        done = connect(lab, "psk")
        assert done.returncode == 0, done.stdout + done.stderr
    begun = list(dict.fromkeys(replace(message, time=0.0) for message in capture.ike()
                               if message.exchange == "IKE_SA_INIT"))       # what was sent again, once
    asked, answered = begun[0::2], begun[1::2]
    assert {message.response for message in asked} == {False}
    assert [message.notifies[0] for message in answered[:-1]] == ["COOKIE", *refused]
    assert answered[-1].payloads[0] == "SA"
    assert "COOKIE" not in asked[0].notifies
    for message in asked[1:]:
        assert (message.payloads[0], message.notifies[0]) == ("N", "COOKIE")
        assert message.payloads[1:] == asked[0].payloads
    assert lab.ping("client", plan.CORP_HOST)


def set_up(messages: list[IkeMessage]) -> list[IkeMessage]:
    """Without what follows it: how the gateway sees us, asked once there is nothing else to say (roaming.py)."""
    ends = max(number for number, message in enumerate(messages) if message.exchange == "IKE_AUTH") + 1
    assert {message.exchange for message in messages[ends:]} <= {"INFORMATIONAL"}
    return messages[:ends]


def half_open(lab: Lab) -> None:
    """An IKE_SA_INIT of somebody who then is silent: charon begins to demand cookies at one half-open IKE_SA."""
    somebody = Client({"auth": "psk", "local": USER, "remote": identity("psk"), "secret": PSK,
                       "ike": "aes256gcm16-prfsha384-ecp384", "esp": "aes256gcm16"})
    somebody.take(0.0, "start", "wifi0")
    mark = lab.gateway.mark()
    with netns.inside(lab.spaces[plan.CLIENT], lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sending:
        sending.sendto(somebody.sent[0].data, (plan.GATEWAY, 500))
        lab.gateway.wait("sending packet", since=mark)
