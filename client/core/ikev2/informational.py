"""INFORMATIONAL: liveness, DELETE, errors, and the gateway's requests (RFC 7296 §1.4, §2.4, §2.25)."""

from client.core.ikev2 import children
from client.core.ikev2.addresses import heed_addresses, no_nats_allowed_is_true
from client.core.ikev2.child_sa import ChildSa, ChildState
from client.core.ikev2.constants import ExchangeType, NotifyType, ProtocolId
from client.core.ikev2.events import AuthLifetime, Closed, Progress, Redirected
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.message import Message
from client.core.ikev2.natd import nat_detection
from client.core.ikev2.payloads import Delete, Notify, Payload
from client.core.ikev2.redirect import new_gateway
from client.core.ikev2.resumption import heed_ticket
from client.model.cause import Cause


class Liveness:
    """Is the gateway there? An empty request (§2.4)."""

    exchange = ExchangeType.INFORMATIONAL

    def build_request(self, now: float) -> list[Payload]:
        return []

    def process_response(self, message: Message, now: float) -> None:
        """That it came is the answer."""

    def moved_to(self, sa: IkeSa) -> "Liveness | None":
        """The new IKE_SA was heard of just now."""
        return None


class DeleteChild:
    """Closes a pair of ESP SAs: we name our inbound SPI, the gateway answers with its own (§1.4.1)."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, ctx: Context, sa: IkeSa, child: ChildSa, *, replaced: bool = False) -> None:
        self._ctx = ctx
        self._sa = sa
        self.child = child
        self._replaced = replaced       # that is why

    def build_request(self, now: float) -> list[Payload] | None:
        if self.child.spi_in not in self._sa.children:
            return None
        if self._replaced and self.child.state is ChildState.INSTALLED:
            return None         # the gateway has deleted its successor meanwhile: it is in use again
        self.child.state = ChildState.DELETING
        return [Delete(ProtocolId.ESP, (self.child.spi_in,))]

    def process_response(self, message: Message, now: float) -> None:
        if self.child.spi_in in self._sa.children:
            self._ctx.drop_child(self._sa, self.child, now)

    def moved_to(self, sa: IkeSa) -> "DeleteChild":
        return DeleteChild(self._ctx, sa, self.child, replaced=self._replaced)


class DeleteUnused:
    """Closes what a response made and we do not take: it was never installed here (RFC 7296 §2.9)."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, spi_in: bytes) -> None:
        self._spi_in = spi_in

    def build_request(self, now: float) -> list[Payload]:
        return [Delete(ProtocolId.ESP, (self._spi_in,))]

    def process_response(self, message: Message, now: float) -> None:
        """The gateway's half, which we never had."""

    def moved_to(self, sa: IkeSa) -> "DeleteUnused":
        return self


class DeleteIke:
    """Closes an IKE_SA and all its children; ``last`` when the connection ends with it."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, ctx: Context, sa: IkeSa, *, last: bool = False) -> None:
        self._ctx = ctx
        self._sa = sa
        self._last = last

    def build_request(self, now: float) -> list[Payload] | None:
        self._sa.state = IkeState.DELETING
        return [Delete(ProtocolId.IKE, ())]

    def process_response(self, message: Message, now: float) -> None:
        self._ctx.remove_sa(self._sa)
        if self._last:
            self._ctx.emit(Closed())
            self._ctx.finish()

    def moved_to(self, sa: IkeSa) -> "DeleteIke | None":
        return DeleteIke(self._ctx, sa, last=True) if self._last else None


def heed_auth_lifetime(ctx: Context, message: Message) -> None:
    """How long this authentication lasts, as the gateway says at the end of IKE_AUTH or at any time (RFC 4478 §2)."""
    lifetime = message.notify(NotifyType.AUTH_LIFETIME)
    if lifetime is not None and len(lifetime.data) == 4:
        ctx.emit(AuthLifetime(float(int.from_bytes(lifetime.data, "big"))))


def heed_redirect(ctx: Context, message: Message, *, live: bool) -> bool:
    """Is there a REDIRECT to follow (RFC 5685 §5, §6)? A protected one needs no nonce."""
    redirect = message.notify(NotifyType.REDIRECT)
    gateway = new_gateway(redirect) if redirect is not None and ctx.config.redirects else None
    if gateway is not None:
        ctx.emit(Redirected(gateway, live))
    return gateway is not None


def answer_informational(ctx: Context, sa: IkeSa, message: Message, now: float) -> list[Payload]:
    """Our answer to the gateway's request; what ends the connection happens after it was sent."""
    reply: list[Payload] = []
    gone: list[ChildSa] = []
    for delete in message.all(Delete):
        if delete.protocol == ProtocolId.IKE:
            _ike_deleted(ctx, sa, now)
            return []
        if delete.protocol == ProtocolId.ESP:
            spis = [spi for spi in (_child_deleted(ctx, sa, spi_out, gone, now) for spi_out in delete.spis) if spi]
            if spis:
                reply.append(Delete(ProtocolId.ESP, tuple(spis)))
    heed_auth_lifetime(ctx, message)
    heed_ticket(ctx, sa, message, now)
    if sa.state is IkeState.ESTABLISHED:
        heed_redirect(ctx, message, live=True)
    if gone and sa.state is IkeState.ESTABLISHED:
        ctx.after_reply = lambda: _say_lost(ctx, sa, gone, now)
    for notify in message.notifies():
        if notify.type == NotifyType.COOKIE2:          # RFC 4555 §3.7: echo
            reply.append(Notify.of(NotifyType.COOKIE2, notify.data[:64]))
        elif notify.type == NotifyType.AUTHENTICATION_FAILED:
            ctx.after_reply = lambda: ctx.fail(Cause.USER_REFUSED, "AUTHENTICATION_FAILED")
        elif notify.is_error:
            ctx.emit(Progress("gateway-error", notify.type_name))
    heed_addresses(ctx, message)
    claim = message.notify(NotifyType.NO_NATS_ALLOWED)
    if claim is not None and ctx.came_on is not None and not no_nats_allowed_is_true(claim, ctx.came_on):
        reply.append(Notify.of(NotifyType.UNEXPECTED_NAT_DETECTED))      # RFC 4555 §3.9
    if message.notify(NotifyType.NAT_DETECTION_SOURCE_IP) and ctx.came_on is not None:      # RFC 4555 §3.8
        reply += nat_detection(sa.spi_i, sa.spi_r, ctx.came_on, ctx.random)
    return reply


def _say_lost(ctx: Context, sa: IkeSa, gone: list[ChildSa], now: float) -> None:
    for child in gone:
        if not ctx.finished:
            children.lost(ctx, sa, child, Cause.GATEWAY_CLOSED, "the gateway closed the tunnel", now)


def _child_deleted(ctx: Context, sa: IkeSa, spi_out: bytes, gone: list[ChildSa], now: float) -> bytes | None:
    """Our SPI for the answer; None for an unknown one and for one whose DELETE of ours crosses this (§1.4.1).

    ``gone`` grows by what the gateway ends for good, as far as we can tell.
    """
    child = next((c for c in sa.children.values() if c.spi_out == spi_out), None)
    if child is None:
        return None
    crossing = child.state is ChildState.DELETING
    ctx.use_successor(sa, child)
    rekeying = child.state is ChildState.REKEYING
    ctx.drop_child(sa, child, now)
    if not rekeying and not crossing:
        gone.append(child)
    return None if crossing else child.spi_in


def _ike_deleted(ctx: Context, sa: IkeSa, now: float) -> None:
    if sa.state is IkeState.ESTABLISHED and sa.peer_successor is not None:
        ctx.replace_sa(sa, sa.peer_successor, now)      # it never saw our request: its own rekeying stands
    was_last = sa.state is IkeState.ESTABLISHED and ctx.current() is sa
    closing = sa.state is IkeState.DELETING and ctx.current() is None
    why = children.why_none(ctx, Cause.GATEWAY_CLOSED, "the gateway closed the connection")

    def after() -> None:
        ctx.remove_sa(sa)
        if was_last:
            ctx.fail(*why)
        elif closing:
            ctx.emit(Closed())
            ctx.finish()

    ctx.after_reply = after
