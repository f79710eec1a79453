"""One call without an event loop, where it goes wrong: a real bus daemon, and a roved that answers or does not."""

import time

import pytest

from client.bus import question
from client.bus.replies import CallFailed, RovedNotRunning
from client.model.cause import Cause, RoveError
from tests.cli.bus import FakeRoved, private_daemon


@pytest.fixture
def daemon(tmp_path, monkeypatch):
    with private_daemon(tmp_path) as (address, process):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield address, process


@pytest.mark.parametrize("address", ["unix:path=/nonexistent", "tcp:host=192.0.2.1", "nonsense"])
def test_no_bus(monkeypatch, address):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    with pytest.raises(RovedNotRunning, match="no system bus"):
        question.ask("Status", "")


def test_no_roved_and_then_one(daemon):
    with pytest.raises(RovedNotRunning):
        question.ask("Status", "")
    with FakeRoved(daemon[0]) as roved:
        roved.answers["Status"] = "x" * 100_000
        assert question.ask("Status", "") == "x" * 100_000


@pytest.mark.parametrize(("answer", "error", "text"), [
    (RoveError(Cause.NOT_AUTHORISED, "no"), RoveError, "no"),
    (("org.example.Error", "not connected"), CallFailed, "not connected")])
def test_refusals(daemon, answer, error, text):
    with FakeRoved(daemon[0]) as roved:
        roved.answers["Status"] = answer
        with pytest.raises(error) as caught:
            question.ask("Status", "work")
    assert (caught.type, caught.value.detail) == (error, text)


def test_no_answer(daemon, monkeypatch):
    monkeypatch.setattr(question, "CALL_TIMEOUT", 0.2)
    with FakeRoved(daemon[0]) as roved:
        roved.answers["Status"] = lambda name: time.sleep(0.5) or "{}"
        with pytest.raises(RoveError) as caught:
            question.ask("Status", "")
    assert caught.value.cause is Cause.TIMEOUT


def test_the_bus_dies_meanwhile(daemon):
    address, process = daemon
    with FakeRoved(address) as roved:
        roved.answers["Status"] = lambda name: process.kill() or time.sleep(0.2)
        with pytest.raises(RovedNotRunning, match="went away"):
            question.ask("Status", "")
