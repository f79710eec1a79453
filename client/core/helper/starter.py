"""How connections begin: because somebody says so, or by themselves (``policy.autoconnect``)."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from client.core.helper.agents import AgentRegistry, AgentSession
from client.core.helper.credentials import CredentialStore
from client.core.helper.log import LogBook
from client.core.helper.owner import SYSTEM, Owner
from client.core.helper.pause import Pauses
from client.core.helper.protocols import ConnectionManager
from client.core.helper.standing import Standing
from client.core.helper.store import Stored
from client.model.cause import Cause, RoveError

if TYPE_CHECKING:
    from client.core.helper.system_agent import SystemAgent

_STAYING = ("agent", "tray")      # kinds of agents that come with a session; one of a command goes with it


class Starter:
    """A system profile with stored credentials is served by roved itself, whoever begins it."""

    def __init__(self, manager: ConnectionManager, agents: AgentRegistry, credentials: CredentialStore, log: LogBook,
                 standing: Standing, pauses: Pauses) -> None:
        self._manager = manager
        self._agents = agents
        self._credentials = credentials
        self._log = log
        self._standing = standing
        self._pauses = pauses
        self._left: set[tuple[Owner, str]] = set()      # ended by hand: not begun by ourselves until begun by hand
        self._system: SystemAgent | None = None

    async def connect(self, stored: Stored, uid: int | None, sender: str | None, deadline: float) -> None:
        """Raises RoveError: BAD_SETTINGS, ALREADY_ACTIVE …"""
        if stored.profile is None:
            raise RoveError(Cause.BAD_SETTINGS, stored.error)
        if self._manager.is_active(stored.owner, stored.name):
            raise RoveError(Cause.ALREADY_ACTIVE, "it is connected or connecting already")
        if stored.owner == SYSTEM and await asyncio.to_thread(self._credentials.has, stored.name):
            from client.core.helper.system_agent import SystemSession
            agent: AgentSession = SystemSession(self.system_agent(), self._agents, uid, sender, stored.profile,
                                                stored.text)
        else:
            agent = AgentSession(self._agents, uid, sender, stored.name, stored.text)
        await self._manager.connect(stored.owner, stored.profile, agent, deadline)
        self._left.discard((stored.owner, stored.name))
        self._pauses.remove(stored.owner, stored.name)
        self._standing.add(stored.owner, stored.name, uid)

    def left(self, owner: Owner, name: str) -> bool:
        """Somebody has ended it. Was it paused?"""
        self._left.add((owner, name))
        self._standing.remove(owner, name)
        return self._pauses.remove(owner, name)

    def pause(self, owner: Owner, name: str, uid: int, seconds: float) -> None:
        """``uid`` says so. Who wanted it up is asked again when it is over."""
        wanted_by = self._pauses.asked_by(owner, name, self._standing.asked_by(owner, name, uid))
        self.left(owner, name)
        self._pauses.add(owner, name, wanted_by, seconds)

    async def resume(self, stored: Stored, uid: int | None) -> None:
        """Its pause is over. Without an agent of the user it waits for one."""
        self._left.discard((stored.owner, stored.name))
        if stored.owner != SYSTEM and uid is not None and not self._agents.serves(uid):
            self._standing.wait_for_agent(stored.owner, stored.name, uid)
            self._log.write(stored.owner, stored.name, "info", "the pause is over; waits for somebody to ask")
            return
        await self._by_itself(stored, uid)

    def failed(self, owner: Owner, name: str) -> None:
        """It has ended for a cause that only a person can mend."""
        self._standing.remove(owner, name)

    def user_left(self, owner: Owner) -> None:
        """With the user's next session all begins anew."""
        self._left = {entry for entry in self._left if entry[0] != owner}
        self._standing.forget(owner)
        self._pauses.forget(owner)

    async def by_themselves(self, profiles: Iterable[Stored], uid: int | None = None) -> None:
        """Those that want it: the machine's when roved starts, a user's when an agent that stays has come; and those
        that stood when roved was started anew."""
        for stored in profiles:
            # with a smartcard the agent tells, when the card is there
            automatic = (stored.profile is not None and stored.profile.policy.autoconnect
                         and not stored.profile.user.on_token and (stored.owner == SYSTEM) is (uid is None))
            wanted = automatic or self._standing.stood(stored.owner, stored.name, uid)
            if not wanted or (stored.owner, stored.name) in self._left:
                continue
            if not self._pauses.paused(stored.owner, stored.name):
                await self._by_itself(stored, uid)

    async def _by_itself(self, stored: Stored, uid: int | None) -> None:
        if self._manager.is_active(stored.owner, stored.name):
            return
        try:
            await self.connect(stored, uid, None, 0.0)
        except RoveError as error:      # another full tunnel is up already, say
            self._log.write(stored.owner, stored.name, "warning", f"does not connect by itself: {error}")

    @staticmethod
    def stays(kind: str) -> bool:
        return kind in _STAYING

    def system_agent(self) -> "SystemAgent":
        """Made, and its code loaded, where there is something for it to do."""
        if self._system is None:
            from client.core.helper.system_agent import SystemAgent
            self._system = SystemAgent(
                self._credentials, lambda name, text: self._log.write(SYSTEM, name, "warning", text))
        return self._system
