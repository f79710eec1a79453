"""The two ends prefer different KE methods for PFS (RFC 7296 §1.3): keys are renewed all the same, without a loss."""

from tests.interop.renewal import no_loss, spis
from tests.interop.rovetest import connected, status
from tests.lab import measure
from tests.lab.lab import Lab


def test_the_gateway_wants_another_group_than_ours(lab: Lab) -> None:
    """→ CREATE_CHILD_SA { N(REKEY_SA) SA Ni KEi(ecp384) TSi TSr } ← { N(INVALID_KE_PAYLOAD: ecp256) }
    → CREATE_CHILD_SA { N(REKEY_SA) SA Ni KEi(ecp256) TSi TSr } ← { SA Nr KEr TSi TSr }
    """
    connected(lab, "psk", ike={"proposals": ["aes256gcm16-prfsha384-ecp384-ecp256"]})
    with no_loss(lab):
        mark, (ike, child) = lab.gateway.mark(), spis(lab)
        assert lab.rove("rekey", "psk").returncode == 0
        lab.gateway.wait("DH group ECP_384 unacceptable, requesting ECP_256", since=mark)
        measure.wait_until(lambda: spis(lab)[1] != child, "the rekeyed CHILD_SA")
    assert spis(lab)[0] == ike
    assert status(lab, "psk")["children"][-1]["proposal"] == "aes256gcm16-ecp256"


def test_we_want_another_group_than_the_gateways(lab: Lab) -> None:
    """← CREATE_CHILD_SA { N(REKEY_SA) SA Ni KEi(ecp256) TSi TSr } → { N(INVALID_KE_PAYLOAD: curve25519) }
    ← CREATE_CHILD_SA { N(REKEY_SA) SA Ni KEi(curve25519) TSi TSr } → { SA Nr KEr TSi TSr }
    """
    connected(lab, "psk", ike={"pfs": "curve25519"})
    with no_loss(lab):
        mark, (ike, child) = lab.gateway.mark(), spis(lab)
        lab.gateway.initiate_rekey(child="net")
        lab.gateway.wait("peer didn't accept DH group ECP_256, it requested CURVE_25519", since=mark)
        measure.wait_until(lambda: spis(lab)[1] != child, "the rekeyed CHILD_SA")
    assert spis(lab)[0] == ike
    assert status(lab, "psk")["children"][-1]["proposal"] == "aes256gcm16-curve25519"


def test_a_gateway_without_pfs(lab: Lab) -> None:
    """→ CREATE_CHILD_SA { N(REKEY_SA) SA Ni KEi TSi TSr } ← { N(NO_PROPOSAL_CHOSEN) }
    → CREATE_CHILD_SA { N(REKEY_SA) SA Ni TSi TSr } ← { SA Nr TSi TSr }: not without telling the user
    """
    connected(lab, "nopfs")
    with no_loss(lab):
        ike, child = spis(lab)
        assert lab.rove("rekey", "nopfs").returncode == 0
        measure.wait_until(lambda: spis(lab)[1] != child, "the rekeyed CHILD_SA")
    assert spis(lab)[0] == ike
    shown = status(lab, "nopfs")
    assert shown["children"][-1]["proposal"] == "aes256gcm16"
    assert "pfs-refused" in [finding["code"] for finding in shown["findings"]]
