"""A long random life of one connection: both sides rekey, the link is bad, the laptop roams, somebody leaves.

Everything in it is decided by its seed, so a seed that breaks an invariant breaks it again.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

from client.core.crypto.provider import LIBRARY
from client.core.ikev2 import events as ike
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE
from client.core.ikev2.traffic_selector import TrafficSelector
from client.model.endpoint import Endpoint
from tests.peer.responder import Responder
from tests.sim.cheap import Cheap
from tests.sim.invariants import Broken, Invariants
from tests.sim.world import LTE, WIFI, Accepting, Faults, World, seeded

ANY = tuple(TrafficSelector.from_network(ip_network(text)) for text in ("0.0.0.0/0", "::/0"))
PATIENCE = 400.0        # virtual seconds on a perfect link within which a moment without any exchange comes
_PAUSES = (0.0, 0.01, 0.05, 0.3, 2.0, 20.0, 120.0, 300.0)
_PAUSE_WEIGHTS = (2, 2, 2, 2, 2, 3, 4, 4)


class Life:
    """One connection; ``real`` with real cryptography. ``done`` counts the commands."""

    def __init__(self, seed: int, *, real: bool = False) -> None:
        self.random = rng = random.Random(seed)
        crypto = LIBRARY if real else Cheap()
        base = ike.EngineConfig(
            ike_proposals=DEFAULT_IKE, esp_proposals=DEFAULT_ESP, local_id=(3, b"alice@test"),
            remote_id=(2, b"gw.test"), auth="psk", local_ts=ANY, remote_ts=ANY,
            pfs_groups=rng.choice(((), None)), dpd=rng.choice((20.0, 60.0, 180.0)),
            fragment_size=rng.choice((1280, 1280, 280)))
        self.client = Ikev2Engine(self._lifetimes(base), seeded(f"client{seed}"), crypto)
        self.gateway = Responder(self._lifetimes(base), seeded(f"gateway{seed}"), crypto=crypto)
        self.world = World(self.client, self.gateway, Accepting().table(), seed, Faults())
        self.invariants = Invariants(self.world)
        self.world.one_uplink()
        self.world.after_step = self.invariants.check
        self.closed = False
        self.done: Counter[str] = Counter()
        self._leaves = rng.random() < 0.1

    @property
    def exchanges(self) -> int:
        """Requests that were answered, on either side."""
        return len({(who, data[:16], data[18], data[20:24]) for who, data, _ in self.world.sent if data[19] & 0x20})

    def run(self, seconds: float) -> None:
        """Raises Broken, or whatever an engine raised."""
        world, rng = self.world, self.random
        world.start(WIFI)
        world.run(10.0)
        if not world.of(ike.Established):
            raise Broken("it does not even connect")
        self._weather()
        end = world.now + seconds
        while world.now < end and not self.closed and not self.client._ctx.finished:
            self._command()
            world.run(min(rng.choices(_PAUSES, _PAUSE_WEIGHTS)[0], max(end - world.now, 0.0)))
        if self._leaves and not self.closed:
            self._leave()
        self._settle()

    def _lifetimes(self, base: ike.EngineConfig) -> ike.EngineConfig:
        """Everything is renewed every few minutes, on both sides' own account."""
        child, of_ike = self.random.uniform(100.0, 500.0), self.random.uniform(400.0, 1500.0)
        return replace(base, child_rekey=child, child_expire=child + 200.0, ike_rekey=of_ike)

    def _weather(self) -> None:
        rng = self.random
        self.world.faults = Faults(
            loss=rng.choice((0.0, 0.05, 0.1, 0.2)), duplication=rng.choice((0.0, 0.0, 0.2)),
            corruption=rng.choice((0.0, 0.0, 0.05)), delay=rng.choice((0.001, 0.02, 0.15)),
            jitter=rng.choice((0.0, 0.05, 0.4)))

    def _command(self) -> None:
        commands: dict[str, tuple[Callable[[], None], int]] = {
            "client rekeys child": (lambda: self._rekey_children(self.client), 4),
            "gateway rekeys child": (lambda: self._rekey_children(self.gateway), 4),
            "client rekeys ike": (lambda: self.client.rekey_ike(self.world.now), 3),
            "gateway rekeys ike": (lambda: self.gateway.rekey_ike(self.world.now), 3),
            "both rekey at once": (self._both, 4),
            "roams": (self._roam, 4),
            "offline": (self._offline, 1),
            "a way falls silent": (self._silence, 2),
            "a NAT forgets": (self._forget, 2),
            "suspicion": (lambda: self.client.suspect(self.world.now), 2),
            "probe": (lambda: self.client.probe(self.world.now), 1),
            "port unreachable": (lambda: self.client.udp_refused("ICMP", self.world.now), 1),
            "traffic": (lambda: self.client.traffic_seen(self.world.now), 1),
            "weather": (self._weather, 2)}
        what = self.random.choices(list(commands), [weight for _, weight in commands.values()])[0]
        self.done[what] += 1
        self.world.do(commands[what][0], 0.0)

    def _rekey_children(self, engine: Ikev2Engine) -> None:
        for spi in [spi for sa in engine._ctx.sas.values() for spi in sa.children]:
            engine.rekey_child(spi, self.world.now)

    def _both(self) -> None:
        """Within the same moment, so that requests cross: each kind with each."""
        for engine in (self.client, self.gateway):
            if self.random.random() < 0.5:
                engine.rekey_ike(self.world.now)
            else:
                self._rekey_children(engine)

    def _roam(self) -> None:
        self.client.set_paths(self.random.choice(([LTE, WIFI], [WIFI, LTE], [LTE], [WIFI])), self.world.now)

    def _offline(self) -> None:
        self.world.do(lambda: self.client.set_paths([], self.world.now), self.random.uniform(0.0, 10.0))
        self._roam()

    def _silence(self) -> None:
        """Of two ways one carries nothing any more, for a while."""
        self._roam()
        self.world.silent = {self.random.choice((WIFI, LTE)).local.address}
        self.world.run(self.random.choice((0.1, 1.0, 5.0, 20.0)))
        self.world.silent = set()

    def _forget(self) -> None:
        path = self.random.choice((WIFI, LTE))
        self.world.forget_mapping(path.local.address, Endpoint("203.0.113.9", self.random.randrange(1024, 65536)))

    def _leave(self) -> None:
        engine = self.random.choice((self.client, self.gateway))
        self.done["client leaves" if engine is self.client else "gateway leaves"] += 1
        self.closed = True
        self.world.do(lambda: engine.close(self.world.now), 0.0)

    def _settle(self) -> None:
        """A perfect link and no more commands: what was begun ends, and renewals leave a moment without any."""
        world, invariants = self.world, self.invariants
        world.faults = Faults()
        world.run(90.0)
        if self.closed:
            invariants.over()
            return
        end = world.now + PATIENCE
        while not (invariants.idle() and len(self.client._ctx.sas) == 1) and world.now < end:
            world.run(0.5)
        invariants.at_rest()
