"""What a gateway refuses, and what of it Rove refuses: one attempt, a plain sentence, an exit code, no secret told."""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.interop.rovetest import connect, connected, state
from tests.lab import pki
from tests.lab.capture import IkeMessage
from tests.lab.gateways import PASSWORD, PSK
from tests.lab.lab import Lab
from tests.lab.rove import Done

WRONG = "Wr0ng horse, battery"
RETRIES = 1.6    # s: the first back-off is at most 1.2


@dataclass(frozen=True)
class Refusal:
    """``says`` and ``advises`` are what stderr shows; ``changes`` are the profile's."""

    connection: str
    exit_code: int
    says: str
    advises: str
    secret: str = PASSWORD
    changes: dict[str, Any] = field(default_factory=dict)


GATEWAYS = {
    "wrong-name": Refusal("bad-wrongname", 5, "does not name bad-wrongname.gw.lab.test",
                          "Check gateway.identity"),
    "expired": Refusal("bad-expired", 5, "certificate is not valid now", "Check this computer's date"),
    "unknown-ca": Refusal("bad-rogue", 5, "not from an authority that this profile trusts", "Check gateway.trust"),
    "key-usage": Refusal("bad-keyusage", 5, "not made for a VPN gateway", "Tell whoever runs the gateway"),
}
USERS = {
    "password": Refusal("mschap", 6, "refused your user name, password", "Rove does not retry by itself", WRONG),
    "user": Refusal("mschap", 6, "refused your user name, password", "Rove does not retry by itself",
                    changes={"user": {"identity": "mallory@lab.test"}}),
    "psk": Refusal("psk", 6, "refused your user name, password, key", "Rove does not retry by itself", WRONG),
    "no-psk-at-the-gateway": Refusal("cert", 6, "refused your user name, password, key",
                                     "Rove does not retry by itself", PSK,
                                     {"user": {"auth": "psk", "identity": "alice@lab.test"}}),
    **{f"certificate-{what}": Refusal("certec", 6, f"refused your user name, password, key or certificate{why}",
                                      "Rove does not retry by itself", "")
       for what, why in (("rogue", ""), ("revoked", ""), ("expired", ": AUTHENTICATION_FAILED; the certificate of "
                                                                     "CN=dave,O=Lab,C=XX expired on 2021-01-01"))},
    "method": Refusal("noeap", 6, "the gateway wants EAP-MD5, the profile has EAP-MSCHAPV2",
                      "Tell whoever runs the gateway"),
}
ALGORITHMS = {
    "ike": Refusal("weak", 4, "accepts none of the algorithms offered: ", 'may need ike.legacy = "on"'),
    "esp": Refusal("childweak", 4, "accepts none of the algorithms offered for the traffic: ",
                   'may need ike.legacy = "on"'),
}


@pytest.mark.parametrize("name", USERS)
def test_a_refused_user_is_told_once(lab: Lab, name: str) -> None:
    refusal = USERS[name]
    if name.startswith("certificate-"):
        stem = pki.directory() / f"client-{name.removeprefix('certificate-')}"
        refusal = Refusal(refusal.connection, 6, refusal.says, refusal.advises, "",
                          {"user": {"certificate": f"{stem}.crt", "key": f"{stem}.key"}})
    _refused(lab, refusal)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_nothing_in_common_lists_what_was_offered(lab: Lab, name: str) -> None:
    offered = {"ike": ["aes256gcm16-prfsha384-ecp384", "aes128-sha256-modp3072"],
               "esp": ["aes256gcm16", "chacha20poly1305"]}
    key = {"ike": "proposals", "esp": "esp_proposals"}[name]
    done = _refused(lab, ALGORITHMS[name], ike={key: offered[name]})
    for proposal in offered[name]:
        assert proposal in done.stderr


@pytest.mark.parametrize("name", GATEWAYS)
def test_no_eap_response_reaches_an_unproven_gateway(lab: Lab, name: str) -> None:
    """→ IKE_AUTH { IDi IDr SA TS } ← { IDr CERT AUTH EAP } → INFORMATIONAL { N(AUTHENTICATION_FAILED) }"""
    lab.gateway.start(log_level=4)
    with lab.capture("client", "wifi0", "udp") as capture:
        _refused(lab, GATEWAYS[name])
    messages = capture.ike(lab.gateway.log())
    ours, theirs = _by_side(messages)
    assert ("Request", 1) in [packet for message in theirs for packet in message.eap]    # the gateway did ask
    assert [packet for message in ours for packet in message.eap] == []
    said = [(message.exchange, message.notifies) for message in ours if message.message_id > 1]
    assert said == [("INFORMATIONAL", ("AUTHENTICATION_FAILED",))]
    assert all(message.decrypted for message in messages if message.exchange != "IKE_SA_INIT")


def test_the_capture_would_show_an_eap_response(lab: Lab) -> None:
    """The proof above proves something: to a good gateway the responses are seen, and only after its AUTH."""
    lab.gateway.start(log_level=4)
    with lab.capture("client", "wifi0", "udp") as capture:
        connected(lab, "mschap")
    messages = capture.ike(lab.gateway.log())
    ours, theirs = _by_side(messages)
    answered = [message for message in ours if message.eap]
    proven = next(message for message in theirs if "AUTH" in message.payloads)
    assert {kind for message in answered for _, kind in message.eap} == {1, 26}
    assert min(message.time for message in answered) > proven.time


def _refused(lab: Lab, refusal: Refusal, **changes: Any) -> Done:
    """Connects once; holds the exit code, the words, the silence about secrets, and that no other attempt follows."""
    lab.roved.start(fresh=True)
    name = refusal.connection
    imported = lab.rove("import", str(lab.profile(name, **(refusal.changes | changes))))
    assert imported.returncode == 0, imported.stderr
    mark = lab.gateway.mark()
    done = connect(lab, name, secrets={"--password-fd": refusal.secret} if refusal.secret else {})
    assert done.returncode == refusal.exit_code, done.stdout + done.stderr
    assert refusal.says in done.stderr
    assert refusal.advises in done.stderr
    time.sleep(RETRIES)
    lab.gateway.wait("is initiating an IKE_SA", timeout=0.1, since=mark)
    begun = re.findall(r"received packet: from .* \((\d+) bytes\)\n.*parsed IKE_SA_INIT request", _log(lab, mark))
    assert 1 <= len(begun) <= 2     # the second where the gateway asked for another group
    assert len(re.findall(r"IKE_AUTH request 1 \[ IDi", _log(lab, mark))) == (refusal.connection != "weak")
    assert state(lab, name) == "failed"
    _tells_nothing(lab, done, refusal.secret)
    return done


def _tells_nothing(lab: Lab, done: Done, secret: str) -> None:
    texts = {"stdout": done.stdout, "stderr": done.stderr, "roved": lab.roved.log(),
             "rove log": lab.rove("log").stdout}
    for path in lab.roved.folder.rglob("*"):
        if path.is_file():
            texts[str(path)] = path.read_text(errors="replace")
    for where, text in texts.items():
        assert "Traceback" not in text, where
        if secret:
            assert secret not in text, where
            assert secret.encode().hex() not in text, where


def _log(lab: Lab, mark: int) -> str:
    return lab.gateway.log()[mark:]


def _by_side(messages: list[IkeMessage]) -> tuple[list[IkeMessage], list[IkeMessage]]:
    """(ours, the gateway's)."""
    inside = "192.168.1.10"
    return ([message for message in messages if message.source == inside],
            [message for message in messages if message.source != inside])
