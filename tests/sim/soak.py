"""A long random life of one connection: both sides rekey, the link is bad, the laptop roams, somebody leaves.

``python -m tests.sim.soak FIRST LAST [SECONDS]`` runs these seeds and prints what it did; a seed that breaks an
invariant is printed with it and makes the exit status 1. ``soak(seed, seconds)`` is one life, for tests.
"""

import random
import sys
import time
import traceback
from collections import Counter
from dataclasses import replace
from ipaddress import ip_network

from client.core.ikev2 import events as ike
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.ike_sa import Context
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE
from client.core.ikev2.timers import Timer
from client.core.ikev2.traffic_selector import TrafficSelector
from tests.peer.responder import Responder
from tests.sim.world import LTE, WIFI, Accepting, Faults, World, seeded

ANY = tuple(TrafficSelector.from_network(ip_network(text)) for text in ("0.0.0.0/0", "::/0"))
_RENEWALS = (Timer.REKEY_CHILD, Timer.REKEY_IKE)


class Broken(AssertionError):
    """An invariant does not hold."""


class Life:
    """One connection from its start to an hour or so later."""

    def __init__(self, seed: int) -> None:
        self.random = rng = random.Random(seed)
        base = ike.EngineConfig(
            ike_proposals=DEFAULT_IKE, esp_proposals=DEFAULT_ESP, local_id=(3, b"alice@test"),
            remote_id=(2, b"gw.test"), auth="psk", local_ts=ANY, remote_ts=ANY,
            pfs_groups=rng.choice(((), None)), dpd=20.0)
        self.client = Ikev2Engine(self._lifetimes(base), seeded(f"client{seed}"))
        self.gateway = Responder(self._lifetimes(base), seeded(f"gateway{seed}"))
        self.world = World(self.client, self.gateway, Accepting().table(), seed, Faults())
        self.world.drop = lambda who, _data: who == "gateway" and self.client._ctx.path is None
        self.closed = False
        self.done: Counter[str] = Counter()

    def run(self, seconds: float) -> None:
        world = self.world
        world.start(WIFI)
        world.run(10.0)
        if not world.of(ike.Established):
            raise Broken("it does not even connect")
        rng = self.random
        world.faults = Faults(loss=rng.choice((0.0, 0.1, 0.25)), duplication=rng.choice((0.0, 0.2)),
                              delay=rng.choice((0.001, 0.02, 0.15)), jitter=rng.choice((0.0, 0.05, 0.4)))
        end = world.now + seconds
        while world.now < end and not self.closed and not self.client._ctx.finished:
            self._command()
            world.run(rng.choice((0.0, 0.01, 0.05, 0.3, 2.0, 20.0)))
        self._settle()

    def _lifetimes(self, base: ike.EngineConfig) -> ike.EngineConfig:
        child, of_ike = self.random.uniform(50.0, 300.0), self.random.uniform(80.0, 600.0)
        return replace(base, child_rekey=child, child_expire=child + 300.0, ike_rekey=of_ike + 1000.0)

    def _command(self) -> None:
        what = self.random.choices(
            ("rekey child", "rekey ike", "gateway rekeys child", "gateway rekeys ike", "lte", "wifi", "offline",
             "leave", "gateway leaves"), (6, 4, 6, 4, 4, 4, 1, 0.02, 0.02))[0]
        self.done[what] += 1
        world, client, gateway = self.world, self.client, self.gateway
        match what:
            case "rekey child" | "gateway rekeys child":
                engine = client if what == "rekey child" else gateway
                for spi in [spi for sa in engine._ctx.sas.values() for spi in sa.children]:
                    engine.rekey_child(spi, world.now)
            case "rekey ike":
                client.rekey_ike(world.now)
            case "gateway rekeys ike":
                gateway.rekey_ike(world.now)
            case "lte" | "wifi":
                client.set_paths([LTE, WIFI] if what == "lte" else [WIFI, LTE], world.now)
            case "offline":
                client.set_paths([], world.now)
                world.run(self.random.uniform(0.0, 10.0))
                client.set_paths([self.random.choice((LTE, WIFI))], world.now)
            case _:
                (client if what == "leave" else gateway).close(world.now)
                self.closed = True
        world.do(lambda: None, 0.0)

    def _settle(self) -> None:
        """A perfect link and no renewals: what was begun ends."""
        world = self.world
        world.faults = Faults()
        world.run(90.0)
        for _ in range(3):
            for engine in (self.client, self.gateway):
                for timer, owner in list(engine._ctx.timers._deadlines):
                    if timer in _RENEWALS:
                        engine._ctx.timers.cancel(timer, owner)
            world.run(15.0)
        self._judge()

    def _judge(self) -> None:
        world, ours, theirs = self.world, self.client._ctx, self.gateway._ctx
        failures = world.of(ike.Failed)
        if self.closed:
            if not (ours.finished and (failures or world.of(ike.Closed))):
                raise Broken("somebody left and the client does not know")
            if self.client.next_timeout() is not None or ours.sas:
                raise Broken("something lives on after the end")
            return
        if failures or ours.finished:
            raise Broken(f"ended by itself: {failures}")
        if theirs.finished:
            raise Broken("the gateway ended by itself")
        if len(ours.sas) != 1 or len(theirs.sas) != 1:
            raise Broken(f"{len(ours.sas)} and {len(theirs.sas)} IKE_SAs")
        (mine,), (other,) = ours.sas.values(), theirs.sas.values()
        if (mine.spi_i, mine.spi_r) != (other.spi_i, other.spi_r):
            raise Broken("different IKE_SAs")
        pairs = {(c.spi_in, c.spi_out) for c in mine.children.values()}
        if len(pairs) != 1 or pairs != {(c.spi_out, c.spi_in) for c in other.children.values()}:
            raise Broken(f"CHILD_SAs differ: {len(pairs)} and {len(other.children)}")
        for name, ctx in (("client", ours), ("gateway", theirs)):
            _judge_rest(name, ctx)
        _judge_data_paths(world.events, world.gateway_events, pairs.pop())


def _judge_rest(name: str, ctx: Context) -> None:
    (sa,) = ctx.sas.values()
    if sa.window.outstanding is not None or sa.window.queue:
        raise Broken(f"{name}: a request that never ends, or a queue that never drains")
    owners = {b"", sa.own_spi, *sa.children, *ctx.lingering}
    if lost := [timer for timer, owner in ctx.timers._deadlines if owner not in owners]:
        raise Broken(f"{name}: timers without owner {lost}")
    if ctx.lingering or ctx._pending:
        raise Broken(f"{name}: {len(ctx.lingering)} linger, {len(ctx._pending)} questions")


def _judge_data_paths(ours: list[ike.Event], theirs: list[ike.Event], pair: tuple[bytes, bytes]) -> None:
    """What the two data paths were told in the end carries packets both ways, and nothing is left over."""
    for name, events, spis in (("client", ours, pair), ("gateway", theirs, pair[::-1])):
        inbound: dict[bytes, bytes] = {}
        outbound: list[bytes] = []
        for event in events:
            match event:
                case ike.ChildInstalled():
                    inbound[event.child.spi_in] = event.child.spi_out
                    outbound += [event.child.spi_out] if event.outbound else []
                case ike.ChildOutbound():
                    outbound = [spi for spi in outbound if spi != event.child.spi_out] + [event.child.spi_out]
                case ike.ChildRemoved():
                    inbound.pop(event.child.spi_in, None)
                    outbound = [spi for spi in outbound if spi != event.child.spi_out]
                case _:
                    pass
        if inbound != {spis[0]: spis[1]} or outbound != [spis[1]]:
            raise Broken(f"{name}: the data path has {len(inbound)} in and {len(outbound)} out")


def soak(seed: int, seconds: float = 1800.0) -> Life:
    """Raises Broken, or whatever an engine raised."""
    life = Life(seed)
    life.run(seconds)
    return life


def main() -> int:
    first, last = int(sys.argv[1]), int(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 1800.0
    began, done, datagrams, broken = time.process_time(), Counter[str](), 0, []
    for seed in range(first, last):
        life = Life(seed)
        try:
            life.run(seconds)
        except Exception as error:
            broken.append(seed)
            print(f"seed {seed} at {life.world.now:.2f}: {error!r}", flush=True)
            if not isinstance(error, Broken):
                traceback.print_exc()
        done += life.done
        datagrams += len(life.world.sent)
    cpu = time.process_time() - began
    print(f"{last - first} lives of {seconds:.0f} s, {datagrams} datagrams, {cpu:.0f} s of CPU; "
          f"{', '.join(f'{count} × {what}' for what, count in done.most_common())}; {len(broken)} broken {broken}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
