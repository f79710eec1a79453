"""Each EAP method against strongSwan's: the same key on both sides, or none and SK_p; and what a refusal says."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.interop.rovetest import connect, connected, state
from tests.lab import pki, plan
from tests.lab.gateways import USER
from tests.lab.lab import Lab

PROVEN = {"md5": "MD5", "gtc": "GTC", "eaptls": "TLS", "eaponly": "TLS", "ttls": "TTLS"}


@pytest.mark.parametrize("name", PROVEN)
def test_log_in_and_ping(lab: Lab, name: str) -> None:
    """→ { IDi … } ← { IDr AUTH EAP } ⇄ … ← { EAP(Success) } → { AUTH } ← { AUTH CP SA TS }; "eaponly" without the
    gateway's first AUTH (RFC 5998)."""
    mark = lab.gateway.mark()
    if name == "eaponly":
        _connected(lab, name, gateway={"trust": "eap"}, user={"aaa": {"trust": [_authority("root")]}})
    else:
        connected(lab, name)
    lab.gateway.wait(f"EAP method EAP_{PROVEN[name]} succeeded", timeout=1, since=mark)
    lab.gateway.wait("authentication of '.*' with EAP successful", timeout=1, since=mark)
    assert lab.ping("client", plan.CORP_HOST)


def test_another_kind_of_key(lab: Lab) -> None:
    """RSA above, ECDSA with the smartcards; and Ed25519."""
    _connected(lab, "eaptls", user=_certificate("client-ed", "carol@lab.test"))


@dataclass(frozen=True)
class Refusal:
    """``user``: what the profile says otherwise."""

    connection: str
    exit_code: int
    says: str
    secret: str = ""
    user: dict[str, Any] = field(default_factory=dict)


def _authority(name: str) -> str:
    return str(pki.directory() / f"{name}.crt")


def _certificate(name: str, identity: str) -> dict[str, Any]:
    files = pki.directory() / name
    return {"certificate": f"{files}.crt", "key": f"{files}.key", "identity": identity}


USERS = {
    "md5": lambda: Refusal("md5", 6, "refused your user name, password", "Wr0ng horse"),
    "ttls": lambda: Refusal("ttls", 6, "refused your user name, password", "Wr0ng horse"),
    "expired-certificate": lambda: Refusal("eaptls", 6, "your certificate: ",
                                           user=_certificate("client-expired", "dave@lab.test")),
    "untrusted-certificate": lambda: Refusal("eaptls", 6, "your certificate: ",
                                             user=_certificate("client-rogue", USER)),
}
SERVERS = {
    "another-name": lambda: Refusal("eaptls", 5, "the profile expects radius.lab.test, its certificate has",
                                    user={"aaa": {"server_name": "radius.lab.test"}}),
    "within-ttls": lambda: Refusal("ttls", 5, "the authentication server: ", "horse battery",
                                   user={"aaa": {"trust": [_authority("rogue")]}}),
}


@pytest.mark.parametrize("name", USERS)
def test_a_refused_user_is_told_once(lab: Lab, name: str) -> None:
    refusal = USERS[name]()
    mark = lab.gateway.mark()
    _refused(lab, refusal)
    assert lab.gateway.log()[mark:].count("parsed IKE_AUTH request 1 ") == 1


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_not_the_one_gets_nothing_of_the_user(lab: Lab, name: str) -> None:
    """The ClientHello is all that it hears: neither certificate nor password nor the name within the tunnel."""
    mark = lab.gateway.mark()
    _refused(lab, SERVERS[name]())
    said = lab.gateway.log()[mark:]
    assert "sending TLS ServerHello" in said or "negotiated TLS" in said
    assert "received TLS peer certificate" not in said
    assert "EAP method EAP_" not in said
    assert "received tunneled EAP" not in said


def _imported(lab: Lab, name: str, **changes: Any) -> None:
    if lab.roved.process is None:
        lab.roved.start(fresh=True)
    done = lab.rove("import", str(lab.profile(name, **changes)))
    assert done.returncode == 0, done.stdout + done.stderr


def _connected(lab: Lab, name: str, **changes: Any) -> None:
    _imported(lab, name, **changes)
    done = connect(lab, name)
    assert done.returncode == 0, done.stdout + done.stderr


def _refused(lab: Lab, refusal: Refusal) -> None:
    lab.roved.start(fresh=True)
    _imported(lab, refusal.connection, user=refusal.user)
    secrets = {"--password-fd": refusal.secret} if refusal.secret else {}
    done = connect(lab, refusal.connection, secrets=secrets)
    assert done.returncode == refusal.exit_code, done.stdout + done.stderr
    assert refusal.says in done.stderr
    assert state(lab, refusal.connection) == "failed"
    if refusal.secret:
        assert refusal.secret not in done.stdout + done.stderr + lab.roved.log() + lab.rove("log").stdout
