"""Session resumption: an IKE_SA from the keys of the one before, without its log-in (RFC 5723).

    IKE_AUTH           request  { … N(TICKET_REQUEST) }             response { … N(TICKET_LT_OPAQUE) | N(TICKET_ACK) }
    IKE_SESSION_RESUME request  { [N(COOKIE)] Ni N(TICKET_OPAQUE) } response { Nr } or { N(TICKET_NACK) }
    IKE_AUTH           request  { IDi IDr AUTH CP SA TSi TSr … }    response { IDr AUTH CP SA TSi TSr }

The ticket is the gateway's own; we keep SK_d beside it. Both AUTH payloads are made with the new SK_p, so a gateway
proves that it could open the ticket, and who it is was verified when it gave it.
"""

from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.events import Progress, Ticket, TicketReceived
from client.core.ikev2.first_exchange import FirstExchange
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.keymat import IkeKeys, resumed_ike_keys
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import Nonce, Notify, Payload
from client.core.ikev2.proposal import Proposal, proposal_name

MAX_TICKET = 8192            # octets: it has to travel in one datagram, or in its IP fragments
MARGIN = 5.0                 # s before its end in which a ticket is not used any more


class TicketRefused(Exception):
    """The gateway does not know the ticket, or does not want it: all begins anew."""


class SessionResume(FirstExchange):
    """In the place of IKE_SA_INIT."""

    exchange = ExchangeType.IKE_SESSION_RESUME

    def __init__(self, ctx: Context, sa: IkeSa, ticket: Ticket) -> None:
        super().__init__(ctx, sa)
        self.ticket = ticket
        self._build()

    def _otherwise(self, message: Message) -> bool:
        if message.notify(NotifyType.TICKET_NACK) is not None:
            raise TicketRefused
        return False

    def _keys(self, message: Message) -> tuple[Proposal, IkeKeys]:
        ctx, sa, ticket = self._ctx, self._sa, self.ticket
        ctx.emit(Progress("resuming", proposal_name(ticket.proposal)))
        return ticket.proposal, resumed_ike_keys(ticket.proposal, ticket.sk_d, self.nonce_i, self.nonce_r,
                                                 sa.spi_i, sa.spi_r, ctx.crypto)

    def _payloads(self) -> list[Payload]:
        return [Nonce(self.nonce_i), Notify.of(NotifyType.TICKET_OPAQUE, self.ticket.opaque)]


def usable(ticket: Ticket | None, now: float) -> bool:
    return ticket is not None and now + MARGIN < ticket.expires_at


def heed_ticket(ctx: Context, sa: IkeSa, message: Message, now: float) -> None:
    """One that the gateway gives at the end of IKE_AUTH, or later, having said TICKET_ACK (§4.2)."""
    given = message.notify(NotifyType.TICKET_LT_OPAQUE)
    if given is None or not ctx.config.resumption or ctx.remote_id is None or not 4 < len(given.data) <= MAX_TICKET:
        return
    proposal, keys = sa.require()
    lifetime = int.from_bytes(given.data[:4], "big")
    ctx.emit(TicketReceived(Ticket(given.data[4:], keys.sk_d, proposal, ctx.config.local_id, ctx.remote_id,
                                   now + lifetime)))
