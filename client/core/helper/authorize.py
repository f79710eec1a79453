"""Who calls, and may they: credentials from the bus daemon, the verdict from polkit.

The subject is the caller's unique bus name (polkit: "system-bus-name"): names are never reused by the daemon, so
unlike a process id it cannot be taken over between the question and the answer.
"""

import asyncio
import itertools
from collections import OrderedDict
from dataclasses import dataclass

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from client.core.helper.log import plain
from client.model.cause import Cause, RoveError

DBUS = "org.freedesktop.DBus"
_POLKIT = "org.freedesktop.PolicyKit1"
_POLKIT_PATH = "/org/freedesktop/PolicyKit1/Authority"
_POLKIT_INTERFACE = "org.freedesktop.PolicyKit1.Authority"
_ALLOW_INTERACTION = 1                 # CheckAuthorizationFlags: AllowUserInteraction
_CHECK_TIMEOUT = 25.0                  # s
_INTERACTIVE_TIMEOUT = 180.0           # s: a person types a password
_MAX_CACHED = 1024                     # callers; max_connections_per_user of the daemon is 256


@dataclass(frozen=True)
class Credentials:
    uid: int
    pid: int                           # 0 where the daemon does not know it; never used to authorise


class Authority:
    """Asks the bus daemon and polkit. Callers' credentials are kept until ``forget``."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._credentials: OrderedDict[str, Credentials] = OrderedDict()
        self._cancellation = itertools.count(1)

    async def credentials(self, sender: str) -> Credentials:
        """Raises RoveError(NOT_AUTHORISED) when the caller is gone."""
        if known := self._credentials.get(sender):
            return known
        reply = await self._call(DBUS, "/org/freedesktop/DBus", DBUS, "GetConnectionCredentials", "s", [sender])
        if reply.message_type is MessageType.ERROR:
            raise RoveError(Cause.NOT_AUTHORISED, "the caller is gone")
        values = {key: value.value for key, value in reply.body[0].items()}
        if "UnixUserID" not in values:
            raise RoveError(Cause.NOT_AUTHORISED, "the bus does not know the caller's user")
        found = Credentials(int(values["UnixUserID"]), int(values.get("ProcessID", 0)))
        self._credentials[sender] = found
        if len(self._credentials) > _MAX_CACHED:
            self._credentials.popitem(last=False)
        return found

    async def check(self, sender: str, action: str, interactive: bool = False) -> bool:
        """May this caller do ``action``? ``interactive``: polkit may ask for a password meanwhile.

        root may do everything, with or without polkit. Raises RoveError(NOT_AUTHORISED) when polkit cannot be asked.
        """
        if (await self.credentials(sender)).uid == 0:
            return True
        cancellation = f"rove-{next(self._cancellation)}" if interactive else ""
        try:
            async with asyncio.timeout(_INTERACTIVE_TIMEOUT if interactive else _CHECK_TIMEOUT):
                reply = await self._call(
                    _POLKIT, _POLKIT_PATH, _POLKIT_INTERFACE, "CheckAuthorization", "(sa{sv})sa{ss}us",
                    [["system-bus-name", {"name": Variant("s", sender)}], action, {},
                     _ALLOW_INTERACTION if interactive else 0, cancellation])
        except TimeoutError as error:
            self._cancel(cancellation)
            raise RoveError(Cause.NOT_AUTHORISED, "polkit does not answer") from error
        except asyncio.CancelledError:          # the caller vanished: its password dialogue must not stay
            self._cancel(cancellation)
            raise
        if reply.message_type is MessageType.ERROR:
            detail = plain(str(reply.body[0]), 200) if reply.signature == "s" else ""
            raise RoveError(Cause.NOT_AUTHORISED, f"polkit cannot be asked ({reply.error_name} {detail})")
        return reply.signature == "(bba{ss})" and bool(reply.body[0][0])

    def forget(self, sender: str) -> None:
        """The caller has left the bus."""
        self._credentials.pop(sender, None)

    def _cancel(self, cancellation: str) -> None:
        if cancellation and self._bus.connected:
            self._bus.send(Message(destination=_POLKIT, path=_POLKIT_PATH, interface=_POLKIT_INTERFACE,
                                   member="CancelCheckAuthorization", signature="s", body=[cancellation]))

    async def _call(self, destination: str, path: str, interface: str, member: str, signature: str,
                    body: list[object]) -> Message:
        return await self._bus.call(Message(destination=destination, path=path, interface=interface, member=member,
                                            signature=signature, body=body))
