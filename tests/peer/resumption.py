"""A gateway that gives tickets and takes them back (RFC 5723), written from the RFC's formulas, not from our engine."""

import hmac
from itertools import pairwise
from typing import Any

from client.core.crypto.suites import prf_row
from client.core.ikev2.constants import AuthMethod, ExchangeType, NotifyType
from client.core.ikev2.ike_sa import IkeSa, IkeState
from client.core.ikev2.intermediate import IntAuth
from client.core.ikev2.keymat import IkeKeys, ciphers
from client.core.ikev2.message import Message, encode_plain, parse_header, parse_plain
from client.core.ikev2.payloads import AUTH, IDi, IDr, Nonce, Notify
from tests.peer.responder import Responder

DIGESTS = {5: "sha256", 6: "sha384", 7: "sha512"}


class Resumable(Responder):
    """``tickets``: by their octets, what the gateway would have sealed in them; it takes each once."""

    lifetime = 3600
    forgets = False             # answers each ticket with TICKET_NACK
    later = False               # says TICKET_ACK, and gives the ticket by ``give_ticket``
    cookies = False
    impostor = b""              # has another SK_d than the ticket's
    tickets: dict[bytes, tuple[Any, bytes, tuple[int, bytes]]]

    def receive_datagram(self, data: bytes, path: Any, now: float) -> None:
        if parse_header(data).exchange == ExchangeType.IKE_SESSION_RESUME:
            self._answer_resume(data, path)
            return
        super().receive_datagram(data, path, now)

    def _tunnel(self, sa: IkeSa, state: dict[str, Any], now: float) -> list[Any]:
        payloads = super()._tunnel(sa, state, now)
        if state["request"].notify(NotifyType.TICKET_REQUEST) is None:
            return payloads
        self._client_id = state["request"].require(IDi)
        if self.later:
            return [*payloads, Notify.of(NotifyType.TICKET_ACK)]
        return [*payloads, self.new_ticket(sa)]

    def new_ticket(self, sa: IkeSa) -> Notify:
        if not hasattr(self, "tickets"):
            self.tickets = {}
        opaque = self._ctx.random(100)
        proposal, keys = sa.require()
        self.tickets[opaque] = proposal, keys.sk_d, (self._client_id.id_type, self._client_id.data)
        return Notify.of(NotifyType.TICKET_LT_OPAQUE, self.lifetime.to_bytes(4, "big") + opaque)

    def _answer_resume(self, data: bytes, path: Any) -> None:
        if data in self._init_replies:
            self._ctx.send([self._init_replies[data]], path)
            return
        self.exchanges.append(ExchangeType.IKE_SESSION_RESUME)
        ctx, message = self._ctx, parse_plain(data)
        given = message.notify(NotifyType.TICKET_OPAQUE)
        assert given is not None

        def reply(payloads: list[Any], spi_r: bytes) -> None:
            self._init_replies[data] = encode_plain(Message(
                message.spi_i, spi_r, ExchangeType.IKE_SESSION_RESUME, initiator=False, response=True, message_id=0,
                payloads=tuple(payloads)))
            ctx.send([self._init_replies[data]], path)

        if self.cookies and message.notify(NotifyType.COOKIE) is None:
            reply([Notify.of(NotifyType.COOKIE, b"oatmeal")], bytes(8))
            return
        if self.forgets or given.data not in self.tickets:
            reply([Notify.of(NotifyType.TICKET_NACK)], bytes(8))
            return
        proposal, sk_d, self._resumed_id = self.tickets.pop(given.data)
        for old in list(ctx.sas.values()):
            ctx.remove_sa(old)
        nonce_i, nonce_r = message.require(Nonce).data, ctx.random(32)
        sa = IkeSa(message.spi_i, ctx.random(8), initiator=False, state=IkeState.AUTH, proposal=proposal)
        sa.keys = resumed_keys(proposal, self.impostor or sk_d, nonce_i, nonce_r, sa.spi_i + sa.spi_r)
        sa.cipher_in, sa.cipher_out = ciphers(proposal, sa.keys, ctx.crypto)
        sa.window.next_peer_id = 1
        ctx.add_sa(sa)
        ctx.path = path
        reply([Nonce(nonce_r), Notify.of(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)], sa.spi_r)
        self._handshakes[sa.own_spi] = {"init": data, "answer": self._init_replies[data], "nonces": (nonce_i, nonce_r),
                                        "msk": b"", "request": None, "int_auth": IntAuth(), "methods": [],
                                        "resumed": True}

    def _auth_round(self, sa: IkeSa, message: Message, now: float) -> list[Any]:
        state = self._handshakes[sa.own_spi]
        if not state.get("resumed"):
            return super()._auth_round(sa, message, now)
        proposal, keys = sa.require()
        digest, (nonce_i, nonce_r) = DIGESTS[proposal.prf], state["nonces"]
        id_i, id_r, state["request"] = message.require(IDi), IDr(*self.behaviour.identity), message
        theirs = hmac.digest(keys.sk_pi, state["init"] + nonce_r + hmac.digest(keys.sk_pi, id_i.encode(), digest),
                             digest)
        if theirs != message.require(AUTH).data or (id_i.id_type, id_i.data) != self._resumed_id:
            return [Notify.of(NotifyType.AUTHENTICATION_FAILED)]
        own = hmac.digest(keys.sk_pr, state["answer"] + nonce_i + hmac.digest(keys.sk_pr, id_r.encode(), digest),
                          digest)
        return [id_r, AUTH(AuthMethod.SHARED_KEY, bytes(len(own)) if self.behaviour.tamper_auth else own),
                *self._tunnel(sa, state, now)]


def resumed_keys(proposal: Any, sk_d: bytes, nonce_i: bytes, nonce_r: bytes, spis: bytes) -> IkeKeys:
    """SKEYSEED = prf (SK_d old, "Resumption" | Ni | Nr); then as ever (§5.1). For AES-256-GCM-16."""
    digest = DIGESTS[proposal.prf]
    seed = hmac.digest(sk_d, b"Resumption" + nonce_i + nonce_r, digest)
    stream, block, number = b"", b"", 1
    while len(stream) < 512:
        block = hmac.digest(seed, block + nonce_i + nonce_r + spis + bytes([number]), digest)
        stream, number = stream + block, number + 1
    prf, encr = prf_row(proposal.prf).key_len, 36
    cuts = [0]
    for length in (prf, 0, 0, encr, encr, prf, prf):
        cuts.append(cuts[-1] + length)
    return IkeKeys(*(stream[begin:end] for begin, end in pairwise(cuts)))
