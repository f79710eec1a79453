"""Several authentications in one IKE_AUTH (RFC 4739), against a real gateway."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.interop.rovetest import connect, connected, state, status
from tests.lab import measure, plan, profiles
from tests.lab.gateways import PASSWORD, PSK
from tests.lab.lab import Lab

# connection → how the gateway's log says that each of our rounds was proven
PROVEN = {"multi": ["RSA_EMSA_PKCS1_SHA2_512", "EAP"], "multi3": ["pre-shared key", "RSA_EMSA_PKCS1_SHA2_512", "EAP"],
          "pskeap": ["pre-shared key", "EAP"]}


@pytest.mark.parametrize("name", PROVEN)
def test_each_round_is_taken_and_pings_pass(lab: Lab, name: str) -> None:
    """→ { IDi [CERT] AUTH N(ANOTHER_AUTH_FOLLOWS) … } ← { IDr CERT AUTH } → { IDi … } … ← { AUTH CP SA TS }"""
    mark = lab.gateway.mark()
    connected(lab, name)
    proven = re.findall(r"authentication of '[^']*' with (.+) successful", lab.gateway.log()[mark:])
    assert len(proven) == len(PROVEN[name])
    for way, wanted in zip(proven, PROVEN[name], strict=True):
        assert way.startswith(wanted)
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST6)


@dataclass(frozen=True)
class Refusal:
    """``secrets``: lines of --password-fd; ``user``: what the profile says otherwise."""

    connection: str
    secrets: str
    exit_code: int
    says: str
    user: dict[str, Any] = field(default_factory=dict)


REFUSALS = {
    "password-of-the-last-round": Refusal("multi", "Wr0ng", 6, "refused your user name, password"),
    "password-after-the-key": Refusal("multi3", f"{PSK}\nWr0ng", 6, "refused your user name, password"),
    "key-of-the-first-round": Refusal("multi3", f"wr0ng\n{PASSWORD}", 6, "AUTHENTICATION_FAILED in round 1 of 3"),
    "the-gateways-key": Refusal("pskeap", f"wr0ng\n{PASSWORD}", 6, "AUTHENTICATION_FAILED in round 1 of 2"),
    "a-round-too-many": Refusal("mschap", f"{PASSWORD}\n{PSK}", 6, "refused your user name",
                                {"auth": ["eap-mschapv2", "psk"]}),
    "a-round-too-few": Refusal("multi", "", 6, "refused your user name", {"auth": "certificate", "identity": ""}),
    "another-order": Refusal("multi", PASSWORD, 6, "refused your user name", {"auth": ["eap-mschapv2", "certificate"]}),
    "a-line-too-few": Refusal("multi3", PSK, 6, "no line for this: Password of alice@lab.test"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_round_is_told_once(lab: Lab, name: str) -> None:
    refusal = REFUSALS[name]
    lab.roved.start(fresh=True)
    imported = lab.rove("import", str(lab.profile(refusal.connection, user=refusal.user)))
    assert imported.returncode == 0, imported.stderr
    done = connect(lab, refusal.connection, secrets={"--password-fd": refusal.secrets} if refusal.secrets else {})
    assert done.returncode == refusal.exit_code, done.stdout + done.stderr
    assert refusal.says in done.stderr
    assert state(lab, refusal.connection) == "failed"
    for secret in refusal.secrets.split("\n"):
        if secret:
            assert secret not in done.stdout + done.stderr + lab.roved.log()


@pytest.mark.parametrize("name", ["multi3", "ppk"])
def test_all_of_it_is_asked_for_again_when_logging_in_again(lab: Lab, name: str) -> None:
    """A new IKE_SA beside the old one (RFC 7296 §2.8.3) has the same rounds, and the same PPK in it (RFC 8784)."""
    before = connected(lab, name)
    done = lab.rove("reauth", name, "--timeout", "20", secrets=profiles.secrets(name))
    assert done.returncode == 0, done.stdout + done.stderr
    measure.wait_until(lambda: len(lab.gateway.sas()) == 1 and status(lab, name)["counters"]["reauths"] == 1,
                       "one new IKE_SA", 10)
    assert status(lab, name)["ike"]["spi_i"] != before["ike"]["spi_i"]
    assert lab.ping("client", plan.CORP_HOST)
