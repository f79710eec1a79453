"""The seam between roved's D-Bus face and the machinery that runs tunnels.

The face (service, methods) authorises, checks and stores; a ``ConnectionManager`` connects. Tests of the face use a
recording manager, tests of the manager need no bus.
"""

from collections.abc import Callable
from typing import Any, Protocol

from client.core.helper.agents import AgentSession
from client.core.helper.log import LogBook
from client.core.helper.owner import Owner
from client.model.profile import Profile
from client.model.state import TunnelState

# owner, and the document of ``Event`` without "time" (client.bus.interface); called in roved's event loop
OnEvent = Callable[[Owner, dict[str, Any]], None]


class ConnectionManager(Protocol):
    """Runs connections; one per (owner, profile name). Every method may raise RoveError."""

    async def start(self) -> None:
        """Called once, before everything else, on a clean host."""

    async def connect(self, owner: Owner, profile: Profile, agent: AgentSession, deadline: float, /) -> None:
        """Start, and return once the attempt runs; progress and failure come as events.

        ``agent`` asks the user who called Connect; it serves this connection until it ends (``prepare`` once per
        attempt). ``deadline`` in seconds from now, 0 = none: an attempt that is not connected by then fails, with
        TIMEOUT or a better cause. Raises ALREADY_ACTIVE, ANOTHER_FULL_TUNNEL.
        """

    async def disconnect(self, owner: Owner, name: str) -> None:
        """Returns when the host is clean. A connection that is not active is no error."""

    async def rekey(self, owner: Owner, name: str, what: str) -> None:
        """``what`` is "child" or "ike"; the connection is active."""

    async def reauthenticate(self, owner: Owner, name: str, sender: str) -> None:
        """Begin another IKE_SA beside the one in use; ``sender``'s agent is asked first. The connection is active."""

    def prepare_for_sleep(self, going: bool, /) -> None:
        """The machine goes to sleep, or (False) is awake again; also before ``start``."""

    def agent_came(self, uid: int) -> None:
        """This user has an agent that stays: what nobody could be asked for is asked now."""

    def states(self, owner: Owner) -> list[TunnelState]:
        """The connections of this owner that were started, also failed ones, in no particular order."""

    def is_active(self, owner: Owner, name: str) -> bool:
        """Is there something that must be disconnected before the profile may go?"""

    def owners(self) -> list[Owner]:
        """Everyone who has a connection."""

    async def shutdown(self) -> None:
        """All tunnels down, the host as it was before."""


ManagerFactory = Callable[[LogBook, OnEvent], ConnectionManager]
