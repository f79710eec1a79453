"""Worlds: a client engine and a gateway, connected or about to be."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE, number_proposals
from client.core.ikev2.traffic_selector import TrafficSelector
from tests.peer.responder import Behaviour, Responder
from tests.sim.world import Accepting, Faults, World, seeded

ANY = tuple(TrafficSelector.from_network(ip_network(text)) for text in ("0.0.0.0/0", "::/0"))
CLASSIC = number_proposals(DEFAULT_IKE[1:])        # without additional key exchanges: test_hybrid.py has those
CONFIG = ike.EngineConfig(
    ike_proposals=CLASSIC, esp_proposals=DEFAULT_ESP, local_id=(3, b"alice@test"), remote_id=(2, b"gw.test"),
    auth="psk", local_ts=ANY, remote_ts=ANY)
# The gateway's own timers are out of the way: tests say who rekeys.
GATEWAY = replace(CONFIG, ike_rekey=1e6, child_rekey=1e6, child_expire=2e6, dpd=1e6)

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world() -> MakeWorld:
    def make(behaviour: Behaviour | None = None, seed: int = 0, faults: Faults | None = None,
             answer: dict[type, Any] | None = None, gateway: ike.EngineConfig = GATEWAY, **changes: Any) -> World:
        client = Ikev2Engine(replace(CONFIG, **changes), seeded(f"client{seed}"))
        peer = Responder(gateway, seeded(f"gateway{seed}"), behaviour)
        return World(client, peer, Accepting().table() | (answer or {}), seed, faults)
    return make


@pytest.fixture
def connected(make_world: MakeWorld) -> MakeWorld:
    """As make_world, after a connect that worked."""
    def make(*arguments: Any, **keywords: Any) -> World:
        world = make_world(*arguments, **keywords)
        world.start()
        world.run(5.0)
        assert world.of(ike.Established), world.events
        return world
    return make
