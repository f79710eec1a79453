"""roved's parts put together: who knows whom, in one place."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from dbus_fast import BusType, Message, NameFlag, RequestNameReply
from dbus_fast.aio import MessageBus

from client.bus.interface import BUS_NAME
from client.bus.patience import patient
from client.core.helper.agents import AgentRegistry
from client.core.helper.authorize import Authority
from client.core.helper.credentials import CredentialStore
from client.core.helper.events import Subscribers
from client.core.helper.log import LogBook
from client.core.helper.methods import Methods
from client.core.helper.owner import Owner
from client.core.helper.pause import Pauses
from client.core.helper.protocols import ManagerFactory
from client.core.helper.service import Service
from client.core.helper.sessions import Sessions
from client.core.helper.standing import Standing
from client.core.helper.starter import Starter
from client.core.helper.store import ProfileStore
from client.model.state import rfc3339

_logger = logging.getLogger("rove.main")


async def connect_bus() -> MessageBus:
    """The system bus, or what DBUS_SYSTEM_BUS_ADDRESS says. Raises OSError, ValueError, EOFError.

    Descriptor passing is not negotiated: no method takes any, and so nobody can fill our table with them.
    """
    return patient(await MessageBus(bus_type=BusType.SYSTEM).connect())


class Roved:
    """``start``, ``open`` once the host is clean, ``stop``."""

    def __init__(self, bus: MessageBus, manager_factory: ManagerFactory, config_dir: Path, state_dir: Path,
                 run_dir: Path) -> None:
        self._bus = bus
        self._log = LogBook(time.time)
        self._subscribers = Subscribers(bus)
        self._log.on_line = self._subscribers.publish_line
        self._manager = manager_factory(self._log, self._event)
        self._sessions = Sessions(bus, self._user_left, self._manager.prepare_for_sleep)
        self._agents = AgentRegistry(bus, self._sessions.is_active)
        credentials = CredentialStore(state_dir)
        self._pauses = Pauses(run_dir, self._pause_over)
        self._starter = Starter(self._manager, self._agents, credentials, self._log, Standing(run_dir), self._pauses)
        self._methods = Methods(self._manager, ProfileStore(state_dir, config_dir), credentials, self._starter,
                                self._pauses, self._agents, self._subscribers, self._log, rfc3339(time.time()))
        self._service = Service(bus, Authority(bus), self._methods.handlers(), self._name_gone, self._signal)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> bool:
        """Take the name. False: another roved has it."""
        await self._service.start()
        await self._sessions.start()
        return await self._bus.request_name(BUS_NAME, NameFlag.DO_NOT_QUEUE) is RequestNameReply.PRIMARY_OWNER

    async def open(self) -> None:
        """Calls run from now on. Raises RoveError when the host's network cannot be watched."""
        await self._manager.start()
        self._service.open()
        await self._methods.connect_system()
        self._pauses.start()

    async def stop(self) -> None:
        """Tunnels down, host clean, name released, in this order: who waits for the name to go may rely on it."""
        self._pauses.close()
        await self._service.stop()
        try:
            await self._manager.shutdown()
        finally:
            self._methods.close()
            if self._bus.connected:
                await self._bus.release_name(BUS_NAME)
                self._bus.disconnect()

    def _name_gone(self, name: str) -> None:
        self._agents.remove(name)
        self._subscribers.remove(name)

    def _signal(self, message: Message) -> None:
        self._sessions.handle_signal(message)

    def _event(self, owner: Owner, document: dict[str, Any]) -> None:
        if document.get("kind") == "state":
            self._pauses.mark(owner, document["state"])
        self._subscribers.publish(owner, document)
        if document.get("kind") == "error" and document.get("final"):
            self._starter.failed(owner, document["connection"])

    def _user_left(self, uid: int) -> None:
        """A user's tunnels end with the last session; the machine's stay."""
        self._starter.user_left(Owner(uid))
        self._later(self._end_of(Owner(uid)))

    def _pause_over(self, owner: Owner, name: str, uid: int | None) -> None:
        self._later(self._methods.resume(owner, name, uid))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_of(self, owner: Owner) -> None:
        for state in self._manager.states(owner):
            try:
                await self._manager.disconnect(owner, state.name)
            except Exception:       # one that fails must not keep the others up
                _logger.exception("disconnecting after the user has left")
