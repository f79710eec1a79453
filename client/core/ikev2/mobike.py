"""MOBIKE: the tunnel follows the laptop (RFC 4555). What is said; ``roaming`` decides when.

    INFORMATIONAL request  { N(UPDATE_SA_ADDRESSES) N(NATD_S) N(NATD_D) N(COOKIE2) [N(ADDITIONAL_IP4_ADDRESS)] … }
    INFORMATIONAL response { N(NATD_S) N(NATD_D) N(COOKIE2) }
"""

from client.core.ikev2.addresses import address_list
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.errors import InvalidSyntax
from client.core.ikev2.events import Path, PathChanged
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.informational import Liveness
from client.core.ikev2.message import Message
from client.core.ikev2.natd import nat_detection
from client.core.ikev2.payloads import Notify, Payload
from client.core.ikev2.timers import Timer

COOKIE2_LENGTH = 16      # 8–64 octets (§4.2.5)


def tell_new_address(ctx: Context, sa: IkeSa, path: Path | None = None) -> None:
    """Before everything else that waits, and now; ``path`` where it is another than the one in use."""
    ctx.timers.cancel(Timer.QUEUE, sa.own_spi)
    if not ctx.mobike:
        if path is None and not any(isinstance(waiting, MovedLiveness) for waiting in sa.window.queue):
            ctx.enqueue(sa, MovedLiveness(ctx, sa), front=True)
        return
    outstanding = sa.window.outstanding
    if outstanding is not None and isinstance(outstanding.task, UpdateAddresses) and not outstanding.spread \
            and outstanding.task.path == (path or ctx.path):
        return      # it is being said
    for waiting in sa.window.queue:
        if isinstance(waiting, UpdateAddresses):
            waiting.to = path
            return
    ctx.enqueue(sa, UpdateAddresses(ctx, sa, path), front=True)


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
    """Tells the gateway where we are now (§3.5), or, by its way there, where we want to be."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, ctx: Context, sa: IkeSa, to: Path | None = None) -> None:
        self._ctx = ctx
        self._sa = sa
        self.to = to                    # None: wherever we are when it is said
        self.path: Path | None = None   # what it says

    def build_request(self, now: float) -> list[Payload] | None:
        ctx = self._ctx
        self.path = self.to if ctx.ways.has(self.to) else ctx.path
        if self.path is None:
            return None
        self._cookie = ctx.random(COOKIE2_LENGTH)
        self._addresses = ctx.roaming.addresses_to_tell(self.path)
        return [Notify.of(NotifyType.UPDATE_SA_ADDRESSES),
                *nat_detection(self._sa.spi_i, self._sa.spi_r, self.path, ctx.random),
                Notify.of(NotifyType.COOKIE2, self._cookie), *address_list(self._addresses)]

    def process_response(self, message: Message, now: float) -> None:
        ctx = self._ctx
        echoed = message.notify(NotifyType.COOKIE2)
        if echoed is not None and echoed.data != self._cookie:
            raise InvalidSyntax("COOKIE2 does not match")      # §3.7: the IKE_SA must be closed
        assert self.path is not None
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is not None and error.type in (NotifyType.UNACCEPTABLE_ADDRESSES, NotifyType.UNEXPECTED_NAT_DETECTED):
            ctx.roaming.refused(self._sa, self.path, error.type_name, now)
            return
        if self._addresses is not None:
            ctx.roaming.told_addresses = self._addresses
        ctx.roaming.told(self._sa, self.path, message, now)

    def moved_to(self, sa: IkeSa) -> "UpdateAddresses":
        if self.path is None and not sa.initiator:      # not said yet, and the gateway may lack our answer: here too
            self._ctx.enqueue(self._sa, UpdateAddresses(self._ctx, self._sa, self.to))
        return UpdateAddresses(self._ctx, sa, self.to)


class NatLiveness(Liveness):
    """Is the gateway there, and from where does it see us (§3.8)? ``path``: on another way than the one in use."""

    def __init__(self, ctx: Context, sa: IkeSa, path: Path | None = None, *, suspicious: bool = False) -> None:
        self._ctx = ctx
        self._sa = sa
        self.path = path
        self.suspicious = suspicious        # something is wrong: a NAT that has forgotten us, maybe
        self.quiet = 0.0                    # s for which nothing had been heard

    def build_request(self, now: float) -> list[Payload]:
        ctx = self._ctx
        self.quiet = now - ctx.last_heard
        path = self.path or ctx.path
        if not ctx.mobike or path is None:
            return []
        return list(nat_detection(self._sa.spi_i, self._sa.spi_r, path, ctx.random))

    def process_response(self, message: Message, now: float) -> None:
        self._ctx.roaming.looked(self._sa, self, message, now)

    def moved_to(self, sa: IkeSa) -> "NatLiveness | None":
        return NatLiveness(self._ctx, sa, suspicious=True) if self.suspicious else None


class TellAddresses:
    """Which other addresses we have now (§3.6)."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def build_request(self, now: float) -> list[Payload] | None:
        ctx = self._ctx
        self._addresses = None if ctx.path is None else ctx.roaming.addresses_to_tell(ctx.path)
        return None if self._addresses is None else address_list(self._addresses)

    def process_response(self, message: Message, now: float) -> None:
        if self._addresses is not None:
            self._ctx.roaming.told_addresses = self._addresses

    def moved_to(self, sa: IkeSa) -> "TellAddresses":
        return TellAddresses(self._ctx)
