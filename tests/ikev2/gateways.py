"""Worlds with a gateway of ``tests.peer.rounds``, and everybody who answers the client's questions there."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.payloads import Notify
from client.model.cause import Cause
from tests.ikev2.conftest import CONFIG, GATEWAY
from tests.ikev2.dialogue import change_init
from tests.ikev2.people import GATEWAY_KEY, Answers, EapServer, Tap, User
from tests.peer.rounds import Demands, RoundsResponder
from tests.sim.world import World, seeded

CLIENT_KEY = ec.derive_private_key(0xC11E, ec.SECP256R1())
PSK, PPK = b"secret", bytes(range(32))
IDENTITIES = {"psk": (3, b"group@test"), "certificate": (9, b"0\x00"), "eap": (3, b"alice@test")}


class People:
    """Keys, a certificate store that knows the gateway's key and the PSK, and a user per round of EAP."""

    def __init__(self, users: Sequence[Any] = (), ppk: bytes = PPK) -> None:
        self.users, self.ppk = list(users), ppk
        self.judged: list[ike.PeerAuth] = []
        self.eap_before_proof = 0

    def table(self) -> Answers:
        return {ike.SignatureNeeded: self._sign, ike.PeerAuth: self._judge, ike.EapReceived: self._eap,
                ike.PpkNeeded: self._mix}

    def _sign(self, engine: Ikev2Engine, event: ike.SignatureNeeded, now: float) -> None:
        octets = auth.signed_octets(event.ike_sa_init, event.nonce_r, event.maced_id, event.int_auth)
        raw = (auth.psk_auth(event.prf, PSK, octets) if event.algorithm == "psk"
               else auth.sign(CLIENT_KEY, event.algorithm, octets))
        engine.provide_signature(event.request_id, raw, now)

    def _judge(self, engine: Ikev2Engine, event: ike.PeerAuth, now: float) -> None:
        self.judged.append(event)
        cause = None
        try:
            if event.method != 2:
                auth.verify_signature(GATEWAY_KEY.public_key(), event.method, event.auth_data, event.octets)
            elif event.auth_data != auth.psk_auth(event.prf, PSK, event.octets):
                cause = Cause.GATEWAY_BAD_SIGNATURE
        except auth.SignatureError:
            cause = Cause.GATEWAY_BAD_SIGNATURE
        engine.provide_peer_verdict(event.request_id, ike.PeerVerdict(cause), now)

    def _eap(self, engine: Ikev2Engine, event: ike.EapReceived, now: float) -> None:
        self.eap_before_proof += not self.judged
        user = self.users[0]
        if event.packet[0] == 3 and len(self.users) > 1:
            self.users.pop(0)
        user.answer(engine, event, now)

    def _mix(self, engine: Ikev2Engine, event: ike.PpkNeeded, now: float) -> None:
        mixed = auth.mix_ppk(event.prf, self.ppk, (event.sk_d, event.sk_pi, event.sk_pr))
        engine.provide_ppk(event.request_id, (mixed[0], mixed[1], mixed[2]), now)


def world_of(rounds: Sequence[str], demands: Demands, people: People | None = None, *,
             announced: Sequence[NotifyType] = (NotifyType.MULTIPLE_AUTH_SUPPORTED,), seed: int = 0,
             gateway: ike.EngineConfig = GATEWAY, **changes: Any) -> tuple[World, Tap, People]:
    """A client with these rounds before a gateway with these demands, which says ``announced`` in IKE_SA_INIT."""
    people = people or People([User() for each in rounds if each == "eap"])
    demands.servers = demands.servers or [EapServer() for each in demands.rounds if each == "eap"]
    demands.private_key, demands.client_key = demands.private_key or GATEWAY_KEY, CLIENT_KEY.public_key()
    keyless = changes.pop("keyless", False)
    ways = [ike.AuthRound(each, IDENTITIES[each], keyless and each == "eap") for each in rounds]
    config = replace(CONFIG, auth=ways[0].auth, local_id=ways[0].local_id, keyless=ways[0].keyless,
                     further_rounds=tuple(ways[1:]), certificates=(b"ours",), signatures=("ecdsa-sha256",))
    client = Ikev2Engine(replace(config, **changes), seeded(f"client{seed}"))
    world = World(client, RoundsResponder(gateway, seeded(f"gateway{seed}"), demands), people.table(), seed)
    change_init(world, lambda payloads: [*payloads, *map(Notify.of, announced)], known=True)
    return world, Tap(world), people


def said(tap: Tap, who: str = "client") -> list[str]:
    """The IKE_AUTH messages of one side, each by what of its authentication it holds."""
    shown = {"IDi", "IDr", "CERT", "AUTH", "EAP", "SA", "N(ANOTHER_AUTH_FOLLOWS)", "N(PPK_IDENTITY)",
             "N(AUTHENTICATION_FAILED)", "N(EAP_ONLY_AUTHENTICATION)"}
    return [" ".join(p.label.removeprefix("N(").removesuffix(")") for p in message.payloads if p.label in shown)
            for message in tap.messages(who) if message.exchange == ExchangeType.IKE_AUTH]


def failed(world: World) -> ike.Failed:
    """The one reason why there is no connection."""
    (event,) = world.of(ike.Failed)
    assert not world.of(ike.Established)
    assert isinstance(event, ike.Failed)
    return event
