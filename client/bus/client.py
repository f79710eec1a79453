"""VpnClient: roved's D-Bus interface as typed calls, for the command line and the desktop alike.

dbus-fast is imported when a connection is made: ``rove --help`` and usage errors do without.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from client.bus.connection import BusConnection, new_owner, open_bus, owner_rule
from client.bus.interface import BUS_NAME, EVENT_SIGNAL, INTERFACE, METHODS, OBJECT_PATH
from client.bus.replies import CALL_TIMEOUT, CallFailed, RovedNotRunning, parsed_document, parsed_documents
from client.model.cause import Cause, RoveError

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

__all__ = ["CallFailed", "RovedNotRunning", "VpnClient", "VpnEvent"]

# polkit may ask for a password meanwhile, and Disconnect returns only when the host is clean
PATIENT_TIMEOUT = 180.0
MAX_WAITING_EVENTS = 10_000
_PATIENT = frozenset({"ImportProfile", "ImportSystemProfile", "ReplaceProfile", "DeleteProfile", "Connect",
                      "Disconnect", "Pause", "Rekey", "Reauthenticate"})


@dataclass(frozen=True)
class VpnEvent:
    """One Event signal. ``fields`` is the whole document; kinds and fields: client.bus.interface."""

    kind: str
    connection: str
    time: str
    fields: Mapping[str, Any] = field(repr=False)


class VpnClient:
    """``async with VpnClient() as client``. Every method raises RoveError (also CallFailed) or RovedNotRunning."""

    def __init__(self) -> None:
        self._connection: BusConnection | None = None
        self._owner = ""                # roved's unique name, once it answered Subscribe
        self._owned = asyncio.Event()
        self._watching = False
        self._early: list[Message] | None = None    # while we wait for Subscribe's answer: what overtakes it
        self._events: asyncio.Queue[VpnEvent | Exception] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._connection = BusConnection(await open_bus(), self._on_message, self._on_lost)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection:
            self._connection.close()

    @property
    def bus(self) -> "MessageBus":
        """The connection, for an agent that is to be hosted on it."""
        return self._open.bus

    # --- one method per row of METHODS ---

    async def import_profile(self, toml: str, system: bool = False) -> str:
        """→ the name that the profile has now."""
        return str(await self._call("ImportProfile", toml, system))

    async def import_system_profile(self, toml: str, files: Mapping[str, bytes], secrets: Mapping[str, str]) -> str:
        """With the credentials that roved is to keep → the name that the profile has now."""
        return str(await self._call("ImportSystemProfile", toml, dict(files), dict(secrets)))

    async def list_profiles(self) -> list[dict[str, Any]]:
        """→ ``name``, ``system``, ``auth``, ``gateway``, ``state`` of each."""
        return parsed_documents(await self._call("ListProfiles"))

    async def get_profile(self, name: str) -> str:
        """→ TOML."""
        return str(await self._call("GetProfile", name))

    async def replace_profile(self, name: str, toml: str) -> None:
        """Of an own profile. Refused, the old one stays."""
        await self._call("ReplaceProfile", name, toml)

    async def delete_profile(self, name: str) -> None:
        await self._call("DeleteProfile", name)

    async def connect(self, name: str, timeout: float = 0.0) -> None:   # noqa: ASYNC109 - roved's, not ours
        """Starts; ``timeout`` in seconds, 0 = none. Progress comes by ``events``."""
        await self._call("Connect", name, float(timeout))

    async def disconnect(self, name: str = "") -> None:
        """Empty: all own connections. Returns when the host is clean."""
        await self._call("Disconnect", name)

    async def pause(self, name: str, seconds: float) -> None:
        """Empty: all own connections. Disconnects as ``disconnect`` does; roved connects again after the time."""
        await self._call("Pause", name, float(seconds))

    async def rekey(self, name: str, what: str = "child") -> None:
        """``what``: "child" or "ike"."""
        await self._call("Rekey", name, what)

    async def reauthenticate(self, name: str) -> None:
        """Begins another IKE_SA beside the one in use; this caller's agent is asked first."""
        await self._call("Reauthenticate", name)

    async def status(self, name: str = "") -> dict[str, Any]:
        """→ the object of ``rove status --json``."""
        return parsed_document(await self._call("Status", name))

    async def subscribe(self) -> None:
        """From now on ``events`` has something to say."""
        await self._watch_owner()
        early: list[Message] = []
        self._early = early
        try:
            self._owner = (await self._reply("Subscribe")).sender or ""
        finally:
            self._early = None
            for message in early:       # they came after the reply, but before we were told of it
                self._on_message(message)

    async def unsubscribe(self) -> None:
        self._owner = ""
        await self._call("Unsubscribe")

    async def log(self, since: float) -> list[dict[str, Any]]:
        """Lines since this Unix time: ``time``, ``connection``, ``level``, ``text``."""
        return parsed_documents(await self._call("Log", float(since)))

    async def register_agent(self, kind: str) -> None:
        """``kind``: "cli", "agent" or "tray". The agent is to be there already, on ``bus``."""
        from dbus_fast import Variant
        await self._call("RegisterAgent", {"kind": Variant("s", kind)})

    async def unregister_agent(self) -> None:
        await self._call("UnregisterAgent")

    # --- what roved tells by itself ---

    async def events(self) -> AsyncIterator[VpnEvent]:
        """Needs ``subscribe`` first. Raises RovedNotRunning when roved or the bus goes away."""
        while True:
            item = await self._events.get()
            if isinstance(item, Exception):
                raise item
            yield item

    async def wait_for_roved(self) -> None:
        """Returns when somebody owns roved's name (again). Raises RovedNotRunning when the bus goes away."""
        self._owned.clear()
        await self._watch_owner()
        if not await self._open.ask_bus("NameHasOwner", BUS_NAME):
            await self._owned.wait()
            await self._open.ask_bus("NameHasOwner", BUS_NAME)     # woken by the end of the bus: says so

    @property
    def _open(self) -> BusConnection:
        if self._connection is None:
            raise RuntimeError("VpnClient is used outside its context")
        return self._connection

    async def _call(self, name: str, *arguments: Any) -> Any:
        reply = await self._reply(name, *arguments)
        if reply.signature != METHODS[name].returns:
            raise RoveError(Cause.INTERNAL, f"{name} answered with {reply.signature!r}")
        return reply.body[0] if reply.body else None

    async def _reply(self, name: str, *arguments: Any) -> "Message":
        from dbus_fast import Message, MessageFlag
        row = METHODS[name]
        patient = name in _PATIENT
        return await self._open.exchange(
            Message(destination=BUS_NAME, path=OBJECT_PATH, interface=INTERFACE, member=row.name,
                    signature=row.signature, body=list(arguments),
                    flags=MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION if patient else MessageFlag.NONE),
            PATIENT_TIMEOUT if patient else CALL_TIMEOUT)

    async def _watch_owner(self) -> None:
        if not self._watching:
            await self._open.ask_bus("AddMatch", owner_rule(BUS_NAME))
            self._watching = True

    def _on_message(self, message: "Message") -> None:
        if self._early is not None:
            if len(self._early) < MAX_WAITING_EVENTS:
                self._early.append(message)
            return
        owner = new_owner(message, BUS_NAME)
        if owner is not None:
            if owner:
                self._owned.set()
            if self._owner and message.body[1] == self._owner:
                self._owner = ""
                self._put(RovedNotRunning("roved ended"))
        elif (self._owner and message.sender == self._owner and message.interface == INTERFACE
              and message.path == OBJECT_PATH and message.member == EVENT_SIGNAL and message.signature == "s"):
            self._put(_event(message.body[0]))

    def _on_lost(self, error: Exception) -> None:
        self._owned.set()
        self._put(error)

    def _put(self, item: VpnEvent | Exception) -> None:
        if self._events.qsize() < MAX_WAITING_EVENTS:
            self._events.put_nowait(item)
        elif self._events.qsize() == MAX_WAITING_EVENTS:
            self._events.put_nowait(RoveError(Cause.INTERNAL, "events came faster than they were read"))


def _event(text: str) -> VpnEvent | Exception:
    try:
        fields = parsed_document(text)
    except RoveError as error:
        return error
    return VpnEvent(str(fields.get("kind", "")), str(fields.get("connection", "")), str(fields.get("time", "")), fields)
