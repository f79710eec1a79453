import pytest

from tests.helper.world import World


@pytest.fixture(scope="session")
def bare_world():
    """Bus and polkit, no roved."""
    world = World()
    try:
        yield world.up()
    finally:
        world.down()


@pytest.fixture(scope="session")
def world(bare_world):
    """With one roved for all tests that do not end it."""
    bare_world.roved()
    return bare_world


@pytest.fixture
def start(world):
    """start("alice") → a process of hers, ended after the test, her connections and profiles gone."""
    users = []

    def begin(name):
        users.append(world.user(name))
        return users[-1]
    yield begin
    for user in users:
        user.leave()
