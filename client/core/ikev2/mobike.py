"""MOBIKE: the tunnel follows the laptop (RFC 4555).

    INFORMATIONAL request  { N(UPDATE_SA_ADDRESSES) N(NATD_S) N(NATD_D) N(COOKIE2) }
    INFORMATIONAL response { N(NATD_S) N(NATD_D) N(COOKIE2) }
"""

from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.errors import InvalidSyntax
from client.core.ikev2.events import Path, PathChanged, Progress
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.informational import Liveness
from client.core.ikev2.message import Message
from client.core.ikev2.natd import detect_nat, nat_detection
from client.core.ikev2.payloads import Notify, Payload
from client.core.ikev2.timers import Timer
from client.model.cause import Cause

COOKIE2_LENGTH = 16      # 8–64 octets (§4.2.5)


def tell_new_address(ctx: Context, sa: IkeSa) -> None:
    """Before everything else that waits, and now."""
    ctx.timers.cancel(Timer.QUEUE, sa.own_spi)
    task = UpdateAddresses if ctx.peer.mobike and ctx.config.mobike else MovedLiveness
    if not any(isinstance(waiting, task) for waiting in sa.window.queue):
        ctx.enqueue(sa, task(ctx, sa), front=True)


class MovedLiveness(Liveness):
    """To a gateway without MOBIKE: is it still there, from here? It may follow what it can authenticate (§2.23)."""

    def __init__(self, ctx: Context, sa: IkeSa) -> None:
        self._ctx = ctx
        self._sa = sa

    def process_response(self, message: Message, now: float) -> None:
        if self._ctx.path is not None and self._sa.state is IkeState.ESTABLISHED:
            self._ctx.emit(PathChanged(self._ctx.path, self._ctx.nat, confirmed=True))

    def moved_to(self, sa: IkeSa) -> "MovedLiveness":
        return MovedLiveness(self._ctx, sa)


class UpdateAddresses:
    """Tells the gateway where we are now; looks again at the end whether we have moved on meanwhile (§3.5)."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, ctx: Context, sa: IkeSa) -> None:
        self._ctx = ctx
        self._sa = sa
        self._path: Path | None = None

    def build_request(self, now: float) -> list[Payload] | None:
        ctx = self._ctx
        if ctx.path is None:
            return None
        self._path, self._cookie = ctx.path, ctx.random(COOKIE2_LENGTH)
        return [Notify.of(NotifyType.UPDATE_SA_ADDRESSES),
                *nat_detection(self._sa.spi_i, self._sa.spi_r, ctx.path, ctx.random),
                Notify.of(NotifyType.COOKIE2, self._cookie)]

    def process_response(self, message: Message, now: float) -> None:
        ctx = self._ctx
        echoed = message.notify(NotifyType.COOKIE2)
        if echoed is not None and echoed.data != self._cookie:
            raise InvalidSyntax("COOKIE2 does not match")      # §3.7: the IKE_SA must be closed
        if ctx.path != self._path:
            tell_new_address(ctx, ctx.current() or self._sa)        # it may have been replaced meanwhile
            return
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is not None:
            ctx.emit(Progress("roam-refused", error.type_name))
        if error is not None and error.type == NotifyType.UNACCEPTABLE_ADDRESSES:
            # It goes on sending to where we are not (§3.5): only another IKE_SA leads back.
            ctx.close_with(self._sa, Cause.DEAD_PEER, "the gateway does not accept the new address", now)
            return
        if self._path is None or self._sa.state is not IkeState.ESTABLISHED:
            return      # said of an IKE_SA that has a successor, on which it is said too
        nat = detect_nat(message, self._sa.spi_i, self._sa.spi_r, self._path)
        ctx.nat = ctx.nat if nat is None else nat
        ctx.emit(PathChanged(self._path, ctx.nat, confirmed=True))

    def moved_to(self, sa: IkeSa) -> "UpdateAddresses":
        if self._path is None and not sa.initiator:     # not said yet, and the gateway may lack our answer: here too
            self._ctx.enqueue(self._sa, UpdateAddresses(self._ctx, self._sa))
        return UpdateAddresses(self._ctx, sa)
