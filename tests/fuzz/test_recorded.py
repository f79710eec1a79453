"""A real gateway's datagrams, cut short and changed, in every state of the engine they were recorded in.

``ROVE_FUZZ=100000`` makes as many mutations instead of 10,000, and cuts what was encrypted at every octet instead of
at some.
"""

import os
import resource
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.header import parse_payloads
from client.core.ikev2.ike_sa import IkeState
from client.core.ikev2.payloads import AUTH
from tests.fuzz.replayed import (
    Point,
    ends,
    feed,
    fitting,
    goes_on,
    hostile,
    opened,
    owner,
    plain,
    points,
    resealed,
    sharing,
)
from tests.recorded.recording import Client, load, names, replay

MUTATIONS = int(os.environ.get("ROVE_FUZZ", "10000"))
STRIDE = 1 if MUTATIONS >= 100_000 else 17
ROW = 50             # mutations without a valid seal, before the conversation has to go on
INIT_ROW = 20        # of an IKE_SA_INIT response, each to an engine of its own
HOSTILE_ROW = 4      # of an authenticated gateway, to one engine
MEGABYTES = 200      # that the process may grow by

POINTS: dict[str, list[Point]] = {}


@pytest.fixture(autouse=True, scope="module")
def _shared() -> Iterator[None]:
    with sharing():
        POINTS.update((name, points(load(name))) for name in names())
        before = _memory()
        yield
        assert _memory() - before < MEGABYTES
        POINTS.clear()


@pytest.mark.parametrize("name", names())
def test_the_recordings_are_what_they_were(name: str) -> None:
    """Else nothing below tests anything: see tests/recorded/README.md for making them anew."""
    recording = load(name)
    assert [type(event).__name__ for event in replay(recording).events] == recording.events
    for point in POINTS[name]:
        goes_on(point.client(), point)


def test_every_state_was_recorded() -> None:
    everything = [point for recorded in POINTS.values() for point in recorded]
    assert {point.state for point in everything} >= {IkeState.INIT, IkeState.AUTH, IkeState.ESTABLISHED,
                                                     IkeState.REKEYED, IkeState.DELETING}
    assert len(everything) > 60


@pytest.mark.parametrize("name", names())
def test_every_truncation(name: str) -> None:
    """Dropped, all of them, with the old length and with one that fits; then the conversation goes on."""
    for point in POINTS[name]:
        client = point.client()
        for length in range(len(point.datagram)):
            cut = point.datagram[:length]
            assert feed(client, point, cut) == "dropped"
            if point.sealed:
                assert feed(client, point, fitting(cut)) == "dropped"
        goes_on(client, point)


@pytest.mark.parametrize("name", names())
def test_truncations_that_fit(name: str) -> None:
    """IKE_SA_INIT is not protected, and a gateway can seal what it has cut: an error, and an end."""
    seen: Counter[str] = Counter()
    for point in POINTS[name]:
        if point.sealed:
            *_, inside = opened(point.client(), point.datagram)
            for length in range(0, len(inside), STRIDE):
                client = point.client()
                seen[_checked(client, point, resealed(client, point.datagram, inside[:length]))] += 1
                ends(client, point.at, by_command=length % 2 == 0)
        else:
            for length in range(28, len(point.datagram)):
                client = point.client()
                result = _checked(client, point, fitting(point.datagram[:length]))
                assert result != "dropped"
                seen[result] += 1
                _never_established(client, point)
    _report("truncations", name, seen)
    assert any(result.startswith("failed: ") for result in seen)


def test_mutations_on_the_way() -> None:
    """Whoever is between can change any octet. What is sealed is dropped without a trace; IKE_SA_INIT is not sealed,
    but no changed one ever leads to an IKE_SA (the AUTH payloads cover it)."""
    random, seen = Random(7296), Counter[str]()
    everything = [point for recorded in POINTS.values() for point in recorded]
    while seen.total() < MUTATIONS // 2:
        sealed = random.randrange(4) > 0
        point = random.choice([point for point in everything if point.sealed is sealed])
        mutants = {plain(point.datagram, random) for _ in range(ROW if sealed else INIT_ROW)} - {point.datagram}
        client = point.client()
        for mutant in sorted(mutants):
            if sealed:
                assert feed(client, point, mutant) == "dropped"
                seen["dropped"] += 1
            else:
                another = point.client()
                seen[_checked(another, point, mutant)] += 1
                _never_established(another, point)
        goes_on(client, point)
    _report("mutations", "on the way", seen)
    assert seen["dropped"]
    assert seen["answered"]
    assert seen["failed: protocol-error"]


def test_mutations_by_the_gateway() -> None:
    """It has the keys: what it says is authentic and may still be anything. The engine answers, goes on or ends."""
    random, seen = Random(9370), Counter[str]()
    everything = [point for recorded in POINTS.values() for point in recorded if point.sealed]
    unproven = [point for point in everything if point.state is IkeState.AUTH]
    others = [(point.datagram[28], opened(point.client(), point.datagram)[2]) for point in everything]
    while seen.total() < MUTATIONS // 2:
        # nobody is authenticated yet in half of them: there a mistake would be the worst
        point = random.choice(unproven if random.randrange(2) else everything)
        client = point.client()
        for _ in range(HOSTILE_ROW):
            if owner(client, point.datagram) is not None:
                seen[_checked(client, point, hostile(client, point, others, random))] += 1
        ends(client, point.at, by_command=random.randrange(4) > 0)
    _report("mutations", "by the gateway", seen)
    for result in ("dropped", "answered", "failed: protocol-error", "failed: gateway-bad-signature",
                   "failed: gateway-closed"):
        assert seen[result], result


def _checked(client: Client, point: Point, data: bytes) -> str:
    """``feed``, and that nobody was believed who had not proven it."""
    before = sum(isinstance(event, ike.Established) for event in client.events)
    result = feed(client, point, data)
    if sum(isinstance(event, ike.Established) for event in client.events) > before:
        proven = next(e for e in replay(point.recording).accepted)
        mine = client.accepted[-1]
        assert (mine.auth_data, mine.octets, mine.id_data) == (proven.auth_data, proven.octets, proven.id_data)
        if point.recording.how["auth"] == "eap":
            assert _final_auth(point) in opened(point.client(), data)[2]
    return result


def _final_auth(point: Point) -> bytes:
    inside = opened(point.client(), point.datagram)[2]
    return next(p.data for p in parse_payloads(point.datagram[28], inside) if isinstance(p, AUTH))


def _never_established(client: Client, point: Point) -> None:
    """What was recorded next does not help a changed IKE_SA_INIT; where that was dropped, the real one does."""
    if client.events == [] and client.sent == point.client().sent and IkeState.INIT in point.states and all(
            sa.state is IkeState.INIT for sa in client.engine._ctx.sas.values()):
        goes_on(client, point)
        return
    real = point.client()
    real.take(*point.recording.steps[point.step])
    for step in point.recording.steps[point.step + 1:point.step + 6]:
        if step[1] == "receive":
            client.take(*step)
    if all(sa.state is IkeState.AUTH for sa in real.engine._ctx.sas.values()):
        # After a COOKIE or INVALID_KE_PAYLOAD it is our request that changes, which only the gateway can notice.
        assert not any(isinstance(event, ike.Established) for event in client.events)
    ends(client, point.recording.steps[point.step][0] + 1, by_command=False)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _report(what: str, of: str, seen: Counter[str]) -> None:
    print(f"{what}, {of}: {seen.total()}:", ", ".join(f"{count} {result}" for result, count in seen.most_common()))
