"""Our CREATE_CHILD_SA for a CHILD_SA: one replaced, or one that is missing (RFC 7296 §1.3.1, §1.3.3, §2.8).

    CREATE_CHILD_SA request  { [N(REKEY_SA)] [CP] SA Ni [KEi] TSi TSr }
    CREATE_CHILD_SA response { [CP] SA Nr [KEr] TSi TSr }
"""

from client.core.ikev2 import children
from client.core.ikev2.child_negotiation import (
    NONCE_LENGTH,
    accept_child,
    chosen_child,
    esp_proposals,
    offer_child,
    pfs_groups,
)
from client.core.ikev2.child_sa import ChildSa, ChildState
from client.core.ikev2.configuration import config_request, read_config_reply
from client.core.ikev2.constants import ExchangeType, NotifyType, ProtocolId
from client.core.ikev2.errors import InvalidSyntax, ProtocolError
from client.core.ikev2.events import ChildConfig, ChildInstalled, Configured, Progress
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.informational import DeleteChild, DeleteUnused
from client.core.ikev2.intermediate import FollowUp, derive
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import CP, KE, Nonce, Notify, Payload
from client.core.ikev2.timers import Timer

RETRY_DELAY = 3.0          # s after TEMPORARY_FAILURE, plus up to as much again
MAX_TEMPORARY = 40         # times that a gateway may say so about a new one: some minutes (§2.25)
MAX_GROUPS = 4             # that a gateway may ask for one after the other (INVALID_KE_PAYLOAD)


class CreateChild:
    """Our CREATE_CHILD_SA for a CHILD_SA; ``old`` is what it replaces, None for one of ``wanted`` that is missing."""

    exchange = ExchangeType.CREATE_CHILD_SA

    def __init__(self, ctx: Context, sa: IkeSa, old: ChildSa | None, groups: tuple[int, ...] | None = None,
                 tries: int = 1, *, wanted: ChildConfig | None = None) -> None:
        self._ctx = ctx
        self._sa = sa
        self._old = old
        self._tries = tries
        self._temporary = 0
        self._wanted = old.wanted if old is not None else wanted or ctx.wanted[0]
        self._groups = pfs_groups(ctx.config, self._wanted, sa) if groups is None else groups
        self._proposals = esp_proposals(self._wanted, sa, self._groups)

    @property
    def wanted(self) -> ChildConfig:
        return self._wanted

    def build_request(self, now: float) -> list[Payload] | None:
        ctx, old = self._ctx, self._old
        payloads: list[Payload] = []
        if old is not None:
            if ctx.find_child(old.spi_in) is None:
                children.make(ctx, self._wanted, now)       # deleted meanwhile, without a successor
                return None
            if old.state is not ChildState.INSTALLED:
                return None
            if not old.outbound:        # the gateway made it and may not know that yet (§2.8)
                ctx.timers.set(Timer.REKEY_CHILD, old.spi_in, now + RETRY_DELAY)
                return None
            old.state = ChildState.REKEYING
            payloads.append(Notify.of(NotifyType.REKEY_SA, protocol=ProtocolId.ESP, spi=old.spi_in))
        elif children.stands(ctx, self._wanted) or self._wanted not in ctx.wanted:
            return None
        elif ctx.ask_address:
            payloads.append(config_request(ctx.config.request_ipv4, ctx.config.request_ipv6,
                                           tuple(ctx.config.previous_addresses)))
        self._spi_in, self._nonce = ctx.new_child_spi(), ctx.random(NONCE_LENGTH)
        sa, tsi, tsr = offer_child(self._wanted, self._spi_in, self._proposals)
        payloads += [sa, Nonce(self._nonce)]
        if self._groups:
            self._kex = ctx.crypto.generate(self._groups[0], ctx.random)
            payloads.append(KE(self._kex.group, self._kex.public))
        return [*payloads, tsi, tsr]

    def process_response(self, message: Message, now: float) -> None:
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is not None:
            self._refused(error, now)
            return
        ctx, sa, nonces = self._ctx, self._sa, (self._nonce, message.require(Nonce).data)
        chosen = chosen_child(message, self._proposals)
        shared = b""
        if chosen.ke:
            if chosen.ke != self._groups[0]:
                raise InvalidSyntax("the KE payload is of another group than the proposal")
            shared = derive(self._kex, message)

        def finish(additional: bytes, now: float) -> None:
            try:
                child = accept_child(ctx, sa, self._wanted, message, chosen, self._spi_in, nonces, now, shared=shared,
                                     additional=additional)
            except ProtocolError as error:
                if error.notify != NotifyType.TS_UNACCEPTABLE:
                    raise
                ctx.enqueue(sa, DeleteUnused(self._spi_in))
                self._refused(Notify.of(NotifyType.TS_UNACCEPTABLE), now)
                return
            sa.children[child.spi_in] = child
            self._take_addresses(message)
            self._install(child)
            if self._old is None and message.notify(NotifyType.ADDITIONAL_TS_POSSIBLE):
                children.more_possible(ctx, child, now)

        if chosen.additional:
            ctx.enqueue(sa, FollowUp(ctx, sa, chosen.additional, message, finish, self._refused), front=True)
        else:
            finish(b"", now)

    def moved_to(self, sa: IkeSa) -> "CreateChild":
        return CreateChild(self._ctx, sa, self._old, wanted=self._wanted)

    def _take_addresses(self, message: Message) -> None:
        """What CP brought, where IKE_AUTH had none to give (§2.19)."""
        ctx, given = self._ctx, read_config_reply(message.get(CP))
        if ctx.ask_address and given.addresses:
            ctx.ask_address, ctx.virtual_ips = False, given
            ctx.emit(Configured(given))

    def _again(self, old: ChildSa | None, groups: tuple[int, ...], tries: int = 1, *, temporary: int = 0
               ) -> "CreateChild":
        again = CreateChild(self._ctx, self._sa, old, groups, tries, wanted=self._wanted)
        again._temporary = temporary
        return again

    def _install(self, child: ChildSa) -> None:
        """Settles a collision by the four nonces (§2.8.1): who made the one with the lowest closes it."""
        ctx, old = self._ctx, self._old
        rival = old.peer_successor if old is not None else None
        if old is None or rival is None or child.lowest_nonce > rival.lowest_nonce:
            ctx.emit(ChildInstalled(child.info, rekeyed_spi=old.spi_in if old else None))
            if old is not None:
                old.state, old.successor = ChildState.REKEYED, child.spi_in
                ctx.enqueue(self._sa, DeleteChild(ctx, self._sa, old, replaced=True))
            if rival is not None:       # the gateway's to close; nothing else is to be done with it
                rival.state, rival.successor = ChildState.REKEYED, child.spi_in
            return
        child.outbound = False
        ctx.emit(ChildInstalled(child.info, outbound=False, rekeyed_spi=old.spi_in))
        old.state, old.successor = ChildState.REKEYED, rival.spi_in
        ctx.enqueue(self._sa, DeleteChild(ctx, self._sa, child))

    def _refused(self, error: Notify, now: float) -> None:
        ctx, sa, old = self._ctx, self._sa, self._old
        if old is not None and ctx.find_child(old.spi_in) is None:
            old = None      # the gateway deleted it meanwhile: what is missing is a new one, if any
            if children.stands(ctx, self._wanted):
                return
        if old is not None and old.state is ChildState.REKEYING:
            old.state = ChildState.REKEYED if old.peer_successor else ChildState.INSTALLED
            if old.peer_successor:
                old.successor = old.peer_successor.spi_in
                return
        match error.type:
            case NotifyType.INVALID_KE_PAYLOAD if len(error.data) == 2:
                group = int.from_bytes(error.data, "big")
                if group in self._groups and group != self._groups[0] and self._tries < MAX_GROUPS:
                    rest = tuple(g for g in self._groups if g != group)
                    ctx.enqueue(sa, self._again(old, (group, *rest), self._tries + 1), front=True)
                    return
            case NotifyType.NO_PROPOSAL_CHOSEN if self._groups and self._wanted.pfs_groups is None:
                ctx.emit(Progress("pfs-refused", "the gateway renews without PFS"))
                ctx.enqueue(sa, self._again(old, ()), front=True)
                return
            case NotifyType.CHILD_SA_NOT_FOUND if self._old is not None:
                if old is not None:
                    ctx.drop_child(sa, old, now)
                children.make(ctx, self._wanted, now)
                return
            case NotifyType.TEMPORARY_FAILURE if old is not None or self._temporary < MAX_TEMPORARY:
                ctx.enqueue(sa, self._again(old, self._groups, temporary=self._temporary + 1))
                ctx.later(sa, RETRY_DELAY * (1 + ctx.random(1)[0] / 255), now)
                return
        if old is None:
            children.refused(ctx, sa, self._wanted, error.type, now)
            return
        ctx.emit(Progress("rekey-refused", error.type_name))
        # The old one lives on; try again while it does.
        wait = max((old.info.expire_at - now) / 3, RETRY_DELAY)
        ctx.timers.set(Timer.REKEY_CHILD, old.spi_in, now + wait)
