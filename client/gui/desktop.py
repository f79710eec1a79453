"""The session bus: one tray per session, notifications, and who shows tray icons.

Without a session bus there is a window and nothing else; nothing here raises.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from client.gui.view.notices import Notice

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

log = logging.getLogger(__name__)

NAME = "org.rovevpn.Rove"
PATH = "/org/rovevpn/Rove"
_APPLICATION = "org.freedesktop.Application"    # Desktop Entry Specification, D-Bus activation
_NOTIFICATIONS = "org.freedesktop.Notifications"
_NOTIFICATIONS_PATH = "/org/freedesktop/Notifications"
_WATCHER = "org.kde.StatusNotifierWatcher"
_BUS = "org.freedesktop.DBus"
_BUS_PATH = "/org/freedesktop/DBus"
_TIMEOUT = 5.0          # s
MAX_FILES = 16


class Desktop:
    """``on_open(files, token)``, ``on_action(name, token)``: another start of ours, or the desktop, wants something;
    ``on_host(there)``: a StatusNotifier host came or went; ``on_notice(profile, action, token)``: of a notification.
    The token lets a window take the focus under Wayland."""

    def __init__(self, on_open: Callable[[list[str], str], None], on_action: Callable[[str, str], None],
                 on_host: Callable[[bool], None], on_notice: Callable[[str, str, str], None]) -> None:
        self._on_open, self._on_action = on_open, on_action
        self._on_host, self._on_notice = on_host, on_notice
        self._bus: MessageBus | None = None
        self._ids: dict[str, int] = {}          # profile → the notification that is shown

        self._token = ""                        # xdg-activation token of the next action
        self._can: frozenset[str] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._talking: dict[str, asyncio.Lock] = {}

    async def start(self) -> bool:
        """True: we are the only one (or nobody can tell). False: another tray runs in this session."""
        from dbus_fast import BusType, DBusFastError, NameFlag, RequestNameReply
        from dbus_fast.aio import MessageBus
        try:
            self._bus = await asyncio.wait_for(MessageBus(bus_type=BusType.SESSION).connect(), _TIMEOUT)
            self._bus.add_message_handler(self._handle)
            for rule in (f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{_WATCHER}'",
                         f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{_NOTIFICATIONS}'",
                         f"type='signal',interface='{_NOTIFICATIONS}',path='{_NOTIFICATIONS_PATH}'"):
                await self._call(_BUS, _BUS_PATH, _BUS, "AddMatch", "s", [rule])
            got = await self._bus.request_name(NAME, NameFlag.DO_NOT_QUEUE)
        except (DBusFastError, OSError, EOFError, ValueError, TimeoutError) as error:
            log.info("no session bus: %s", error)
            self._bus = None
            return True
        return got in (RequestNameReply.PRIMARY_OWNER, RequestNameReply.ALREADY_OWNER)

    async def has_host(self) -> bool:
        """Is somebody there who shows StatusNotifier icons?"""
        return bool(await self._call(_BUS, _BUS_PATH, _BUS, "NameHasOwner", "s", [_WATCHER]))

    async def hand_over(self, files: Sequence[str], action: str) -> None:
        """To the tray that runs: what we were started for."""
        from dbus_fast import Variant
        token = os.environ.get("XDG_ACTIVATION_TOKEN") or os.environ.get("DESKTOP_STARTUP_ID") or ""
        data = {"activation-token": Variant("s", token)} if token else {}
        if action:
            await self._call(NAME, PATH, _APPLICATION, "ActivateAction", "sava{sv}", [action, [], data])
        elif files:
            uris = [uri(file) for file in files[:MAX_FILES]]
            await self._call(NAME, PATH, _APPLICATION, "Open", "asa{sv}", [uris, data])
        else:
            await self._call(NAME, PATH, _APPLICATION, "Activate", "a{sv}", [data])

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._bus is not None:
            self._bus.disconnect()

    # --- notifications ---

    def notify(self, notice: Notice) -> None:
        """Replaces what this profile's last one said."""
        self._do(self._notify(notice))

    def withdraw(self, profile: str) -> None:
        self._do(self._withdraw(profile))

    async def _notify(self, notice: Notice) -> None:
        from dbus_fast import Variant
        async with self._talking.setdefault(notice.profile, asyncio.Lock()):
            if self._can is None:
                self._can = frozenset(await self._say("GetCapabilities", "", []) or ())
            actions = [part for action in (("default", ""), *notice.actions) for part in action] \
                if "actions" in self._can else []
            hints = {"urgency": Variant("y", notice.urgency), "desktop-entry": Variant("s", NAME),
                     "category": Variant("s", "network")}
            if notice.persistent:
                hints["resident"] = Variant("b", True)
            else:
                hints["transient"] = Variant("b", notice.urgency == 0)
            body = _escaped(notice.body) if "body-markup" in self._can else notice.body
            shown = await self._say("Notify", "susssasa{sv}i", [
                "Rove", self._ids.get(notice.profile, 0), f"{notice.icon}-symbolic", notice.title, body, actions,
                hints, 0 if notice.persistent else -1])
            if isinstance(shown, int):
                self._ids[notice.profile] = shown

    async def _withdraw(self, profile: str) -> None:
        async with self._talking.setdefault(profile, asyncio.Lock()):
            number = self._ids.pop(profile, 0)
            if number:
                await self._say("CloseNotification", "u", [number])

    async def _say(self, member: str, signature: str, body: list[Any]) -> Any:
        return await self._call(_NOTIFICATIONS, _NOTIFICATIONS_PATH, _NOTIFICATIONS, member, signature, body)

    # --- what comes ---

    def _handle(self, message: "Message") -> "Message | None":
        from dbus_fast import MessageType
        if message.message_type is MessageType.SIGNAL:
            self._signal(message)
            return None
        if (message.message_type is MessageType.METHOD_CALL and message.path == PATH
                and message.interface == _APPLICATION):
            return self._method(message)
        return None

    def _signal(self, message: "Message") -> None:
        if message.sender == _BUS and message.member == "NameOwnerChanged" and message.signature == "sss":
            name, _, owner = message.body
            if name == _WATCHER:
                self._on_host(bool(owner))
            elif name == _NOTIFICATIONS:
                self._ids.clear()       # another server knows nothing of our numbers
                self._can = None
        elif message.interface == _NOTIFICATIONS:
            profile = next((name for name, number in self._ids.items()
                            if message.body and number == message.body[0]), None)
            if profile is None:
                return
            if message.member == "ActivationToken" and message.signature == "us":
                self._token = message.body[1]
            elif message.member == "ActionInvoked" and message.signature == "us":
                token, self._token = self._token, ""
                self._on_notice(profile, message.body[1], token)
            elif message.member == "NotificationClosed":
                self._ids.pop(profile, None)

    def _method(self, message: "Message") -> "Message":
        from dbus_fast import Message
        if message.member == "Activate" and message.signature == "a{sv}":
            self._on_open([], _token(message.body[0]))
        elif message.member == "Open" and message.signature == "asa{sv}":
            self._on_open(list(message.body[0])[:MAX_FILES], _token(message.body[1]))
        elif message.member == "ActivateAction" and message.signature == "sava{sv}":
            self._on_action(message.body[0], _token(message.body[2]))
        else:
            return Message.new_error(message, f"{_BUS}.Error.UnknownMethod", "there is no such method")
        return Message.new_method_return(message)

    # --- plumbing ---

    def _do(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, destination: str, path: str, interface: str, member: str, signature: str,
                    body: list[Any]) -> Any:
        """→ the first value of the reply; None for errors, and where there is no bus."""
        from dbus_fast import DBusFastError, Message, MessageType
        if self._bus is None or not self._bus.connected:
            return None
        with contextlib.suppress(DBusFastError, OSError, EOFError, TimeoutError):
            reply = await asyncio.wait_for(self._bus.call(Message(
                destination=destination, path=path, interface=interface, member=member, signature=signature,
                body=body)), _TIMEOUT)
            if reply.message_type is not MessageType.ERROR:
                return reply.body[0] if reply.body else None
            log.info("%s: %s", member, reply.error_name)
        return None


def _token(data: dict[str, Any]) -> str:
    value = data.get("activation-token")
    return str(value.value)[:1024] if value is not None and value.signature == "s" else ""


def uri(path: str) -> str:
    """A file's, for another process with another working folder."""
    from urllib.parse import quote
    return "file://" + quote(os.path.abspath(path))


def _escaped(text: str) -> str:
    """Servers with body-markup would take a gateway's < for theirs."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
