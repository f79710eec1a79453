"""An IKE_SA replaced by CREATE_CHILD_SA, both sides (RFC 7296 §1.3.2, §2.8, §2.18); its children move over.

    CREATE_CHILD_SA request  { SA Ni KEi }
    CREATE_CHILD_SA response { SA Nr KEr }
"""

from dataclasses import replace

from client.core.crypto import kex
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.create_child_sa import NONCE_LENGTH, RETRY_DELAY, CreateChild
from client.core.ikev2.errors import InvalidKePayload, InvalidSyntax, NoProposalChosen, ProtocolError
from client.core.ikev2.events import IkeRekeyed, Progress
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.informational import DeleteChild, DeleteIke
from client.core.ikev2.keymat import ciphers, rekey_ike_keys
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import KE, SA, Nonce, Payload
from client.core.ikev2.proposal import Proposal, select, verify_chosen
from client.core.ikev2.timers import Timer


class RekeyIke:
    """Our replacement of ``sa``."""

    exchange = ExchangeType.CREATE_CHILD_SA

    def __init__(self, ctx: Context, sa: IkeSa, group: int | None = None) -> None:
        self._ctx = ctx
        self._sa = sa
        self._group = group or sa.require()[0].ke

    def build_request(self, now: float) -> list[Payload] | None:
        ctx, sa = self._ctx, self._sa
        if sa.state is not IkeState.ESTABLISHED:
            return None
        sa.rekeying = True
        self._spi, self._nonce = ctx.random(8), ctx.random(NONCE_LENGTH)
        self._kex = kex.generate(self._group, ctx.random)
        proposals = tuple(replace(p, spi=self._spi) for p in ctx.config.ike_proposals)
        return [SA(proposals), Nonce(self._nonce), KE(self._kex.group, self._kex.public)]

    def process_response(self, message: Message, now: float) -> None:
        ctx, sa = self._ctx, self._sa
        sa.rekeying = False
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is not None:
            if sa.peer_successor is not None:       # theirs stands, ours does not
                _adopt(ctx, sa, sa.peer_successor, now)
                return
            group = int.from_bytes(error.data, "big") if error.type == NotifyType.INVALID_KE_PAYLOAD else 0
            offered = {t.id for p in ctx.config.ike_proposals for t in p.transforms_of_ke()}
            if group in offered and group != self._group:
                ctx.enqueue(sa, RekeyIke(ctx, sa, group), front=True)
                return
            temporary = error.type == NotifyType.TEMPORARY_FAILURE
            expiry = ctx.timers.get(Timer.EXPIRE_IKE, sa.own_spi) or now
            wait = RETRY_DELAY * (1 + ctx.random(1)[0] / 255) if temporary else max((expiry - now) / 3, RETRY_DELAY)
            if not temporary:
                ctx.emit(Progress("rekey-refused", error.type_name))
            ctx.timers.set(Timer.REKEY_IKE, sa.own_spi, now + wait)
            return
        payload, nonce, ke = message.require(SA), message.require(Nonce).data, message.require(KE)
        if len(payload.proposals) != 1 or len(payload.proposals[0].spi) != 8 or not any(payload.proposals[0].spi):
            raise InvalidSyntax("the answer must hold one IKE proposal with its SPI")
        if not 16 <= len(nonce) <= 256:
            raise InvalidSyntax("nonce length")
        chosen = verify_chosen(payload.proposals[0], ctx.config.ike_proposals)
        if ke.group != self._kex.group or chosen.ke != ke.group:
            raise InvalidSyntax("the KE payload is of another group than ours")
        new = IkeSa(self._spi, chosen.spi, initiator=True)
        _key(sa, new, chosen, self._kex, ke.data, (self._nonce, nonce))
        rival = sa.peer_successor
        if rival is None or new.lowest_nonce > rival.lowest_nonce:
            _adopt(ctx, sa, new, now)
            ctx.enqueue(sa, DeleteIke(ctx, sa))
        else:       # ours holds the lowest nonce: we close it, theirs survives (§2.8.2)
            ctx.add_sa(new)
            new.state = IkeState.REKEYED
            ctx.enqueue(new, DeleteIke(ctx, new))
            _adopt(ctx, sa, rival, now)


def answer_rekey_ike(ctx: Context, sa: IkeSa, message: Message, now: float) -> list[Payload]:
    """The gateway replaces the IKE_SA. Raises ProtocolError with the notify for our answer."""
    outstanding = sa.window.outstanding
    if outstanding is not None and isinstance(outstanding.task, CreateChild | DeleteChild):
        raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "a CHILD_SA exchange is under way")      # §2.25.2
    if sa.peer_successor is not None:
        raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "it was rekeyed already")
    payload, nonce, ke = message.require(SA), message.require(Nonce).data, message.require(KE)
    if not 16 <= len(nonce) <= 256:
        raise InvalidSyntax("nonce length")
    chosen = select(payload.proposals, ctx.config.ike_proposals, ke_group=ke.group)
    if chosen is None:
        other = select(payload.proposals, ctx.config.ike_proposals)
        if other is None:
            raise NoProposalChosen("nothing in common")
        raise InvalidKePayload(other.ke)
    if len(chosen.spi) != 8 or not any(chosen.spi):
        raise InvalidSyntax("SPI of the new IKE_SA")
    own = kex.generate(chosen.ke, ctx.random)
    own_nonce, own_spi = ctx.random(NONCE_LENGTH), ctx.random(8)
    new = IkeSa(chosen.spi, own_spi, initiator=False)
    _key(sa, new, chosen, own, ke.data, (nonce, own_nonce))
    if sa.rekeying:
        sa.peer_successor = new
        ctx.add_sa(new)
        new.state = IkeState.ESTABLISHED
    else:
        _adopt(ctx, sa, new, now)
    return [SA((replace(chosen, spi=own_spi),)), Nonce(own_nonce), KE(own.group, own.public)]


def _key(old: IkeSa, new: IkeSa, chosen: Proposal, own: kex.KeyExchange, public: bytes,
         nonces: tuple[bytes, bytes]) -> None:
    try:
        shared = own.derive(public)
    except kex.KexError as failure:
        raise InvalidSyntax(f"KE payload: {failure}") from failure
    proposal, keys = old.require()
    new.proposal, new.lowest_nonce = chosen, min(nonces)
    new.keys = rekey_ike_keys(proposal.prf, keys.sk_d, chosen, shared, *nonces, new.spi_i, new.spi_r)
    by_initiator = ciphers(chosen, new.keys)
    new.cipher_out, new.cipher_in = by_initiator if new.initiator else by_initiator[::-1]


def _adopt(ctx: Context, old: IkeSa, new: IkeSa, now: float) -> None:
    """``new`` takes over the children and whatever waited to be said."""
    ctx.sas.pop(new.own_spi, None)
    ctx.add_sa(new)                     # the newest last
    new.state, old.state = IkeState.ESTABLISHED, IkeState.REKEYED
    new.children.update(old.children)
    old.children.clear()
    for task in old.window.queue:
        if isinstance(task, CreateChild) and task.old is not None:
            ctx.enqueue(new, CreateChild(ctx, new, task.old))
        elif isinstance(task, DeleteChild):
            ctx.enqueue(new, DeleteChild(ctx, new, task.child))
    old.window.queue.clear()
    ctx.timers.cancel(Timer.REKEY_IKE, old.own_spi)
    ctx.start_sa_timers(new, now)
    proposal, _ = new.require()
    ctx.emit(IkeRekeyed(new.spi_i, new.spi_r, proposal, now + ctx.config.ike_rekey))
