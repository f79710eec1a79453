"""Revoked gateways, by CRL and by OCSP over HTTP, and what Rove does where nobody answers."""

import time
from typing import Any

import pytest

from tests.interop.rovetest import connect, connected, imported, state, status
from tests.lab.lab import Lab

STRICT = {"gateway": {"revocation": "strict"}}


def asked(lab: Lab) -> list[str]:
    """What the web server was asked, since the last call."""
    assert lab.pki is not None
    found = sorted(lab.pki.requests)
    lab.pki.requests.clear()
    return found


@pytest.fixture(autouse=True)
def fresh(lab: Lab) -> None:
    lab.roved.start(fresh=True)     # remembers nothing
    asked(lab)


def refused(lab: Lab, name: str, words: str, **changes: Any) -> None:
    imported(lab, name, **changes)
    done = connect(lab, name)
    assert done.returncode == 5, done.stdout + done.stderr
    assert words in done.stderr
    assert state(lab, name) == "failed"


@pytest.mark.parametrize(("name", "request_"), [("crl", "GET /checked.crl"), ("ocsp", "POST /ocsp")])
def test_asked_beside_the_tunnel_and_remembered(lab: Lab, name: str, request_: str) -> None:
    shown = connected(lab, name, **STRICT)
    assert shown["findings"] == []
    assert asked(lab) == sorted([request_, "GET /root.crl"])
    lab.rove("disconnect", name)
    assert connect(lab, name).returncode == 0
    assert asked(lab) == []


@pytest.mark.parametrize(("name", "request_"), [("bad-crl", "GET /checked.crl"), ("bad-ocsp", "POST /ocsp")])
def test_a_revoked_gateway_is_refused(lab: Lab, name: str, request_: str) -> None:
    """No EAP response is sent to it, and nothing is tried again."""
    mark = lab.gateway.mark()
    refused(lab, name, "certificate has been revoked")
    assert request_ in asked(lab)
    time.sleep(1.6)         # the first back-off is at most 1.2
    log = lab.gateway.log()[mark:]
    assert log.count("IKE_AUTH request 1 ") == 1
    assert "EAP/RES" not in log


def test_nobody_answers(lab: Lab) -> None:
    """Soft: connected all the same, soon, and told. Strict: refused. Off: nobody is asked."""
    imported(lab, "silentcrl")
    began = time.monotonic()
    assert connect(lab, "silentcrl").returncode == 0
    assert time.monotonic() - began < 7         # 2 of them waiting
    assert [finding["code"] for finding in status(lab, "silentcrl")["findings"]] == ["revocation-unknown"]
    lab.rove("disconnect", "silentcrl")
    lab.roved.start(fresh=True)
    assert connected(lab, "silentcrl", gateway={"revocation": "off"})["findings"] == []
    lab.rove("disconnect", "silentcrl")
    lab.roved.start(fresh=True)
    refused(lab, "silentcrl", "cannot be found out whether", **STRICT)


def test_a_certificate_that_names_nobody_to_ask(lab: Lab) -> None:
    assert connected(lab, "mschap")["findings"] == []
    lab.rove("disconnect", "mschap")
    lab.roved.start(fresh=True)
    refused(lab, "mschap", "says nowhere to ask", **STRICT)


def test_asked_beside_a_full_tunnel(lab: Lab) -> None:
    """A log-in while everything goes through the tunnel: the questions do not."""
    imported(lab, "crl", **STRICT)
    connected(lab, "full", name="work")
    assert connect(lab, "crl").returncode == 0
    assert asked(lab) == ["GET /checked.crl", "GET /root.crl"]
    assert status(lab, "work")["state"] == "connected"


def test_a_pinned_gateway(lab: Lab) -> None:
    """It is asked for its certificate by a CERTREQ that names nobody; another key is named."""
    refused(lab, "mschap", "has another key than the one that this profile pins: its key is sha256:",
            gateway={"pin": "sha256:" + "00" * 32, "trust": "system"})
    pin = lab.rove("status", "mschap", "--json").stdout.partition("sha256:")[2][:64]
    lab.roved.start(fresh=True)
    path = lab.profile("mschap", gateway={"pin": f"sha256:{pin}"})
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("trust")))       # no authority at all
    done = lab.rove("import", str(path))
    assert done.returncode == 0, done.stderr
    assert connect(lab, "mschap").returncode == 0
