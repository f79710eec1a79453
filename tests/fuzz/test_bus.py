"""The D-Bus surface in short; ``python -m tests.fuzz.bus --calls 100000`` is the long run."""

import random

import pytest

from tests.fuzz.bus import fuzz
from tests.fuzz.bus_calls import call
from tests.helper.world import World


def test_the_same_seed_makes_the_same_calls() -> None:
    one, other = (([repr(call(source)) for _ in range(300)]) for source in (random.Random(7), random.Random(7)))
    assert one == other
    assert len(set(one)) > 200


@pytest.mark.interop
def test_500_random_calls_of_three_users_hurt_nobody() -> None:
    world = World()
    try:
        outcome = fuzz(world.up(), 500, seed=2)
    finally:
        world.down()
    assert not outcome.faults
    assert not outcome.leaks
    # that something was tried: own calls are answered, wrong ones refused by name, who has no session by polkit
    assert outcome.errors["bob"][""] > 20
    assert outcome.errors["alice"]["InvalidArgs"] > 5
    assert outcome.errors["carol"]["not_authorised"] > 50
    assert not outcome.errors["alice"]["internal"]
