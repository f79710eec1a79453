"""Logging in again under a ping every 10 ms: make before break, and not one packet is lost."""

import json
from typing import Any

import pytest

from tests.interop.renewal import no_loss
from tests.interop.rovetest import connected, status
from tests.interop.terminal import Terminal
from tests.lab import measure, plan, profiles
from tests.lab.lab import Lab


@pytest.mark.parametrize("name", ["psk", "cert", "mschap"])
def test_by_hand(lab: Lab, name: str) -> None:
    """→ IKE_SA_INIT, IKE_AUTH of a new IKE_SA  → INFORMATIONAL { D } of the old one, twice."""
    before = connected(lab, name)
    with no_loss(lab):
        for times in (1, 2):
            done = lab.rove("reauth", name, "--timeout", "20", secrets=profiles.secrets(name))
            assert done.returncode == 0, json.dumps([done.stdout, done.stderr])
            after = took_over(lab, name, before, times)
    assert after["virtual_ips"] == before["virtual_ips"]
    assert lab.ping("client", plan.CORP_HOST6)


def test_in_time_when_the_gateway_wants_it(lab: Lab) -> None:
    """RFC 4478: ← IKE_AUTH { …, N(AUTH_LIFETIME, 16 s) }; charon deletes what is older than 24 s."""
    before = connected(lab, "reauthcert")
    with_agent(lab)
    assert before["ike"]["reauth_at"] is not None
    with no_loss(lab):
        after = took_over(lab, "reauthcert", before, timeout=20)
        assert after["counters"]["reauths"] == 1
    assert "received DELETE for IKE_SA reauthcert" in lab.gateway.log()
    assert after["virtual_ips"] == before["virtual_ips"]


def test_nobody_to_ask_keeps_the_tunnel_and_says_so(lab: Lab) -> None:
    """Until the gateway's time is over, that is."""
    before = connected(lab, "reauthcert")
    measure.wait_until(lambda: status(lab, "reauthcert")["findings"], "a finding", 12)
    shown = status(lab, "reauthcert")
    assert [finding["code"] for finding in shown["findings"]] == ["reauth-failed"]
    assert "rove reauth" in shown["findings"][0]["message"]
    assert (shown["state"], shown["ike"]["spi_i"]) == ("connected", before["ike"]["spi_i"])
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.rove("reauth", "reauthcert").returncode == 0
    assert took_over(lab, "reauthcert", before)["findings"] == []


def test_pfs_that_the_gateway_does_not_have_and_the_profile_insists_on(lab: Lab) -> None:
    """→ CREATE_CHILD_SA { N(REKEY_SA) SA Ni KEi TSi TSr } ← { N(NO_PROPOSAL_CHOSEN) } until the end is near: then a
    new IKE_SA, whose first CHILD_SA needs no key exchange of its own."""
    before = connected(lab, "nopfscert", ike={"pfs": "ecp256", "child_lifetime": "15s"})
    with_agent(lab)
    with no_loss(lab):
        after = took_over(lab, "nopfscert", before, timeout=25)
    assert {"rekey-refused", "not-renewed"} <= {finding["code"] for finding in after["findings"]}


@pytest.mark.parametrize("name", ["replacing", "keeping"])
def test_gateways_that_want_one_ike_sa_of_a_user(lab: Lab, name: str) -> None:
    """``unique``: charon ends the old one by itself, or takes no second one unless it looks like a new login from the
    same address and port. (One that ends it at once: ``test_succession``.)"""
    before = connected(lab, name)
    mark = lab.gateway.mark()
    with no_loss(lab):
        assert lab.rove("reauth", name, "--timeout", "20").returncode == 0
        after = took_over(lab, name, before)
    assert after["virtual_ips"] == before["virtual_ips"]
    if name == "replacing":
        lab.gateway.wait("delete of duplicate IKE_SA .* suspected reauthentication", since=mark)


def test_a_gateway_that_gives_another_address(lab: Lab) -> None:
    """The computer moves to it; what begins after that uses it. The old one cannot be kept: its IKE_SA goes."""
    before = connected(lab, "cert")
    settings = lab.gateway.folder / "swanctl/swanctl.conf"
    text = settings.read_text()
    try:
        settings.write_text(text.replace("pools = v4, v6", "pools = split, v6"))
        lab.gateway.reload()
        assert lab.rove("reauth", "cert", "--timeout", "20").returncode == 0
    finally:
        settings.write_text(text)
        lab.gateway.reload()
    after = took_over(lab, "cert", before)
    assert after["virtual_ips"] != before["virtual_ips"]
    assert after["virtual_ips"][0].startswith("10.99.1.")
    addresses = lab.exec("client", "ip", "-4", "-o", "address", "show", "dev", "rove0").stdout
    assert after["virtual_ips"][0] in addresses
    assert before["virtual_ips"][0] not in addresses
    assert lab.ping("client", plan.CORP_HOST)


def test_keys_are_renewed_without_a_login_where_the_profile_says_so(lab: Lab) -> None:
    """→ CREATE_CHILD_SA { SA Ni KEi } of the IKE_SA when its time has come; nobody logs in."""
    before = connected(lab, "cert", ike={"renew": "rekey", "lifetime": "10s"})
    assert before["ike"]["reauth_at"] is None
    with no_loss(lab):
        measure.wait_until(lambda: status(lab, "cert")["ike"]["spi_i"] != before["ike"]["spi_i"], "a new IKE_SA", 14)
    assert status(lab, "cert")["counters"]["reauths"] == 0


def test_a_cancelled_prompt_leaves_the_tunnel_until_its_deadline(lab: Lab) -> None:
    """``ike.reauth = "20s"``: asked 5 s before; then the tunnel and its routes go, and nobody is asked once more."""
    baseline = lab.snapshot()
    lab.roved.start(fresh=True)
    terminal = Terminal(lab)
    try:
        terminal.wait("Ready")
        connected(lab, "mschap", ike={"reauth": "20s", "renew": "reauth"})
        terminal.wait("Password of", 20)
        measure.wait_until(lambda: "waiting-for-user" in findings(lab, "mschap"), "it is shown", 3)
        terminal.type("\4")
        measure.wait_until(lambda: "reauth-failed" in findings(lab, "mschap"), "a finding", 5)
        with no_loss(lab, settle=0.8):
            assert status(lab, "mschap")["state"] == "connected"
        measure.wait_until(lambda: status(lab, "mschap")["state"] == "failed", "the end", 10)
        assert status(lab, "mschap")["last_error"]["code"] == "login-expired"
        assert terminal.said.count("Password of") == 1
        measure.wait_until(lambda: lab.snapshot() == baseline, "the host is as it was", 5)
    finally:
        terminal.close()


# --- helpers


def findings(lab: Lab, name: str) -> set[str]:
    return {finding["code"] for finding in status(lab, name)["findings"]}


def with_agent(lab: Lab) -> None:
    """``rove agent`` beside the test: a certificate's key without passphrase needs nobody at the terminal."""
    agent = lab.rove_popen("agent")
    assert agent.stdout is not None
    assert "Ready" in agent.stdout.readline()


def took_over(lab: Lab, name: str, before: dict[str, Any], times: int = 1, timeout: float = 10) -> dict[str, Any]:
    """Both ends agree on the one IKE_SA and the one CHILD_SA that there are, which are new ones."""
    shown: dict[str, Any] = {}

    def settled() -> bool:
        shown.update(status(lab, name))
        sas = [sa for sa in lab.gateway.sas() if sa.state == "ESTABLISHED"]
        return (len(sas) == len(shown["children"]) == 1 and shown["counters"]["reauths"] >= times
                and shown["ike"]["spi_i"] == sas[0].spi_i)
    measure.wait_until(settled, "one new IKE_SA", timeout)
    assert shown["ike"]["spi_i"] != before["ike"]["spi_i"]
    assert shown["state"] == "connected"
    return shown
