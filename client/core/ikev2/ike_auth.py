"""IKE_AUTH: who is who, the virtual addresses and the first CHILD_SA (RFC 7296 §1.2, §2.15, §2.16).

    IKE_AUTH request  { IDi [CERT] [CERTREQ] IDr [AUTH] CP SA TSi TSr N(MOBIKE_SUPPORTED) }
    IKE_AUTH response { IDr [CERT] AUTH [EAP] [CP SA TSi TSr] }
    childless (RFC 6023): the same without SA TSi TSr
    with EAP: { EAP } ⇄ { EAP } …, then { AUTH } ⇄ { AUTH CP SA TSi TSr }

Several authentications (RFC 4739) follow each other; what the tunnel is to be is said in the first request and
answered in the last response:

    { … AUTH N(ANOTHER_AUTH_FOLLOWS) } ⇄ { IDr AUTH }
    { IDi [CERT AUTH] } ⇄ { [EAP] } …, the last { [AUTH] } ⇄ { [AUTH] CP SA TSi TSr }

Each is one exchange or several of the window; in between the task waits for people (signature, verdict, EAP, PPK).
"""

import hmac
from enum import Enum, auto

from client.core.ikev2 import auth, children
from client.core.ikev2.addresses import heed_addresses
from client.core.ikev2.child_negotiation import accept_child, chosen_child, esp_proposals, offer_child
from client.core.ikev2.child_sa import ChildSa
from client.core.ikev2.configuration import config_request, read_config_reply
from client.core.ikev2.constants import AuthMethod, CertEncoding, ExchangeType, NotifyType
from client.core.ikev2.errors import InvalidSyntax, ProtocolError
from client.core.ikev2.events import (
    AuthRound,
    ChildInstalled,
    EapReceived,
    EapReply,
    Established,
    PeerAuth,
    PeerVerdict,
    PpkNeeded,
    Progress,
    SignatureNeeded,
)
from client.core.ikev2.first_exchange import FirstExchange
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.informational import DeleteUnused, heed_auth_lifetime, heed_redirect
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import AUTH, CERT, CERTREQ, CP, EAP, SA, IDi, IDr, Notify, Payload, TSi, TSr
from client.core.ikev2.proof import Proof
from client.core.ikev2.proposal import proposal_name, without_ke
from client.core.ikev2.resumption import SessionResume, heed_ticket
from client.core.ikev2.timers import Timer
from client.model.cause import Cause

MAX_EAP_ROUNDS = 170        # packets of one EAP conversation
MAX_GATEWAY_ROUNDS = 4      # authentications of the gateway
PPK_ID_FIXED = 2            # the type in PPK_IDENTITY (RFC 8784 §5.1)
EAP_FAILURE, EAP_SUCCESS = 4, 3     # EAP codes (RFC 3748 §4.2)
MAX_CERTIFICATES = 16
MAX_OCSP = 4


class _Expected(Enum):
    """What the next response has to bring, besides what the gateway owes of its own."""

    EAP = auto()        # a packet of the conversation under way
    AUTH_TAKEN = auto() # our AUTH was in the request
    NOTHING = auto()    # our rounds are over, the gateway's are not


class IkeAuth:
    """The whole authentication; enqueues itself for every exchange."""

    exchange = ExchangeType.IKE_AUTH

    def __init__(self, ctx: Context, sa: IkeSa, init: FirstExchange, int_auth: bytes = b"") -> None:
        self._ctx = ctx
        self._sa = sa
        self._init = init
        self._proof = Proof(sa, init, int_auth)
        self._request: list[Payload] = []
        self._spi_in = ctx.new_child_spi()
        self._child = ctx.wanted[0]
        self._childless = ctx.config.childless and ctx.peer.childless
        self._ticket = init.ticket if isinstance(init, SessionResume) else None
        self._rounds = ctx.config.rounds if self._ticket is None else (AuthRound("ticket", self._ticket.local_id),)
        self._round = 0
        self._expected = _Expected.AUTH_TAKEN
        self._id_i = IDi(*self._rounds[0].local_id)
        self._id_r: IDr | None = None
        self._msk = b""
        self._eap_packets = 0
        self._gateway_owes = True           # an AUTH of its own
        self._gateway_rounds = 0
        self._gateway_proven = False
        self._eap_proves = False            # the gateway left its AUTH out: EAP is to prove it (RFC 5998)
        self._ppk_asked = False             # PPK_IDENTITY is in the request

    # --- our side ---

    def start(self, now: float) -> None:
        """Has the PPK mixed in where there is one, and begins the first round."""
        ctx = self._ctx
        if self._ticket is not None:
            self._begin_round(now)      # the PPK is in its SK_d already
        elif len(self._rounds) > 1 and not ctx.peer.multiple_auth:
            ctx.fail(Cause.ROUNDS_UNSUPPORTED, f"the profile has {len(self._rounds)}")
        elif not ctx.config.ppk_id:
            self._begin_round(now)
        elif not ctx.peer.ppk:
            ctx.fail(Cause.PPK_NOT_USED, "it did not answer USE_PPK")
        else:
            _, keys = self._sa.require()
            ctx.emit(PpkNeeded(ctx.ask(self._mixed), self._proof.prf, keys.sk_d, keys.sk_pi, keys.sk_pr))

    def build_request(self, now: float) -> list[Payload]:
        return self._request

    def moved_to(self, sa: IkeSa) -> None:
        """There is nothing to replace before IKE_AUTH is over."""

    def _mixed(self, keys: tuple[bytes, bytes, bytes], now: float) -> None:
        self._proof.mix(*keys)
        self._begin_round(now)

    def _begin_round(self, now: float) -> None:
        """Asks for our signature, or, with EAP, sends the request without AUTH."""
        ctx, current = self._ctx, self._rounds[self._round]
        self._id_i, self._msk, self._eap_packets = IDi(*current.local_id), b"", 0
        if current.auth == "eap":
            self._expected = _Expected.EAP
            self._send_identity([])
            return
        if current.auth == "ticket":
            self._send_identity(self._with_auth(AUTH(AuthMethod.SHARED_KEY, self._proof.own_resumed_auth(self._id_i))))
            return
        algorithm: str | None = "psk"
        if current.auth == "certificate":
            algorithm = auth.choose_signature(ctx.config.signatures, ctx.peer.hashes)
            if algorithm is None:
                ctx.fail(Cause.NO_COMMON_PROPOSAL, "no signature algorithm that the key can make and the gateway takes")
                return
        self._algorithm = str(algorithm)
        foreseen = ctx.config.remote_id if algorithm == "psk" and self._gateway_owes else None
        ctx.emit(SignatureNeeded(
            ctx.ask(self._signed), self._init.request, self._init.nonce_r, self._proof.own_maced_id(self._id_i),
            self._proof.int_auth, self._algorithm, self._proof.prf,
            self._proof.peer_octets(IDr(*foreseen)) if foreseen is not None else b""))

    def _signed(self, signature: bytes, now: float) -> None:
        if self._algorithm == "psk":
            self._send_identity(self._with_auth(AUTH(AuthMethod.SHARED_KEY, signature)))
        else:
            self._send_identity(self._with_auth(AUTH(*auth.auth_payload_data(self._algorithm, signature))))

    def _with_auth(self, own_auth: AUTH) -> list[Payload]:
        """Our AUTH, and what has to be said beside it."""
        self._expected = _Expected.AUTH_TAKEN
        payloads: list[Payload] = [own_auth]
        if self._round + 1 < len(self._rounds):
            payloads.append(Notify.of(NotifyType.ANOTHER_AUTH_FOLLOWS))     # RFC 4739 §2.1
        if self._ctx.config.ppk_id and self._round == 0 and self._ticket is None:
            self._ppk_asked = True          # without NO_PPK_AUTH: it is this key or no connection (RFC 8784 §3)
            payloads.append(Notify.of(NotifyType.PPK_IDENTITY, bytes([PPK_ID_FIXED]) + self._ctx.config.ppk_id))
        return payloads

    def _send_identity(self, with_auth: list[Payload]) -> None:
        """The first request of a round; that of the first round says all the rest too."""
        config, first = self._ctx.config, self._round == 0
        payloads: list[Payload] = [self._id_i]
        if self._rounds[self._round].auth == "certificate":
            payloads += [CERT(CertEncoding.X509_SIGNATURE, der) for der in self._own_certificates()]
        if first and config.certificate_authorities is not None and self._ticket is None:
            payloads.append(CERTREQ(CertEncoding.X509_SIGNATURE, config.certificate_authorities))
            if config.ocsp:     # by whichever responder: who may sign is judged by the authority (RFC 4806 §3.1)
                payloads.append(CERTREQ(CertEncoding.OCSP_CONTENT, ()))
        if first and config.remote_id is not None:
            payloads.append(IDr(*config.remote_id))
        payloads += with_auth
        if first:
            payloads += self._tunnel_wanted()
        self._send(payloads)

    def _own_certificates(self) -> tuple[bytes, ...]:
        """Those that lead to an authority which the gateway asks for, where there are any (RFC 7296 §3.7)."""
        config, wanted = self._ctx.config, self._ctx.peer.authorities
        for chain in config.chains if wanted else ():
            if chain.authorities & wanted:
                return chain.certificates
        if wanted and config.chains and all(chain.complete for chain in config.chains):
            self._ctx.emit(Progress("certificate-not-asked-for"))
        return config.certificates

    def _tunnel_wanted(self) -> list[Payload]:
        config = self._ctx.config
        payloads: list[Payload] = []
        if config.request_ipv4 or config.request_ipv6:
            payloads.append(config_request(config.request_ipv4, config.request_ipv6, tuple(config.previous_addresses)))
        if not self._childless:
            payloads += offer_child(self._child, self._spi_in, esp_proposals(self._child, self._sa, ()))
        if config.mobike:
            payloads.append(Notify.of(NotifyType.MOBIKE_SUPPORTED))
        if config.initial_contact:
            payloads.append(Notify.of(NotifyType.INITIAL_CONTACT))
        if self._ctx.peer.multiple_auth:
            payloads.append(Notify.of(NotifyType.MULTIPLE_AUTH_SUPPORTED))
        if config.resumption:
            payloads.append(Notify.of(NotifyType.TICKET_REQUEST))           # RFC 5723 §4.2
        if config.eap_only and self._rounds[0].auth == "eap":
            payloads.append(Notify.of(NotifyType.EAP_ONLY_AUTHENTICATION))
        return payloads

    def _send(self, payloads: list[Payload]) -> None:
        self._request = payloads
        self._ctx.enqueue(self._sa, self)

    # --- the gateway's side ---

    def process_response(self, message: Message, now: float) -> None:
        if message.notify(NotifyType.MOBIKE_SUPPORTED):
            self._ctx.peer.mobike = True
        heed_addresses(self._ctx, message)
        if self._ppk_asked and not self._ppk_taken(message, now):
            return
        if self._gateway_owes:
            self._judge_gateway(message, now)
        else:
            self._our_part(message, now)

    def _ppk_taken(self, message: Message, now: float) -> bool:
        """The answer to PPK_IDENTITY: the gateway uses the key, or this is the end."""
        self._ppk_asked = False
        error = _error(message)
        if message.notify(NotifyType.PPK_IDENTITY) is not None:
            self._proof.peer_mixed()
            return True
        if error is None:
            self._ctx.refuse_peer(self._sa, Cause.PPK_NOT_USED, "it answered without PPK_IDENTITY", now)
        elif error.type == NotifyType.AUTHENTICATION_FAILED:
            self._ctx.fail(Cause.PPK_REFUSED, "AUTHENTICATION_FAILED")
        else:
            self._refused(message)
        return False

    def _judge_gateway(self, message: Message, now: float) -> None:
        peer_auth, id_r = message.get(AUTH), message.get(IDr)
        if peer_auth is None and id_r is not None and self._may_prove_by_eap(message, id_r):
            self._id_r, self._eap_proves, self._gateway_owes = id_r, True, False
            self._our_part(message, now)
            return
        if peer_auth is None or id_r is None:
            self._refused(message)
            return
        self._id_r = id_r
        if self._ticket is not None:
            self._judge_resumed(peer_auth, id_r, message, now)
            return
        certificates = tuple(c.data for c in message.all(CERT) if c.encoding == CertEncoding.X509_SIGNATURE)
        ocsp = tuple(c.data for c in message.all(CERT) if c.encoding == CertEncoding.OCSP_CONTENT)

        def verdict(given: PeerVerdict, now: float) -> None:
            self._verdict(given, message, now)

        self._ctx.emit(PeerAuth(
            self._ctx.ask(verdict), peer_auth.method, peer_auth.data, self._proof.peer_octets(id_r), self._proof.prf,
            id_r.id_type, id_r.data, certificates[:MAX_CERTIFICATES], ocsp[:MAX_OCSP]))

    def _judge_resumed(self, peer_auth: AUTH, id_r: IDr, message: Message, now: float) -> None:
        """The same gateway as before, and it could open the ticket."""
        assert self._ticket is not None
        expected = self._proof.peer_resumed_auth(id_r)
        proven = peer_auth.method == AuthMethod.SHARED_KEY and hmac.compare_digest(expected, peer_auth.data)
        same = (id_r.id_type, id_r.data) == self._ticket.remote_id
        self._verdict(PeerVerdict() if proven and same else PeerVerdict(
            Cause.GATEWAY_BAD_SIGNATURE, "its AUTH lacks the ticket's key" if same else
            "it has another identity than when it gave the ticket"), message, now)

    def _may_prove_by_eap(self, message: Message, id_r: IDr) -> bool:
        """RFC 5998 §3: where the profile allows it, in the first round, and for the identity that was asked for."""
        config = self._ctx.config
        return (config.eap_only and self._gateway_rounds == 0 and self._round == 0 and message.get(EAP) is not None
                and self._expected is _Expected.EAP and config.remote_id in (None, (id_r.id_type, id_r.data)))

    def _verdict(self, verdict: PeerVerdict, message: Message, now: float) -> None:
        ctx = self._ctx
        if verdict.cause is not None:
            ctx.refuse_peer(self._sa, verdict.cause, verdict.detail, now)
            return
        if not self._gateway_proven:
            ctx.emit(Progress("gateway-authenticated"))
        self._gateway_proven = True
        assert self._id_r is not None
        ctx.remote_id = self._id_r.id_type, self._id_r.data
        self._gateway_rounds += 1
        # Only where both have said that they can (RFC 4739 §2.1).
        self._gateway_owes = ctx.peer.multiple_auth and message.notify(NotifyType.ANOTHER_AUTH_FOLLOWS) is not None
        if self._gateway_owes and self._gateway_rounds >= MAX_GATEWAY_ROUNDS:
            raise InvalidSyntax("the gateway goes on authenticating itself")
        self._our_part(message, now)

    def _our_part(self, message: Message, now: float) -> None:
        """What the response says of our authentication; the gateway's own AUTH in it, if any, has been verified."""
        error = _error(message)
        # An error about the tunnel comes with the gateway's AUTH, or after it; any other is about us.
        refused = error is not None and (error.type == NotifyType.AUTHENTICATION_FAILED or (
            self._round > 0 and error.type not in children.CHILD_CAUSES))
        if self._expected is _Expected.EAP:
            packet = message.get(EAP)
            if packet is None:
                self._refused(message)
            else:
                self._eap(packet)
        elif refused:
            self._refused(message)
        elif self._expected is _Expected.NOTHING:
            self._go_on(message, now)
        elif self._rounds[self._round].auth == "eap":
            self._check_eap_auth(message, now)
        else:
            self._ctx.emit(Progress("user-authenticated", self._which()))
            self._go_on(message, now)

    def _go_on(self, message: Message, now: float) -> None:
        """To our next round, to the gateway's, or to the tunnel."""
        over = self._round + 1 == len(self._rounds)
        if over and not self._gateway_owes:
            self._finish(message, now)
        elif _error(message) is not None:
            self._refused(message)
        elif over:
            self._expected = _Expected.NOTHING
            self._send([])                  # RFC 4739 §2.5
        else:
            self._round += 1
            self._begin_round(now)

    def _refused(self, message: Message) -> None:
        """A response without what should be in it: the gateway said no, or broke the protocol."""
        error = _error(message)
        if error is None:
            if self._gateway_proven:
                raise InvalidSyntax("the IKE_AUTH response has neither EAP nor AUTH")
            self._ctx.fail(Cause.GATEWAY_NO_AUTH, "the gateway answered without an AUTH payload")
        elif error.type == NotifyType.AUTHENTICATION_FAILED:
            which = self._which()
            self._ctx.fail(Cause.USER_REFUSED, f"AUTHENTICATION_FAILED in round {which}" if which
                           else "AUTHENTICATION_FAILED")
        else:
            self._ctx.fail(*self._why_no_tunnel(error, Cause.PROTOCOL_ERROR))

    def _which(self) -> str:
        """Which round, where there are several."""
        return f"{self._round + 1} of {len(self._rounds)}" if len(self._rounds) > 1 else ""

    def _eap(self, payload: EAP) -> None:
        ctx = self._ctx
        self._eap_packets += 1
        if self._eap_packets > MAX_EAP_ROUNDS or len(payload.packet) < 4:
            raise InvalidSyntax("EAP goes on for ever" if len(payload.packet) >= 4 else "EAP packet length")
        failed, succeeded = payload.packet[0] == EAP_FAILURE, payload.packet[0] == EAP_SUCCESS

        def reply(given: EapReply, now: float) -> None:
            if failed:      # who runs the method knows better why, and declines
                ctx.fail(Cause.USER_REFUSED, "EAP-Failure")
                return
            self._msk = given.msk or self._msk
            if not succeeded:
                self._send([EAP(given.response)])
            elif not self._msk and not (self._rounds[self._round].keyless and self._gateway_proven):
                # RFC 7296 §2.16: without a key EAP proves nothing to us. Where the method makes none the gateway must
                # have proven itself by its own AUTH.
                ctx.refuse_peer(self._sa, Cause.GATEWAY_BAD_SIGNATURE, "EAP-Success before the method was done", now)
            else:
                ctx.emit(Progress("user-authenticated", self._which()))
                own = self._proof.own_eap_auth(self._msk, self._id_i)
                self._send(self._with_auth(AUTH(AuthMethod.SHARED_KEY, own)))

        ctx.emit(EapReceived(ctx.ask(reply), payload.packet))

    def _check_eap_auth(self, message: Message, now: float) -> None:
        peer_auth = message.get(AUTH)
        if peer_auth is None or self._id_r is None:
            self._refused(message)
            return
        expected = self._proof.peer_eap_auth(self._msk, self._id_r)
        if peer_auth.method != AuthMethod.SHARED_KEY or not hmac.compare_digest(expected, peer_auth.data):
            self._ctx.refuse_peer(self._sa, Cause.GATEWAY_BAD_SIGNATURE, "its AUTH lacks the EAP key", now)
            return
        if self._eap_proves and not self._gateway_proven:
            self._gateway_proven = True
            self._ctx.remote_id = self._id_r.id_type, self._id_r.data
            self._ctx.emit(Progress("gateway-authenticated"))
        self._go_on(message, now)

    def _finish(self, message: Message, now: float) -> None:
        ctx = self._ctx
        if heed_redirect(ctx, message, live=False):      # both sides are authenticated: it may send us on (RFC 5685 §6)
            ctx.close_with(self._sa, Cause.GATEWAY_CLOSED, "redirected", now)
            return
        ctx.virtual_ips = read_config_reply(message.get(CP))
        if self._childless:
            self._establish(None, now)
        elif message.get(SA) is None or message.get(TSi) is None or message.get(TSr) is None:
            self._without_child(_error(message), now)
        else:
            self._with_child(message, now)
        heed_auth_lifetime(ctx, message)
        if not ctx.finished:
            heed_ticket(ctx, self._sa, message, now)

    def _with_child(self, message: Message, now: float) -> None:
        ctx, sa = self._ctx, self._sa
        try:
            # The first CHILD_SA has no nonces and no KE of its own (RFC 7296 §2.17).
            chosen = chosen_child(message, esp_proposals(self._child, sa, ()))
            nonces = (self._init.nonce_i, self._init.nonce_r)
            child = accept_child(ctx, sa, self._child, message, chosen, self._spi_in, nonces, now)
        except ProtocolError as error:
            if error.notify != NotifyType.TS_UNACCEPTABLE:
                ctx.close_with(sa, children.CHILD_CAUSES.get(error.notify, Cause.CHILD_FAILED), str(error), now)
                return
            ctx.enqueue(sa, DeleteUnused(self._spi_in))
            self._establish(None, now)
            children.refused(ctx, sa, self._child, error.notify, now, str(error), at_once=True)
            return
        self._establish(child, now)
        if message.notify(NotifyType.ADDITIONAL_TS_POSSIBLE):
            children.more_possible(ctx, child, now)

    def _without_child(self, error: Notify | None, now: float) -> None:
        """The IKE_SA stands, where the gateway says that it does (RFC 7296 §1.2, §2.21.2)."""
        ctx, sa = self._ctx, self._sa
        if error is not None and error.type in children.CHILD_CAUSES:
            self._establish(None, now)
            _, detail = self._why_no_tunnel(error, Cause.CHILD_FAILED)
            children.refused(ctx, sa, self._child, error.type, now, detail, at_once=True)
            return
        if error is not None and error.type == NotifyType.INVALID_SYNTAX and ctx.peer.childless:
            ctx.emit(Progress("childless-only"))        # one that takes no CHILD_SA here (RFC 6023); all begins anew
        ctx.close_with(sa, *self._why_no_tunnel(error, Cause.CHILD_FAILED), now)

    def _why_no_tunnel(self, error: Notify | None, otherwise: Cause) -> tuple[Cause, str]:
        if error is None:
            return otherwise, "no CHILD_SA in the response"
        cause = children.CHILD_CAUSES.get(error.type, otherwise)
        if cause is Cause.CHILD_NO_PROPOSAL:
            offered = ", ".join(proposal_name(without_ke(p)) for p in self._child.esp_proposals)
            return cause, f"offered: {offered}"
        return cause, error.type_name

    def _establish(self, child: ChildSa | None, now: float) -> None:
        ctx, sa = self._ctx, self._sa
        sa.state = IkeState.ESTABLISHED
        if child is not None:
            sa.children[child.spi_in] = child
        asked = ctx.config.request_ipv4 or ctx.config.request_ipv6
        ctx.ask_address = child is None and asked and not ctx.virtual_ips.addresses
        children.make_missing(ctx, now)
        ctx.start_sa_timers(sa, now)
        ctx.timers.set(Timer.DPD, b"", now + ctx.liveness_interval)
        path = ctx.path or ctx.last_path
        assert path is not None
        rekey_at = now + ctx.config.ike_rekey
        ctx.emit(Established(sa.spi_i, sa.spi_r, sa.require()[0], ctx.virtual_ips, rekey_at, ctx.nat, path))
        if child is not None:
            ctx.emit(ChildInstalled(child.info))
        ctx.roaming.established(sa, now)


def _error(message: Message) -> Notify | None:
    return next((notify for notify in message.notifies() if notify.is_error), None)
