"""IKE_AUTH: who is who, the virtual addresses and the first CHILD_SA (RFC 7296 §1.2, §2.15, §2.16).

    IKE_AUTH request  { IDi [CERT] [CERTREQ] IDr [AUTH] CP SA TSi TSr N(MOBIKE_SUPPORTED) }
    IKE_AUTH response { IDr [CERT] AUTH [EAP] [CP SA TSi TSr] }
    childless (RFC 6023): the same without SA TSi TSr
    with EAP: { EAP } ⇄ { EAP } …, then { AUTH } ⇄ { AUTH CP SA TSi TSr }

Each round is one exchange of the window; between rounds the task waits for people (signature, verdict, EAP).
"""

import hmac

from client.core.ikev2 import auth, children
from client.core.ikev2.child_negotiation import accept_child, chosen_child, esp_proposals, offer_child
from client.core.ikev2.child_sa import ChildSa
from client.core.ikev2.configuration import config_request, read_config_reply
from client.core.ikev2.constants import AuthMethod, CertEncoding, ExchangeType, NotifyType
from client.core.ikev2.errors import InvalidSyntax, ProtocolError
from client.core.ikev2.events import (
    ChildInstalled,
    EapReceived,
    EapReply,
    Established,
    PeerAuth,
    PeerVerdict,
    Progress,
    SignatureNeeded,
)
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.ike_sa_init import IkeSaInit
from client.core.ikev2.informational import DeleteUnused, heed_auth_lifetime, heed_redirect
from client.core.ikev2.message import Message
from client.core.ikev2.mobike import tell_new_address
from client.core.ikev2.payloads import AUTH, CERT, CERTREQ, CP, EAP, SA, IDi, IDr, Notify, Payload, TSi, TSr
from client.core.ikev2.proposal import proposal_name, without_ke
from client.core.ikev2.timers import Timer
from client.model.cause import Cause

MAX_EAP_ROUNDS = 60
EAP_FAILURE, EAP_SUCCESS = 4, 3     # EAP codes (RFC 3748 §4.2)
MAX_CERTIFICATES = 16


class IkeAuth:
    """The whole authentication; enqueues itself for every round."""

    exchange = ExchangeType.IKE_AUTH

    def __init__(self, ctx: Context, sa: IkeSa, init: IkeSaInit, int_auth: bytes = b"") -> None:
        self._ctx = ctx
        self._sa = sa
        self._init = init
        self._int_auth = int_auth
        self._request: list[Payload] = []
        self._spi_in = ctx.new_child_spi()
        self._child = ctx.wanted[0]
        self._childless = ctx.config.childless and ctx.peer.childless
        self._id_i = IDi(*ctx.config.local_id)
        self._id_r: IDr | None = None
        self._msk = b""
        self._peer_authenticated = False
        self._eap_rounds = 0
        proposal, keys = sa.require()
        self._prf = proposal.prf
        self._keys = keys

    # --- our side ---

    def start(self, now: float) -> None:
        """Asks for our signature, or, with EAP, sends the first request without AUTH."""
        ctx = self._ctx
        if ctx.config.auth == "eap":
            self._send_first(None, now)
            return
        algorithm: str | None = "psk"
        if ctx.config.auth == "certificate":
            algorithm = auth.choose_signature(ctx.config.signatures, ctx.peer.hashes)
            if algorithm is None:
                ctx.fail(Cause.NO_COMMON_PROPOSAL, "no signature algorithm that the key can make and the gateway takes")
                return
        self._algorithm = str(algorithm)
        ctx.emit(SignatureNeeded(
            ctx.ask(self._signed), self._init.request, self._init.nonce_r, self._maced_id_i(), self._int_auth,
            self._algorithm, auth.prf_name(self._prf)))

    def build_request(self, now: float) -> list[Payload]:
        return self._request

    def _maced_id_i(self) -> bytes:
        return auth.maced_id(self._prf, self._keys.sk_pi, self._id_i.encode())

    def _signed(self, signature: bytes, now: float) -> None:
        if self._algorithm == "psk":
            self._send_first(AUTH(AuthMethod.SHARED_KEY, signature), now)
        else:
            self._send_first(AUTH(*auth.auth_payload_data(self._algorithm, signature)), now)

    def _send_first(self, own_auth: AUTH | None, now: float) -> None:
        config = self._ctx.config
        payloads: list[Payload] = [self._id_i]
        if config.auth == "certificate":
            payloads += [CERT(CertEncoding.X509_SIGNATURE, der) for der in config.certificates]
        if config.certificate_authorities:
            payloads.append(CERTREQ(CertEncoding.X509_SIGNATURE, config.certificate_authorities))
        if config.remote_id is not None:
            payloads.append(IDr(*config.remote_id))
        if own_auth is not None:
            payloads.append(own_auth)
        if config.request_ipv4 or config.request_ipv6:
            payloads.append(config_request(config.request_ipv4, config.request_ipv6, tuple(config.previous_addresses)))
        if not self._childless:
            payloads += offer_child(self._child, self._spi_in, esp_proposals(self._child, self._sa, ()))
        if config.mobike:
            payloads.append(Notify.of(NotifyType.MOBIKE_SUPPORTED))
        if config.initial_contact:
            payloads.append(Notify.of(NotifyType.INITIAL_CONTACT))
        self._send(payloads)

    def _send(self, payloads: list[Payload]) -> None:
        self._request = payloads
        self._ctx.enqueue(self._sa, self)

    def moved_to(self, sa: IkeSa) -> None:
        """There is nothing to replace before IKE_AUTH is over."""

    # --- the gateway's side ---

    def process_response(self, message: Message, now: float) -> None:
        if message.notify(NotifyType.MOBIKE_SUPPORTED):
            self._ctx.peer.mobike = True
        if not self._peer_authenticated:
            self._judge_gateway(message)
        elif (packet := message.get(EAP)) is not None:
            self._eap(packet)
        elif self._msk:
            self._check_eap_auth(message, now)
        else:
            self._refused(message)

    def _judge_gateway(self, message: Message) -> None:
        own_auth, id_r = message.get(AUTH), message.get(IDr)
        if own_auth is None or id_r is None:
            self._refused(message)
            return
        self._id_r = id_r
        octets = auth.signed_octets(self._init.response, self._init.nonce_i,
                                    auth.maced_id(self._prf, self._keys.sk_pr, id_r.encode()), self._int_auth)
        certificates = tuple(c.data for c in message.all(CERT) if c.encoding == CertEncoding.X509_SIGNATURE)

        def verdict(given: PeerVerdict, now: float) -> None:
            self._verdict(given, message, now)

        self._ctx.emit(PeerAuth(
            self._ctx.ask(verdict), own_auth.method, own_auth.data, octets, auth.prf_name(self._prf),
            id_r.id_type, id_r.data, certificates[:MAX_CERTIFICATES]))

    def _verdict(self, verdict: PeerVerdict, message: Message, now: float) -> None:
        ctx = self._ctx
        if verdict.cause is not None:
            ctx.refuse_peer(self._sa, verdict.cause, verdict.detail, now)
            return
        self._peer_authenticated = True
        ctx.emit(Progress("gateway-authenticated"))
        packet = message.get(EAP)
        if ctx.config.auth != "eap":
            self._finish(message, now)
        elif packet is not None:
            self._eap(packet)
        else:
            self._refused(message)

    def _refused(self, message: Message) -> None:
        """A response without what should be in it: the gateway said no, or broke the protocol."""
        error = next((n for n in message.notifies() if n.is_error), None)
        if error is None:
            if self._peer_authenticated:
                raise InvalidSyntax("the IKE_AUTH response has neither EAP nor AUTH")
            self._ctx.fail(Cause.GATEWAY_NO_AUTH, "the gateway answered without an AUTH payload")
        elif error.type == NotifyType.AUTHENTICATION_FAILED:
            self._ctx.fail(Cause.USER_REFUSED, "AUTHENTICATION_FAILED")
        else:
            self._ctx.fail(*self._why_no_tunnel(error, Cause.PROTOCOL_ERROR))

    def _eap(self, payload: EAP) -> None:
        ctx = self._ctx
        self._eap_rounds += 1
        if self._eap_rounds > MAX_EAP_ROUNDS or len(payload.packet) < 4:
            raise InvalidSyntax("EAP goes on for ever" if len(payload.packet) >= 4 else "EAP packet length")
        failed, succeeded = payload.packet[0] == EAP_FAILURE, payload.packet[0] == EAP_SUCCESS

        def reply(given: EapReply, now: float) -> None:
            if failed:      # who runs the method knows better why, and declines
                ctx.fail(Cause.USER_REFUSED, "EAP-Failure")
                return
            self._msk = given.msk or self._msk
            if not succeeded:
                self._send([EAP(given.response)])
            elif not self._msk:
                # RFC 7296 §2.16: without a key EAP proves nothing to us; none of our methods is such.
                ctx.refuse_peer(self._sa, Cause.GATEWAY_BAD_SIGNATURE, "EAP-Success before the method was done", now)
            else:
                ctx.emit(Progress("user-authenticated"))
                octets = auth.signed_octets(self._init.request, self._init.nonce_r, self._maced_id_i(), self._int_auth)
                self._send([AUTH(AuthMethod.SHARED_KEY, auth.eap_auth(self._prf, self._msk, octets))])

        ctx.emit(EapReceived(ctx.ask(reply), payload.packet))

    def _check_eap_auth(self, message: Message, now: float) -> None:
        peer_auth = message.get(AUTH)
        if peer_auth is None or self._id_r is None:
            self._refused(message)
            return
        octets = auth.signed_octets(self._init.response, self._init.nonce_i,
                                    auth.maced_id(self._prf, self._keys.sk_pr, self._id_r.encode()), self._int_auth)
        expected = auth.eap_auth(self._prf, self._msk, octets)
        if peer_auth.method != AuthMethod.SHARED_KEY or not hmac.compare_digest(expected, peer_auth.data):
            self._ctx.refuse_peer(self._sa, Cause.GATEWAY_BAD_SIGNATURE, "its AUTH lacks the EAP key", now)
            return
        self._finish(message, now)

    def _finish(self, message: Message, now: float) -> None:
        ctx = self._ctx
        if ctx.config.auth != "eap":
            ctx.emit(Progress("user-authenticated"))
        if heed_redirect(ctx, message, live=False):      # both sides are authenticated: it may send us on (RFC 5685 §6)
            ctx.close_with(self._sa, Cause.GATEWAY_CLOSED, "redirected", now)
            return
        ctx.virtual_ips = read_config_reply(message.get(CP))
        if self._childless:
            self._establish(None, now)
        elif message.get(SA) is None or message.get(TSi) is None or message.get(TSr) is None:
            self._without_child(next((n for n in message.notifies() if n.is_error), None), now)
        else:
            self._with_child(message, now)
        heed_auth_lifetime(ctx, message)

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
        ctx.timers.set(Timer.DPD, b"", now + ctx.config.dpd)
        path = ctx.path or ctx.last_path
        assert path is not None
        rekey_at = now + ctx.config.ike_rekey
        ctx.emit(Established(sa.spi_i, sa.spi_r, sa.require()[0], ctx.virtual_ips, rekey_at, ctx.nat, path))
        if child is not None:
            ctx.emit(ChildInstalled(child.info))
        if ctx.moved and ctx.path is not None:
            tell_new_address(ctx, sa)
