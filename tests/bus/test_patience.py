"""A bus daemon that stands still for a while loses nobody's messages."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus

from client.bus.patience import patient

COUNT = 64
BIG = "x" * 60_000          # so that this many fill any socket buffer


@pytest.fixture
def daemon() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address"],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process, process.stdout.readline().strip()
    process.kill()      # it may stand still
    process.wait()
    process.stdout.close()


def test_a_burst_while_the_daemon_does_not_read(daemon: tuple[subprocess.Popen[str], str]) -> None:
    process, address = daemon

    async def burst() -> list[str]:
        bus = patient(await MessageBus(bus_address=address).connect())
        os.kill(process.pid, signal.SIGSTOP)
        calls = [asyncio.ensure_future(bus.call(Message(
            destination="org.freedesktop.DBus", path="/org/freedesktop/DBus", interface="org.freedesktop.DBus",
            member="NameHasOwner", signature="s", body=[f"a.b{number}{BIG}"]))) for number in range(COUNT)]
        await asyncio.sleep(0.2)
        assert not any(call.done() for call in calls)
        os.kill(process.pid, signal.SIGCONT)
        replies = await asyncio.wait_for(asyncio.gather(*calls), 10)
        bus.disconnect()
        return [reply.message_type.name for reply in replies if reply is not None]
    assert len(asyncio.run(burst())) == COUNT
