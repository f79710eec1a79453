"""Every algorithm that Rove has, against the gateway: in IKE, in ESP, and as key exchange of a rekey by either side.

Both ends are asked what they use: ``rove status --json`` and charon's list-sas. No packet is lost by a rekey.
"""

import re

import pytest

from tests.interop.renewal import no_loss, spis
from tests.interop.rovetest import connect, connected, imported, status
from tests.lab import measure, plan
from tests.lab.lab import Lab

# IKE suite, ESP suite, KE method of the CHILD_SA's rekey: each cipher, integrity, PRF and group is there for both
ROWS = [
    ("aes128gcm16-prfsha256-modp2048", "aes256-sha512", "curve25519"),
    ("aes256gcm16-prfsha384-modp3072", "chacha20poly1305", "ecp521"),
    ("chacha20poly1305-prfsha512-modp4096", "aes128-sha256", "ecp384"),
    ("aes128-sha256-ecp256", "aes256gcm16", "modp4096"),
    ("aes128-sha384-ecp384", "aes128gcm16", "modp3072"),
    ("aes128-sha512-ecp521", "aes256-sha256", "modp2048"),
    ("aes256-sha256-curve25519", "aes128-sha512", "ecp256"),
    ("aes256-sha384-ecp256", "aes128-sha384", "curve25519"),
    ("aes256-sha512-curve25519", "aes256-sha384", "ecp521"),
]
# swanctl's keywords and the names in charon's lists
NAMES = {
    "aes128gcm16": "AES_GCM_16-128", "aes256gcm16": "AES_GCM_16-256", "chacha20poly1305": "CHACHA20_POLY1305",
    "aes128": "AES_CBC-128", "aes256": "AES_CBC-256",
    "sha256": "HMAC_SHA2_256_128", "sha384": "HMAC_SHA2_384_192", "sha512": "HMAC_SHA2_512_256",
    "prfsha256": "PRF_HMAC_SHA2_256", "prfsha384": "PRF_HMAC_SHA2_384", "prfsha512": "PRF_HMAC_SHA2_512",
    "modp2048": "MODP_2048", "modp3072": "MODP_3072", "modp4096": "MODP_4096",
    "ecp256": "ECP_256", "ecp384": "ECP_384", "ecp521": "ECP_521", "curve25519": "CURVE_25519",
}


@pytest.mark.parametrize(("ike", "esp", "group"), ROWS)
def test_suite(lab: Lab, ike: str, esp: str, group: str) -> None:
    shown = connected(lab, "psk", ike={"proposals": [ike], "esp_proposals": [esp], "pfs": group})
    (child,) = shown["children"]
    assert (shown["ike"]["proposal"], child["proposal"]) == (ike, esp)
    assert _gateway_says(lab) == (_charon(ike), [_charon(esp)])
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST6)

    _renewed_by_both(lab, "psk", _charon(esp), group)
    (child,) = status(lab, "psk")["children"]
    assert child["proposal"] == f"{esp}-{group}"
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST6)


def test_without_pfs(lab: Lab) -> None:
    """RFC 7296 §1.3.3: new keys from SK_d and nonces alone, where both sides want it so."""
    connected(lab, "nopfs", ike={"pfs": "off", "esp_proposals": ["aes256gcm16"]})
    _renewed_by_both(lab, "nopfs", "AES_GCM_16-256")
    (child,) = status(lab, "nopfs")["children"]
    assert child["proposal"] == "aes256gcm16"


def test_a_gateway_without_extended_sequence_numbers(lab: Lab) -> None:
    """RFC 7296 §3.3.2: user-space strongSwan refuses ESN; offered both, it takes the other, also when rekeying."""
    shown = connected(lab, "psk", ike={"esp_proposals": ["aes256gcm16-esn-noesn"], "pfs": "off"})
    assert [child["proposal"] for child in shown["children"]] == ["aes256gcm16"]
    assert lab.rove("rekey", "psk").returncode == 0
    measure.wait_until(lambda: status(lab, "psk")["counters"]["rekeys"] == 1, "the rekeyed CHILD_SA")
    measure.wait_until(lambda: len(status(lab, "psk")["children"]) == 1, "the old CHILD_SA goes")
    assert [child["proposal"] for child in status(lab, "psk")["children"]] == ["aes256gcm16"]
    assert lab.ping("client", plan.CORP_HOST)


def test_who_wants_nothing_but_extended_sequence_numbers_is_told(lab: Lab) -> None:
    imported(lab, "psk", ike={"esp_proposals": ["aes256gcm16-esn"]})
    done = connect(lab, "psk")
    assert done.returncode == 4
    assert "accepts none of the algorithms offered for the traffic: " in done.stderr
    assert "aes256gcm16-esn" in done.stderr


def test_rows_leave_nothing_out() -> None:
    """All that issue 2 names, on both sides of the table."""
    ciphers = {"aes128gcm16", "aes256gcm16", "chacha20poly1305"} | {
        f"aes{bits}-sha{digest}" for bits in (128, 256) for digest in (256, 384, 512)}
    groups = {"modp2048", "modp3072", "modp4096", "ecp256", "ecp384", "ecp521", "curve25519"}
    assert {re.sub("(-prf[a-z0-9]+)?-[a-z0-9]+$", "", ike) for ike, _, _ in ROWS} == ciphers
    assert {ike.rpartition("-")[2] for ike, _, _ in ROWS} == groups
    assert {esp for _, esp, _ in ROWS} == ciphers
    assert {group for _, _, group in ROWS} == groups


def _renewed_by_both(lab: Lab, name: str, suite: str, group: str = "") -> None:
    """Under a ping every 10 ms: by us, then by the gateway."""
    with no_loss(lab, settle=0.2):
        for renew in (lambda: lab.rove("rekey", name), lambda: lab.gateway.initiate_rekey(child="net")):
            _, before = spis(lab)
            renew()
            measure.wait_until(lambda before=before: spis(lab)[1] != before, "the rekeyed CHILD_SA")  # type: ignore[misc] # bound
            assert _gateway_says(lab)[1] == [f"{suite}/{NAMES[group]}" if group else suite]
    measure.wait_until(lambda: len(status(lab, name)["children"]) == 1, "the old CHILD_SA goes")


def _charon(suite: str) -> str:
    """As ``swanctl --list-sas`` writes it, which names the PRF always."""
    words = suite.split("-")
    if len(words) == 3 and words[1].startswith("sha"):
        words.insert(2, f"prf{words[1]}")
    return "/".join(NAMES[word] for word in words)


def _gateway_says(lab: Lab) -> tuple[str, list[str]]:
    """Its IKE suite, and the suites of its CHILD_SAs in use."""
    text = lab.gateway.ctl("--list-sas").stdout
    (ike,) = re.findall(r"^  ([A-Z0-9_-]+/\S+)$", text, re.MULTILINE)
    return ike, re.findall(r"INSTALLED, TUNNEL-in-UDP, ESP:(\S+)$", text, re.MULTILINE)
