"""A recorded conversation, and an engine that has it again: the same randomness and datagrams make the same keys."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from cryptography import x509

from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapError
from client.core.eap.peer import EapPeer
from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ProtocolId
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.identity import identity_from_text
from client.core.ikev2.proposal import number_proposals, parse_proposal
from client.core.ikev2.traffic_selector import TrafficSelector
from client.model.cause import Cause
from client.model.endpoint import Endpoint

FOLDER = Path(__file__).parent
START = 1000.0          # the engine's clock when a recording begins

_ANY = tuple(TrafficSelector.from_network(ip_network(text)) for text in ("0.0.0.0/0", "::/0"))
WIFI, LTE = (ike.Path(Endpoint(local, 500), Endpoint("192.0.2.1", 500), interface)
             for local, interface in (("192.168.1.10", "wifi0"), ("100.64.0.10", "lte0")))
PATHS = {path.interface: path for path in (WIFI, LTE)}


@dataclass
class Recording:
    """``how``: see ``config``. ``steps`` are (time, what, argument); ``events`` the names of what came of them."""

    how: Mapping[str, str]
    steps: list[tuple[float, str, str]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def write(self, name: str) -> None:
        lines = [json.dumps(dict(self.how)), json.dumps(self.events), *(json.dumps(step) for step in self.steps)]
        (FOLDER / f"{name}.jsonl").write_text("\n".join(lines) + "\n")

    def received(self) -> Iterator[tuple[int, bytes]]:
        """(step, datagram) of everything that the gateway said."""
        return ((number, bytes.fromhex(argument.split()[1])) for number, (_, what, argument) in enumerate(self.steps)
                if what == "receive")


@cache
def load(name: str) -> Recording:
    how, events, *steps = [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]
    return Recording(how, [(at, what, argument) for at, what, argument in steps], events)


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def config(how: Mapping[str, str]) -> ike.EngineConfig:
    """``how``: auth, local, remote (identities as text), ike, esp (proposals), secret (PSK or password of the lab)."""
    def proposals(key: str, protocol: ProtocolId) -> Any:
        return number_proposals([parse_proposal(text, protocol) for text in how[key].split(",")])
    return ike.EngineConfig(
        ike_proposals=proposals("ike", ProtocolId.IKE), esp_proposals=proposals("esp", ProtocolId.ESP),
        local_id=identity_from_text(how["local"]), remote_id=identity_from_text(how["remote"]), auth=how["auth"],
        signatures=("ecdsa-sha256",), certificates=(b"",) if how["auth"] == "certificate" else (),
        local_ts=_ANY, remote_ts=tuple(TrafficSelector.from_text(text) for text in (
            "10.10.0.0/24", "10.20.0.0/24", "fd10::/48")))


class Octets:
    """Randomness that can be had again; a stream for each length, so that few changes of the engine disturb it."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._drawn: Counter[int] = Counter()

    def __call__(self, n: int) -> bytes:
        self._drawn[n] += 1
        return hashlib.shake_256(f"{self._seed} {n} {self._drawn[n]}".encode()).digest(n)


class Client:
    """An engine and the people around it, who answer at once. ``take`` does what a step says."""

    def __init__(self, how: Mapping[str, str], settings: ike.EngineConfig | None = None,
                 sign: Callable[[ike.SignatureNeeded], bytes] | None = None) -> None:
        self.engine = Ikev2Engine(settings or config(how), Octets("the client"))
        self.events: list[ike.Event] = []
        self.sent: list[ike.Datagram] = []
        self.accepted: list[ike.PeerAuth] = []      # the gateways that proved themselves
        self._how = how
        self._sign = sign or (lambda event: bytes(64))
        user, password = how["local"], how["secret"]
        self._eap = EapPeer(user, {26: lambda: MsChapV2(user, password, bytes(range(16)))})

    def take(self, at: float, what: str, argument: str) -> None:
        engine = self.engine
        match what:
            case "start":
                engine.start([PATHS[argument]], at)
            case "receive":
                interface, data = argument.split()
                engine.receive_datagram(bytes.fromhex(data), PATHS[interface].natt(), at)
            case "timeout":
                engine.handle_timeout(at)
            case "paths":
                engine.set_paths([PATHS[name] for name in argument.split()], at)
            case "rekey-child":
                engine.rekey_child(self.children()[-1], at)
            case "rekey-ike":
                engine.rekey_ike(at)
            case "close":
                engine.close(at)
            case _:
                raise AssertionError(what)
        self.settle(at)

    def settle(self, at: float) -> None:
        """Answers every question, and takes what is to be sent."""
        while (event := self.engine.next_event()) is not None:
            self.events.append(event)
            match event:
                case ike.SignatureNeeded():
                    self.engine.provide_signature(event.request_id, self._signature(event), at)
                case ike.PeerAuth():
                    verdict = ike.PeerVerdict(None if self._proven(event) else Cause.GATEWAY_BAD_SIGNATURE)
                    if verdict.cause is None:
                        self.accepted.append(event)
                    self.engine.provide_peer_verdict(event.request_id, verdict, at)
                case ike.EapReceived():
                    self._answer_eap(event, at)
        self.sent += self.engine.datagrams_to_send(at)

    def children(self) -> list[bytes]:
        return [spi for sa in self.engine._ctx.sas.values() for spi in sa.children]

    def _signature(self, event: ike.SignatureNeeded) -> bytes:
        if event.algorithm != "psk":
            return self._sign(event)
        octets = auth.signed_octets(event.ike_sa_init, event.nonce_r, event.maced_id, event.int_auth)
        return auth.psk_auth(event.prf, self._how["secret"].encode(), octets)

    def _proven(self, event: ike.PeerAuth) -> bool:
        """By its shared key, or by the key in its certificate: chains are not what is tested here."""
        if self._how["auth"] == "psk":
            return event.method == 2 and event.auth_data == auth.psk_auth(
                event.prf, self._how["secret"].encode(), event.octets)
        try:
            public_key = x509.load_der_x509_certificate(event.certificates[0]).public_key()
            auth.verify_signature(public_key, event.method, event.auth_data, event.octets)
        except (auth.SignatureError, ValueError, IndexError, x509.UnsupportedGeneralNameType):
            return False
        return hashlib.sha256(event.certificates[0]).hexdigest() == self._how["certificate"]

    def _answer_eap(self, event: ike.EapReceived, at: float) -> None:
        try:
            result = self._eap.receive(event.packet)
        except EapError as error:
            self.engine.decline(event.request_id, error.cause, error.detail, at)
            return
        msk = b"" if result.response else result.msk or b""
        self.engine.provide_eap(event.request_id, ike.EapReply(result.response, msk), at)


def replay(recording: Recording, steps: int | None = None) -> Client:
    """A client after so many steps, all by default."""
    client = Client(recording.how)
    for step in recording.steps[:steps]:
        client.take(*step)
    return client


def with_certificate(settings: ike.EngineConfig, chain: tuple[bytes, ...]) -> ike.EngineConfig:
    return replace(settings, certificates=chain)
