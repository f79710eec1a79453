"""The line to roved, against the fake: an answer that an event overtook; roved comes late, goes, and refuses."""

import asyncio
import json
import os

import pytest

from client.gui.link import Link
from client.gui.view.known import Reach
from client.model.cause import Cause, RoveError
from tests.cli import samples
from tests.cli.bus import FakeRoved, private_bus
from tests.cli.samples import connected, state_event, status

PROFILES = [{"name": "work", "system": False, "auth": "psk", "gateway": "vpn.example.org", "state": ""}]


class Listener:
    def __init__(self):
        self.said = []

    def known_changed(self):
        pass

    def upgraded(self):
        self.said.append(("upgraded",))
        return True

    def __getattr__(self, name):
        return lambda *arguments: self.said.append((name, *arguments))


@pytest.fixture
def bus(tmp_path, monkeypatch):
    with private_bus(tmp_path) as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield address


def ready(fake):
    fake.answers |= {"ListProfiles": PROFILES, "Status": status(), "GetProfile": "version = 1\n"}
    return fake


def scene(script):
    async def run():
        listener = Listener()
        link = Link(listener, None, os.getuid())
        running = asyncio.ensure_future(link.run())
        try:
            await asyncio.wait_for(script(link, listener), 20)
        finally:
            running.cancel()
            await asyncio.wait([running])
    asyncio.run(run())


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came true")


def test_an_answer_that_an_event_overtook_is_the_older_one(bus):
    with FakeRoved(bus) as fake:
        ready(fake)

        async def script(link, _listener):
            await until(lambda: link.known.reach is Reach.READY)
            client = link.client
            asked = client.status

            async def slow(name=""):
                answer = await asked(name)      # roved says: nothing is connected
                await asyncio.to_thread(fake.emit_now, state_event(connected()))
                await until(lambda: link.known.tunnel("work") is not None)
                return answer
            client.status = slow
            link.refresh()
            await until(lambda: link.known.tunnel("work") is not None)
            await asyncio.sleep(0.1)
            assert link.known.tunnel("work").state == "connected"
        scene(script)


def test_roved_comes_late_goes_and_comes_back(bus):
    async def script(link, listener):
        await until(lambda: link.known.reach is Reach.NOT_RUNNING)
        for _ in range(2):
            with FakeRoved(bus) as fake:
                ready(fake).answers["Status"] = status(connected())
                await until(lambda: link.known.reach is Reach.READY)
                assert link.known.tunnel("work").state == "connected"
                await asyncio.to_thread(fake.end)
            await until(lambda: link.known.reach is Reach.NOT_RUNNING)
            assert ("lost", "work") in listener.said
            link.connect("work")
            await until(lambda: any(one[0] == "trouble" for one in listener.said))
    scene(script)


@pytest.mark.parametrize(("method", "limited", "reach"), [
    ("RegisterAgent", True, Reach.READY), ("Subscribe", False, Reach.NOT_AUTHORISED)])
def test_polkit_says_no_and_then_yes(bus, method, limited, reach):
    with FakeRoved(bus) as fake:
        ready(fake).answers[method] = RoveError(Cause.NOT_AUTHORISED, "not here")

        async def script(link, _listener):
            await until(lambda: link.known.reach is reach)
            assert link.known.limited is limited
            del fake.answers[method]
            await until(lambda: link.known.reach is Reach.READY and not link.known.limited)
        scene(script)


def test_a_refused_command_is_told_in_a_sentence(bus):
    with FakeRoved(bus) as fake:
        ready(fake).answers["Connect"] = RoveError(Cause.ANOTHER_FULL_TUNNEL, "home")

        async def script(link, listener):
            await until(lambda: link.known.reach is Reach.READY)
            link.connect("work")
            await until(lambda: listener.said)
            [(what, profile, error)] = listener.said
            assert (what, profile) == ("trouble", "work")
            assert error.message.startswith("Another connection already carries all traffic.")
        scene(script)


def test_connecting_waits_for_what_is_being_cleaned_up(bus):
    answers = [RoveError(Cause.ALREADY_ACTIVE), RoveError(Cause.ALREADY_ACTIVE), ""]
    with FakeRoved(bus) as fake:
        ready(fake).answers["Connect"] = lambda *_: answers.pop(0)

        async def script(link, listener):
            await until(lambda: link.known.reach is Reach.READY)
            link.connect("work")
            await until(lambda: not answers)
            assert listener.said == []
        scene(script)


def test_events_that_are_odd_do_not_deafen(bus):
    with FakeRoved(bus) as fake:
        ready(fake)

        async def script(link, _listener):
            await until(lambda: link.known.reach is Reach.READY)
            for odd in ({"kind": "state", "state": 3}, {"kind": "prompt", "deadline": []}, {"kind": "?"},
                        {"kind": "error", "connection": "work", "code": None}):
                await asyncio.to_thread(fake.emit_now, json.dumps({"connection": "work", **odd}))
            await asyncio.to_thread(fake.emit_now, samples.step("roaming", 1.0), state_event(connected()))
            await until(lambda: link.known.tunnel("work") is not None)
        scene(script)


def test_after_an_upgrade_the_tray_is_told_to_make_room_for_the_new_one(bus, monkeypatch):
    """That the file of the running program is gone is tested where there is one: tests/cli/test_agent.py."""
    monkeypatch.setattr("client.gui.link.is_upgraded", lambda: True)

    async def script(link, listener):
        with FakeRoved(bus) as fake:
            ready(fake)
            await until(lambda: link.known.reach is Reach.READY)
        await until(lambda: link.known.reach is Reach.NOT_RUNNING)
        assert ("upgraded",) not in listener.said
        with FakeRoved(bus) as fake:
            ready(fake)
            await until(lambda: ("upgraded",) in listener.said)
            assert fake.calls == []
    scene(script)
