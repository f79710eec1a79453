"""Random lives of three CHILD_SAs: both sides renew and delete, the IKE_SA is renewed, packets are lost; by seed."""

import random

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.child_sa import ChildState
from client.core.ikev2.informational import DeleteChild
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.dialogue import gateway_sa
from tests.ikev2.test_children import NETS, standing, three
from tests.peer.responder import Behaviour
from tests.sim.world import Faults, World


@pytest.mark.parametrize("seed", range(12))
def test_after_a_random_life_all_three_stand_and_both_sides_agree(connected: MakeWorld, seed: int) -> None:
    rng = random.Random(seed)
    world = connected(Behaviour(), seed, children=three(rekey=400.0, expire=600.0), dpd=30.0)
    world.faults = Faults(loss=rng.choice((0.0, 0.1, 0.25)), duplication=rng.choice((0.0, 0.2)), delay=0.05,
                          jitter=rng.choice((0.0, 0.2)))
    for _ in range(150):
        act(world, rng)
        world.run(rng.choice((0.0, 0.02, 0.1, 1.0, 10.0)))
        assert not world.of(ike.Failed), world.of(ike.Failed)
    world.faults = Faults()
    world.run(1300.0)       # longer than the longest wait
    assert not world.of(ike.Failed), world.of(ike.Failed)
    assert set(standing(world)) == set(NETS)
    installed = {event.child.spi_in for event in world.of(ike.ChildInstalled)}
    removed = {event.child.spi_in for event in world.of(ike.ChildRemoved)}
    assert installed - removed == {spi_in for spi_in, _ in standing(world).values()}


def act(world: World, rng: random.Random) -> None:
    """One command of either side."""
    client = [child for sa in world.client._ctx.sas.values() for child in sa.children]
    gateway = list(gateway_sa(world).children)
    match rng.choice(("own", "theirs", "own ike", "their ike", "delete", "nothing")):
        case "own" if client:
            world.do(lambda: world.client.rekey_child(rng.choice(client), world.now), 0.0)
        case "theirs" if gateway:
            world.do(lambda: world.gateway.rekey_child(rng.choice(gateway), world.now), 0.0)
        case "own ike":
            world.do(lambda: world.client.rekey_ike(world.now), 0.0)
        case "their ike":
            world.do(lambda: world.gateway.rekey_ike(world.now), 0.0)
        case "delete":
            delete(world, rng)


def delete(world: World, rng: random.Random) -> None:
    """← { D(one of them) }, while all three stand at both ends: the last one would be the end."""
    sa = gateway_sa(world)
    standing = [child for child in sa.children.values() if child.state is ChildState.INSTALLED]
    ours = {child.info.name for one in world.client._ctx.sas.values() for child in one.children.values()
            if child.state is ChildState.INSTALLED}
    if len(standing) == len(ours) == 3 and sa.window.outstanding is None and not sa.window.queue:
        sa.window.queue.append(DeleteChild(world.gateway._ctx, sa, rng.choice(standing)))
        world.do(lambda: world.gateway._pump(world.now), 0.0)
