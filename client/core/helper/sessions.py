"""What logind knows: whose session is active, who has left, and when the machine goes to sleep.

Without logind (containers, other init systems) nobody's session counts as active and nobody leaves.
"""

import asyncio
from collections.abc import Callable

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from client.core.helper.authorize import DBUS

_LOGIND = "org.freedesktop.login1"
_MANAGER_PATH = "/org/freedesktop/login1"
_MANAGER = "org.freedesktop.login1.Manager"
_TIMEOUT = 5.0            # s


class Sessions:
    """``on_user_left(uid)`` is called in the event loop after the user's last session ended, ``on_sleep(True)`` when
    the machine is about to sleep and ``on_sleep(False)`` when it is awake again."""

    def __init__(self, bus: MessageBus, on_user_left: Callable[[int], None], on_sleep: Callable[[bool], None]) -> None:
        self._bus = bus
        self._on_user_left = on_user_left
        self._on_sleep = on_sleep
        self._logind = ""              # unique name: anybody may send us a signal that says it is logind's

    async def start(self) -> None:
        for rule in (f"type='signal',sender='{_LOGIND}',interface='{_MANAGER}',member='UserRemoved'",
                     f"type='signal',sender='{_LOGIND}',interface='{_MANAGER}',member='PrepareForSleep'",
                     f"type='signal',sender='{DBUS}',member='NameOwnerChanged',arg0='{_LOGIND}'"):
            await self._call(DBUS, "/org/freedesktop/DBus", DBUS, "AddMatch", "s", [rule])
        reply = await self._call(DBUS, "/org/freedesktop/DBus", DBUS, "GetNameOwner", "s", [_LOGIND])
        if reply is not None:
            self._logind = str(reply.body[0])

    def handle_signal(self, message: Message) -> None:
        """Every signal roved receives passes here."""
        if message.sender == DBUS and message.member == "NameOwnerChanged" and message.body[0] == _LOGIND:
            self._logind = message.body[2]
        elif self._logind and message.sender == self._logind and message.interface == _MANAGER:
            match message.member, message.signature:
                case "UserRemoved", "uo":
                    self._on_user_left(message.body[0])
                case "PrepareForSleep", "b":
                    self._on_sleep(message.body[0])

    async def is_active(self, pid: int) -> bool:
        """Does the process belong to an active session? False when it is not known."""
        session = await self._call(_LOGIND, _MANAGER_PATH, _MANAGER, "GetSessionByPID", "u", [pid])
        if session is None or session.signature != "o":
            return False
        active = await self._call(_LOGIND, session.body[0], "org.freedesktop.DBus.Properties", "Get", "ss",
                                  ["org.freedesktop.login1.Session", "Active"])
        return active is not None and active.signature == "v" and active.body[0].value is True

    async def _call(self, destination: str, path: str, interface: str, member: str, signature: str,
                    body: list[object]) -> Message | None:
        """The reply, None for an error: logind may be absent."""
        if destination == _LOGIND and not self._logind:
            return None                # no activation: who has no logind does not get one by our question
        try:
            async with asyncio.timeout(_TIMEOUT):
                reply = await self._bus.call(Message(destination=destination, path=path, interface=interface,
                                                     member=member, signature=signature, body=body))
        except TimeoutError:
            return None
        return None if reply.message_type is MessageType.ERROR else reply
