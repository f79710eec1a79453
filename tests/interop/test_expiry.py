"""Certificates that expire while connected: the user's and the gateway's, renewed in time or not."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.rovetest import connect, imported, status
from tests.interop.test_reauth import with_agent
from tests.lab import pki
from tests.lab.lab import Lab
from tests.lab.measure import wait_until

LIFE = 12           # s; a new log-in is due after nine tenths


def shown(lab: Lab) -> dict[str, Any]:
    return status(lab, "soon")


def until_over(lab: Lab) -> dict[str, Any]:
    wait_until(lambda: shown(lab)["state"] == "failed", "the connection is over", LIFE + 6)
    return shown(lab)


@pytest.fixture
def gateway_certificate(lab: Lab) -> Iterator[Path]:
    """To be written over."""
    path = lab.gateway.folder / "swanctl/x509/server-soon.crt"
    original = path.read_bytes()
    path.unlink()
    yield path
    path.write_bytes(original)
    lab.gateway.reload()


def test_the_users(lab: Lab) -> None:
    lab.roved.start(fresh=True)
    with_agent(lab)
    certificate, key = pki.short_lived("client-ec", LIFE)
    file = lab.folder / "short.pem"
    file.write_bytes(certificate + key)
    path = lab.profile("soon", user={"auth": "certificate", "certificate": str(file), "key": ""})
    assert lab.rove("import", str(path)).returncode == 0
    assert connect(lab, "soon").returncode == 0
    assert [finding["code"] for finding in shown(lab)["findings"]] == ["user-certificate-expires"]
    over = until_over(lab)
    assert over["last_error"]["code"] == "certificate-expired"
    assert over["counters"]["reauths"] == 1         # tried, shortly before: with a new certificate it would go on
    lab.gateway.ctl("--flush-certs")                # other tests sent it one of the same key that lasts
    time.sleep(1.1)                                 # charon's clock counts whole seconds: the last one is still valid
    done = connect(lab, "soon")                     # and the gateway says no, for a reason that is known here
    assert done.returncode == 6, done.stdout + done.stderr
    assert "expired on" in done.stderr


def test_the_gateways(lab: Lab, gateway_certificate: Path) -> None:
    """Nobody is there to log in again: it ends all the same, at its time."""
    lab.roved.start(fresh=True)
    imported(lab, "soon")
    gateway_certificate.write_bytes(pki.short_lived("server-soon", LIFE // 2)[0])
    lab.gateway.reload()
    assert connect(lab, "soon").returncode == 0
    assert "gateway-certificate-expires" in [finding["code"] for finding in shown(lab)["findings"]]
    assert until_over(lab)["last_error"]["code"] == "gateway-expired"


def test_a_gateway_that_renews_in_time(lab: Lab, gateway_certificate: Path) -> None:
    lab.roved.start(fresh=True)
    with_agent(lab)
    imported(lab, "soon")
    gateway_certificate.write_bytes(pki.short_lived("server-soon", LIFE)[0])
    lab.gateway.reload()
    assert connect(lab, "soon").returncode == 0
    gateway_certificate.write_bytes(pki.short_lived("server-soon", 90 * 86400)[0])
    lab.gateway.reload()
    wait_until(lambda: shown(lab)["counters"]["reauths"] == 1, "logged in again", LIFE + 2)
    time.sleep(2.5)                                  # beyond the old one's end
    now = shown(lab)
    assert (now["state"], now["findings"]) == ("connected", [])
