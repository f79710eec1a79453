"""A gateway that demands several authentications and has several of its own (RFC 4739), that proves itself by EAP alone
(RFC 5998), and that knows post-quantum pre-shared keys (RFC 8784). Never shipped, as ``responder``.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from client.core.ikev2 import auth
from client.core.ikev2.constants import AuthMethod, CertEncoding, NotifyType
from client.core.ikev2.ike_sa import IkeSa
from client.core.ikev2.keymat import IkeKeys
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import AUTH, CERT, EAP, IDi, IDr, Notify
from tests.peer.responder import Behaviour, Responder


@dataclass
class Demands(Behaviour):
    """``rounds`` it wants of the client, ``own`` it goes through: "psk", "certificate", "eap" (without an AUTH)."""

    rounds: tuple[str, ...] = ("psk",)
    own: tuple[str, ...] = ("psk",)
    servers: list[Any] = field(default_factory=list)    # one per round of EAP, each as Behaviour.eap
    client_key: Any = None                              # public, of certificate rounds
    ppk: bytes = b""
    ppk_id: bytes = b"ppk1"
    says_ppk: bool = True                               # PPK_IDENTITY in the answer


@dataclass
class _Talk:
    round: int = 0
    own: int = 0
    id_i: Any = None
    server: Any = None
    msk: bytes = b""


class RoundsResponder(Responder):
    """``behaviour`` must be Demands."""

    def _auth_round(self, sa: IkeSa, message: Message, now: float) -> list[Any]:
        how, state = self.behaviour, self._handshakes[sa.own_spi]
        assert isinstance(how, Demands)
        talk: _Talk = state.setdefault("talk", _Talk())
        if state["request"] is None:
            state["request"], state["int_octets"] = message, state["int_auth"].octets(message.message_id)
            self._ctx.peer.mobike = message.notify(NotifyType.MOBIKE_SUPPORTED) is not None and how.mobike
        refused = [Notify.of(how.auth_error or NotifyType.AUTHENTICATION_FAILED)]
        keys, mixing = self._keys(sa, message)
        answer: list[Any] = []
        if mixing and how.says_ppk:
            sa.keys = keys
            answer.append(Notify.of(NotifyType.PPK_IDENTITY))
        theirs = self._round_of_client(sa, message, talk, keys)
        if theirs is None or how.auth_error:
            return refused
        answer += theirs
        if message.get(AUTH) is not None:
            talk.round += 1
            if (message.notify(NotifyType.ANOTHER_AUTH_FOLLOWS) is not None) != (talk.round < len(how.rounds)):
                return refused
        if talk.own < len(how.own):
            answer += self._own_round(sa, talk)
        if talk.round < len(how.rounds) or talk.own < len(how.own):
            return answer
        return answer + self._tunnel(sa, state, now)

    def _keys(self, sa: IkeSa, message: Message) -> tuple[IkeKeys, bool]:
        how, (proposal, keys) = self.behaviour, sa.require()
        said = message.notify(NotifyType.PPK_IDENTITY)
        if said is None or not how.ppk or said.data != b"\x02" + how.ppk_id:
            return keys, False
        mixed = auth.mix_ppk(proposal.prf, how.ppk, (keys.sk_d, keys.sk_pi, keys.sk_pr))
        return replace(keys, sk_d=mixed[0], sk_pi=mixed[1], sk_pr=mixed[2]), True

    def _round_of_client(self, sa: IkeSa, message: Message, talk: _Talk, keys: IkeKeys) -> list[Any] | None:
        """None: not authenticated."""
        how = self.behaviour
        prf = sa.require()[0].prf
        proof, packet = message.get(AUTH), message.get(EAP)
        talk.id_i = message.get(IDi) or talk.id_i
        method = how.rounds[talk.round] if talk.round < len(how.rounds) else ""
        if packet is not None:
            reply, talk.msk = talk.server.receive(packet.packet)
            return [EAP(reply)]
        if proof is None and message.get(IDi) is None:
            return [] if not method else None
        if proof is None:
            if method != "eap":
                return None
            talk.server = how.servers.pop(0)
            return [EAP(talk.server.start())]
        octets = self._octets(sa, talk, keys.sk_pi)
        if method == "certificate":
            try:
                auth.verify_signature(how.client_key, proof.method, proof.data, octets)
            except auth.SignatureError:
                return None
            return []
        secret = how.psk if method == "psk" else talk.msk or keys.sk_pi     # RFC 7296 §2.16: without an MSK SK_p
        if not method or proof.method != AuthMethod.SHARED_KEY or proof.data != auth.psk_auth(prf, secret, octets):
            return None
        if method == "psk":
            return []
        own = auth.eap_auth(prf, bytes(64) if how.tamper_auth else talk.msk or keys.sk_pr, self._octets(sa, talk))
        return [AUTH(AuthMethod.SHARED_KEY, own)]

    def _own_round(self, sa: IkeSa, talk: _Talk) -> list[Any]:
        how, prf = self.behaviour, sa.require()[0].prf
        method, talk.own = how.own[talk.own], talk.own + 1
        if method == "eap":
            return [IDr(*how.identity)]
        octets = self._octets(sa, talk)
        if method == "psk":
            payloads = [IDr(*how.identity), AUTH(AuthMethod.SHARED_KEY, auth.psk_auth(prf, how.psk, octets))]
        else:
            raw = auth.sign(how.private_key, how.signature, octets)
            payloads = [IDr(*how.identity), *(CERT(CertEncoding.X509_SIGNATURE, der) for der in how.certificates),
                        AUTH(*auth.auth_payload_data(how.signature, raw))]
        more = [Notify.of(NotifyType.ANOTHER_AUTH_FOLLOWS)] if talk.own < len(how.own) else []
        return [*payloads, *more]

    def _octets(self, sa: IkeSa, talk: _Talk, sk_pi: bytes = b"") -> bytes:
        """What the client signs with ``sk_pi``; without it what we sign."""
        how, state = self.behaviour, self._handshakes[sa.own_spi]
        proposal, keys = sa.require()
        nonce_i, nonce_r = state["nonces"]
        if sk_pi:
            return auth.signed_octets(state["init"], nonce_r, auth.maced_id(proposal.prf, sk_pi, talk.id_i.encode()),
                                      state["int_octets"])
        return auth.signed_octets(state["answer"], nonce_i,
                                  auth.maced_id(proposal.prf, keys.sk_pr, IDr(*how.identity).encode()),
                                  state["int_octets"])
