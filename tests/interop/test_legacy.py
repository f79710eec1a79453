"""Gateways of another age: what ``ike.legacy`` lets them have."""

from tests.interop.rovetest import connect, connected, imported, status
from tests.lab import measure, plan
from tests.lab.lab import Lab

ON = {"ike": {"legacy": "on"}}
SAYS_SHA1 = "signature with SHA-1"


def test_an_old_gateway(lab: Lab) -> None:
    """It knows 3DES, SHA-1 and MODP-1024 alone (refused without: test_refusals.py), in IKE; its ESP is not that old."""
    shown = connected(lab, "weak", **ON)
    assert shown["ike"]["proposal"] == "3des-sha1-modp1024"
    assert lab.ping("client", plan.CORP_HOST)


def test_an_old_gateways_esp(lab: Lab) -> None:
    shown = connected(lab, "childweak", **ON)
    assert [child["proposal"] for child in shown["children"]] == ["3des-sha1"]
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.rove("rekey", "childweak").returncode == 0
    measure.wait_until(lambda: status(lab, "childweak")["counters"]["rekeys"] == 1, "the rekeyed CHILD_SA")
    measure.wait_until(lambda: len(status(lab, "childweak")["children"]) == 1, "the old CHILD_SA goes")
    assert lab.ping("client", plan.CORP_HOST6)


def test_a_keyword_names_the_key_that_allows_it(lab: Lab) -> None:
    imported(lab, "weak", ike={"proposals": ["aes256-sha1-modp2048"]})
    done = connect(lab, "weak")
    assert done.returncode == 4
    assert "ike.proposals: sha1 in " in done.stderr
    assert 'is outdated: only ike.legacy = "on" allows it' in done.stderr


def test_sha1_in_method_1_is_told_and_never_means_never(lab: Lab) -> None:
    """RFC 7296 §3.8. A gateway without RFC 7427 signs with SHA-1."""
    lab.gateway.start(extra={"signature_authentication": "no"})
    found = connected(lab, "mschap")["findings"]
    assert [finding["code"] for finding in found if SAYS_SHA1 in finding["message"]] == ["gateway-sha1"]
    assert lab.rove("disconnect", "mschap").returncode == 0
    imported(lab, "mschap", name="strict", ike={"legacy": "never"})
    done = connect(lab, "strict", "mschap")
    assert done.returncode == 5
    assert SAYS_SHA1 in done.stderr
    assert "to sign with SHA-2 (RFC 7427)" in done.stderr
