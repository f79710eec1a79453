"""Changing a profile: a refusal leaves the old one and its credentials as they were."""

import asyncio

import pytest

from client.agent import credentials
from client.agent.change import change
from client.bus.client import CallFailed, RovedNotRunning
from client.model.cause import Cause, RoveError


class Client:
    def __init__(self, error=None):
        self.error = error
        self.calls = []

    async def replace_profile(self, name, toml):
        self.calls.append((name, toml))
        if self.error:
            raise self.error


@pytest.fixture
def new(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    credentials.store_bytes("work", "alice.p12", b"old")
    file = tmp_path / "alice.p12"
    file.write_bytes(b"new")
    return file


def there():
    return {path.name: path.read_bytes() for path in credentials.credentials_dir("work").iterdir()}


def run(client, new, compose=lambda copies: repr(dict(copies))):
    asyncio.run(change(client, "work", compose, {"user.certificate": new}))


def test_the_copy_is_beside_the_old_one(new):
    client = Client()
    run(client, new)
    assert client.calls == [("work", "{'user.certificate': 'alice-2.p12'}")]
    assert there() == {"alice.p12": b"old", "alice-2.p12": b"new"}


@pytest.mark.parametrize("error", [RoveError(Cause.BAD_SETTINGS), RoveError(Cause.ALREADY_ACTIVE)])
def test_a_refusal_takes_the_copy_away(new, error):
    with pytest.raises(RoveError):
        run(Client(error), new)
    assert there() == {"alice.p12": b"old"}


@pytest.mark.parametrize("error", [RovedNotRunning("gone"), CallFailed("no answer")])
def test_without_an_answer_the_copy_stays_as_the_profile_may_name_it(new, error):
    with pytest.raises(type(error)):
        run(Client(error), new)
    assert there() == {"alice.p12": b"old", "alice-2.p12": b"new"}


def test_a_file_that_cannot_be_read_asks_nothing_of_roved(new):
    client = Client()
    with pytest.raises(RoveError, match="No such file"):
        run(client, new.with_name("missing.p12"))
    assert (client.calls, there()) == ([], {"alice.p12": b"old"})
