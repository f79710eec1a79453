"""CHILD_SAs made and replaced: CREATE_CHILD_SA, both sides (RFC 7296 §1.3.1, §1.3.3, §2.8, §2.17).

    CREATE_CHILD_SA request  { N(REKEY_SA) SA Ni [KEi] TSi TSr }
    CREATE_CHILD_SA response { SA Nr [KEr] TSi TSr }
"""

from dataclasses import replace

from client.core.crypto import kex
from client.core.ikev2.child_sa import ChildSa, ChildState
from client.core.ikev2.constants import ExchangeType, NotifyType, ProtocolId
from client.core.ikev2.errors import InvalidKePayload, InvalidSyntax, NoProposalChosen, ProtocolError
from client.core.ikev2.events import ChildInstalled, ChildKeys, ChildSaInfo, EngineConfig, Progress
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.informational import DeleteChild
from client.core.ikev2.keymat import derive_child_keys
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import KE, SA, Nonce, Notify, Payload, TSi, TSr
from client.core.ikev2.proposal import Proposal, proposal_name, select, verify_chosen, with_ke, without_ke
from client.core.ikev2.timers import Timer
from client.core.ikev2.traffic_selector import TrafficSelector, intersect_all

NONCE_LENGTH = 32
RETRY_DELAY = 3.0          # s after TEMPORARY_FAILURE, plus up to as much again
NonceP = tuple[bytes, bytes]


def offer_child(config: EngineConfig, spi_in: bytes, *, first: bool = False, groups: tuple[int, ...] = ()
                ) -> list[Payload]:
    """SA, TSi, TSr as first offered; a CHILD_SA of IKE_AUTH has no key exchange of its own (§1.2)."""
    bare = (without_ke(p) for p in config.esp_proposals)
    proposals = tuple(replace(with_ke(p, groups) if groups and not first else p, spi=spi_in) for p in bare)
    return [SA(proposals), TSi(config.local_ts), TSr(config.remote_ts)]


def pfs_groups(config: EngineConfig, sa: IkeSa) -> tuple[int, ...]:
    """The groups of a rekeying, the one that the gateway took for the IKE_SA first."""
    if config.pfs_groups is not None:
        return config.pfs_groups
    used = sa.require()[0].ke
    groups = [t.id for p in config.ike_proposals for t in p.transforms_of_ke()]
    return tuple(dict.fromkeys([used, *groups]))


def accept_child(ctx: Context, sa: IkeSa, message: Message, spi_in: bytes, nonces: NonceP, shared: bytes,
                 now: float) -> ChildSa:
    """The CHILD_SA of a response to us. Raises ProtocolError."""
    offered = message.require(SA)
    if len(offered.proposals) != 1 or len(offered.proposals[0].spi) != 4:
        raise InvalidSyntax("the answer must hold one ESP proposal with its SPI")
    groups = pfs_groups(ctx.config, sa) if shared else ()
    ours = tuple(with_ke(without_ke(p), groups) if groups else without_ke(p) for p in ctx.config.esp_proposals)
    chosen = verify_chosen(offered.proposals[0], ours)
    local = _granted(ctx, message.require(TSi).selectors, ctx.config.local_ts)
    remote = _granted(ctx, message.require(TSr).selectors, ctx.config.remote_ts)
    return _make(ctx, sa, chosen, spi_in, local, remote, nonces, shared, now, ours=True)


def _granted(ctx: Context, granted: tuple[TrafficSelector, ...], offered: tuple[TrafficSelector, ...]
             ) -> tuple[TrafficSelector, ...]:
    """What both sides agreed to (§2.9). A gateway that grants more than was asked gets no more than was asked."""
    agreed = intersect_all(granted, offered)
    if not agreed:
        raise ProtocolError(NotifyType.TS_UNACCEPTABLE, "the gateway granted other networks than were asked for")
    if not all(ts.is_subset(offered) for ts in granted):
        ctx.emit(Progress("wide-selectors", " ".join(map(str, granted))))
    return agreed


def _make(ctx: Context, sa: IkeSa, proposal: Proposal, spi_in: bytes, local: tuple[TrafficSelector, ...],
          remote: tuple[TrafficSelector, ...], nonces: NonceP, shared: bytes, now: float, *, ours: bool) -> ChildSa:
    ike_proposal, keys = sa.require()
    encr_i, integ_i, encr_r, integ_r = derive_child_keys(ike_proposal.prf, keys.sk_d, proposal, *nonces, shared)
    by_role = (encr_i, integ_i, encr_r, integ_r) if ours else (encr_r, integ_r, encr_i, integ_i)
    config = ctx.config
    info = ChildSaInfo(spi_in, proposal.spi, proposal, local, remote, ChildKeys(*by_role),
                       now + config.child_rekey, now + config.child_expire)
    ctx.timers.set(Timer.REKEY_CHILD, spi_in, info.rekey_at)
    ctx.timers.set(Timer.EXPIRE_CHILD, spi_in, info.expire_at)
    return ChildSa(info, lowest_nonce=min(nonces), made_by_us=ours)


class CreateChild:
    """Our CREATE_CHILD_SA for a CHILD_SA; ``old`` is what it replaces, None for one that the gateway lost."""

    exchange = ExchangeType.CREATE_CHILD_SA

    def __init__(self, ctx: Context, sa: IkeSa, old: ChildSa | None, groups: tuple[int, ...] | None = None) -> None:
        self._ctx = ctx
        self._sa = sa
        self._old = old
        self._groups = pfs_groups(ctx.config, sa) if groups is None else groups

    @property
    def old(self) -> ChildSa | None:
        return self._old

    def build_request(self, now: float) -> list[Payload] | None:
        ctx, old = self._ctx, self._old
        payloads: list[Payload] = []
        if old is not None:
            if old.state is not ChildState.INSTALLED or ctx.find_child(old.spi_in) is None:
                return None
            old.state = ChildState.REKEYING
            payloads.append(Notify.of(NotifyType.REKEY_SA, protocol=ProtocolId.ESP, spi=old.spi_in))
        self._spi_in, self._nonce = ctx.new_child_spi(), ctx.random(NONCE_LENGTH)
        sa, tsi, tsr = offer_child(ctx.config, self._spi_in, groups=self._groups)
        payloads += [sa, Nonce(self._nonce)]
        if self._groups:
            self._kex = kex.generate(self._groups[0], ctx.random)
            payloads.append(KE(self._kex.group, self._kex.public))
        return [*payloads, tsi, tsr]

    def process_response(self, message: Message, now: float) -> None:
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is not None:
            self._refused(error, now)
            return
        nonce, shared = message.require(Nonce).data, b""
        if not 16 <= len(nonce) <= 256:
            raise InvalidSyntax("nonce length")
        if self._groups:
            ke = message.require(KE)
            chosen_ke = message.require(SA).proposals[0].ke if message.require(SA).proposals else None
            if ke.group != self._kex.group or chosen_ke != ke.group:
                raise InvalidSyntax("the KE payload is of another group than ours")
            try:
                shared = self._kex.derive(ke.data)
            except kex.KexError as failure:
                raise InvalidSyntax(f"KE payload: {failure}") from failure
        child = accept_child(self._ctx, self._sa, message, self._spi_in, (self._nonce, nonce), shared, now)
        self._sa.children[child.spi_in] = child
        self._install(child)

    def _install(self, child: ChildSa) -> None:
        """Settles a collision by the four nonces (§2.8.1): who made the one with the lowest closes it."""
        ctx, old = self._ctx, self._old
        rival = old.peer_successor if old is not None else None
        if old is None or rival is None or child.lowest_nonce > rival.lowest_nonce:
            ctx.emit(ChildInstalled(child.info, rekeyed_spi=old.spi_in if old else None))
            if old is not None:
                old.state, old.successor = ChildState.REKEYED, child.spi_in
                ctx.enqueue(self._sa, DeleteChild(ctx, self._sa, old))
            return
        child.outbound = False
        ctx.emit(ChildInstalled(child.info, outbound=False, rekeyed_spi=old.spi_in))
        old.state, old.successor = ChildState.REKEYED, rival.spi_in
        ctx.enqueue(self._sa, DeleteChild(ctx, self._sa, child))

    def _refused(self, error: Notify, now: float) -> None:
        ctx, sa, old = self._ctx, self._sa, self._old
        if old is not None and old.state is ChildState.REKEYING:
            old.state = ChildState.REKEYED if old.peer_successor else ChildState.INSTALLED
            if old.peer_successor:
                old.successor = old.peer_successor.spi_in
                return
        match error.type:
            case NotifyType.INVALID_KE_PAYLOAD if len(error.data) == 2:
                group = int.from_bytes(error.data, "big")
                if group in self._groups and group != self._groups[0]:
                    rest = tuple(g for g in self._groups if g != group)
                    ctx.enqueue(sa, CreateChild(ctx, sa, old, (group, *rest)), front=True)
                    return
            case NotifyType.NO_PROPOSAL_CHOSEN if self._groups and ctx.config.pfs_groups is None:
                ctx.emit(Progress("pfs-refused", "the gateway renews without PFS"))
                ctx.enqueue(sa, CreateChild(ctx, sa, old, ()), front=True)
                return
            case NotifyType.CHILD_SA_NOT_FOUND if old is not None:
                ctx.drop_child(sa, old, now)
                ctx.enqueue(sa, CreateChild(ctx, sa, None, self._groups))
                return
            case NotifyType.TEMPORARY_FAILURE:
                ctx.enqueue(sa, CreateChild(ctx, sa, old, self._groups))
                ctx.later(sa, RETRY_DELAY * (1 + ctx.random(1)[0] / 255), now)
                return
        ctx.emit(Progress("rekey-refused", error.type_name))
        if old is not None:     # the old one lives on; try again while it does
            wait = max((old.info.expire_at - now) / 3, RETRY_DELAY)
            ctx.timers.set(Timer.REKEY_CHILD, old.spi_in, now + wait)


def answer_rekey_child(ctx: Context, sa: IkeSa, message: Message, rekey: Notify, now: float) -> list[Payload]:
    """The gateway replaces a CHILD_SA. Raises ProtocolError with the notify for our answer."""
    old = next((c for c in sa.children.values() if c.spi_out == rekey.spi), None)
    if old is None:
        raise ProtocolError(NotifyType.CHILD_SA_NOT_FOUND, "REKEY_SA of an unknown SPI", spi=rekey.spi)
    if old.state in (ChildState.DELETING, ChildState.REKEYED) or old.peer_successor is not None:
        raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "that CHILD_SA is being closed")   # §2.25.1
    offered, nonce, ke = message.require(SA).proposals, message.require(Nonce).data, message.get(KE)
    if not 16 <= len(nonce) <= 256:
        raise InvalidSyntax("nonce length")
    chosen = _select(ctx, sa, offered, ke)
    config = ctx.config
    remote = intersect_all(message.require(TSi).selectors, config.remote_ts)
    local = intersect_all(message.require(TSr).selectors, config.local_ts)
    if not remote or not local:
        raise ProtocolError(NotifyType.TS_UNACCEPTABLE, "nothing of it was agreed before")
    payloads: list[Payload] = []
    shared = b""
    if chosen.ke:
        assert ke is not None
        own = kex.generate(chosen.ke, ctx.random)
        try:
            shared = own.derive(ke.data)
        except kex.KexError as failure:
            raise InvalidSyntax(f"KE payload: {failure}") from failure
        payloads.append(KE(own.group, own.public))
    own_nonce, spi_in = ctx.random(NONCE_LENGTH), ctx.new_child_spi()
    child = _make(ctx, sa, chosen, spi_in, local, remote, (nonce, own_nonce), shared, now, ours=False)
    child.outbound = False
    sa.children[spi_in] = child
    if old.state is ChildState.REKEYING:
        old.peer_successor = child
    else:
        old.state, old.successor = ChildState.REKEYED, spi_in
    ctx.timers.cancel(Timer.REKEY_CHILD, old.spi_in)
    ctx.emit(ChildInstalled(child.info, outbound=False, rekeyed_spi=old.spi_in))
    ctx.emit(Progress("child-rekeyed-by-gateway", proposal_name(chosen)))
    return [SA((replace(chosen, spi=spi_in),)), Nonce(own_nonce), *payloads, TSi(remote), TSr(local)]


def _select(ctx: Context, sa: IkeSa, offered: tuple[Proposal, ...], ke: KE | None) -> Proposal:
    """Our choice from the gateway's offer: with its KE payload where there is one, else without PFS."""
    config = ctx.config
    groups = pfs_groups(config, sa)
    bare = tuple(without_ke(p) for p in config.esp_proposals)
    with_groups = tuple(with_ke(p, groups) for p in bare) if groups else ()
    if ke is not None and ke.group in groups:
        chosen = select(offered, tuple(with_ke(p, (ke.group,)) for p in bare))
        if chosen is not None:
            return chosen
    chosen = select(offered, with_groups)
    if chosen is not None and chosen.ke:
        raise InvalidKePayload(chosen.ke)
    if config.pfs_groups:     # the profile insists on a group
        raise NoProposalChosen("the profile wants PFS")
    chosen = select(offered, bare)
    if chosen is None:
        raise NoProposalChosen("nothing in common")
    return chosen
