"""Connections that are down for a while, and come back by themselves."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from client.core.helper.owner import SYSTEM, Owner
from client.core.helper.pause import FILE, LONGEST, LOOK, Pauses
from client.texts import paused_until
from tests.helper.world import UIDS, profile, wait_for

ALICE, BOB = Owner(4711), Owner(4712)


class Clock:
    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def pauses(folder: Path, clock: Clock, over: list[tuple[Owner, str, int | None]] | None = None) -> Pauses:
    heard = [] if over is None else over
    return Pauses(folder, lambda *what: heard.append(what), clock, lambda: clock.now + 1_000_000)


def test_it_ends_when_it_is_over_and_once(tmp_path: Path) -> None:
    clock, over = Clock(), []

    async def story() -> None:
        made = pauses(tmp_path, clock, over)
        made.start()
        made.add(ALICE, "work", 4711, 60.0)
        made.add(SYSTEM, "machine", None, 120.0)
        clock.now += 59
        made._look()
        assert over == []
        clock.now += 1
        made._look()
        assert over == [(ALICE, "work", 4711)]
        clock.now += 3600       # a suspend: no timer ran
        made._look()
        assert over == [(ALICE, "work", 4711), (SYSTEM, "machine", None)]
        assert (made.names(ALICE), made._timer) == ([], None)      # nothing wakes us any more
    asyncio.run(story())


def test_the_timer_looks_at_the_end_and_now_and_then(tmp_path: Path) -> None:
    async def story() -> None:
        clock = Clock()
        made = pauses(tmp_path, clock)
        loop = asyncio.get_running_loop()
        made.add(ALICE, "long", 4711, 3600.0)
        assert made._timer is not None
        assert made._timer.when() - loop.time() == pytest.approx(LOOK, abs=1)
        made.add(ALICE, "short", 4711, 10.0)
        assert made._timer.when() - loop.time() == pytest.approx(10, abs=1)
        made.close()
    asyncio.run(story())


def test_status_says_until_when(tmp_path: Path) -> None:
    async def story() -> None:
        made = pauses(tmp_path, Clock())
        made.add(ALICE, "work", 4711, 60.0)
        shown = {"name": "work", "state": "disconnected", "findings": ({"code": "other", "message": ""},)}
        made.mark(ALICE, shown)
        assert [one["code"] for one in shown["findings"]] == ["other", "paused"]
        assert paused_until(shown["findings"]) == "1970-01-12T14:04:20.000Z"
        for owner, name, state in ((BOB, "work", "disconnected"), (ALICE, "home", "disconnected"),
                                   (ALICE, "work", "connecting")):
            other = {"name": name, "state": state}
            made.mark(owner, other)
            assert "findings" not in other
        made.close()
    asyncio.run(story())


def test_a_restart_of_roved_goes_on_pausing_and_a_reboot_does_not(tmp_path: Path) -> None:
    async def story() -> None:
        clock = Clock(500_000.0)
        before = pauses(tmp_path, clock)
        before.add(ALICE, "work", 4711, 60.0)
        before.add(BOB, "left", 4712, 60.0)
        before.forget(BOB)
        before.close()
        after = pauses(tmp_path, clock)
        assert (after.names(ALICE), after.names(BOB)) == (["work"], [])
        assert after.asked_by(ALICE, "work", None) == 4711
        assert pauses(tmp_path, Clock(10.0)).names(ALICE) == []         # the clock began anew
    asyncio.run(story())


@pytest.mark.parametrize("content", [b"", b"{", b"[[1]]", b'[["x", "work", 1, 1, 1]]', b'[[1, "work", "x", 1, 1]]',
                                     b"1", b'[[1, "work", NaN, 1, 1]]', b'[[1, "work", 1e999, 1, 1]]', b"\xff"])
def test_a_file_that_is_none_pauses_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert pauses(tmp_path, Clock()).names(Owner(1)) == []


# --- on the bus ---


def state_of(user, name):
    [one] = json.loads(user.call("Status", "s", name))["connections"]
    return one


@pytest.mark.interop
def test_pause_disconnects_and_connects_again(world, start):
    alice = start("alice")
    alice.call("RegisterAgent", "a{sv}", {"kind": {"v": ["s", "tray"]}})
    alice.call("ImportProfile", "sb", profile("pausing"), False)
    assert alice.call("Pause", "sd", "pausing", 60.0) == "Error.not_connected"
    alice.call("Connect", "sd", "pausing", 0.0)
    assert alice.call("Pause", "sd", "", 1.0) is None
    assert world.recorded(what="disconnect", name="pausing")["uid"] == UIDS["alice"]
    shown = state_of(alice, "pausing")
    assert (shown["state"], shown["findings"][0]["code"]) == ("disconnected", "paused")
    wait_for(lambda: len(world.record(what="connect", name="pausing")) == 2)
    assert state_of(alice, "pausing")["findings"] == []


@pytest.mark.interop
def test_connect_and_disconnect_end_a_pause_and_a_further_one_counts_anew(world, start):
    alice = start("alice")
    alice.call("ImportProfile", "sb", profile("undone"), False)
    alice.call("Subscribe")
    alice.call("Connect", "sd", "undone", 0.0)
    assert alice.call("Pause", "sd", "undone", 600.0) is None
    first = paused_until(state_of(alice, "undone")["findings"])
    assert alice.call("Pause", "sd", "", 6000.0) is None
    assert paused_until(state_of(alice, "undone")["findings"]) > first
    assert alice.call("Disconnect", "s", "undone") is None
    assert state_of(alice, "undone")["findings"] == []
    alice.call("Connect", "sd", "undone", 0.0)
    alice.call("Pause", "sd", "undone", 600.0)
    assert alice.call("Connect", "sd", "undone", 0.0) is None
    assert state_of(alice, "undone")["findings"] == []
    told = [event["state"] for event in alice.ask(op="heard", events=3)["events"] if event["kind"] == "state"]
    assert any(one.get("findings") for one in told)     # that it was paused for longer
    alice.call("Disconnect", "s", "")


@pytest.mark.interop
def test_without_an_agent_the_connection_waits_for_one(world, start):
    alice = start("alice")
    alice.call("ImportProfile", "sb", profile("orphan"), False)
    alice.call("Connect", "sd", "orphan", 0.0)
    alice.call("Pause", "sd", "orphan", 1.0)
    wait_for(lambda: not state_of(alice, "orphan")["findings"])
    time.sleep(0.2)
    assert len(world.record(what="connect", name="orphan")) == 1
    alice.call("RegisterAgent", "a{sv}", {"kind": {"v": ["s", "tray"]}})
    wait_for(lambda: len(world.record(what="connect", name="orphan")) == 2)
    alice.call("Disconnect", "s", "")


@pytest.mark.interop
@pytest.mark.parametrize("seconds", [0.0, -1.0, LONGEST + 1, "nan"])
def test_odd_lengths_are_refused(start, seconds):
    alice = start("alice")
    assert alice.call("Pause", "sd", "", float(seconds)) == "Error.InvalidArgs"


@pytest.mark.interop
def test_another_users_connection_is_not_paused(world, start):
    alice, bob = start("alice"), start("bob")
    alice.call("ImportProfile", "sb", profile("not-his"), False)
    alice.call("Connect", "sd", "not-his", 0.0)
    assert bob.call("Pause", "sd", "not-his", 60.0) == "Error.no_such_profile"
    assert bob.call("Pause", "sd", "", 60.0) == "Error.not_connected"
    assert state_of(alice, "not-his")["state"] == "connecting"
    alice.call("Disconnect", "s", "")
