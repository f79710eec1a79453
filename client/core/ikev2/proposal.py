"""Negotiation: what we offer by default, what we take of an offer, and whether an answer is one (RFC 7296 §2.7, §3.3).

The values themselves, their keywords and their octets are in ``proposal_types``, ``proposal_keywords`` and
``proposal_wire``.
"""

from collections.abc import Sequence
from dataclasses import replace

from client.core.ikev2.constants import ProtocolId, TransformType
from client.core.ikev2.errors import InvalidSyntax, NoProposalChosen
from client.core.ikev2.proposal_keywords import parse_proposal, proposal_name
from client.core.ikev2.proposal_types import (
    Proposal,
    Transform,
    with_additional,
    with_ke,
    without_ke,
)

__all__ = ["DEFAULT_ESP", "DEFAULT_IKE", "LEGACY_ESP", "LEGACY_IKE", "Proposal", "Transform", "number_proposals",
           "parse_proposal", "proposal_name", "select", "verify_chosen", "with_additional", "with_ke", "without_ke"]


def number_proposals(proposals: Sequence[Proposal]) -> tuple[Proposal, ...]:
    """Numbered from 1, as an SA payload wants them (RFC 7296 §3.3.1)."""
    return tuple(replace(proposal, number=number) for number, proposal in enumerate(proposals, 1))


# RFC 7296 §3.3 forbids AEADs and other ciphers in one proposal. ecp256 is first: its KE payload is the first one sent.
_KE = "ecp256-curve25519-ecp384-ecp521-modp2048-modp3072-modp4096"
_PRF = "prfsha384-prfsha256-prfsha512"
_AEAD = "aes256gcm16-aes128gcm16-chacha20poly1305"
_CBC = "aes256-aes128-sha256-sha384-sha512"
# Hybrid proposals come first, then the same without: a transform type that a gateway does not know spoils its
# proposal (RFC 7296 §3.3.6), so a classic gateway takes the next one at no extra round trip.
DEFAULT_IKE = number_proposals([
    parse_proposal(f"{_AEAD}-{_PRF}-{_KE}-ke1_mlkem768-ke1_mlkem1024", ProtocolId.IKE),
    parse_proposal(f"{_AEAD}-{_PRF}-{_KE}", ProtocolId.IKE),
    parse_proposal(f"{_CBC}-{_PRF}-{_KE}", ProtocolId.IKE),
])
DEFAULT_ESP = number_proposals([
    parse_proposal(f"{_AEAD}-esn-noesn", ProtocolId.ESP),   # both in one proposal: RFC 7296 §3.3.2
    parse_proposal(f"{_CBC}-esn-noesn", ProtocolId.ESP),
])

# The same for old gateways, where the profile allows it: 3DES, SHA-1 and MODP-1024 behind everything else.
LEGACY_IKE = number_proposals([
    DEFAULT_IKE[0],
    parse_proposal(f"{_AEAD}-{_PRF}-prfsha1-{_KE}-modp1024", ProtocolId.IKE, legacy=True),
    parse_proposal(f"{_CBC}-3des-sha1-{_PRF}-prfsha1-{_KE}-modp1024", ProtocolId.IKE, legacy=True),
])
LEGACY_ESP = number_proposals([
    DEFAULT_ESP[0],
    parse_proposal(f"{_CBC}-3des-sha1-esn-noesn", ProtocolId.ESP, legacy=True),
])


def select(offered: Sequence[Proposal], configured: Sequence[Proposal], *, ke_group: int | None = None,
           prefer_own: bool = False) -> Proposal | None:
    """The responder's choice, with the number and the SPI of the offer; None when there is nothing in common.

    The initiator's order decides, unless ``prefer_own``. ``ke_group`` restricts the choice to that key exchange
    method, the one whose KE payload is there.
    """
    pairs = ([(theirs, ours) for ours in configured for theirs in offered] if prefer_own
             else [(theirs, ours) for theirs in offered for ours in configured])
    for theirs, ours in pairs:
        chosen = _choose(theirs, ours, ke_group, prefer_own)
        if chosen is not None:
            return chosen
    return None


def verify_chosen(chosen: Proposal, offered: Sequence[Proposal]) -> Proposal:
    """The answer to our offer, once it is one; it keeps its SPI, and says "no ESN" where it left that out.

    One transform of each type, each as we offered it with its key length (RFC 7296 §2.7, §3.3.6). The number need not
    match: it adds nothing, and gateways exist that count from 1. Raises InvalidSyntax, NoProposalChosen.
    """
    kinds = [transform.type for transform in chosen.transforms]
    if len(set(kinds)) != len(kinds):
        raise InvalidSyntax("the answer has several transforms of one type")
    for offer in offered:
        if offer.protocol == chosen.protocol and _is_choice(chosen, offer):
            if chosen.protocol == ProtocolId.ESP and TransformType.ESN not in kinds:
                return replace(chosen, transforms=(*chosen.transforms, _none(TransformType.ESN)))
            return chosen
    raise NoProposalChosen(f"{proposal_name(chosen)} was not offered")


def _choose(theirs: Proposal, ours: Proposal, ke_group: int | None, prefer_own: bool) -> Proposal | None:
    if theirs.protocol != ours.protocol:
        return None
    named = list(dict.fromkeys(transform.type for transform in theirs.transforms))
    kinds = dict.fromkeys((*named, *(transform.type for transform in ours.transforms)))
    picked = []
    for kind in kinds:
        one, other = _alternatives(theirs, kind), _alternatives(ours, kind)
        if kind == TransformType.KE and ke_group is not None:
            one = [transform for transform in one if transform.id == ke_group]
        first, second = (other, one) if prefer_own else (one, other)
        choice = next((transform for transform in first if transform in second), None)
        if choice is None:
            return None
        if kind in named:
            picked.append(choice)
    return replace(theirs, transforms=tuple(picked))


def _is_choice(chosen: Proposal, offer: Proposal) -> bool:
    kinds = {transform.type for transform in (*chosen.transforms, *offer.transforms)}
    return all(any(transform in _alternatives(offer, kind) for transform in _alternatives(chosen, kind))
               for kind in kinds)


def _alternatives(proposal: Proposal, kind: TransformType) -> list[Transform]:
    """A type that may be left out says "none" thereby."""
    named = list(proposal.of_type(kind))
    return named or ([_none(kind)] if kind in Proposal.OPTIONAL else [])


def _none(kind: TransformType) -> Transform:
    return Transform(kind, 0)
