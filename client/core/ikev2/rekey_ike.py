"""An IKE_SA replaced by CREATE_CHILD_SA, both sides (RFC 7296 §1.3.2, §2.8, §2.18); its children move over.

    CREATE_CHILD_SA request  { SA Ni KEi }
    CREATE_CHILD_SA response { SA Nr KEr }
"""

from dataclasses import replace

from client.core.crypto import kex
from client.core.ikev2.child_negotiation import NONCE_LENGTH
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.create_child_sa import MAX_GROUPS, RETRY_DELAY, CreateChild
from client.core.ikev2.errors import InvalidKePayload, InvalidSyntax, NoProposalChosen, ProtocolError
from client.core.ikev2.events import Progress
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.informational import DeleteChild, DeleteIke
from client.core.ikev2.intermediate import FollowUp, derive, expect_follow_up
from client.core.ikev2.keymat import ciphers, rekey_ike_keys
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import KE, SA, Nonce, Notify, Payload
from client.core.ikev2.proposal import Proposal, select, verify_chosen
from client.core.ikev2.proposal_types import ADDITIONAL
from client.core.ikev2.timers import Timer

MAX_IKE_SAS = 8          # replaced ones included, that the gateway has not deleted yet
LOSER_LINGER = 10.0      # s that the gateway has to close an IKE_SA that lost a collision


class RekeyIke:
    """Our replacement of ``sa``."""

    exchange = ExchangeType.CREATE_CHILD_SA

    def __init__(self, ctx: Context, sa: IkeSa, group: int | None = None, tries: int = 1) -> None:
        self._ctx = ctx
        self._sa = sa
        self._group = group or sa.require()[0].ke
        self._tries = tries
        self._proposals = _not_weaker(ctx, sa)

    def build_request(self, now: float) -> list[Payload] | None:
        ctx, sa = self._ctx, self._sa
        if sa.state is not IkeState.ESTABLISHED:
            return None
        sa.rekeying = True
        self._spi, self._nonce = ctx.random(8), ctx.random(NONCE_LENGTH)
        self._kex = ctx.crypto.generate(self._group, ctx.random)
        proposals = tuple(replace(p, spi=self._spi) for p in self._proposals)
        return [SA(proposals), Nonce(self._nonce), KE(self._kex.group, self._kex.public)]

    def process_response(self, message: Message, now: float) -> None:
        ctx, sa = self._ctx, self._sa
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is not None:
            self._refused(error, now)
            return
        payload, nonces = message.require(SA), (self._nonce, message.require(Nonce).data)
        if len(payload.proposals) != 1 or len(payload.proposals[0].spi) != 8 or not any(payload.proposals[0].spi):
            raise InvalidSyntax("the answer must hold one IKE proposal with its SPI")
        chosen = verify_chosen(payload.proposals[0], self._proposals)
        if chosen.ke != self._kex.group:
            raise InvalidSyntax("the KE payload is of another group than the proposal")
        shared = derive(self._kex, message)
        new = IkeSa(self._spi, chosen.spi, initiator=True)

        def finish(additional: bytes, now: float) -> None:
            _key(ctx, sa, new, chosen, nonces, shared, additional)
            self._install(new, now)

        if chosen.additional:
            ctx.enqueue(sa, FollowUp(ctx, sa, chosen.additional, message, finish, self._refused), front=True)
        else:
            finish(b"", now)

    def moved_to(self, sa: IkeSa) -> None:
        """It was replaced: done."""

    def _install(self, new: IkeSa, now: float) -> None:
        ctx, sa = self._ctx, self._sa
        sa.rekeying = False
        rival = sa.peer_successor
        replaced = sa.state is IkeState.REKEYED     # the gateway has begun to use its own already
        if not replaced and (rival is None or new.lowest_nonce > rival.lowest_nonce):
            ctx.replace_sa(sa, new, now)
            ctx.enqueue(sa, DeleteIke(ctx, sa))
            if rival is not None:       # the gateway closes it, unless it never hears that there is one
                ctx.timers.set(Timer.EXPIRE_IKE, rival.own_spi, now + LOSER_LINGER)
        else:       # ours holds the lowest nonce: we close it, theirs survives (§2.8.2)
            ctx.add_sa(new)
            new.state = IkeState.REKEYED
            ctx.enqueue(new, DeleteIke(ctx, new))
            if not replaced and rival is not None:
                ctx.replace_sa(sa, rival, now)

    def _refused(self, error: Notify, now: float) -> None:
        ctx, sa = self._ctx, self._sa
        sa.rekeying = False
        if sa.state is IkeState.REKEYED:
            return
        if sa.peer_successor is not None:       # theirs stands, ours does not
            ctx.replace_sa(sa, sa.peer_successor, now)
            return
        group = int.from_bytes(error.data, "big") if error.type == NotifyType.INVALID_KE_PAYLOAD else 0
        offered = {t.id for p in self._proposals for t in p.transforms_of_ke()}
        if group in offered and group != self._group and self._tries < MAX_GROUPS:
            ctx.enqueue(sa, RekeyIke(ctx, sa, group, self._tries + 1), front=True)
            return
        temporary = error.type == NotifyType.TEMPORARY_FAILURE
        expiry = ctx.timers.get(Timer.EXPIRE_IKE, sa.own_spi) or now
        wait = RETRY_DELAY * (1 + ctx.random(1)[0] / 255) if temporary else max((expiry - now) / 3, RETRY_DELAY)
        if not temporary:
            ctx.emit(Progress("rekey-refused", error.type_name))
        ctx.timers.set(Timer.REKEY_IKE, sa.own_spi, now + wait)


def answer_rekey_ike(ctx: Context, sa: IkeSa, message: Message, now: float) -> list[Payload]:
    """The gateway replaces the IKE_SA. Raises ProtocolError with the notify for our answer."""
    outstanding = sa.window.outstanding
    if outstanding is not None and isinstance(outstanding.task, CreateChild | DeleteChild | FollowUp):
        raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "a CHILD_SA exchange is under way")      # §2.25.2
    if sa.peer_successor is not None or sa.follow_up is not None or len(ctx.sas) >= MAX_IKE_SAS:
        raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "it is being rekeyed already")
    offered, nonce, ke = message.require(SA).proposals, message.require(Nonce).data, message.require(KE)
    proposals = _not_weaker(ctx, sa)
    chosen = select(offered, proposals, ke_group=ke.group)
    if chosen is None:
        other = select(offered, proposals)
        if other is None:
            raise NoProposalChosen("nothing in common")
        raise InvalidKePayload(other.ke)
    if len(chosen.spi) != 8 or not any(chosen.spi):
        raise InvalidSyntax("SPI of the new IKE_SA")
    try:
        public, shared = ctx.crypto.respond(chosen.ke, ke.data, ctx.random)
    except kex.KexError as failure:
        raise InvalidSyntax(f"KE payload: {failure}") from failure
    own_nonce, own_spi = ctx.random(NONCE_LENGTH), ctx.random(8)
    new = IkeSa(chosen.spi, own_spi, initiator=False)

    def finish(additional: bytes, now: float) -> None:
        _key(ctx, sa, new, chosen, (nonce, own_nonce), shared, additional)
        if sa.rekeying:
            sa.peer_successor = new
            ctx.add_sa(new)
            new.state = IkeState.RIVAL
            ctx.start_sa_timers(new, now)
        else:
            ctx.replace_sa(sa, new, now)

    payloads: list[Payload] = [SA((replace(chosen, spi=own_spi),)), Nonce(own_nonce), KE(chosen.ke, public)]
    if chosen.additional:
        return [*payloads, expect_follow_up(ctx, sa, chosen.additional, finish, now)]
    finish(b"", now)
    return payloads


def _not_weaker(ctx: Context, sa: IkeSa) -> tuple[Proposal, ...]:
    """What may replace this IKE_SA: additional key exchanges, once in use, stay in use."""
    proposals = ctx.config.ike_proposals
    if not sa.require()[0].additional:
        return proposals
    return tuple(p for p in proposals if any(t.type in ADDITIONAL and t.id for t in p.transforms))


def _key(ctx: Context, old: IkeSa, new: IkeSa, chosen: Proposal, nonces: tuple[bytes, bytes], shared: bytes,
         additional: bytes) -> None:
    proposal, keys = old.require()
    new.proposal, new.lowest_nonce = chosen, min(nonces)
    new.keys = rekey_ike_keys(proposal.prf, keys.sk_d, chosen, shared, *nonces, new.spi_i, new.spi_r, additional,
                              ctx.crypto)
    by_initiator = ciphers(chosen, new.keys, ctx.crypto)
    new.cipher_out, new.cipher_in = by_initiator if new.initiator else by_initiator[::-1]

