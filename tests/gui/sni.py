"""A panel without pixels: StatusNotifierWatcher and host, and a notification server, on the session bus.

``python -m tests.gui.sni`` reads one JSON command per line and answers each with one line:
{"do": "registered"} | {"do": "forget"} | {"do": "props"} | {"do": "menu"} | {"do": "click", "text": …} |
{"do": "activate"} | {"do": "notices"} |
{"do": "invoke", "id": …, "action": …} | {"do": "leave"} | {"do": "return"}
"""

import asyncio
import json
import sys
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

WATCHER, WATCHER_PATH = "org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher"
ITEM, MENU = "org.kde.StatusNotifierItem", "com.canonical.dbusmenu"
NOTIFICATIONS = "org.freedesktop.Notifications"
PROPERTIES = "org.freedesktop.DBus.Properties"


class Panel:
    """dbus-fast's decorated services do not know the sender, and a watcher is told only a path by some."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.item: tuple[str, str] | None = None
        self.registered = asyncio.Event()
        self.notices: dict[int, dict[str, Any]] = {}
        self.history: list[dict[str, Any]] = []
        self._last = 0
        bus.add_message_handler(self.handle)

    def handle(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.interface == WATCHER and message.member == "RegisterStatusNotifierItem":
            [service] = message.body
            self.item = (message.sender, service if service.startswith("/") else "/StatusNotifierItem")
            self.registered.set()
            return Message.new_method_return(message)
        if message.interface == WATCHER:
            return Message.new_method_return(message)
        if message.path == WATCHER_PATH and message.interface == PROPERTIES and message.member == "Get":
            values = {"IsStatusNotifierHostRegistered": Variant("b", True), "ProtocolVersion": Variant("i", 0),
                      "RegisteredStatusNotifierItems": Variant("as", [])}
            return Message.new_method_return(message, "v", [values[message.body[1]]])
        if message.interface == NOTIFICATIONS:
            return self.notification(message)
        return None

    def notification(self, message: Message) -> Message:
        match message.member:
            case "GetCapabilities":
                return Message.new_method_return(message, "as", [["actions", "body", "persistence", "body-markup"]])
            case "Notify":
                _, replaces, icon, title, body, actions, hints, timeout = message.body
                if replaces not in self.notices:
                    self._last += 1
                    replaces = self._last
                shown = {"id": replaces, "icon": icon, "title": title, "body": body, "timeout": timeout,
                         "actions": actions[::2], "urgency": hints["urgency"].value,
                         "resident": "resident" in hints}
                self.notices[replaces] = shown
                self.history.append(shown)
                return Message.new_method_return(message, "u", [replaces])
            case "CloseNotification":
                self.notices.pop(message.body[0], None)
                return Message.new_method_return(message)
        return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "")

    async def call(self, member: str, signature: str = "", body: list[Any] | None = None, interface: str = ITEM,
                   path: str = "") -> list[Any]:
        assert self.item is not None
        reply = await self.bus.call(Message(destination=self.item[0], path=path or self.item[1], interface=interface,
                                            member=member, signature=signature, body=body or []))
        if reply.message_type is MessageType.ERROR:
            raise RuntimeError(f"{member}: {reply.error_name} {reply.body}")
        return list(reply.body)

    async def props(self) -> dict[str, Any]:
        [values] = await self.call("GetAll", "s", [ITEM], PROPERTIES)
        pixmaps = values["IconPixmap"].value if "IconPixmap" in values else []
        return {"IconName": values["IconName"].value, "Status": values["Status"].value,
                "Title": values["Title"].value, "Id": values["Id"].value, "Menu": values["Menu"].value,
                "ToolTip": values["ToolTip"].value[2:], "pixmaps": [[w, h, hash(bytes(d))] for w, h, d in pixmaps]}

    async def entries(self, nested: bool = False) -> list[tuple[int, dict[str, Any]]]:
        """``nested``: also those of the menus inside."""
        path = (await self.props())["Menu"]
        await self.call("AboutToShow", "i", [0], MENU, path)
        [_, layout] = await self.call("GetLayout", "iias", [0, -1, []], MENU, path)
        found, waiting = [], list(layout[2])
        while waiting:
            number, properties, inside = waiting.pop(0).value
            found.append((number, {key: value.value for key, value in properties.items()}))
            waiting += inside if nested else []
        return found

    async def click(self, text: str) -> bool:
        path = (await self.props())["Menu"]
        for number, entry in await self.entries(nested=True):
            if plain(entry) == text and entry.get("enabled", True):
                await self.call("Event", "isvu", [number, "clicked", Variant("s", ""), 0], MENU, path)
                return True
        return False


def plain(entry: dict[str, Any]) -> str:
    return str(entry.get("label", "")).replace("__", "\0").replace("_", "").replace("\0", "_")


async def serve() -> None:
    bus = await MessageBus(bus_type=BusType.SESSION).connect()
    panel = Panel(bus)
    await bus.request_name(NOTIFICATIONS)
    await bus.request_name(WATCHER)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"ready": True}), flush=True)
    while line := await reader.readline():
        command = json.loads(line)
        try:
            answer: Any = await answered(panel, bus, command)
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


async def answered(panel: Panel, bus: MessageBus, command: dict[str, Any]) -> Any:
    match command["do"]:
        case "registered":
            await asyncio.wait_for(panel.registered.wait(), 15)
            return True
        case "forget":
            panel.registered.clear()
            return True
        case "props":
            return await panel.props()
        case "menu":
            return [[plain(entry), entry.get("enabled", True)] for _, entry in await panel.entries()
                    if entry.get("type") != "separator"]
        case "click":
            return await panel.click(command["text"])
        case "activate":
            return await panel.call("Activate", "ii", [1, 1])
        case "notices":
            return list(panel.notices.values())
        case "history":
            return panel.history
        case "invoke":
            await bus.send(Message(message_type=MessageType.SIGNAL, path="/org/freedesktop/Notifications",
                                   interface=NOTIFICATIONS, member="ActionInvoked", signature="us",
                                   body=[command["id"], command["action"]]))
            return True
        case "leave":
            panel.registered.clear()
            await bus.release_name(WATCHER)
            return True
        case "return":
            await bus.request_name(WATCHER)
            return True
    raise ValueError(command)


if __name__ == "__main__":
    asyncio.run(serve())
