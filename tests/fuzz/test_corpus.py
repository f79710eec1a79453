"""Every seed and every input that once was a crash, without atheris; and the engine's seeds get where they should."""

import importlib

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.ike_sa import IkeState
from tests.fuzz.frames import chain, split, unchain
from tests.fuzz.seeds import CORPUS
from tests.fuzz.targets import NAMES, engine

INPUTS = [(name, path) for name in NAMES for path in sorted((CORPUS / name).iterdir())]


@pytest.mark.parametrize(("name", "path"), INPUTS, ids=[f"{name}-{path.name}" for name, path in INPUTS])
def test_an_input(name, path):
    importlib.import_module(f"tests.fuzz.targets.{name}").one(path.read_bytes())


def test_every_target_has_seeds():
    assert {name for name, _ in INPUTS} == set(NAMES)


@pytest.mark.parametrize(("kind", "heard", "expected"), [
    ("psk", 0, IkeState.INIT), ("psk", 1, IkeState.AUTH), ("psk", 2, IkeState.ESTABLISHED), ("eap", 1, IkeState.AUTH),
    ("eap", 3, IkeState.AUTH), ("eap", 4, IkeState.ESTABLISHED), ("pq", 1, IkeState.AUTH), ("pq", 2, IkeState.AUTH),
    ("pq", 3, IkeState.ESTABLISHED)])
def test_the_states_of_the_engine_are_reached(kind, heard, expected):
    """By replaying datagrams to an engine with the same seed: if this fails, the engine target fuzzes nothing."""
    drive = engine._Drive(kind, heard)
    assert [sa.state for sa in drive.ctx.sas.values()] == [expected]


@pytest.mark.parametrize("kind", ["psk", "eap", "pq"])
def test_a_conversation_written_as_operations_is_the_conversation(kind):
    """Both sides rekey both kinds of SA, we roam, the gateway leaves."""
    drive = engine._Drive(kind, dict(engine.STATES)[kind])
    kinds = []
    take = drive.engine.next_event
    drive.engine.next_event = lambda: kinds.append(take()) or kinds[-1]
    for part in engine._tail(engine.recorded(kind), dict(engine.STATES)[kind]):
        drive.operation(part[0], part[1], part[2:])
    seen = [type(event) for event in kinds if event is not None]
    assert seen.count(ike.ChildInstalled) == 2
    assert seen.count(ike.IkeRekeyed) == 2
    assert ike.PathChanged in seen
    assert seen[-1] is ike.Failed


def test_chains_are_taken_apart_and_put_together():
    data = next(path for name, path in INPUTS if name == "payloads").read_bytes()
    assert chain(unchain(data[1], data[2:])) == (data[1], data[2:])
    assert chain([]) == (0, b"")
    assert unchain(40, b"\x00\x00\xff\xffrest") == [(40, 0, b"rest")]
    assert split(b"\x00\x02ab\x00\x09c") == [b"ab", b"c"]
