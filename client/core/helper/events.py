"""Events to those who subscribed: unicast, each sees its own connections and the machine's."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from client.bus.interface import EVENT_SIGNAL, INTERFACE, OBJECT_PATH
from client.core.helper.log import Line
from client.core.helper.owner import Owner
from client.model.cause import Cause, RoveError
from client.model.state import rfc3339

MAX_SUBSCRIBERS = 128
MAX_SUBSCRIBERS_PER_USER = 16
MAX_WAITING = 1000          # events per subscriber not yet taken over by the bus daemon; more are dropped


@dataclass
class _Subscriber:
    sender: str
    uid: int
    waiting: int = 0


class Subscribers:
    """``clock`` gives Unix time."""

    def __init__(self, bus: MessageBus, clock: Callable[[], float] = time.time) -> None:
        self._bus = bus
        self._clock = clock
        self._subscribers: dict[str, _Subscriber] = {}

    def add(self, sender: str, uid: int) -> None:
        """Twice is once. Raises RoveError(NOT_AUTHORISED) when there are too many."""
        if sender in self._subscribers:
            return
        if (len(self._subscribers) >= MAX_SUBSCRIBERS
                or sum(other.uid == uid for other in self._subscribers.values()) >= MAX_SUBSCRIBERS_PER_USER):
            raise RoveError(Cause.NOT_AUTHORISED, "there are too many subscribers")
        self._subscribers[sender] = _Subscriber(sender, uid)

    def remove(self, sender: str) -> None:
        self._subscribers.pop(sender, None)

    def publish(self, owner: Owner, event: dict[str, Any]) -> None:
        """``event`` is the document of the Event signal; its "time" is now unless it says so."""
        seeing = [one for one in self._subscribers.values() if owner.visible_to(one.uid)]
        if not seeing or not self._bus.connected:
            return
        # Telling waits for doing: marshalling is no part of a handshake's time. Two turns of the loop, so that a
        # question to the agent, whose task begins in the next one, is the first that its process hears.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._tell, seeing, {"time": rfc3339(self._clock()), **event})

    def _tell(self, seeing: list[_Subscriber], event: dict[str, Any]) -> None:
        document = json.dumps(event)
        for subscriber in seeing:
            if subscriber.waiting < MAX_WAITING and self._bus.connected:
                self._send(subscriber, document)

    def publish_line(self, line: Line) -> None:
        """LogBook.on_line."""
        self.publish(line.owner, {"time": rfc3339(line.time), "connection": line.connection, "kind": "log",
                                  "level": line.level, "text": line.text})

    def _send(self, subscriber: _Subscriber, document: str) -> None:
        sent = self._bus.send(Message(destination=subscriber.sender, path=OBJECT_PATH, interface=INTERFACE,
                                      member=EVENT_SIGNAL, message_type=MessageType.SIGNAL, signature="s",
                                      body=[document]))
        subscriber.waiting += 1

        def done(_: object) -> None:
            subscriber.waiting -= 1
            if not sent.cancelled():
                sent.exception()        # a broken bus is main's business; here it must only be looked at
        sent.add_done_callback(done)
