"""Without a network nothing is sent, nothing gives up, nothing wakes the machine; and what was begun goes on."""

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.message import parse_header
from tests.ikev2.conftest import MakeWorld
from tests.sim.world import LTE, WIFI

HOUR = 3600.0


def lose_the_network(world, seconds: float) -> int:
    """→ how often the engine wanted to be woken."""
    wakes = 0
    handle = world.client.handle_timeout

    def count(now: float) -> None:
        nonlocal wakes
        wakes += 1
        handle(now)
    world.client.handle_timeout = count
    sent = len(world.sent)
    world.do(lambda: world.client.set_paths((), world.now), seconds)
    assert not [data for who, data, _ in world.sent[sent:] if who == "client"]
    world.client.handle_timeout = handle
    return wakes


def test_a_request_waits_for_the_network_without_waking_the_machine(connected: MakeWorld) -> None:
    world = connected(dpd=10.0)
    assert lose_the_network(world, HOUR / 4) < HOUR / 4 / 10 + 5      # liveness checks, each for nothing
    world.do(lambda: world.client.set_paths((LTE,), world.now), 5.0)
    assert world.of(ike.PathChanged)[-1].confirmed
    assert not world.of(ike.Failed)


def test_a_set_up_without_network_goes_on_when_it_is_back(make_world: MakeWorld) -> None:
    """The time for another KE group comes while there is no path to send it on."""
    world = make_world()
    world.drop = lambda _who, _data: True
    world.start()
    assert lose_the_network(world, 60.0) < 20
    world.drop = lambda _who, _data: False
    world.do(lambda: world.client.set_paths((LTE,), world.now), 5.0)
    assert world.of(ike.Established)


@pytest.mark.parametrize("heard", [1, 2])
def test_what_is_still_in_the_air_when_the_network_goes(make_world: MakeWorld, heard: int) -> None:
    """The answer to IKE_SA_INIT (1) or to IKE_AUTH (2) comes in after the last path is gone."""
    world = make_world()
    world.start(WIFI)
    while sum(who == "gateway" for who, _, _ in world.sent) < heard:
        world.run(0.001)
    world.do(lambda: world.client.set_paths((), world.now), 30.0)
    world.do(lambda: world.client.set_paths((LTE,), world.now), 10.0)
    assert world.of(ike.Established)
    assert not world.of(ike.Failed)


def test_a_cookie_that_comes_when_the_network_is_gone(make_world: MakeWorld) -> None:
    from tests.peer.responder import Behaviour
    world = make_world(Behaviour(cookie=b"cookie"))
    world.start(WIFI)
    while not any(who == "gateway" for who, _, _ in world.sent):
        world.run(0.001)
    world.do(lambda: world.client.set_paths((), world.now), 30.0)
    world.do(lambda: world.client.set_paths((LTE,), world.now), 10.0)
    assert world.of(ike.Established)


def test_a_goodbye_without_network_ends(connected: MakeWorld) -> None:
    """The network goes while our DELETE waits for its answer."""
    world = connected()
    world.drop = lambda who, _data: who == "gateway"
    world.do(lambda: world.client.close(world.now), 0.1)
    assert parse_header(world.sent[-1][1]).exchange == 37
    world.do(lambda: world.client.set_paths((), world.now), 10.0)
    assert world.of(ike.Closed)
