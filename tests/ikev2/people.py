"""Who answers the client's questions where a shared key is not enough: a user with EAP, a certificate store, keys."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapError
from client.core.eap.peer import EapPeer
from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.fragment import Reassembly
from client.core.ikev2.ike_sa import IkeSa, IkeState
from client.core.ikev2.message import Message, parse_header, parse_protected
from client.model.cause import Cause
from tests.eap.mschap_server import MsChapServer
from tests.sim.world import World

USER, PASSWORD = "alice@test", "Wonderl@nd"
GATEWAY_KEY = ec.derive_private_key(0x5EED, ec.SECP256R1())

Answers = dict[type, Callable[..., None]]


class EapServer:
    """What ``Behaviour.eap`` wants, around the independent authenticator of the EAP tests."""

    def __init__(self, password: str = PASSWORD) -> None:
        self.server = MsChapServer(USER, password, bytes(range(16)))

    def start(self) -> bytes:
        return self.server.start()

    def receive(self, packet: bytes) -> tuple[bytes, bytes]:
        return self.server.answer(packet), self.server.msk


@dataclass
class Scripted:
    """A server that says these packets, whatever it hears; the last one for ever."""

    packets: list[bytes]
    msk: bytes = bytes(64)
    heard: list[bytes] = field(default_factory=list)

    def start(self) -> bytes:
        return self._next()

    def receive(self, packet: bytes) -> tuple[bytes, bytes]:
        self.heard.append(packet)
        return self._next(), self.msk

    def _next(self) -> bytes:
        return self.packets.pop(0) if len(self.packets) > 1 else self.packets[0]


@dataclass
class Store:
    """Judges a gateway by its public key alone: chains and names are ``tests.pki``'s."""

    public_key: Any = field(default_factory=GATEWAY_KEY.public_key)
    seen: list[ike.PeerAuth] = field(default_factory=list)

    def judge(self, engine: Ikev2Engine, event: ike.PeerAuth, now: float) -> None:
        self.seen.append(event)
        cause = None
        try:
            auth.verify_signature(self.public_key, event.method, event.auth_data, event.octets)
        except auth.SignatureError:
            cause = Cause.GATEWAY_BAD_SIGNATURE
        engine.provide_peer_verdict(event.request_id, ike.PeerVerdict(cause), now)


class User:
    """The agent's part of EAP: the real peer, and what it refuses is declined."""

    def __init__(self, password: str = PASSWORD) -> None:
        self._peer = EapPeer(USER, {26: lambda: MsChapV2(USER, password, bytes(16))})

    def answer(self, engine: Ikev2Engine, event: ike.EapReceived, now: float) -> None:
        try:
            result = self._peer.receive(event.packet)
        except EapError as error:
            engine.decline(event.request_id, error.cause, error.detail, now)
            return
        msk = b"" if result.response else result.msk or b""
        engine.provide_eap(event.request_id, ike.EapReply(result.response, msk), now)


def with_key(private_key: Any) -> Answers:
    """Signs with this key."""
    def sign(engine: Ikev2Engine, event: ike.SignatureNeeded, now: float) -> None:
        octets = auth.signed_octets(event.ike_sa_init, event.nonce_r, event.maced_id, event.int_auth)
        engine.provide_signature(event.request_id, auth.sign(private_key, event.algorithm, octets), now)
    return {ike.SignatureNeeded: sign}


class Tap:
    """Listens on a world's link with the gateway's keys, as long as it has any, and afterwards too."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._gateway: IkeSa | None = None
        world.drop = self._see

    def messages(self, who: str = "client") -> list[Message]:
        """What ``who`` sent inside the first IKE_SA; fragments together, retransmissions once."""
        assert self._gateway is not None
        cipher = self._gateway.cipher_in if who == "client" else self._gateway.cipher_out
        assert cipher is not None
        reassembly = Reassembly()
        sent = dict.fromkeys(data for sender, data, _ in self._world.sent if sender == who)
        opened = [parse_protected(data, cipher, reassembly) for data in sent
                  if parse_header(data).exchange != ExchangeType.IKE_SA_INIT]
        return [message for message in opened if message is not None]

    def labels(self, who: str = "client") -> list[list[str]]:
        return [[payload.label for payload in message.payloads] for message in self.messages(who)]

    def _see(self, who: str, data: bytes) -> bool:
        self._gateway = self._gateway or next(iter(self._world.gateway._ctx.sas.values()), None)
        # the Responder knows no INFORMATIONAL in the middle of IKE_AUTH
        return (who == "client" and parse_header(data).exchange == ExchangeType.INFORMATIONAL
                and self._gateway is not None and self._gateway.state is IkeState.AUTH)
