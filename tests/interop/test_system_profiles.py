"""Profiles of the machine: connected when roved starts, before anybody has logged in, with what roved keeps."""

import json
from typing import Any

import pytest

from tests.lab import plan, profiles
from tests.lab.accounts import ROOT
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab
from tests.lab.measure import wait_until

AUTO = {"policy": {"autoconnect": True}}


def imported(lab: Lab, name: str, secret: str | None, **changes: Any) -> None:
    done = lab.rove("import", "--system", str(lab.profile(name, **changes)), user=ROOT,
                    secrets={} if secret is None else {"--password-fd": secret})
    assert done.returncode == 0, done.stdout + done.stderr


def shown(lab: Lab, name: str) -> dict[str, Any]:
    (connection,) = json.loads(lab.rove("status", name, "--json", user=ROOT).stdout)["connections"]
    assert isinstance(connection, dict)
    return connection


def reached(lab: Lab, name: str, state: str) -> dict[str, Any]:
    wait_until(lambda: shown(lab, name)["state"] in (state, "failed"), state, 15)
    assert shown(lab, name)["state"] == state, shown(lab, name)["last_error"]
    return shown(lab, name)


@pytest.mark.parametrize("name", ["psk", "cert", "mschap"])
def test_connected_when_roved_starts(lab: Lab, name: str) -> None:
    """No user has a session, no agent runs; a later login again needs nobody either."""
    lab.roved.start(fresh=True)
    imported(lab, name, profiles.secrets(name).get("--password-fd"), **AUTO)
    assert lab.gateway.sas() == []
    lab.roved.start()
    before = reached(lab, name, "connected")
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.rove("reauth", name, "--timeout", "20", user=ROOT).returncode == 0
    assert shown(lab, name)["ike"]["spi_i"] != before["ike"]["spi_i"]
    assert lab.rove("disconnect", name, user=ROOT).returncode == 0
    assert lab.rove("delete", name, "--yes", user=ROOT).returncode == 0
    assert not list((lab.roved.folder / "state/credentials").iterdir())


def test_a_wrong_stored_password_is_sent_once(lab: Lab) -> None:
    """Not again when roved starts anew; whoever connects is asked."""
    lab.roved.start(fresh=True)
    imported(lab, "mschap", "wr0ng-" + PASSWORD, **AUTO)
    mark = lab.gateway.mark()
    lab.roved.start()
    wait_until(lambda: shown(lab, "mschap")["state"] == "failed", "it is refused", 15)
    lab.roved.start()
    wait_until(lambda: shown(lab, "mschap")["state"] == "failed", "nobody to ask", 15)
    assert shown(lab, "mschap")["last_error"]["code"] == "no-agent"
    assert lab.gateway.log()[mark:].count("EAP method EAP_MSCHAPV2 failed") == 1
    done = lab.rove("connect", "mschap", "--timeout", "20", secrets=profiles.secrets("mschap"))
    assert done.returncode == 0, done.stdout + done.stderr
    for text in (lab.roved.log(), done.stdout, done.stderr):
        assert PASSWORD not in text
