"""MOBIKE: the tunnel follows the laptop (RFC 4555).

    INFORMATIONAL request  { N(UPDATE_SA_ADDRESSES) N(NATD_S) N(NATD_D) N(COOKIE2) }
    INFORMATIONAL response { N(NATD_S) N(NATD_D) N(COOKIE2) }
"""

from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.errors import InvalidSyntax
from client.core.ikev2.events import Path, PathChanged, Progress
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.message import Message
from client.core.ikev2.natd import detect_nat, nat_detection
from client.core.ikev2.payloads import Notify, Payload

COOKIE2_LENGTH = 16      # 8–64 octets (§4.2.5)


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
            ctx.enqueue(self._sa, UpdateAddresses(ctx, self._sa), front=True)
            return
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is not None:
            ctx.emit(Progress("roam-refused", error.type_name))
        if self._path is None:
            return
        nat = detect_nat(message, self._sa.spi_i, self._sa.spi_r, self._path)
        ctx.nat = ctx.nat if nat is None else nat
        ctx.emit(PathChanged(self._path, ctx.nat, confirmed=True))
