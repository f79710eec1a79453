"""What a CHILD_SA offers, accepts and is made of (RFC 7296 §1.2, §2.9, §2.17; RFC 9370 §2.2.4)."""

from collections.abc import Sequence
from dataclasses import replace

from client.core.ikev2.child_sa import ChildSa
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.errors import InvalidSyntax, ProtocolError
from client.core.ikev2.events import ChildConfig, ChildKeys, ChildSaInfo, EngineConfig, Progress
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.keymat import derive_child_keys
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import SA, Payload, TSi, TSr
from client.core.ikev2.proposal import Proposal, number_proposals, verify_chosen, with_additional, with_ke, without_ke
from client.core.ikev2.proposal_types import ADDITIONAL
from client.core.ikev2.timers import Timer
from client.core.ikev2.traffic_selector import TrafficSelector, intersect_all

NONCE_LENGTH = 32
NoncePair = tuple[bytes, bytes]


def offer_child(wanted: ChildConfig, spi_in: bytes, proposals: Sequence[Proposal]) -> list[Payload]:
    """SA, TSi, TSr; the selectors are always those first offered (§2.9.2)."""
    return [SA(tuple(replace(p, spi=spi_in) for p in proposals)), TSi(wanted.local_ts), TSr(wanted.remote_ts)]


def esp_proposals(wanted: ChildConfig, sa: IkeSa, groups: tuple[int, ...]) -> tuple[Proposal, ...]:
    """As configured, with PFS by ``groups``; the first CHILD_SA has no key exchange of its own (§1.2).

    Where the IKE_SA has additional key exchanges they are offered for PFS too, before the same without.
    """
    bare = [without_ke(p) for p in wanted.esp_proposals]
    if not groups:
        return number_proposals(bare)
    classic = [with_ke(p, groups) for p in bare]
    used = [t for t in sa.require()[0].transforms if t.type in ADDITIONAL]
    return number_proposals([with_additional(p, used) for p in classic] + classic if used else classic)


def pfs_groups(config: EngineConfig, wanted: ChildConfig, sa: IkeSa) -> tuple[int, ...]:
    """The groups of a rekeying, the one that the gateway took for the IKE_SA first."""
    if wanted.pfs_groups is not None:
        return wanted.pfs_groups
    used = sa.require()[0].ke
    groups = [t.id for p in config.ike_proposals for t in p.transforms_of_ke()]
    return tuple(dict.fromkeys([used, *groups]))


def is_child_spi(spi: bytes) -> bool:
    """RFC 4303 §2.1: 0 never appears on the wire, 1 to 255 are reserved."""
    return len(spi) == 4 and int.from_bytes(spi, "big") > 255


def chosen_child(message: Message, ours: Sequence[Proposal]) -> Proposal:
    """The proposal of a response to us, if it is one of ours. Raises ProtocolError."""
    offered = message.require(SA)
    if len(offered.proposals) != 1 or not is_child_spi(offered.proposals[0].spi):
        raise InvalidSyntax("the answer must hold one ESP proposal with its SPI")
    return verify_chosen(offered.proposals[0], ours)


def accept_child(ctx: Context, sa: IkeSa, wanted: ChildConfig, message: Message, chosen: Proposal, spi_in: bytes,
                 nonces: NoncePair, now: float, *, shared: bytes = b"", additional: bytes = b"") -> ChildSa:
    """The CHILD_SA of a response to us. Raises ProtocolError."""
    local = _granted(ctx, message.require(TSi).selectors, wanted.local_ts)
    remote = _granted(ctx, message.require(TSr).selectors, wanted.remote_ts)
    return make_child(ctx, sa, chosen, spi_in, local, remote, nonces, (shared, additional), now, ours=True,
                      wanted=wanted)


def make_child(ctx: Context, sa: IkeSa, proposal: Proposal, spi_in: bytes, local: tuple[TrafficSelector, ...],
               remote: tuple[TrafficSelector, ...], nonces: NoncePair, secrets: tuple[bytes, bytes], now: float, *,
               ours: bool, wanted: ChildConfig | None = None) -> ChildSa:
    """Keys, SPIs and timers of a negotiated CHILD_SA; ``secrets`` are those of its own key exchanges, if any.

    Without ``wanted`` it is the connection's first.
    """
    wanted = wanted or ctx.wanted[0]
    ike_proposal, keys = sa.require()
    encr_i, integ_i, encr_r, integ_r = derive_child_keys(
        ike_proposal.prf, keys.sk_d, proposal, *nonces, *secrets, crypto=ctx.crypto)
    by_role = (encr_i, integ_i, encr_r, integ_r) if ours else (encr_r, integ_r, encr_i, integ_i)
    info = ChildSaInfo(spi_in, proposal.spi, proposal, local, remote, ChildKeys(*by_role),
                       now + wanted.rekey, now + wanted.expire, wanted.name)
    ctx.timers.set(Timer.REKEY_CHILD, spi_in, info.rekey_at)
    ctx.timers.set(Timer.EXPIRE_CHILD, spi_in, info.expire_at)
    return ChildSa(info, wanted, lowest_nonce=min(nonces), made_by_us=ours)


def _granted(ctx: Context, granted: tuple[TrafficSelector, ...], offered: tuple[TrafficSelector, ...]
             ) -> tuple[TrafficSelector, ...]:
    """What both sides agreed to (§2.9). A gateway that grants more than was asked gets no more than was asked."""
    agreed = intersect_all(granted, offered)
    if not agreed:
        raise ProtocolError(NotifyType.TS_UNACCEPTABLE, "the gateway granted other networks than were asked for")
    if not all(ts.is_subset(offered) for ts in granted):
        ctx.emit(Progress("wide-selectors", " ".join(map(str, granted))))
    return agreed
