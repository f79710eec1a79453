"""HMAC-SHA2 by RFC 4231, prf+ and SKEYSEED by NIST's CAVP vectors for IKEv2 (SP 800-135)."""

import pytest

from client.core.crypto.prf import prf, prf_plus, prf_row


@pytest.mark.parametrize(("name", "key", "data", "expected"), [
    ("prfsha256", b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    ("prfsha384", b"\x0b" * 20, b"Hi There", "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
                                             "faea9ea9076ede7f4af152e8b2fa9cb6"),
    ("prfsha512", b"\x0b" * 20, b"Hi There", "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                                             "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"),
    ("prfsha256", b"Jefe", b"what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
])
def test_rfc_4231(name, key, data, expected):
    assert prf(name, key, data).hex() == expected
    assert prf(prf_row(name).id, key, data).hex() == expected


def test_cavp_ikev2_with_sha1():
    nonces = bytes.fromhex("32b50d5f4a3763f3" "9206a04b26564cb1")
    g_ir = bytes.fromhex("4b2c1f971981a8ad8d0abeafabf38cf75fc8349c148142465ed9c8b516b8be52")
    g_ir_new = bytes.fromhex("863f3c9d06efd39d2b907b97f8699e5dd5251ef64a2a176f36ee40c87d4f9330")
    spis = bytes.fromhex("34c9e7c188868785" "3ff77d760d2b2199")
    skeyseed = prf(2, nonces, g_ir)
    assert skeyseed.hex() == "a9a7b222b59f8f48645f28a1db5b5f5d7479cba7"
    keymat = prf_plus(2, skeyseed, nonces + spis, 132)
    assert keymat.hex() == (
        "a14293677cc80ff8f9cc0eee30d895da9d8f405666e30ef0dfcb63c634a46002a2a63080e514a062768b76606f9fa5e9"
        "92204fc5a670bde3f10d6b027113936a5c55b648a194ae587b0088d52204b702c979fa280870d2ed41efa9c549fd1119"
        "8af1670b143d384bd275c5f594cf266b05ebadca855e4249520a441a81157435a7a56cc4")
    assert prf(2, keymat[:20], g_ir_new + nonces).hex() == "63e81194946ebd05df7df5ebf5d8750056bf1f1d"


def test_prf_plus_of_any_length_is_a_prefix_of_the_longer():
    longest = prf_plus(5, b"key", b"seed", 200)
    assert all(prf_plus(5, b"key", b"seed", n) == longest[:n] for n in (0, 1, 31, 32, 33, 64, 199))


def test_prf_plus_ends_where_its_counter_does():
    assert len(prf_plus(5, b"", b"", 255 * 32)) == 255 * 32
    with pytest.raises(ValueError, match="does not give"):
        prf_plus(5, b"", b"", 255 * 32 + 1)


@pytest.mark.parametrize("unknown", [0, 1, 99, "prfmd5", ""])
def test_an_unknown_prf_is_named(unknown):
    with pytest.raises(ValueError, match="unknown PRF"):
        prf(unknown, b"", b"")
