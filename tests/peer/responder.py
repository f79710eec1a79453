"""A gateway for tests: answers IKE_SA_INIT and IKE_AUTH by RFC 7296; once established it is the engine's other half.

Never shipped. It reuses the codecs and the machinery of established IKE_SAs, so what both get wrong stays unseen
here: the interop tests against a real strongSwan are for that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from client.core.crypto.provider import LIBRARY, CryptoProvider
from client.core.ikev2 import auth
from client.core.ikev2.answer_child import negotiate
from client.core.ikev2.child_negotiation import make_child
from client.core.ikev2.child_sa import ChildSa
from client.core.ikev2.constants import (
    AuthMethod,
    CertEncoding,
    ConfigAttribute,
    ConfigType,
    ExchangeType,
    NotifyType,
)
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.errors import ProtocolError
from client.core.ikev2.events import ChildInstalled, EngineConfig, Path
from client.core.ikev2.header import encode_payloads
from client.core.ikev2.ike_sa import IkeSa, IkeState
from client.core.ikev2.intermediate import IntAuth, advance
from client.core.ikev2.keymat import ciphers, derive_ike_keys
from client.core.ikev2.message import Message, encode_plain, parse_header, parse_plain
from client.core.ikev2.natd import detect_nat, nat_detection
from client.core.ikev2.payloads import (
    AUTH,
    CERT,
    CERTREQ,
    CP,
    EAP,
    KE,
    SA,
    IDi,
    IDr,
    Nonce,
    Notify,
    TSi,
    TSr,
)
from client.core.ikev2.proposal import select, without_ke
from client.core.ikev2.proposal_types import ADDITIONAL
from client.core.ikev2.timers import Timer
from client.core.ikev2.traffic_selector import TrafficSelector, intersect_all


@dataclass
class Behaviour:
    """How this gateway is, or misbehaves."""

    psk: bytes = b"secret"
    private_key: Any = None
    certificates: tuple[bytes, ...] = ()
    signature: str = "ecdsa-sha256"
    eap: Any = None                     # object with start() → packet and receive(packet) → (packet, msk)
    cookie: bytes = b""
    truthful: bool = False              # its NAT detection payloads are what it sees, else there is a NAT always
    insist_group: int = 0
    mobike: bool = True
    hashes: tuple[int, ...] = (2, 3, 4, 5)
    authorities: tuple[bytes, ...] = () # CERTREQ
    identity: tuple[int, bytes] = (2, b"gw.test")
    virtual_v4: IPv4Address | None = field(default_factory=lambda: IPv4Address("10.99.0.10"))
    virtual_v6: IPv6Address | None = None
    attributes: tuple[tuple[int, bytes], ...] = ()
    local_networks: tuple[TrafficSelector, ...] = ()
    auth_error: int = 0                 # answer IKE_AUTH with this notify
    child_error: int = 0                # leave the CHILD_SA out, with this notify
    only_first: bool = False            # child_error is for IKE_AUTH alone
    child_errors: list[int] = field(default_factory=list)   # the next CREATE_CHILD_SA for new ones are answered so
    childless: str = ""                 # "allow" announces RFC 6023, "force" refuses a CHILD_SA in IKE_AUTH
    additional: bool = False            # ADDITIONAL_TS_POSSIBLE wherever a CHILD_SA is made
    tamper_auth: bool = False
    change_auth: Callable[[list[Any]], list[Any]] = field(default=lambda payloads: payloads)


_NATD = (NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP)


class Responder(Ikev2Engine):
    """``exchanges`` lists the requests answered, by exchange type, retransmissions not counted."""

    def __init__(self, config: EngineConfig, random: Callable[[int], bytes],
                 behaviour: Behaviour | None = None, crypto: CryptoProvider = LIBRARY) -> None:
        super().__init__(config, random, crypto)
        self._roaming.watches = False
        self.behaviour = behaviour or Behaviour()
        self.exchanges: list[int] = []
        self.nat = True                     # by the client's last NAT detection payloads
        self._made = 0
        self._init_replies: dict[bytes, bytes] = {}
        self._handshakes: dict[bytes, dict[str, Any]] = {}

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        try:
            header = parse_header(data)
        except ProtocolError:
            return
        if header.exchange == ExchangeType.IKE_SA_INIT:
            self._answer_init(data, path, now)
            return
        sa = self._ctx.sas.get(header.spi_r if header.initiator else header.spi_i)
        if sa is not None and sa.state is IkeState.AUTH:
            self._answer_auth(sa, header, data, path, now)
            return
        self._from = path
        super().receive_datagram(data, path, now)

    # --- IKE_SA_INIT ---

    def _answer_init(self, data: bytes, path: Path, now: float) -> None:
        if data in self._init_replies:
            self._ctx.send([self._init_replies[data]], path)
            return
        self.exchanges.append(ExchangeType.IKE_SA_INIT)
        ctx, how = self._ctx, self.behaviour
        message = parse_plain(data)
        ke, nonce = message.require(KE), message.require(Nonce)
        cookie = message.notify(NotifyType.COOKIE)

        def reply(payloads: list[Any], spi_r: bytes) -> None:
            answer = encode_plain(Message(message.spi_i, spi_r, ExchangeType.IKE_SA_INIT, initiator=False,
                                          response=True, message_id=0, payloads=tuple(payloads)))
            self._init_replies[data] = answer
            ctx.send([answer], path)

        if how.cookie and (cookie is None or cookie.data != how.cookie):
            reply([Notify.of(NotifyType.COOKIE, how.cookie)], bytes(8))
            return
        if how.insist_group and ke.group != how.insist_group:
            reply([Notify.of(NotifyType.INVALID_KE_PAYLOAD, how.insist_group.to_bytes(2, "big"))], bytes(8))
            return
        if message.notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is None:
            ctx.config = replace(ctx.config, ike_proposals=tuple(
                p for p in ctx.config.ike_proposals if not any(t.type in ADDITIONAL for t in p.transforms)))
        chosen = select(message.require(SA).proposals, ctx.config.ike_proposals, ke_group=ke.group)
        if chosen is None:
            other = select(message.require(SA).proposals, ctx.config.ike_proposals)
            reply([Notify.of(NotifyType.INVALID_KE_PAYLOAD, other.ke.to_bytes(2, "big"))] if other
                  else [Notify.of(NotifyType.NO_PROPOSAL_CHOSEN)], bytes(8))
            return
        public, shared = ctx.crypto.respond(ke.group, ke.data, ctx.random)
        sa = IkeSa(message.spi_i, ctx.random(8), initiator=False, state=IkeState.AUTH, proposal=chosen)
        own_nonce = ctx.random(32)
        sa.keys = derive_ike_keys(chosen, shared, nonce.data, own_nonce, sa.spi_i, sa.spi_r,
                                  ctx.crypto)
        sa.cipher_in, sa.cipher_out = ciphers(chosen, sa.keys, ctx.crypto)
        sa.window.next_peer_id = 1
        ctx.add_sa(sa)
        ctx.path = path
        ctx.peer.fragmentation = (ctx.config.fragmentation
                                  and message.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) is not None)
        payloads: list[Any] = [SA((chosen,)), KE(ke.group, public), Nonce(own_nonce)]
        payloads += (nat_detection(sa.spi_i, sa.spi_r, replace(path, transport="esp"), ctx.random) if how.truthful else
                     [Notify.of(NotifyType.NAT_DETECTION_SOURCE_IP, ctx.random(20)),
                      Notify.of(NotifyType.NAT_DETECTION_DESTINATION_IP, ctx.random(20))])
        self.nat = detect_nat(message, message.spi_i, bytes(8), path) is not False
        if ctx.config.fragmentation:
            payloads.append(Notify.of(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED))
        if how.authorities:
            payloads.append(CERTREQ(CertEncoding.X509_SIGNATURE, how.authorities))
        if how.childless:
            payloads.append(Notify.of(NotifyType.CHILDLESS_IKEV2_SUPPORTED))
        if chosen.additional:
            payloads.append(Notify.of(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED))
        if how.hashes:
            payloads.append(Notify.of(NotifyType.SIGNATURE_HASH_ALGORITHMS,
                                      b"".join(h.to_bytes(2, "big") for h in how.hashes)))
        reply(payloads, sa.spi_r)
        self._handshakes[sa.own_spi] = {"init": data, "answer": self._init_replies[data],
                                        "nonces": (nonce.data, own_nonce), "msk": b"", "request": None,
                                        "int_auth": IntAuth(), "methods": list(chosen.additional)}

    # --- IKE_AUTH ---

    def _answer_auth(self, sa: IkeSa, header: Any, data: bytes, path: Path, now: float) -> None:
        ctx, window = self._ctx, sa.window
        if window.cached_reply and header.message_id == window.next_peer_id - 1:
            ctx.send(window.cached_reply, path)
            return
        message = self._open(sa, data)
        if message is None or message.message_id != window.next_peer_id:
            return
        self.exchanges.append(message.exchange)
        ctx.path = path
        if message.exchange == ExchangeType.IKE_INTERMEDIATE:
            self._answer_intermediate(sa, message, path)
            return
        payloads = self.behaviour.change_auth(self._auth_round(sa, message, now))
        window.cached_reply = ctx.encode(sa, ExchangeType.IKE_AUTH, payloads, message.message_id, response=True)
        window.next_peer_id += 1
        ctx.send(window.cached_reply, path)

    def _answer_intermediate(self, sa: IkeSa, message: Message, path: Path) -> None:
        """RFC 9242, RFC 9370 §2.2.2: the answer is protected by the old keys, what follows by the new ones."""
        ctx, window, state = self._ctx, sa.window, self._handshakes[sa.own_spi]
        ke = message.require(KE)
        assert ke.group == state["methods"].pop(0)
        public, shared = ctx.crypto.respond(ke.group, ke.data, ctx.random)
        payloads = [KE(ke.group, public)]
        window.cached_reply = ctx.encode(sa, ExchangeType.IKE_INTERMEDIATE, payloads, message.message_id, response=True)
        state["int_auth"].add(sa, sa.require()[1], message.message_id, message.inner, encode_payloads(payloads))
        advance(ctx, sa, shared, state["nonces"])
        window.next_peer_id += 1
        ctx.send(window.cached_reply, path)

    def _auth_round(self, sa: IkeSa, message: Message, now: float) -> list[Any]:
        how, state = self.behaviour, self._handshakes[sa.own_spi]
        proposal, keys = sa.require()
        if how.auth_error:
            return [Notify.of(how.auth_error)]
        nonce_i, nonce_r = state["nonces"]
        id_r = IDr(*how.identity)
        if state["request"] is None:
            state["int_octets"] = state["int_auth"].octets(message.message_id)
        own_octets = auth.signed_octets(state["answer"], nonce_i,
                                        auth.maced_id(proposal.prf, keys.sk_pr, id_r.encode()), state["int_octets"])
        if state["request"] is None:
            state["request"] = message
            state["peer_octets"] = auth.signed_octets(
                state["init"], nonce_r, auth.maced_id(proposal.prf, keys.sk_pi, message.require(IDi).encode()),
                state["int_octets"])
            if message.notify(NotifyType.MOBIKE_SUPPORTED) and how.mobike:
                self._ctx.peer.mobike = True
            first = [id_r, *(CERT(CertEncoding.X509_SIGNATURE, der) for der in how.certificates),
                     self._own_auth(proposal.prf, own_octets)]
            if message.get(AUTH) is None:
                return [*first, EAP(how.eap.start())]
            if message.require(AUTH).method == AuthMethod.SHARED_KEY:
                expected = auth.psk_auth(proposal.prf, how.psk, state["peer_octets"])
                if expected != message.require(AUTH).data:
                    return [Notify.of(NotifyType.AUTHENTICATION_FAILED)]
            return first + self._tunnel(sa, state, now)
        packet = message.get(EAP)
        if packet is not None:
            answer, state["msk"] = how.eap.receive(packet.packet)
            return [EAP(answer)]
        expected = auth.eap_auth(proposal.prf, state["msk"], state["peer_octets"])
        if expected != message.require(AUTH).data:
            return [Notify.of(NotifyType.AUTHENTICATION_FAILED)]
        own = auth.eap_auth(proposal.prf, state["msk"], own_octets)
        return [AUTH(AuthMethod.SHARED_KEY, bytes(len(own)) if how.tamper_auth else own), *self._tunnel(sa, state, now)]

    def _own_auth(self, prf: int, octets: bytes) -> AUTH:
        how = self.behaviour
        if how.private_key is None:
            data = auth.psk_auth(prf, how.psk, octets)
            return AUTH(AuthMethod.SHARED_KEY, bytes(len(data)) if how.tamper_auth and how.eap is None else data)
        raw = auth.sign(how.private_key, how.signature, octets)
        return AUTH(*auth.auth_payload_data(how.signature, raw))

    def _tunnel(self, sa: IkeSa, state: dict[str, Any], now: float) -> list[Any]:
        ctx, how, request = self._ctx, self.behaviour, state["request"]
        if how.childless == "force" and request.get(SA) is not None:
            return [Notify.of(NotifyType.INVALID_SYNTAX)]       # as strongSwan does
        sa.state = IkeState.ESTABLISHED
        ctx.start_sa_timers(sa, now)
        ctx.timers.set(Timer.DPD, b"", now + ctx.config.dpd)
        ctx.last_heard = now
        payloads: list[Any] = [Notify.of(NotifyType.MOBIKE_SUPPORTED)] if ctx.peer.mobike else []
        if how.child_error:
            return [*payloads, Notify.of(how.child_error)]
        if request.get(CP) is not None:
            attributes = list(how.attributes)
            if how.virtual_v4:
                attributes.insert(0, (ConfigAttribute.INTERNAL_IP4_ADDRESS, how.virtual_v4.packed))
            if how.virtual_v6:
                attributes.insert(0, (ConfigAttribute.INTERNAL_IP6_ADDRESS, how.virtual_v6.packed + b"\x80"))
            payloads.append(CP(ConfigType.CFG_REPLY, tuple(attributes)))
        if request.get(SA) is None:
            return payloads
        chosen = select(request.require(SA).proposals, tuple(without_ke(p) for p in ctx.config.esp_proposals))
        if chosen is None:
            return [*payloads, Notify.of(NotifyType.NO_PROPOSAL_CHOSEN)]
        local = intersect_all(request.require(TSr).selectors, how.local_networks or ctx.config.local_ts)
        remote = intersect_all(request.require(TSi).selectors, ctx.config.remote_ts)
        if not local or not remote:
            return [*payloads, Notify.of(NotifyType.TS_UNACCEPTABLE)]
        spi_in = ctx.new_child_spi()
        child = make_child(ctx, sa, chosen, spi_in, local, remote, state["nonces"], (b"", b""), now, ours=False)
        sa.children[spi_in] = child
        ctx.emit(ChildInstalled(child.info))
        if how.additional:
            payloads.append(Notify.of(NotifyType.ADDITIONAL_TS_POSSIBLE))
        return [*payloads, SA((replace(chosen, spi=spi_in),)), TSi(remote), TSr(local)]

    # --- once established ---

    def _answer(self, sa: IkeSa, message: Message, now: float) -> list[Any]:
        """Beyond what a client answers: the client's new addresses, and new CHILD_SAs."""
        if self.behaviour.mobike and message.notify(NotifyType.UPDATE_SA_ADDRESSES):
            self._ctx.path = self._from         # RFC 4555 §3.5
        if self.behaviour.truthful and message.notify(NotifyType.NAT_DETECTION_SOURCE_IP):
            self.nat = detect_nat(message, sa.spi_i, sa.spi_r, self._from) is not False
            message = replace(message, payloads=tuple(
                each for each in message.payloads if each not in message.notifies() or each.type not in _NATD))
            return [*nat_detection(sa.spi_i, sa.spi_r, replace(self._from, transport="esp"), self._ctx.random),
                    *super()._answer(sa, message, now)]
        if message.exchange != ExchangeType.CREATE_CHILD_SA or message.get(TSi) is None \
                or message.notify(NotifyType.REKEY_SA) is not None or sa.state is not IkeState.ESTABLISHED:
            return super()._answer(sa, message, now)
        ctx, how = self._ctx, self.behaviour
        if how.child_errors:
            return [Notify.of(how.child_errors.pop(0))]
        if how.child_error and not how.only_first:
            return [Notify.of(how.child_error)]
        extra: list[Any] = []
        if message.get(CP) is not None and how.virtual_v4:
            extra.append(CP(ConfigType.CFG_REPLY, ((ConfigAttribute.INTERNAL_IP4_ADDRESS, how.virtual_v4.packed),)))
        if how.additional:
            extra.append(Notify.of(NotifyType.ADDITIONAL_TS_POSSIBLE))
        base = ctx.wanted[0]
        remote = intersect_all(message.require(TSi).selectors, base.remote_ts)
        local = intersect_all(message.require(TSr).selectors, how.local_networks or base.local_ts)
        if not remote or not local:
            raise ProtocolError(NotifyType.TS_UNACCEPTABLE, "none of it is served here")
        self._made += 1
        wanted = replace(base, name=f"made {self._made}", local_ts=local, remote_ts=remote)

        def install(child: ChildSa) -> None:
            sa.children[child.spi_in] = child
            ctx.emit(ChildInstalled(child.info))
        return [*extra, *negotiate(ctx, sa, message, wanted, lambda: sa, install, now)]
