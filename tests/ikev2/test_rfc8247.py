"""Which algorithms exist at all: RFC 8247 for IKE, RFC 8221 for ESP, by their IANA numbers."""

import pytest

from client.core.crypto.algorithms import ENCR, ESP_SUITES, INTEG
from client.core.crypto.kex import KEX
from client.core.crypto.prf import prf_row
from client.core.ikev2.constants import ProtocolId, TransformType
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE, LEGACY_ESP, LEGACY_IKE, parse_proposal, proposal_name

AES_CBC, AES_GCM_16, CHACHA20_POLY1305 = 12, 20, 28
NEVER = {1, 2, 7, 11}      # DES with 64 and 32 bit IV, Blowfish, NULL


def offered(kind: TransformType) -> set[int]:
    return {t.id for p in (*DEFAULT_IKE, *DEFAULT_ESP) for t in p.of_type(kind)}


def test_what_must_and_should_be_there_is() -> None:
    """RFC 8247 §2, RFC 8221 §5 and §6"""
    assert {(AES_CBC, 128), (AES_CBC, 256), (AES_GCM_16, 128), (AES_GCM_16, 256), (CHACHA20_POLY1305, 0)} <= set(ENCR)
    assert {12, 14} <= set(INTEG)                   # HMAC-SHA2-256-128, -512-256
    assert [prf_row(number).name for number in (5, 7)] == ["prfsha256", "prfsha512"]
    assert {14, 19, 31} <= set(KEX)                 # MODP-2048, ECP-256, Curve25519
    assert {"aes128gcm16", "aes256gcm16", "chacha20poly1305", "aes128-sha256", "aes256-sha512"} <= set(ESP_SUITES)


def test_what_must_not_be_there_is_not() -> None:
    """No integrity by MD5, DES or KPDK; no MODP-768, -1536 and no groups 22 to 24"""
    assert not {number for number, _ in ENCR} & NEVER
    assert not set(INTEG) & {1, 3, 4}
    assert not set(KEX) & {1, 5, 22, 23, 24}


def test_nothing_else_is_offered() -> None:
    """Neither 3DES nor SHA-1 nor MODP-1024"""
    assert offered(TransformType.ENCR) == {AES_CBC, AES_GCM_16, CHACHA20_POLY1305}
    assert offered(TransformType.INTEG) == {12, 13, 14}
    assert offered(TransformType.PRF) == {5, 6, 7}
    assert offered(TransformType.KE) == {14, 15, 16, 19, 20, 21, 31}
    assert offered(TransformType.ESN) == {0, 1}


def test_legacy_adds_four_algorithms_behind_all_others() -> None:
    """3DES, HMAC-SHA1-96, PRF-HMAC-SHA1 and MODP-1024, in no hybrid proposal and beside no AEAD but the PRF"""
    for ours, legacy in ((DEFAULT_IKE, LEGACY_IKE), (DEFAULT_ESP, LEGACY_ESP)):
        for before, after in zip(ours, legacy, strict=True):
            for kind in {t.type for t in after.transforms}:
                added = after.of_type(kind)[len(before.of_type(kind)):]
                assert after.of_type(kind) == before.of_type(kind) + added
                assert [t.id for t in added] in ([], [2], [3])
                assert all(kind == TransformType.ENCR for t in added if t.id == 3)
    assert LEGACY_IKE[0] == DEFAULT_IKE[0]
    assert [t.id for t in LEGACY_IKE[2].of_type(TransformType.ENCR)][-1] == 3
    assert [t.id for t in LEGACY_ESP[1].of_type(TransformType.INTEG)][-1] == 2


@pytest.mark.parametrize("keyword", ["3des", "sha1", "prfsha1", "modp1024", "ke1_modp1024"])
def test_a_profile_asks_for_old_algorithms_only_with_legacy(keyword: str) -> None:
    text = f"aes256-3des-sha256-modp2048-{keyword}".replace("-3des", "" if keyword != "3des" else "-3des")
    with pytest.raises(ValueError, match=rf'{keyword} in .* is outdated: only ike\.legacy = "on" allows it'):
        parse_proposal(text, ProtocolId.IKE)
    assert proposal_name(parse_proposal(text, ProtocolId.IKE, legacy=True)) is not None


@pytest.mark.parametrize("keyword", ["des", "blowfish128", "null", "aes128ctr", "aes128ccm8", "cast128"])
def test_no_profile_can_ask_for_other_ciphers(keyword: str) -> None:
    for text, protocol in ((f"{keyword}-sha256-modp2048", ProtocolId.IKE), (f"{keyword}-sha256", ProtocolId.ESP)):
        with pytest.raises(ValueError, match=keyword):
            parse_proposal(text, protocol)


@pytest.mark.parametrize("keyword", ["md5", "aesxcbc", "modp768", "modp1536", "modp2048s256"])
def test_nor_for_other_groups_and_hashes(keyword: str) -> None:
    with pytest.raises(ValueError, match=keyword):
        parse_proposal(f"aes256-sha256-modp2048-{keyword}", ProtocolId.IKE)
