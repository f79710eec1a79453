"""The agent over a real private D-Bus daemon: whom it obeys, and what passes."""

import asyncio
import multiprocessing
import os
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus

from client.agent.export import AgentExport
from client.agent.prompts import PromptCancelled
from client.agent.service import AgentService
from client.bus.interface import AGENT_INTERFACE, AGENT_METHODS, AGENT_PATH, BUS_NAME, error_code
from tests.agent.material import EAP_PROFILE, PSK_PROFILE, Answers
from tests.eap.mschap_server import MsChapServer

DENIED = "org.freedesktop.DBus.Error.AccessDenied"
UID = os.getuid()
NOBODY = 65534
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
<allow user="*"/></policy></busconfig>"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A bus that lets everybody call everybody: what is refused here, the agent refuses."""
    with tempfile.TemporaryDirectory(prefix="rove-agent-") as folder:
        path = Path(folder)
        path.chmod(0o755)
        (path / "bus.conf").write_text(CONFIG.format(path=path))
        daemon = subprocess.Popen(["dbus-daemon", f"--config-file={path}/bus.conf", "--nofork", "--print-address"],
                                  stdout=subprocess.PIPE, text=True)
        assert daemon.stdout is not None
        yield daemon.stdout.readline().strip()
        daemon.terminate()
        daemon.wait()
        daemon.stdout.close()


class Setting:
    """One agent and one roved on the bus."""

    def __init__(self, address: str, *answers: Any, trusted_uid: int = UID) -> None:
        self.address = address
        self.prompter = Answers(list(answers))
        self.service = AgentService(self.prompter)
        self.trusted_uid = trusted_uid

    async def __aenter__(self) -> "Setting":
        self.agent_bus = await MessageBus(bus_address=self.address).connect()
        self.roved = await MessageBus(bus_address=self.address).connect()
        await self.roved.request_name(BUS_NAME)
        self.export = AgentExport(self.agent_bus, self.service, self.trusted_uid)
        await self.export.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.export.stop()
        for bus in (self.agent_bus, self.roved):
            bus.disconnect()
            await bus.wait_for_disconnect()

    async def call(self, member: str, *body: Any, bus: MessageBus | None = None, **changes: Any) -> Message:
        row = AGENT_METHODS.get(member)
        options = {"destination": self.agent_bus.unique_name, "path": AGENT_PATH, "interface": AGENT_INTERFACE,
                   "member": member, "signature": row.signature if row else "", "body": list(body)} | changes
        reply = await (bus or self.roved).call(Message(**options))
        assert reply is not None
        return reply

    async def other_bus(self) -> MessageBus:
        return await MessageBus(bus_address=self.address).connect()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scenario()
    asyncio.run(bounded())


async def close(bus: MessageBus) -> None:
    bus.disconnect()
    await bus.wait_for_disconnect()


def test_a_whole_eap_login(address: str) -> None:
    async def scenario() -> None:
        async with Setting(address, "pw") as lab:
            prepared = await lab.call("Prepare", "work", EAP_PROFILE, "connect", 30.0)
            assert prepared.signature == "a{sv}"
            [result] = prepared.body
            assert {key: (value.signature, value.value) for key, value in result.items()} == {
                "certificates": ("aay", []), "signatures": ("as", []), "identity": ("s", ""),
                "eap_identity": ("s", "alice@lab.test")}
            server = MsChapServer("alice@lab.test", "pw", bytes(16))
            packet = server.start()
            while True:
                reply = await lab.call("Eap", "work", packet)
                assert reply.signature == "ayay", reply.body
                response, msk = reply.body
                if not response:
                    break
                packet = server.answer(bytes(response))
            assert bytes(msk) == server.msk
            assert (await lab.call("Cancel", "work")).message_type is MessageType.METHOD_RETURN
            assert error_code((await lab.call("Eap", "work", packet)).error_name or "") == "not-authorised"
    run(scenario)


def test_causes_travel_as_error_names_with_a_detail(address: str) -> None:
    async def scenario() -> None:
        async with Setting(address, PromptCancelled("not now")) as lab:
            reply = await lab.call("Prepare", "work", PSK_PROFILE, "connect", 30.0)
            assert (error_code(reply.error_name or ""), reply.body) == ("prompt-cancelled", ["not now"])
    run(scenario)


def test_wrong_signatures_and_unknown_members(address: str) -> None:
    async def scenario() -> None:
        async with Setting(address) as lab:
            for member in AGENT_METHODS:
                reply = await lab.call(member, signature="i", body=[1])
                assert reply.error_name == "org.freedesktop.DBus.Error.InvalidArgs", member
            unknown = "org.freedesktop.DBus.Error.UnknownMethod"
            assert (await lab.call("Sign", signature="", body=[])).error_name == unknown
            assert (await lab.call("Cancel", "x", path="/other")).error_name == unknown
            assert (await lab.call("Cancel", "x", interface="org.example.Other")).error_name == unknown
            assert (await lab.call("Cancel", "x", interface=None)).message_type is MessageType.METHOD_RETURN
    run(scenario)


def test_others_are_refused_and_nobody_is_asked(address: str) -> None:
    async def scenario() -> None:
        async with Setting(address, "pw") as lab:
            stranger = await lab.other_bus()
            for member, body in (("Prepare", ("work", EAP_PROFILE, "connect", 30.0)), ("Cancel", ("work",)),
                                 ("Eap", ("work", b"\x01\x01\x00\x05\x01"))):
                reply = await lab.call(member, *body, bus=stranger)
                assert reply.error_name == DENIED
            assert lab.prompter.asked == []
            await close(stranger)
    run(scenario)


def test_an_owner_of_another_uid_is_refused(address: str) -> None:
    async def scenario() -> None:
        async with Setting(address, trusted_uid=UID + 1) as lab:
            assert (await lab.call("Cancel", "work")).error_name == DENIED
    run(scenario)


def test_the_name_s_next_owner_is_obeyed_and_the_last_one_is_not(address: str) -> None:
    async def scenario() -> None:
        async with Setting(address, "pw") as lab:
            await lab.call("Prepare", "work", EAP_PROFILE, "connect", 30.0)
            await lab.roved.release_name(BUS_NAME)
            assert (await lab.call("Cancel", "work")).error_name == DENIED
            successor = await lab.other_bus()
            await successor.request_name(BUS_NAME)
            assert (await lab.call("Cancel", "work")).error_name == DENIED
            # what the first one prepared is forgotten
            reply = await lab.call("Eap", "work", b"\x01\x01\x00\x05\x01", bus=successor)
            assert error_code(reply.error_name or "") == "not-authorised"
            await close(successor)
    run(scenario)


def test_a_roved_that_dies_takes_its_prompt_away(address: str) -> None:
    async def scenario() -> None:
        async with Setting(address, None) as lab:
            await lab.roved.send(Message(
                destination=lab.agent_bus.unique_name, path=AGENT_PATH, interface=AGENT_INTERFACE, member="Prepare",
                signature="sssd", body=["work", EAP_PROFILE, "connect", 30.0],
                flags=MessageFlag.NO_REPLY_EXPECTED))
            await lab.prompter.shown.wait()
            await lab.roved.release_name(BUS_NAME)
            await lab.prompter.withdrawn.wait()
    run(scenario)


def test_an_agent_may_come_before_roved(address: str) -> None:
    async def scenario() -> None:
        agent_bus = await MessageBus(bus_address=address).connect()
        export = AgentExport(agent_bus, AgentService(Answers([])), UID)
        await export.start()
        roved = await MessageBus(bus_address=address).connect()
        await roved.request_name(BUS_NAME)
        reply = await roved.call(Message(destination=agent_bus.unique_name, path=AGENT_PATH, member="Cancel",
                                         interface=AGENT_INTERFACE, signature="s", body=["work"]))
        assert reply is not None
        assert reply.message_type is MessageType.METHOD_RETURN
        await export.stop()
        reply = await roved.call(Message(destination=agent_bus.unique_name, path=AGENT_PATH, member="Cancel",
                                         interface=AGENT_INTERFACE, signature="s", body=["work"]))
        assert reply is not None
        assert reply.error_name == "org.freedesktop.DBus.Error.UnknownMethod"
        await close(agent_bus)
        await close(roved)
    run(scenario)


def test_floods_are_answered_with_an_error(address: str) -> None:
    async def scenario() -> None:
        async with Setting(address, *[None] * 64) as lab:
            calls = [asyncio.create_task(lab.call("Prepare", f"work{i}", EAP_PROFILE.replace("work", f"work{i}"),
                                                  "connect", 0.5)) for i in range(64)]
            errors = {(await call).error_name for call in calls}
            assert "org.freedesktop.DBus.Error.LimitsExceeded" in errors
            assert error_code((await lab.call("Eap", "x", b"")).error_name or "") == "not-authorised"
    run(scenario)


def test_secrets_and_surprises_stay_out_of_replies(address: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with Setting(address, ValueError("tops3cret")) as lab:
            reply = await lab.call("Prepare", "work", EAP_PROFILE, "connect", 30.0)
            assert error_code(reply.error_name or "") == "internal"
            assert "tops3cret" not in str(reply.body)
            assert "tops3cret" not in caplog.text
    run(scenario)


@pytest.mark.skipif(UID != 0, reason="needs root to be two users")
def test_a_real_second_user_who_owns_the_name_is_refused(address: str) -> None:
    async def as_nobody(agent_name: str) -> Message:
        bus = await MessageBus(bus_address=address).connect()
        await bus.request_name(BUS_NAME)
        reply = await bus.call(Message(destination=agent_name, path=AGENT_PATH, interface=AGENT_INTERFACE,
                                       member="Cancel", signature="s", body=["work"]))
        assert reply is not None
        return reply

    def child(agent_name: str, results: Any) -> None:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        reply = asyncio.run(as_nobody(agent_name))
        results.put((os.getuid(), reply.error_name))

    async def scenario() -> None:
        async with Setting(address) as lab:
            await lab.roved.release_name(BUS_NAME)
            fork = multiprocessing.get_context("fork")
            results = fork.SimpleQueue()
            process = fork.Process(target=child, args=(lab.agent_bus.unique_name, results))
            process.start()
            await asyncio.to_thread(process.join, 10)
            assert results.get() == (NOBODY, DENIED)
    run(scenario)
