"""Post-quantum pre-shared keys (RFC 8784), against a real gateway."""

import re

import pytest

from tests.interop.rovetest import connect, connected, imported, state
from tests.lab import plan
from tests.lab.gateways import PASSWORD, PPK, PPK_ID, PSK
from tests.lab.lab import Lab

WAYS = ["ppk", "ppkopt", "ppkpsk", "ppkcert"]
WRONG = "0x" + "5a" * 32


@pytest.mark.parametrize("name", WAYS)
def test_connects_pings_and_renews(lab: Lab, name: str) -> None:
    """→ IKE_SA_INIT { … N(USE_PPK) } ←, → IKE_AUTH { … AUTH N(PPK_IDENTITY) } ← { … AUTH N(PPK_IDENTITY) }

    Then the keys are renewed: what comes of SK_d has the PPK in it on both sides."""
    mark = lab.gateway.mark()
    connected(lab, name)
    assert re.search(f"using PPK for PPK_ID '{PPK_ID}'", lab.gateway.log()[mark:])
    assert lab.ping("client", plan.CORP_HOST)
    for arguments, renewed in ((["--ike"], "IKE_SA .* rekeyed"), ([], "CHILD_SA .* established")):
        mark = lab.gateway.mark()
        assert lab.rove("rekey", name, *arguments).returncode == 0
        lab.gateway.wait(renewed, since=mark)
        assert lab.ping("client", plan.CORP_HOST)


SECRETS = {"ppk": f"{PASSWORD}\n{WRONG}", "ppkopt": f"{PASSWORD}\n{WRONG}", "ppkpsk": f"{PSK}\n{WRONG}",
           "ppkcert": WRONG}


@pytest.mark.parametrize("name", WAYS)
def test_a_wrong_key_is_told_as_such(lab: Lab, name: str) -> None:
    """→ { … AUTH N(PPK_IDENTITY) } ← { N(AUTHENTICATION_FAILED) }: once, and no secret is told."""
    imported(lab, name)
    done = connect(lab, name, secrets={"--password-fd": SECRETS[name]})
    assert done.returncode == 6, done.stdout + done.stderr
    assert "refused the post-quantum key" in done.stderr
    assert state(lab, name) == "failed"
    for secret in (WRONG, PPK, PSK, PASSWORD):
        assert secret not in done.stdout + done.stderr + lab.roved.log()


def test_a_name_that_the_gateway_does_not_know(lab: Lab) -> None:
    """→ { … AUTH N(PPK_IDENTITY, another) }: without NO_PPK_AUTH the gateway cannot take it, needed there or not."""
    imported(lab, "ppkopt", ike={"ppk": "nobody@lab.test"})
    done = connect(lab, "ppkopt")
    assert done.returncode == 6, done.stdout + done.stderr
    assert "refused the post-quantum key" in done.stderr


def test_a_gateway_that_demands_it_refuses_who_has_none(lab: Lab) -> None:
    """→ IKE_SA_INIT without N(USE_PPK)"""
    imported(lab, "ppk", ike={"ppk": ""})
    done = connect(lab, "ppk", secrets={"--password-fd": PASSWORD})
    assert done.returncode == 6, done.stdout + done.stderr


def test_a_gateway_without_any_is_told_as_such(lab: Lab) -> None:
    """← IKE_SA_INIT without N(USE_PPK): exit 4, and nothing is said of who we are."""
    imported(lab, "mschap", ike={"ppk": PPK_ID})
    mark = lab.gateway.mark()
    lab.gateway.unload_secret("ppk-1")
    try:
        done = connect(lab, "mschap", secrets={"--password-fd": f"{PASSWORD}\n{PPK}"})
    finally:
        lab.gateway.reload()
    assert done.returncode == 4, done.stdout + done.stderr
    assert "does not use the post-quantum key that the profile demands" in done.stderr
    assert "IKE_AUTH request" not in lab.gateway.log()[mark:]
