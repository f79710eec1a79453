"""The connections there are, and what they share: marks, interfaces, the host, the network monitor."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from client.core.datapath.child_process import Nursery
from client.core.helper.agents import AgentSession
from client.core.helper.connection import Connection
from client.core.helper.fetch import Fetcher
from client.core.helper.ladder import Memory
from client.core.helper.log import LogBook
from client.core.helper.machine_settings import MachineSettings
from client.core.helper.owner import Owner
from client.core.helper.revocation import Revocation
from client.core.helper.sleep import SleepWatch
from client.core.helper.surroundings import Surroundings
from client.core.platform.conventions import MAX_CONNECTIONS, interface_name, mark
from client.core.platform.host import Host
from client.core.platform.netmon import NetworkChange, NetworkMonitor
from client.model.cause import Cause, RoveError
from client.model.profile import Profile
from client.model.state import TunnelState


class Manager:
    """A ConnectionManager. ``on_event`` hears Event documents with their owner; ``clock`` is CLOCK_BOOTTIME."""

    def __init__(self, host: Host, log: LogBook, on_event: Callable[[Owner, dict[str, Any]], None],
                 settings: MachineSettings | None = None,
                 clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)) -> None:
        self._host = host
        self._log = log
        self._on_event = on_event
        self._connections: dict[tuple[Owner, str], tuple[Connection, int, Profile]] = {}
        self._settings = settings or MachineSettings()
        self._nursery = Nursery()
        self._fetcher = Fetcher()
        self._revocation = Revocation(self._fetcher.fetch)
        self._memory = Memory()
        self._clock = clock
        self._sleep = SleepWatch(self._woke, clock)
        self._monitor = NetworkMonitor(self._network_changed, self._network_stirs)

    async def start(self) -> None:
        await self._monitor.start()
        self._sleep.start()
        self._nursery.prepare(asyncio.get_running_loop())

    async def connect(self, owner: Owner, profile: Profile, agent: AgentSession, deadline: float) -> None:
        if self.is_active(owner, profile.name):
            raise RoveError(Cause.ALREADY_ACTIVE, profile.name)
        active = [(index, other) for connection, index, other in self._connections.values() if connection.active]
        if profile.tunnel.full and any(other.tunnel.full for _, other in active):
            raise RoveError(Cause.ANOTHER_FULL_TUNNEL)
        index = next((n for n in range(MAX_CONNECTIONS) if n not in {used for used, _ in active}), None)
        if index is None:
            raise RoveError(Cause.HOST_SETUP, f"there are {MAX_CONNECTIONS} connections already")
        name = profile.name
        connection = Connection(profile, agent, deadline, Surroundings(
            host=self._host, event=lambda document: self._on_event(owner, {"connection": name, **document}),
            log=lambda level, text: self._log.write(owner, name, level, text), nursery=self._nursery,
            memory=self._memory, index=index, interface=interface_name(index), mark=mark(index), clock=self._clock,
            alone=lambda: self._is_alone(profile), fetcher=self._fetcher, settings=self._settings,
            revocation=self._revocation))
        self._connections[owner, name] = (connection, index, profile)
        connection.start()

    async def disconnect(self, owner: Owner, name: str) -> None:
        entry = self._connections.get((owner, name))
        if entry is not None:
            await entry[0].disconnect()

    async def rekey(self, owner: Owner, name: str, what: str) -> None:
        entry = self._connections.get((owner, name))
        if entry is not None:
            entry[0].rekey(what)

    async def reauthenticate(self, owner: Owner, name: str, sender: str) -> None:
        entry = self._connections.get((owner, name))
        if entry is not None:
            entry[0].reauthenticate(sender)

    def agent_came(self, uid: int) -> None:
        for connection, _, _ in self._connections.values():
            if connection.asks == uid:
                connection.agent_came()

    def _is_alone(self, profile: Profile) -> bool:
        """Has no other connection the same user at the same gateway?"""
        others = [other for connection, _, other in self._connections.values()
                  if connection.active and other is not profile]
        return not any(other.gateway.identity == profile.gateway.identity for other in others)

    def states(self, owner: Owner) -> list[TunnelState]:
        return [entry[0].state() for (of, _), entry in self._connections.items() if of == owner]

    def is_active(self, owner: Owner, name: str) -> bool:
        entry = self._connections.get((owner, name))
        return entry is not None and entry[0].active

    def owners(self) -> list[Owner]:
        return list(dict.fromkeys(owner for owner, _ in self._connections))

    async def shutdown(self) -> None:
        self._monitor.close()
        self._sleep.close()
        self._nursery.close()
        await asyncio.gather(*(entry[0].disconnect() for entry in self._connections.values()))

    def prepare_for_sleep(self, going: bool) -> None:
        self._sleep.prepare_for_sleep(going)

    def _woke(self, slept: float) -> None:
        for connection, _, _ in self._connections.values():
            if connection.active:
                connection.woke(slept)

    def _network_stirs(self) -> bool:
        urgent = [connection.network_stirs() for connection, _, _ in self._connections.values() if connection.active]
        return any(urgent)

    def _network_changed(self, change: NetworkChange) -> None:
        for connection, _, _ in self._connections.values():
            if connection.active:
                connection.network_changed(change)
