"""Additional key exchanges: a session stays secret as long as one of its methods does (RFC 9370).

Before IKE_AUTH by IKE_INTERMEDIATE (RFC 9242), whose octets become part of AUTH:

    IKE_INTERMEDIATE request  { KEi(n) }      IKE_INTERMEDIATE response { KEr(n) }

After a CREATE_CHILD_SA by IKE_FOLLOWUP_KE, tied together by the responder's link data:

    IKE_FOLLOWUP_KE request   { KEi(n) N(ADDITIONAL_KEY_EXCHANGE) }
    IKE_FOLLOWUP_KE response  { KEr(n) [N(ADDITIONAL_KEY_EXCHANGE)] }
"""

from collections.abc import Callable
from dataclasses import dataclass

from client.core.crypto import kex
from client.core.crypto.prf import prf
from client.core.ikev2.constants import ExchangeType, NotifyType, PayloadType
from client.core.ikev2.errors import InvalidSyntax, ProtocolError
from client.core.ikev2.events import Progress
from client.core.ikev2.header import encode_header, encode_payloads, generic_header
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState, PendingFollowUp
from client.core.ikev2.keymat import IkeKeys, ciphers, rekey_ike_keys
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import KE, Notify, Payload
from client.core.ikev2.timers import Timer

PATIENCE = 60.0             # s that the gateway has for its next key exchange
LINK_LENGTH = 16            # octets of our link data; a peer's may have up to MAX_LINK
MAX_LINK = 256
Done = Callable[[bytes, float], None]


@dataclass
class IntAuth:
    """IntAuth_i and IntAuth_r so far (RFC 9242 §3.3.2); empty before the first IKE_INTERMEDIATE."""

    initiator: bytes = b""
    responder: bytes = b""

    def add(self, sa: IkeSa, keys: IkeKeys, message_id: int, request: tuple[int, bytes], response: tuple[int, bytes]
            ) -> None:
        """``request`` and ``response``: (type of the first inner payload, the inner payloads)."""
        prf_id = sa.require()[0].prf
        for_request = _authenticated(sa, message_id, request, response=False)
        for_response = _authenticated(sa, message_id, response, response=True)
        self.initiator = prf(prf_id, keys.sk_pi, self.initiator + for_request)
        self.responder = prf(prf_id, keys.sk_pr, self.responder + for_response)

    def octets(self, auth_message_id: int) -> bytes:
        """IntAuth for AUTH: with the message ID of the first IKE_AUTH request."""
        if not self.initiator:
            return b""
        return self.initiator + self.responder + auth_message_id.to_bytes(4, "big")


def _authenticated(sa: IkeSa, message_id: int, inner: tuple[int, bytes], *, response: bool) -> bytes:
    """IntAuth_A | IntAuth_P: both headers as if unfragmented and without IV, padding and ICV, then the plaintext."""
    first, chain = inner
    body = generic_header(first, len(chain)) + chain
    # IKE_INTERMEDIATE precedes IKE_AUTH, so requests are always those of the IKE_SA's initiator.
    return encode_header(sa.spi_i, sa.spi_r, PayloadType.SK, ExchangeType.IKE_INTERMEDIATE, initiator=not response,
                         response=response, message_id=message_id, body_length=len(body)) + body


class Intermediate:
    """Runs all additional key exchanges of the chosen proposal, then calls ``done(IntAuth, now)``."""

    exchange = ExchangeType.IKE_INTERMEDIATE

    def __init__(self, ctx: Context, sa: IkeSa, nonces: tuple[bytes, bytes], done: Callable[[IntAuth, float], None]
                 ) -> None:
        self._ctx = ctx
        self._sa = sa
        self._nonces = nonces
        self._done = done
        self._methods = list(sa.require()[0].additional)
        self._int_auth = IntAuth()

    def build_request(self, now: float) -> list[Payload]:
        self._kex = self._ctx.crypto.generate(self._methods[0], self._ctx.random)
        payloads: list[Payload] = [KE(self._kex.group, self._kex.public)]
        self._request = encode_payloads(payloads)
        return payloads

    def process_response(self, message: Message, now: float) -> None:
        sa = self._sa
        shared = derive(self._kex, message)
        proposal, keys = sa.require()
        self._int_auth.add(sa, keys, message.message_id, self._request, message.inner)
        advance(self._ctx, sa, shared, self._nonces)
        self._methods.pop(0)
        if self._methods:
            self._ctx.enqueue(sa, self)
        else:
            self._ctx.emit(Progress("additional-keys", "+".join(kex.KEX[m].name for m in proposal.additional)))
            self._done(self._int_auth, now)

    def moved_to(self, sa: IkeSa) -> None:
        """There is nothing to replace before IKE_AUTH is over."""


def advance(ctx: Context, sa: IkeSa, shared: bytes, nonces: tuple[bytes, bytes]) -> None:
    """SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr); all keys are new from the next message on (RFC 9370 §2.2.2)."""
    proposal, keys = sa.require()
    sa.keys = rekey_ike_keys(proposal.prf, keys.sk_d, proposal, shared, *nonces, sa.spi_i, sa.spi_r, crypto=ctx.crypto)
    by_initiator = ciphers(proposal, sa.keys, ctx.crypto)
    sa.cipher_out, sa.cipher_in = by_initiator if sa.initiator else by_initiator[::-1]


def derive(own: kex.KeyExchange, message: Message) -> bytes:
    """The shared secret of a response's KE payload. Raises ProtocolError."""
    error = next((n for n in message.notifies() if n.is_error), None)
    if error is not None:
        raise ProtocolError(error.type, "answer to an additional key exchange")
    ke = message.require(KE)
    if ke.group != own.group:
        raise InvalidSyntax("the KE payload is of another method than ours")
    try:
        return own.derive(ke.data)
    except kex.KexError as failure:
        raise InvalidSyntax(f"KE payload: {failure}") from failure


class FollowUp:
    """Our IKE_FOLLOWUP_KE exchanges after a CREATE_CHILD_SA; ``done`` gets SK(1) | … | SK(n)."""

    exchange = ExchangeType.IKE_FOLLOWUP_KE

    def __init__(self, ctx: Context, sa: IkeSa, methods: tuple[int, ...], first: Message, done: Done,
                 refused: Callable[[Notify, float], None]) -> None:
        self._ctx = ctx
        self._sa = sa
        self._methods = list(methods)
        self._link = _link(first)
        self._done = done
        self._refused = refused
        self._secrets = b""

    def build_request(self, now: float) -> list[Payload]:
        self._kex = self._ctx.crypto.generate(self._methods[0], self._ctx.random)
        return [KE(self._kex.group, self._kex.public), Notify.of(NotifyType.ADDITIONAL_KEY_EXCHANGE, self._link)]

    def process_response(self, message: Message, now: float) -> None:
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is not None:
            self._refused(error, now)
            return
        self._secrets += derive(self._kex, message)
        self._methods.pop(0)
        if self._methods:
            self._link = _link(message)
            self._ctx.enqueue(self._sa, self, front=True)
        else:
            self._done(self._secrets, now)

    def moved_to(self, sa: IkeSa) -> None:
        """Never asked: an IKE_SA is not replaced between these exchanges."""


def expect_follow_up(ctx: Context, sa: IkeSa, methods: tuple[int, ...], done: Done, now: float) -> Notify:
    """Remember it for a while; the notify for our CREATE_CHILD_SA response."""
    ctx.timers.set(Timer.FOLLOW_UP, sa.own_spi, now + PATIENCE)
    sa.follow_up = PendingFollowUp(list(methods), done, ctx.random(LINK_LENGTH))
    return Notify.of(NotifyType.ADDITIONAL_KEY_EXCHANGE, sa.follow_up.link)


def answer_follow_up(ctx: Context, sa: IkeSa, message: Message, now: float) -> list[Payload]:
    """The gateway's IKE_FOLLOWUP_KE. Raises ProtocolError with the notify for our answer."""
    if sa.state is not IkeState.ESTABLISHED:        # replaced meanwhile: this key exchange has lost
        sa.follow_up = None
    pending, link = sa.follow_up, message.notify(NotifyType.ADDITIONAL_KEY_EXCHANGE)
    if pending is None or link is None or link.data != pending.link:
        raise ProtocolError(NotifyType.STATE_NOT_FOUND, "no key exchange is under way with this link")
    ke = message.require(KE)
    if ke.group != pending.methods[0]:
        raise InvalidSyntax("the KE payload is of another method than agreed")
    try:
        public, shared = ctx.crypto.respond(ke.group, ke.data, ctx.random)
    except kex.KexError as failure:
        raise InvalidSyntax(f"KE payload: {failure}") from failure
    pending.secrets += shared
    pending.methods.pop(0)
    payloads: list[Payload] = [KE(ke.group, public)]
    if pending.methods:
        pending.link = ctx.random(LINK_LENGTH)
        return [*payloads, Notify.of(NotifyType.ADDITIONAL_KEY_EXCHANGE, pending.link)]
    sa.follow_up = None
    ctx.timers.cancel(Timer.FOLLOW_UP, sa.own_spi)
    pending.done(pending.secrets, now)
    return payloads


def _link(message: Message) -> bytes:
    link = message.notify(NotifyType.ADDITIONAL_KEY_EXCHANGE)
    if link is None or len(link.data) > MAX_LINK:
        raise InvalidSyntax("the key exchange goes on, but without link data")
    return link.data
