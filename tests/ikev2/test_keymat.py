"""Keying material: the formulas of RFC 7296, computed a second way."""

import hmac

import pytest

from client.core.crypto.suites import ENCR, INTEG
from client.core.ikev2.constants import ProtocolId, TransformType
from client.core.ikev2.errors import MisuseError
from client.core.ikev2.keymat import ciphers, derive_child_keys, derive_ike_keys, rekey_ike_keys
from client.core.ikev2.proposal import Proposal, Transform, parse_proposal
from tests.crypto.repeatable import repeatable

NI, NR, SPI_I, SPI_R, SHARED = b"i" * 32, b"r" * 32, b"I" * 8, b"R" * 8, b"g^ir" * 16


def expand(hash_name, key, seed, length):
    """prf+ by its definition in §2.13, unrolled."""
    blocks = [b""]
    for i in range(1, 20):
        blocks.append(hmac.new(key, blocks[-1] + seed + bytes([i]), hash_name).digest())
    return b"".join(blocks)[:length]


def ike(text):
    return parse_proposal(text, ProtocolId.IKE, legacy=True)


def esp(text):
    return parse_proposal(text, ProtocolId.ESP)


def in_order(keys):
    return keys.sk_d + keys.sk_ai + keys.sk_ar + keys.sk_ei + keys.sk_er + keys.sk_pi + keys.sk_pr


@pytest.mark.parametrize(("suite", "hash_name", "lengths"), [
    ("aes128-sha256-ecp256", "sha256", (32, 32, 32, 16, 16, 32, 32)),
    ("aes256-sha512-prfsha384-ecp256", "sha384", (48, 64, 64, 32, 32, 48, 48)),
    ("aes256gcm16-prfsha512-ecp256", "sha512", (64, 0, 0, 36, 36, 64, 64)),
    ("chacha20poly1305-prfsha256-ecp256", "sha256", (32, 0, 0, 36, 36, 32, 32)),
])
def test_ike_keys(suite, hash_name, lengths):
    """§2.14: SKEYSEED = prf(Ni | Nr, g^ir); SK_d | SK_ai | … = prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr)."""
    keys = derive_ike_keys(ike(suite), SHARED, NI, NR, SPI_I, SPI_R)
    skeyseed = hmac.new(NI + NR, SHARED, hash_name).digest()
    assert in_order(keys) == expand(hash_name, skeyseed, NI + NR + SPI_I + SPI_R, sum(lengths))
    assert tuple(map(len, (keys.sk_d, keys.sk_ai, keys.sk_ar, keys.sk_ei, keys.sk_er, keys.sk_pi, keys.sk_pr))
                 ) == lengths


def test_a_rekeyed_ike_sa_starts_from_the_old_prf():
    """§2.18: SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr) with the old PRF, the keys with the new one."""
    keys = rekey_ike_keys(5, b"d" * 32, ike("aes256gcm16-prfsha384-ecp256"), SHARED, NI, NR, SPI_I, SPI_R)
    skeyseed = hmac.new(b"d" * 32, SHARED + NI + NR, "sha256").digest()
    assert in_order(keys) == expand("sha384", skeyseed, NI + NR + SPI_I + SPI_R, 3 * 48 + 2 * 36)


@pytest.mark.parametrize(("suite", "encr_len", "integ_len"), [
    ("aes128gcm16", 20, 0), ("aes192gcm16", 28, 0), ("aes256gcm16", 36, 0), ("chacha20poly1305", 36, 0),
    ("aes128-sha256", 16, 32), ("aes256-sha384", 32, 48), ("aes256-sha512", 32, 64)])
@pytest.mark.parametrize("shared", [b"", SHARED])
def test_child_keys(suite, encr_len, integ_len, shared):
    """§2.17: KEYMAT = prf+ (SK_d, [g^ir |] Ni | Nr); encryption before integrity, initiator before responder."""
    keys = derive_child_keys(6, b"d" * 48, esp(suite), NI, NR, shared)
    assert b"".join(keys) == expand("sha384", b"d" * 48, shared + NI + NR, 2 * (encr_len + integ_len))
    assert tuple(map(len, keys)) == (encr_len, integ_len, encr_len, integ_len)


@pytest.mark.parametrize("encr", ENCR.values(), ids=lambda row: row.name)
@pytest.mark.parametrize("integ", INTEG.values(), ids=lambda row: row.name)
def test_each_side_opens_what_the_other_seals(encr, integ):
    proposal = ike(f"{encr.name}-{'prf' if encr.aead else ''}{integ.name}-ecp256")
    keys = derive_ike_keys(proposal, SHARED, NI, NR, SPI_I, SPI_R)
    initiator, responder = ciphers(proposal, keys)
    for sender, receiver in ((initiator, 0), (responder, 1)):
        sealed = sender.seal(b"aad", b"payload", repeatable("iv"))
        assert ciphers(proposal, keys)[receiver].open(b"aad", sealed) == b"payload"


def test_keys_are_not_shown():
    keys = derive_ike_keys(ike("aes128-sha256-ecp256"), SHARED, NI, NR, SPI_I, SPI_R)
    assert repr(keys) == "IkeKeys()"


@pytest.mark.parametrize("transforms", [
    (), (Transform(TransformType.ENCR, 3),), (Transform(TransformType.ENCR, 12, 128),),
    (Transform(TransformType.ENCR, 20, 128), Transform(TransformType.INTEG, 12))])
def test_proposals_that_nobody_can_choose_are_our_mistake(transforms):
    with pytest.raises(MisuseError):
        derive_child_keys(5, b"d", Proposal(1, ProtocolId.ESP, b"", transforms), NI, NR)
