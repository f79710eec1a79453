"""Proposals: swanctl's keywords, what a responder chooses, and what an initiator believes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.crypto.suites import ENCR, INTEG, PRF
from client.core.ikev2.constants import NotifyType, ProtocolId, TransformType
from client.core.ikev2.errors import InvalidSyntax, NoProposalChosen
from client.core.ikev2.payloads import SA
from client.core.ikev2.proposal import (
    DEFAULT_ESP,
    DEFAULT_IKE,
    Proposal,
    Transform,
    number_proposals,
    parse_proposal,
    proposal_name,
    select,
    verify_chosen,
    with_ke,
    without_ke,
)
from tests.ikev2.strategies import quick

IKE, ESP = ProtocolId.IKE, ProtocolId.ESP
T = TransformType


def ike(text):
    return parse_proposal(text, IKE)


def esp(text):
    return parse_proposal(text, ESP)


def ids(proposal, kind):
    return [(t.id, t.key_bits) if t.key_bits else t.id for t in proposal.of_type(kind)]


# --- keywords ---

def test_an_ike_proposal():
    proposal = ike("aes256gcm16-prfsha384-ecp384")
    assert proposal == Proposal(1, IKE, b"", (
        Transform(T.ENCR, 20, 256), Transform(T.PRF, 6), Transform(T.KE, 20)))
    assert (proposal.encr, proposal.prf, proposal.integ, proposal.ke, proposal.esn) == (
        Transform(T.ENCR, 20, 256), 6, 0, 20, False)


def test_alternatives_keep_their_order_and_the_prf_follows_from_the_integrity():
    proposal = ike("aes256-sha256-curve25519-ecp256-modp2048")
    assert (ids(proposal, T.ENCR), ids(proposal, T.INTEG), ids(proposal, T.PRF), ids(proposal, T.KE)) == (
        [(12, 256)], [12], [5], [31, 19, 14])


def test_an_esp_proposal_says_whether_there_is_esn():
    """As with swanctl: without a keyword there is none"""
    assert ids(esp("aes256gcm16"), T.ESN) == [0]
    assert ids(esp("aes256gcm16-esn"), T.ESN) == [1]
    assert ids(esp("aes256gcm16-noesn-esn-ecp256"), T.ESN) == [0, 1]
    assert [t.type for t in esp("esn-ecp256-aes256gcm16").transforms] == [T.ENCR, T.KE, T.ESN]
    assert esp("aes256gcm16-noesn") == esp("aes256gcm16")
    assert ids(esp("aes256gcm16-ecp256"), T.KE) == [19]


def test_an_integrity_keyword_beside_an_aead_stands_for_its_prf():
    assert ike("aes128gcm16-sha256-ecp256") == ike("aes128gcm16-prfsha256-ecp256")


@pytest.mark.parametrize(("synonym", "keyword"), [
    ("aes128gcm128-prfsha256-x25519", "aes128gcm16-prfsha256-curve25519"), ("AES256-SHA2_512-MODP4096",
                                                                            "aes256-sha512-modp4096")])
def test_synonyms(synonym, keyword):
    assert ike(synonym) == ike(keyword)


@pytest.mark.parametrize(("text", "problem"), [
    ("aes256gcm16-prfsha384-ecp999", "'ecp999'"),
    ("3des-sha1-modp1024", "3des in .* is outdated"),
    ("", "unknown keyword ''"),
    ("aes256--ecp256", "unknown keyword ''"),
    ("aes256gcm16-ecp256", "no PRF"),
    ("aes256gcm16-prfsha256", "no key exchange"),
    ("aes256-ecp256", "no integrity"),
    ("prfsha256-ecp256", "no encryption"),
    ("aes256gcm16-aes256-sha256-ecp256", "proposals of their own"),
    ("aes256gcm16-prfsha256-ecp256-noesn", "noesn"),
    ("aes256gcm16-prfsha256-ecp256-esn", "esn"),
    ("-".join(["aes256"] * 65), "more than 64"),
    ("\x1b[31m", r"\\x1b"),
])
def test_bad_ike_keywords_are_named(text, problem):
    with pytest.raises(ValueError, match=problem):
        ike(text)


@pytest.mark.parametrize(("text", "problem"), [
    ("aes256gcm16-prfsha256", "prfsha256"), ("aes256-ecp256", "no integrity"), ("esn", "no encryption"),
    ("ecp256", "no encryption")])
def test_bad_esp_keywords_are_named(text, problem):
    with pytest.raises(ValueError, match=problem):
        esp(text)


@pytest.mark.parametrize("text", [
    "aes256gcm16-prfsha384-ecp384", "aes128-sha256-modp2048", "aes256-sha256-prfsha512-curve25519",
    "chacha20poly1305-prfsha512-ecp521", "aes192-sha384-ecp256"])
def test_ike_names(text):
    assert proposal_name(ike(text)) == text
    assert ike(proposal_name(ike(text))) == ike(text)


@pytest.mark.parametrize("text", ["aes256gcm16", "aes256gcm16-ecp256", "aes128-sha256", "chacha20poly1305"])
def test_esp_names(text):
    assert proposal_name(esp(text)) == text


def test_names_are_in_canonical_order_whatever_the_peer_sent():
    proposal = esp("aes256-sha512-ecp256")
    assert proposal_name(replace(proposal, transforms=proposal.transforms[::-1])) == "aes256-sha512-ecp256"


def test_the_name_of_what_has_no_keyword():
    proposal = Proposal(1, IKE, b"", (Transform(T.ENCR, 2), Transform(T.ENCR, 12, 64), Transform(T.INTEG, 0),
                                      Transform(T.KE, 1), Transform(T.ADDKE1, 35), Transform(T(99), 1)))
    assert proposal_name(proposal) == "encr2-encr12_64-ke1-addke135-transform_type_991"


# --- defaults ---

def test_the_defaults():
    assert [proposal_name(p) for p in DEFAULT_IKE] == [
        "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-prfsha512-"
        "ecp256-curve25519-ecp384-ecp521-modp2048-modp3072-modp4096-ke1_mlkem768-ke1_mlkem1024",
        "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-prfsha512-"
        "ecp256-curve25519-ecp384-ecp521-modp2048-modp3072-modp4096",
        "aes256-aes128-sha256-sha384-sha512-prfsha384-prfsha256-prfsha512-"
        "ecp256-curve25519-ecp384-ecp521-modp2048-modp3072-modp4096"]
    assert [proposal_name(p) for p in DEFAULT_ESP] == [
        "aes256gcm16-aes128gcm16-chacha20poly1305-esn-noesn", "aes256-aes128-sha256-sha384-sha512-esn-noesn"]
    assert [p.number for p in (*DEFAULT_IKE, *DEFAULT_ESP)] == [1, 2, 3, 1, 2]


def test_aeads_and_other_ciphers_are_apart():
    for proposal in (*DEFAULT_IKE, *DEFAULT_ESP):
        aeads = {ENCR[t.id, t.key_bits].aead for t in proposal.of_type(T.ENCR)}
        assert len(aeads) == 1
        assert bool(proposal.of_type(T.INTEG)) is (aeads == {False})


# --- groups ---

def test_groups_are_added_and_taken_away_before_the_esn():
    bare = esp("aes256gcm16")
    assert [t.type for t in with_ke(bare, (19, 31)).transforms] == [T.ENCR, T.KE, T.KE, T.ESN]
    assert without_ke(with_ke(bare, (19, 31))) == bare
    assert with_ke(with_ke(bare, (14,)), (19,)) == with_ke(bare, (19,))


# --- choosing ---

def test_the_first_of_the_offer_that_is_configured():
    offered = (ike("aes128gcm16-aes256gcm16-prfsha256-ecp256"), ike("aes256-sha256-ecp256"))
    configured = (ike("aes256-sha256-ecp256"), ike("aes256gcm16-aes128gcm16-prfsha256-prfsha384-ecp384-ecp256"))
    assert proposal_name(select(offered, configured)) == "aes128gcm16-prfsha256-ecp256"
    assert proposal_name(select(offered, configured, prefer_own=True)) == "aes256-sha256-ecp256"
    assert proposal_name(select(offered, configured[1:], prefer_own=True)) == "aes256gcm16-prfsha256-ecp256"


def test_the_choice_has_the_number_and_the_spi_of_the_offer():
    offered = number_proposals([esp("aes256-sha256"), esp("aes256gcm16")])
    offered = tuple(replace(p, spi=b"1234") for p in offered)
    chosen = select(offered, (esp("aes256gcm16"),))
    assert (chosen.number, chosen.spi, proposal_name(chosen)) == (2, b"1234", "aes256gcm16")


def test_the_group_of_the_ke_payload():
    offered = (ike("aes256gcm16-prfsha256-ecp256-modp2048"),)
    assert select(offered, DEFAULT_IKE, ke_group=14).ke == 14
    assert select(offered, DEFAULT_IKE, ke_group=31) is None
    assert select(offered, DEFAULT_IKE).ke == 19


@pytest.mark.parametrize(("offered", "configured"), [
    (ike("aes256gcm16-prfsha256-ecp256"), ike("aes128gcm16-prfsha256-ecp256")),      # another key length
    (ike("aes256gcm16-prfsha256-ecp256"), ike("aes256gcm16-prfsha384-ecp256")),
    (ike("aes256gcm16-prfsha256-ecp256"), ike("aes256gcm16-prfsha256-ecp384")),
    (esp("aes256gcm16-ecp256"), esp("aes256gcm16")),                                 # PFS is not optional here
    (esp("aes256gcm16"), esp("aes256gcm16-ecp256")),
    (esp("aes256gcm16"), replace(esp("aes256gcm16"), protocol=ProtocolId.AH)),
])
def test_nothing_in_common(offered, configured):
    assert select((offered,), (configured,)) is None


def test_optional_types_may_be_left_out_or_said_to_be_none():
    bare = esp("aes256gcm16")
    without_esn = replace(bare, transforms=bare.transforms[:1])
    spelt_out = replace(bare, transforms=(*bare.transforms, Transform(T.INTEG, 0), Transform(T.KE, 0),
                                          Transform(T.ADDKE1, 0)))
    assert select((without_esn,), (bare,)) == without_esn
    assert select((spelt_out,), (bare,)) == spelt_out
    optional_pfs = with_ke(bare, (19, 0))
    assert select((optional_pfs,), (bare,)).ke == 0
    assert select((optional_pfs,), (esp("aes256gcm16-ecp256"),)).ke == 19


def test_an_offer_that_mixes_aeads_and_others():
    mixed = esp("aes256-sha256")
    mixed = replace(mixed, transforms=(Transform(T.ENCR, 20, 256), *mixed.transforms))
    assert proposal_name(select((mixed,), DEFAULT_ESP)) == "aes256-sha256"
    with_none = replace(mixed, transforms=(*mixed.transforms, Transform(T.INTEG, 0)))
    assert proposal_name(select((with_none,), DEFAULT_ESP)) == "aes256gcm16"


def test_unknown_types_and_attributes_are_not_taken():
    bare = esp("aes256gcm16")
    assert select((replace(bare, transforms=(*bare.transforms, Transform(T(200), 1))),), DEFAULT_ESP) is None
    strange = replace(bare.transforms[0], attributes=((0x8011, b"\0\1"),))
    assert select((replace(bare, transforms=(strange, *bare.transforms[1:])),), DEFAULT_ESP) is None
    both = replace(bare, transforms=(strange, *bare.transforms))
    assert proposal_name(select((both,), DEFAULT_ESP)) == "aes256gcm16"


# --- believing ---

def test_an_answer_to_our_offer():
    for text in ("aes128gcm16-prfsha256-ecp256", "aes256-sha384-prfsha512-modp4096"):
        assert verify_chosen(ike(text), DEFAULT_IKE) == ike(text)


@pytest.mark.parametrize("text", [
    "aes192gcm16-prfsha256-ecp256", "aes256gcm16-prfsha256-ecp256-ecp384", "aes192-sha256-ecp256"])
def test_answers_that_are_none(text):
    with pytest.raises((NoProposalChosen, InvalidSyntax)):
        verify_chosen(ike(text), DEFAULT_IKE)


def test_several_transforms_of_one_type_break_the_syntax():
    with pytest.raises(InvalidSyntax, match="several"):
        verify_chosen(DEFAULT_IKE[0], DEFAULT_IKE)


@pytest.mark.parametrize("kind", [T.ENCR, T.PRF, T.KE])
def test_a_missing_type_is_noticed(kind):
    chosen = ike("aes128gcm16-prfsha256-ecp256")
    with pytest.raises(NoProposalChosen) as caught:
        verify_chosen(replace(chosen, transforms=tuple(t for t in chosen.transforms if t.type != kind)), DEFAULT_IKE)
    assert caught.value.notify == NotifyType.NO_PROPOSAL_CHOSEN


def test_an_aead_with_an_integrity_algorithm_was_not_offered():
    chosen = ike("aes128gcm16-prfsha256-ecp256")
    with pytest.raises(NoProposalChosen):
        verify_chosen(replace(chosen, transforms=(*chosen.transforms, Transform(T.INTEG, 12))), DEFAULT_IKE)


def test_a_cipher_without_integrity_was_not_offered():
    with pytest.raises(NoProposalChosen):
        verify_chosen(Proposal(2, ESP, b"1234", (Transform(T.ENCR, 12, 128), Transform(T.ESN, 0))), DEFAULT_ESP)


@pytest.mark.parametrize(("answer", "offer"), [("aes256gcm16-esn", "aes256gcm16"), ("aes256gcm16", "aes256gcm16-esn")])
def test_a_choice_about_esn_that_was_not_offered(answer, offer):
    with pytest.raises(NoProposalChosen):
        verify_chosen(esp(answer), (esp(offer),))


def test_another_protocol_was_not_offered():
    with pytest.raises(NoProposalChosen):
        verify_chosen(replace(esp("aes256gcm16"), protocol=ProtocolId.AH), DEFAULT_ESP)


@pytest.mark.parametrize("text", ["aes256gcm16", "aes256gcm16-esn", "aes128-sha256-esn"])
def test_both_kinds_of_sequence_numbers_are_offered(text):
    """RFC 7296 §3.3.2: the responder picks"""
    assert all(ids(proposal, T.ESN) == [1, 0] for proposal in DEFAULT_ESP)
    assert verify_chosen(esp(text), DEFAULT_ESP) == esp(text)
    assert proposal_name(verify_chosen(esp(text), DEFAULT_ESP)) == text
    assert select(DEFAULT_ESP, (esp(text),)).transforms == esp(text).transforms


def test_an_answer_may_leave_no_esn_out():
    chosen = esp("aes256gcm16")
    assert verify_chosen(replace(chosen, transforms=chosen.transforms[:1]), DEFAULT_ESP) == chosen
    with pytest.raises(NoProposalChosen):
        verify_chosen(replace(chosen, transforms=chosen.transforms[:1]), (esp("aes256gcm16-esn"),))


def test_the_name_of_an_offer_says_that_it_leaves_esn_open():
    assert proposal_name(esp("aes256gcm16-esn-noesn")) == "aes256gcm16-esn-noesn"
    assert proposal_name(esp("aes256gcm16-noesn")) == "aes256gcm16"


def test_pfs_that_was_not_asked_for():
    with pytest.raises(NoProposalChosen):
        verify_chosen(esp("aes256gcm16-ecp256"), DEFAULT_ESP)
    with pytest.raises(NoProposalChosen):
        verify_chosen(esp("aes256gcm16"), tuple(with_ke(p, (19,)) for p in DEFAULT_ESP))


chosen_ike = st.builds(
    lambda encr, integ, prf, ke: ike("-".join(
        ([encr.name] if encr.aead else [encr.name, integ.name]) + [prf.name, ke])),
    st.sampled_from([e for e in ENCR.values() if e.key_bits != 192 and not e.legacy]),
    st.sampled_from([i for i in INTEG.values() if not i.legacy]),
    st.sampled_from([p for p in PRF.values() if not p.legacy]), st.sampled_from(["ecp256", "curve25519", "modp4096"]))


@quick
@given(chosen_ike)
def test_every_suite_of_the_defaults_is_chosen_believed_and_named(proposal):
    chosen = select((proposal,), DEFAULT_IKE)
    assert chosen == proposal
    assert verify_chosen(SA.parse(SA((chosen,)).encode()).proposals[0], DEFAULT_IKE) == chosen
    assert ike(proposal_name(chosen)) == chosen
