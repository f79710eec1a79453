"""What roved's D-Bus methods do. The caller is authorised for the row's action when these run.

Answers about other users' profiles are those about profiles that do not exist.
"""

import asyncio
import functools
import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from dbus_fast import ErrorType, Variant

from client.bus.interface import ACTION_MANAGE_SYSTEM, ACTION_OTHERS
from client.core.helper.agents import KINDS, AgentRegistry
from client.core.helper.credentials import CredentialStore, check_named_files
from client.core.helper.events import Subscribers
from client.core.helper.log import LogBook
from client.core.helper.owner import SYSTEM, Owner
from client.core.helper.pause import LONGEST, Pauses
from client.core.helper.protocols import ConnectionManager
from client.core.helper.service import Caller, CallError, Handler
from client.core.helper.starter import Starter
from client.core.helper.store import NOT_THERE, ProfileStore, Stored, usable_profile
from client.model.cause import Cause, RoveError
from client.model.state import State, TunnelState, status_document

MAX_TIMEOUT = 86400.0         # s
IN_USE = "the profile is in use; disconnect it first"

T = TypeVar("T")


class Methods:
    """One coroutine per row of METHODS, in its order. ``started`` is RFC 3339: since when nothing was connected."""

    def __init__(self, manager: ConnectionManager, store: ProfileStore, credentials: CredentialStore, starter: Starter,
                 pauses: Pauses, agents: AgentRegistry, subscribers: Subscribers, log: LogBook, started: str) -> None:
        self._manager = manager
        self._store = store
        self._credentials = credentials
        self._starter = starter
        self._pauses = pauses
        self._agents = agents
        self._subscribers = subscribers
        self._log = log
        self._started = started
        # One thread: the disk does not hold up the event loop, and changes happen one after the other.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="store")

    def handlers(self) -> dict[str, Handler]:
        return {
            "ImportProfile": self.import_profile, "ImportSystemProfile": self.import_system_profile,
            "ListProfiles": self.list_profiles, "ReplaceProfile": self.replace_profile,
            "GetProfile": self.get_profile, "DeleteProfile": self.delete_profile, "Connect": self.connect,
            "Disconnect": self.disconnect, "Pause": self.pause, "Rekey": self.rekey, "Status": self.status,
            "Reauthenticate": self.reauthenticate, "Subscribe": self.subscribe, "Unsubscribe": self.unsubscribe,
            "Log": self.log, "RegisterAgent": self.register_agent, "UnregisterAgent": self.unregister_agent}

    def close(self) -> None:
        self._worker.shutdown(wait=True)

    async def import_profile(self, caller: Caller, text: str, system: bool) -> str:
        if system:
            await _need(caller, ACTION_MANAGE_SYSTEM)
        owner = SYSTEM if system else Owner(caller.uid)
        return (await self._in_store(self._store.add, owner, text)).name

    async def import_system_profile(self, caller: Caller, text: str, files: dict[str, bytes],
                                    secrets: dict[str, str]) -> str:
        """Credentials first: a profile that is there is whole. An existing one keeps its own."""
        profile = usable_profile(text)
        contents = {name: bytes(data) for name, data in files.items()}
        check_named_files(profile, contents)
        if await self._exists(SYSTEM, profile.name):
            raise RoveError(Cause.BAD_SETTINGS, f"there is a profile named {profile.name} already; delete it first, or "
                                                "import under another name")
        if contents or secrets:
            await self._in_store(self._credentials.put, profile.name, contents, secrets)
        try:
            if contents or secrets:
                await self._starter.system_agent().check(text)
            return (await self._in_store(self._store.add, SYSTEM, text)).name
        except BaseException:
            await self._in_store(self._credentials.remove, profile.name)
            raise

    async def list_profiles(self, caller: Caller) -> str:
        return json.dumps([
            {"name": stored.name, "system": owner == SYSTEM,
             "auth": stored.profile.user.auth if stored.profile else "",
             "gateway": stored.profile.gateway.address[0] if stored.profile else "",
             "state": self._state(owner, stored.name).state, **({"error": stored.error} if stored.error else {})}
            for owner in (Owner(caller.uid), SYSTEM) for stored in await self._in_store(self._store.all, owner)])

    async def get_profile(self, caller: Caller, name: str) -> str:
        return (await self._find(caller, name)).text

    async def replace_profile(self, caller: Caller, name: str, text: str) -> None:
        owner = Owner(caller.uid)
        if self._manager.is_active(owner, name):
            raise RoveError(Cause.ALREADY_ACTIVE, IN_USE)
        await self._in_store(self._store.replace, owner, name, text)

    async def delete_profile(self, caller: Caller, name: str) -> None:
        owner = (await self._find(caller, name)).owner
        if owner == SYSTEM:
            await _need(caller, ACTION_MANAGE_SYSTEM)
        if self._manager.is_active(owner, name):
            raise RoveError(Cause.ALREADY_ACTIVE, IN_USE)
        await self._in_store(self._store.delete, owner, name)
        self._pauses.remove(owner, name)
        if owner == SYSTEM:
            await self._in_store(self._credentials.remove, name)

    async def connect(self, caller: Caller, name: str, deadline: float) -> None:
        if not 0 <= deadline <= MAX_TIMEOUT:      # also false for NaN
            raise CallError(ErrorType.INVALID_ARGS, f"the timeout is 0 (none) to {MAX_TIMEOUT:.0f} seconds")
        await self._starter.connect(await self._find(caller, name), caller.uid, caller.sender, deadline)

    async def disconnect(self, caller: Caller, name: str) -> None:
        own = Owner(caller.uid)
        if not name:
            names = {*(state.name for state in self._manager.states(own)), *self._pauses.names(own)}
            await asyncio.gather(*(self._end(own, one) for one in names))
            return
        for owner in (own, SYSTEM):
            # The file of a profile that runs may have been removed by hand: the manager is asked first.
            if self._manager.is_active(owner, name) or await self._exists(owner, name):
                await self._end(owner, name)
                return
        # Asked whether or not somebody has a connection of this name: the answer must not tell.
        others = await caller.may(ACTION_OTHERS)
        theirs = [owner for owner in self._manager.owners() if others and self._manager.is_active(owner, name)]
        if not theirs:
            raise RoveError(Cause.NO_SUCH_PROFILE, NOT_THERE)
        await asyncio.gather(*(self._end(owner, name) for owner in theirs))

    async def _end(self, owner: Owner, name: str) -> None:
        paused = self._starter.left(owner, name)
        await self._manager.disconnect(owner, name)
        if paused:
            self._tell_state(owner, name)

    async def pause(self, caller: Caller, name: str, seconds: float) -> None:
        if not 1 <= seconds <= LONGEST:           # also false for NaN
            raise CallError(ErrorType.INVALID_ARGS, f"a pause lasts 1 to {LONGEST:.0f} seconds")
        own = Owner(caller.uid)
        if name:
            owner, names = (await self._find(caller, name)).owner, {name}
        else:
            owner = own
            names = {*(state.name for state in self._manager.states(own)), *self._pauses.names(own)}
        chosen = [one for one in names if self._manager.is_active(owner, one) or self._pauses.paused(owner, one)]
        if not chosen:
            raise RoveError(Cause.NOT_CONNECTED)
        await asyncio.gather(*(self._pause(owner, one, caller.uid, seconds) for one in chosen))

    async def _pause(self, owner: Owner, name: str, uid: int, seconds: float) -> None:
        again = self._pauses.paused(owner, name)
        self._starter.pause(owner, name, uid, seconds)
        await self._manager.disconnect(owner, name)
        self._log.write(owner, name, "info", f"paused for {seconds / 60:.0f} minutes")
        if again:
            self._tell_state(owner, name)

    async def resume(self, owner: Owner, name: str, uid: int | None) -> None:
        """A pause is over."""
        try:
            await self._starter.resume(await self._in_store(self._store.load, owner, name), uid)
        except RoveError as error:      # the profile's file has gone meanwhile
            self._log.write(owner, name, "warning", f"does not connect again: {error}")
        if not self._manager.is_active(owner, name):
            self._tell_state(owner, name)

    def _tell_state(self, owner: Owner, name: str) -> None:
        """The connection itself has not changed, what is to be said of it has."""
        state = self._state(owner, name).to_json()
        self._pauses.mark(owner, state)
        self._subscribers.publish(owner, {"connection": name, "kind": "state", "state": state})

    async def rekey(self, caller: Caller, name: str, what: str) -> None:
        if what not in ("child", "ike"):
            raise CallError(ErrorType.INVALID_ARGS, 'rekey what: "child" or "ike"')
        owner = (await self._find(caller, name)).owner
        if not self._manager.is_active(owner, name):
            raise RoveError(Cause.NOT_CONNECTED)
        await self._manager.rekey(owner, name, what)

    async def reauthenticate(self, caller: Caller, name: str) -> None:
        owner = (await self._find(caller, name)).owner
        if not self._manager.is_active(owner, name):
            raise CallError(ErrorType.FAILED, f"{name} is not connected")
        await self._manager.reauthenticate(owner, name, caller.sender)

    async def status(self, caller: Caller, name: str) -> str:
        owners = (Owner(caller.uid), SYSTEM)
        there = [(owner, state) for owner in owners for state in (*self._manager.states(owner), *self._paused(owner))
                 if name in ("", state.name)]
        if name and not there:
            owner = (await self._find(caller, name)).owner
            there = [(owner, self._state(owner, name))]
        document = status_document([state for _, state in there])
        for (owner, _), connection in zip(there, document["connections"], strict=True):
            self._pauses.mark(owner, connection)
        return json.dumps(document)

    def _paused(self, owner: Owner) -> list[TunnelState]:
        """Those that were not up since this roved was started."""
        known = {state.name for state in self._manager.states(owner)}
        return [self._state(owner, name) for name in self._pauses.names(owner) if name not in known]

    async def subscribe(self, caller: Caller) -> None:
        self._subscribers.add(caller.sender, caller.uid)

    async def unsubscribe(self, caller: Caller) -> None:
        self._subscribers.remove(caller.sender)

    async def log(self, caller: Caller, since: float) -> str:
        if not math.isfinite(since):
            raise CallError(ErrorType.INVALID_ARGS, "the time is Unix time in seconds")
        return json.dumps([line.to_json() for line in self._log.since(since, caller.uid)])

    async def register_agent(self, caller: Caller, options: dict[str, Variant]) -> None:
        kind = options.get("kind")
        if kind is None or kind.value not in KINDS:
            raise CallError(ErrorType.INVALID_ARGS, f"kind is one of {', '.join(KINDS)}")
        self._agents.register(caller.sender, caller.uid, caller.pid, kind.value)
        if self._starter.stays(kind.value):
            self._manager.agent_came(caller.uid)
            for owner in (Owner(caller.uid), SYSTEM):
                await self._starter.by_themselves(await self._in_store(self._store.all, owner), caller.uid)

    async def connect_system(self) -> None:
        """At roved's start, before anybody logs in."""
        await self._starter.by_themselves(await self._in_store(self._store.all, SYSTEM))

    async def unregister_agent(self, caller: Caller) -> None:
        self._agents.remove(caller.sender)

    async def _find(self, caller: Caller, name: str) -> Stored:
        """The caller's own profile, else the machine's. Raises RoveError(NO_SUCH_PROFILE)."""
        own = Owner(caller.uid)
        owner = own if await self._exists(own, name) else SYSTEM
        return await self._in_store(self._store.load, owner, name)

    async def _exists(self, owner: Owner, name: str) -> bool:
        return await self._in_store(self._store.exists, owner, name)

    def _state(self, owner: Owner, name: str) -> TunnelState:
        known = {state.name: state for state in self._manager.states(owner)}
        return known.get(name) or TunnelState(name, State.DISCONNECTED.value, self._started)

    async def _in_store(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._worker, functools.partial(function, *arguments))


async def _need(caller: Caller, action: str) -> None:
    """Raises RoveError(NOT_AUTHORISED)."""
    if not await caller.may(action):
        raise RoveError(Cause.NOT_AUTHORISED, f"polkit does not allow {action} here")
