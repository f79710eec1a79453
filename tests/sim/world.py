"""A client engine and a gateway on a virtual clock. Everything is decided by the seed."""

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from client.core.ikev2 import events as ike
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.message import parse_header
from client.model.endpoint import Endpoint
from tests.peer.responder import Responder

WIFI = ike.Path(Endpoint("192.168.1.10", 500), Endpoint("192.0.2.1", 500), "wifi0")
LTE = ike.Path(Endpoint("100.64.0.10", 500), Endpoint("192.0.2.1", 500), "lte0")


def seeded(seed: object) -> Callable[[int], bytes]:
    """A repeatable ``random(n)``."""
    counter = itertools.count()

    def octets(n: int) -> bytes:
        made = b""
        while len(made) < n:
            made += hashlib.sha256(f"{seed}:{next(counter)}".encode()).digest()
        return made[:n]
    return octets


@dataclass
class Faults:
    """Probabilities per datagram; ``delay`` one way in seconds, plus up to ``jitter``, which also reorders."""

    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0     # of one bit
    delay: float = 0.02
    jitter: float = 0.0


class World:
    """``answer`` maps event types of the client to functions (client, event, now); the rest is only recorded."""

    def __init__(self, client: Ikev2Engine, gateway: Responder, answer: dict[type, Callable[..., None]],
                 seed: int = 0, faults: Faults | None = None) -> None:
        self.now = 1000.0
        self.client, self.gateway = client, gateway
        self.faults = faults or Faults()
        self.events: list[ike.Event] = []
        self.gateway_events: list[ike.Event] = []
        self.sent: list[tuple[str, bytes, ike.Path]] = []      # all that was sent, by whom
        self.drop: Callable[[str, bytes], bool] = lambda _who, _data: False
        self.passes: Callable[[str, ike.Datagram], bool] = lambda _who, _datagram: True     # by transport and size
        self.reaches: Callable[[Endpoint], bool] = lambda _address: True    # the client, where it is now
        self.silent: set[str] = set()                           # addresses of the client: nothing passes, none says so
        self.mapped: dict[str, Endpoint] = {}                   # a NAT: the client's address → what the gateway sees
        self.after_step: Callable[[], None] = lambda: None      # both engines have handled what there was
        self._answer = answer
        self._random = random.Random(seed)
        self._air: list[tuple[float, int, str, bytes, ike.Path]] = []
        self._order = itertools.count()

    @property
    def in_the_air(self) -> int:
        """Datagrams that are on their way."""
        return len(self._air)

    def one_uplink(self) -> None:
        """From now on what is sent to an address that the client has left does not reach it."""
        def reaches(address: Endpoint) -> bool:
            there = self.client._ctx.ways.all if self.client._ctx.path is not None else ()
            return any(path.local.address == address.address for path in there)
        self.reaches = reaches

    def start(self, *paths: ike.Path) -> None:
        self.client.start(paths or (WIFI,), self.now)
        self._flush()

    def run(self, seconds: float) -> None:
        """Virtual seconds; ends early when nothing can happen any more."""
        end = self.now + seconds
        for _ in range(1_000_000):
            deadlines = [t for t in (self.client.next_timeout(), self.gateway.next_timeout()) if t is not None]
            if self._air:
                deadlines.append(self._air[0][0])
            if not deadlines or min(deadlines) > end:
                self.now = end
                return
            self.now = max(self.now, min(deadlines))
            self._step()
            self._flush()
            self.after_step()
        raise AssertionError("the world does not come to rest")

    def do(self, command: Callable[[], None], seconds: float = 1.0) -> None:
        """A command to either engine, and what follows from it."""
        command()
        self._flush()
        self.after_step()
        self.run(seconds)

    def of(self, kind: type) -> list[Any]:
        """The client's events of this type so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def exchanges(self) -> list[tuple[str, int, int]]:
        """(who, exchange type, message id) of everything sent, retransmissions included."""
        return [(who, parse_header(data).exchange, parse_header(data).message_id) for who, data, _ in self.sent]

    def _step(self) -> None:
        while self._air and self._air[0][0] <= self.now:
            _, _, who, data, path = heapq.heappop(self._air)
            if who == "client":
                if path.local.address not in self.silent:
                    seen = self.mapped.get(path.local.address, path.local)
                    self.gateway.receive_datagram(data, _back(replace(path, local=seen)), self.now)
            elif (to := self._inside(path.remote)) is not None and to.address not in self.silent and self.reaches(to):
                self.client.receive_datagram(data, _back(replace(path, remote=to)), self.now)
        for engine in (self.client, self.gateway):
            due = engine.next_timeout()
            if due is not None and due <= self.now:
                engine.handle_timeout(self.now)

    def forget_mapping(self, address: str, seen: Endpoint) -> None:
        """The NAT before this address shows ``seen`` from now on; what is sent to where it was is lost."""
        self.mapped[address] = seen

    def _inside(self, outside: Endpoint) -> Endpoint | None:
        """Whose endpoint that is, on our side of the NAT."""
        for address, seen in self.mapped.items():
            if seen == outside:
                return Endpoint(address, 4500)
            if outside.address == address:
                return None
        known = {seen.address for seen in self.mapped.values()}
        return None if outside.address in known else outside

    def _flush(self) -> None:
        while True:
            for who, engine in (("client", self.client), ("gateway", self.gateway)):
                for datagram in engine.datagrams_to_send(self.now):
                    self.sent.append((who, datagram.data, datagram.path))
                    if self.passes(who, datagram):
                        self._send(who, datagram.data, datagram.path)
            while (event := self.gateway.next_event()) is not None:
                self.gateway_events.append(event)
            event = self.client.next_event()
            if event is None:
                return
            self.events.append(event)
            if type(event) in self._answer:
                self._answer[type(event)](self.client, event, self.now)

    def _send(self, who: str, data: bytes, path: ike.Path) -> None:
        if self.drop(who, data):
            return
        copies = 1 + (self._random.random() < self.faults.duplication)
        for _ in range(copies):
            if self._random.random() >= self.faults.loss:
                at = self.now + self.faults.delay + self._random.random() * self.faults.jitter
                damaged = data
                if self.faults.corruption and self._random.random() < self.faults.corruption:
                    place = self._random.randrange(len(data))
                    damaged = data[:place] + bytes([data[place] ^ 1 << self._random.randrange(8)]) + data[place + 1:]
                heapq.heappush(self._air, (at, next(self._order), who, damaged, path))


def _back(path: ike.Path) -> ike.Path:
    return ike.Path(path.remote, path.local, path.interface, transport=path.transport)


@dataclass
class Accepting:
    """Answers for a client with a shared key: signs, and accepts a gateway that knows it."""

    psk: bytes = b"secret"
    prf: dict[str, int] = field(default_factory=dict)

    def table(self) -> dict[type, Callable[..., None]]:
        from client.core.ikev2 import auth

        def sign(engine: Ikev2Engine, event: ike.SignatureNeeded, now: float) -> None:
            octets = event.ike_sa_init + event.nonce_r + event.maced_id + event.int_auth
            engine.provide_signature(event.request_id, auth.psk_auth(event.prf, self.psk, octets), now)

        def judge(engine: Ikev2Engine, event: ike.PeerAuth, now: float) -> None:
            from client.model.cause import Cause
            good = auth.psk_auth(event.prf, self.psk, event.octets) == event.auth_data
            engine.provide_peer_verdict(
                event.request_id, ike.PeerVerdict(None if good else Cause.GATEWAY_BAD_SIGNATURE), now)
        return {ike.SignatureNeeded: sign, ike.PeerAuth: judge}
