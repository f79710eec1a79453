"""A private dbus-daemon and, on it, a fake roved with canned answers. It serves the tests of the front ends only."""

import asyncio
import json
import subprocess
import threading
from contextlib import contextmanager

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from client.bus.interface import (
    AGENT_INTERFACE,
    AGENT_METHODS,
    AGENT_PATH,
    BUS_NAME,
    EVENT_SIGNAL,
    INTERFACE,
    METHODS,
    OBJECT_PATH,
    error_name,
)
from client.model.cause import RoveError

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>"""


@contextmanager
def private_bus(folder):
    """→ its address."""
    with private_daemon(folder) as (address, _):
        yield address


@contextmanager
def private_daemon(folder):
    """→ its address, the process."""
    config = folder / "bus.conf"
    config.write_text(_CONFIG.format(folder=folder))
    daemon = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield daemon.stdout.readline().strip(), daemon
    finally:
        daemon.terminate()
        daemon.wait(10)
        daemon.stdout.close()


class FakeRoved:
    """Runs in a thread of its own. ``answers``: method → value, exception, or a function of (fake, sender, *arguments)
    that returns one of these (a coroutine function runs as a task after the reply)."""

    def __init__(self, address):
        self.answers = {}
        self.after = {}         # method → coroutine function (fake, sender, *arguments), run once the reply is out
        self.calls = []
        self.subscribers = []
        self._address = address
        self._ready = threading.Event()
        self._tasks = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(10)

    def end_soon(self):
        """From inside."""
        self._ended.set()

    def called(self, method):
        return [arguments for name, _, arguments in self.calls if name == method]

    async def emit(self, *events, sender=None):
        """To all subscribers, as roved does it: unicast."""
        for event in events:
            for subscriber in self.subscribers:
                text = event if isinstance(event, str) else json.dumps({"time": "2026-05-04T10:00:00.000Z", **event})
                await self.bus.send(Message(
                    destination=subscriber, path=OBJECT_PATH, interface=INTERFACE, member=EVENT_SIGNAL,
                    message_type=MessageType.SIGNAL, signature="s", body=[text]))

    def emit_now(self, *events):
        """From the test's thread."""
        asyncio.run_coroutine_threadsafe(self.emit(*events), self._loop).result(10)

    async def agent(self, sender, method, *arguments):
        """→ the reply's body, or its error's name and text."""
        reply = await self.bus.call(Message(
            destination=sender, path=AGENT_PATH, interface=AGENT_INTERFACE, member=method,
            signature=AGENT_METHODS[method].signature, body=list(arguments)))
        return (reply.error_name, *reply.body) if reply.message_type is MessageType.ERROR else reply.body

    async def _main(self):
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self.bus = await MessageBus(self._address).connect()
        self.bus.add_message_handler(self._handle)
        await self.bus.request_name(BUS_NAME)
        self._ready.set()
        await self._ended.wait()
        for task in self._tasks:
            task.cancel()
        self.bus.disconnect()

    def _handle(self, message):
        if message.message_type is not MessageType.METHOD_CALL or message.path != OBJECT_PATH:
            return None
        row = METHODS[message.member]
        assert (message.interface, message.signature) == (INTERFACE, row.signature)
        self.calls.append((row.name, message.sender, message.body))
        if row.name == "Subscribe":
            self.subscribers.append(message.sender)
        answer = self.answers.get(row.name)
        if callable(answer):
            answer = answer(*message.body)
        if row.name in self.after:
            task = self._loop.create_task(self.after[row.name](self, message.sender, *message.body))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if isinstance(answer, RoveError):
            return Message.new_error(message, error_name(answer.cause.code), answer.detail)
        if isinstance(answer, tuple):
            return Message.new_error(message, *answer)
        if row.returns == "":
            return Message.new_method_return(message)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Message.new_method_return(message, row.returns, [text])
