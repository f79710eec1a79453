"""EAP methods that end at a RADIUS server behind the gateway: FreeRADIUS, by TLS 1.2 and 1.3, and hostapd's, which
binds the inner method of PEAP to its tunnel (cryptobinding).

One server and one roved serve several methods in a row: starting them takes longer than a login.
"""

from typing import Any

import pytest

from tests.interop.rovetest import connect, state
from tests.lab import pki, plan
from tests.lab.gateways import PASSWORD, USER
from tests.lab.lab import Lab
from tests.lab.radius import SERVER_NAME
from tests.lab.rove import Done

# TLS version → methods. FreeRADIUS offers PEAP first, and MSCHAPv2 within it; the others are asked for by Nak.
METHODS = {"1.2": ("eap-peap/mschapv2", "eap-ttls/mschapv2", "eap-ttls/gtc", "eap-tls"),
           "1.3": ("eap-peap/mschapv2", "eap-peap/gtc", "eap-ttls/pap", "eap-tls")}
ANONYMOUS = "anonymous@lab.test"


@pytest.mark.parametrize("tls", METHODS)
def test_each_method_logs_in(lab: Lab, tls: str) -> None:
    """→ { IDi(anonymous) … } ← { IDr AUTH EAP } ⇄ … ← { EAP(Success) } → { AUTH } ← { AUTH CP SA TS }: the key that
    FreeRADIUS hands to the gateway (MS-MPPE) is ours."""
    lab.radius.start(tls=tls, words="Code of your card")      # GTC's: a challenge, not a password
    for method in METHODS[tls]:
        mark, heard = lab.gateway.mark(), len(lab.radius.log())
        done = attempt(lab, method)
        assert done.returncode == 0, method + done.stdout + done.stderr + lab.radius.log()[heard:][-6000:]
        lab.gateway.wait("authentication of '.*' with EAP successful", timeout=1, since=mark)
        assert lab.ping("client", plan.CORP_HOST)
        assert f"TLS {tls}" in lab.radius.log()[heard:].replace("TLS version", "TLS")
        if method != "eap-tls":
            assert USER not in lab.gateway.log()[mark:]       # the name is within the tunnel
            assert ANONYMOUS in lab.radius.log()[heard:]
        lab.rove("disconnect", name_for(method))


def test_cryptobinding(lab: Lab) -> None:
    """hostapd verifies our compound MAC, we verify its, and the MSK is the one that comes of both."""
    lab.hostapd.start()
    for method in ("eap-peap/mschapv2", "eap-peap/gtc"):
        mark, heard = lab.gateway.mark(), len(lab.hostapd.log())
        done = attempt(lab, method)
        said = lab.hostapd.log()[heard:]
        assert done.returncode == 0, method + done.stdout + done.stderr + said[-6000:]
        assert "EAP-PEAP: Valid cryptobinding TLV received" in said
        assert "EAP-PEAP: CSK" in said
        lab.gateway.wait("authentication of '.*' with EAP successful", timeout=1, since=mark)
        lab.rove("disconnect", name_for(method))


def test_refusals(lab: Lab) -> None:
    """A wrong password within the tunnel, and a server that is not the one: that one hears no password at all."""
    lab.radius.start()
    for method, words in (("eap-peap/mschapv2", "the server refused within PEAP"),
                          ("eap-ttls/pap", "refused your user name, password")):
        done = attempt(lab, method, "Wr0ng horse")
        assert done.returncode == 6, done.stdout + done.stderr
        assert words in done.stderr
        assert state(lab, name_for(method)) == "failed"
    heard = len(lab.radius.log())
    rogue = str(pki.directory() / "rogue.crt")
    for method, aaa, words in (
            ("eap-ttls/mschapv2", {"server_name": "radius.gw.lab.test"}, "its certificate has radius.lab.test"),
            ("eap-peap/gtc", {"trust": [rogue], "server_name": SERVER_NAME}, "the authentication server: ")):
        done = attempt(lab, method, "Wr0ng horse", aaa=aaa)
        assert done.returncode == 5, done.stdout + done.stderr
        assert words in done.stderr
    assert "Wr0ng horse" not in lab.radius.log()[heard:]
    assert USER not in lab.radius.log()[heard:]
    assert "ClientHello" in lab.radius.log()[heard:]


def name_for(method: str) -> str:
    return method.replace("/", "-")


def attempt(lab: Lab, method: str, secret: str = PASSWORD, **user: Any) -> Done:
    """One import and connect; the outer name is anonymous, the server is asked for by its own name."""
    if lab.roved.process is None:
        lab.roved.start(fresh=True)
    files, name = pki.directory() / "client-rsa", name_for(method)
    mine: dict[str, Any] = {"auth": method, "aaa": {"server_name": SERVER_NAME}, "ike_identity": ANONYMOUS}
    if method == "eap-tls":
        mine |= {"certificate": f"{files}.crt", "key": f"{files}.key", "ike_identity": ""}
    done = lab.rove("import", str(lab.profile("radius", name=name, user=mine | user)))
    assert done.returncode == 0, done.stdout + done.stderr
    return connect(lab, name, "radius", secrets={} if method == "eap-tls" else {"--password-fd": secret})
