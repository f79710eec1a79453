"""Each EAP method against strongSwan's: the same key on both sides, or none and SK_p; and what a refusal says."""

import pytest

from tests.interop.rovetest import connect, connected, imported, state
from tests.lab import plan
from tests.lab.lab import Lab

PROVEN = {"md5": "MD5", "gtc": "GTC"}


@pytest.mark.parametrize("name", PROVEN)
def test_log_in_and_ping(lab: Lab, name: str) -> None:
    """→ { IDi … } ← { IDr AUTH EAP } ⇄ … ← { EAP(Success) } → { AUTH } ← { AUTH CP SA TS }"""
    mark = lab.gateway.mark()
    connected(lab, name)
    lab.gateway.wait(f"EAP method EAP_{PROVEN[name]} succeeded", timeout=1, since=mark)
    lab.gateway.wait("authentication of '.*' with EAP successful", timeout=1, since=mark)
    assert lab.ping("client", plan.CORP_HOST)


@pytest.mark.parametrize("name", ["md5", "gtc"])
def test_a_wrong_password_is_told_once(lab: Lab, name: str) -> None:
    imported(lab, name)
    mark = lab.gateway.mark()
    done = connect(lab, name, secrets={"--password-fd": "Wr0ng horse"})
    assert done.returncode == 6, done.stdout + done.stderr
    assert "refused your user name, password" in done.stderr
    assert state(lab, name) == "failed"
    assert "Wr0ng" not in done.stdout + done.stderr + lab.roved.log() + lab.rove("log").stdout
    assert lab.gateway.log()[mark:].count("EAP method EAP_") <= 2
