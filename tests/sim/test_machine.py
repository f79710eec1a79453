"""Any commands and faults in any order, for simulated days: hypothesis looks for a history that breaks an invariant.

``ROVE_EXAMPLES=2000 pytest tests/sim/test_machine.py`` looks longer.
"""

import os
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from client.core.ikev2 import events as ike
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE
from client.model.cause import Cause
from client.model.endpoint import Endpoint
from tests.ikev2.conftest import ANY
from tests.peer.responder import Responder
from tests.sim.cheap import Cheap
from tests.sim.invariants import Invariants
from tests.sim.world import LTE, WIFI, Accepting, Faults, World, seeded

EXAMPLES = int(os.environ.get("ROVE_EXAMPLES", "25"))
QUIET = 200.0           # s on a perfect link after which both sides have to agree
# What a connection may end with where nobody closed it: a peer out of reach for long, and an SA that ran out meanwhile.
ENDS = {Cause.DEAD_PEER, Cause.LIFETIME_EXPIRED, Cause.GATEWAY_CLOSED}
CONFIG = ike.EngineConfig(
    ike_proposals=DEFAULT_IKE, esp_proposals=DEFAULT_ESP, local_id=(3, b"alice@test"), remote_id=(2, b"gw.test"),
    auth="psk", local_ts=ANY, remote_ts=ANY, ike_rekey=2000.0, child_rekey=900.0, child_expire=1300.0, dpd=300.0)
BOTH = st.sampled_from(("client", "gateway"))


class Connection(RuleBasedStateMachine):
    """One connection; time passes between the commands, and the invariants are checked after every step of it."""

    @initialize(seed=st.integers(0, 7), pfs=st.sampled_from(((), None)), fragment_size=st.sampled_from((280, 1280)))
    def connect(self, seed: int, pfs: tuple[int, ...] | None, fragment_size: int) -> None:
        config, crypto = replace(CONFIG, pfs_groups=pfs, fragment_size=fragment_size), Cheap()
        self.client = Ikev2Engine(config, seeded(f"client{seed}"), crypto)
        self.gateway = Responder(replace(config, dpd=600.0), seeded(f"gateway{seed}"), crypto=crypto)
        self.world = World(self.client, self.gateway, Accepting().table(), seed, Faults())
        self.held = Invariants(self.world)
        self.world.one_uplink()
        self.world.after_step = self.held.check
        self.world.start()
        self.world.run(5.0)
        assert self.world.of(ike.Established)
        self.excused = False        # something happened that a connection need not survive

    @property
    def over(self) -> bool:
        return self.client._ctx.finished or self.gateway._ctx.finished

    @rule(who=BOTH)
    def rekey_ike(self, who: str) -> None:
        self.world.do(lambda: self._engine(who).rekey_ike(self.world.now), 0.0)

    @rule(who=BOTH)
    def rekey_child(self, who: str) -> None:
        engine = self._engine(who)
        for spi in [spi for sa in engine._ctx.sas.values() for spi in sa.children]:
            self.world.do(lambda spi=spi: engine.rekey_child(spi, self.world.now), 0.0)

    @rule(path=st.sampled_from((WIFI, LTE)))
    def roam(self, path: ike.Path) -> None:
        self.world.do(lambda: self.client.set_paths([path], self.world.now), 0.0)

    @rule(paths=st.permutations((WIFI, LTE)))
    def two_ways(self, paths: list[ike.Path]) -> None:
        self.world.do(lambda: self.client.set_paths(paths, self.world.now), 0.0)

    @rule(way=st.sampled_from((WIFI, LTE)), seconds=st.sampled_from((0.1, 3.0, 20.0)))
    def falls_silent(self, way: ike.Path, seconds: float) -> None:
        self.world.silent = {way.local.address}
        self.world.run(seconds)
        self.world.silent = set()

    @rule(way=st.sampled_from((WIFI, LTE)), port=st.integers(1024, 1040))
    def nat_forgets(self, way: ike.Path, port: int) -> None:
        self.world.forget_mapping(way.local.address, Endpoint("203.0.113.9", port + 20 * (way is LTE)))

    @rule(seconds=st.sampled_from((0.2, 5.0, 30.0)), path=st.sampled_from((WIFI, LTE)))
    def lose_the_network(self, seconds: float, path: ike.Path) -> None:
        self.world.do(lambda: self.client.set_paths([], self.world.now), seconds)
        self.roam(path)

    @rule(loss=st.sampled_from((0.0, 0.1, 0.2)), duplication=st.sampled_from((0.0, 0.3)),
          corruption=st.sampled_from((0.0, 0.05)), jitter=st.sampled_from((0.0, 0.1, 0.5)))
    def weather(self, loss: float, duplication: float, corruption: float, jitter: float) -> None:
        self.world.faults = Faults(loss, duplication, corruption, 0.02, jitter)

    @rule(seconds=st.sampled_from((0.01, 0.1, 0.5, 2.0, 10.0, 60.0)))
    def wait(self, seconds: float) -> None:
        self.world.run(seconds)

    @rule(hours=st.sampled_from((1.0, 6.0)))
    def time_passes(self, hours: float) -> None:
        self.world.run(hours * 3600.0)

    @rule(seconds=st.sampled_from((3.0, 100.0, 20_000.0)))
    def suspend(self, seconds: float) -> None:
        """The laptop sleeps: time passes, and nothing of it at the client. The gateway may well give up."""
        self.excused = self.excused or seconds > 30.0
        world, client = self.world, self.client
        asleep = _Asleep()
        world.client = asleep       # type: ignore[assignment]
        world.after_step = lambda: None
        reaches, world.reaches = world.reaches, lambda _address: False
        world.run(seconds)
        world.client, world.reaches, world.after_step = client, reaches, self.held.check
        world.do(lambda: client.handle_timeout(world.now), 0.0)

    @rule(what=st.sampled_from(("udp_refused", "traffic", "suspect", "probe")))
    def hint(self, what: str) -> None:
        client, world = self.client, self.world
        calls = {"udp_refused": lambda: client.udp_refused("ICMP", world.now),
                 "suspect": lambda: client.suspect(world.now),
                 "traffic": lambda: client.traffic_seen(world.now), "probe": lambda: client.probe(world.now)}
        world.do(calls[what], 0.0)

    @precondition(lambda self: not self.over)
    @rule(who=BOTH, wait=st.sampled_from((0.0, 0.05, 5.0)))
    def close(self, who: str, wait: float) -> None:
        self.excused = True
        self.world.do(lambda: self._engine(who).close(self.world.now), wait)

    def teardown(self) -> None:
        if not hasattr(self, "excused"):
            return
        world = self.world
        world.faults = Faults()
        world.run(QUIET)
        end = world.now + QUIET
        while not self.over and not (self.held.idle() and len(self.client._ctx.sas) == 1) and world.now < end:
            world.run(0.5)
        if not self.over:
            self.held.at_rest()
            return
        assert self.excused, world.of(ike.Failed)
        world.run(2 * CONFIG.retransmit_give_up + CONFIG.dpd)
        assert self.client.next_timeout() is None
        self.held.over()
        assert {event.cause for event in world.of(ike.Failed)} <= ENDS

    def _engine(self, who: str) -> Ikev2Engine:
        return self.client if who == "client" else self.gateway


class _Asleep:
    """In the place of an engine while its machine is suspended."""

    def next_timeout(self) -> None:
        return None

    def datagrams_to_send(self, _now: float) -> list[ike.Datagram]:
        return []

    def next_event(self) -> None:
        return None


def test_any_history() -> None:
    run_state_machine_as_test(Connection, settings=settings(
        max_examples=EXAMPLES, stateful_step_count=30, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck)))
