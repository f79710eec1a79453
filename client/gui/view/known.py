"""What the tray knows at a moment, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from client.gui.view.documents import ProfileRow, is_active
from client.model.state import State, TunnelState


class Reach(Enum):
    """Can roved be talked to?"""

    STARTING = "starting"
    READY = "ready"
    NOT_RUNNING = "not-running"        # no system bus, no roved on it, or it went away
    NOT_AUTHORISED = "not-authorised"  # polkit says no


@dataclass(frozen=True)
class Known:
    """``tunnels`` by profile; ``asking``: profiles whose question is open on this desktop. ``reach_detail`` is
    technical, one line. ``limited``: polkit lets us look, but not connect or answer, from this session."""

    reach: Reach = Reach.STARTING
    reach_detail: str = ""
    limited: bool = False
    profiles: tuple[ProfileRow, ...] = ()
    tunnels: Mapping[str, TunnelState] = field(default_factory=dict)
    asking: frozenset[str] = frozenset()

    def tunnel(self, name: str) -> TunnelState | None:
        return self.tunnels.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Profiles and whatever else runs, what is active first, each by its name."""
        every = {row.name for row in self.profiles} | {name for name in self.tunnels if is_active(self.tunnel(name))}
        return tuple(sorted(every, key=lambda name: (not is_active(self.tunnel(name)), name.casefold(), name)))

    def row(self, name: str) -> ProfileRow:
        return next((row for row in self.profiles if row.name == name), ProfileRow(name))

    def with_tunnel(self, tunnel: TunnelState) -> "Known":
        return replace(self, tunnels={**self.tunnels, tunnel.name: tunnel})

    def with_asking(self, name: str, open_: bool) -> "Known":
        return replace(self, asking=self.asking | {name} if open_ else self.asking - {name})

    def cut_off(self, reach: Reach, detail: str = "") -> "Known":
        """roved cannot be asked: what was known of the tunnels is known no more."""
        return Known(reach, detail, asking=self.asking)


def is_protected(tunnel: TunnelState | None) -> bool:
    """Does the traffic that is meant for the tunnel stay in it, whether it gets anywhere or not?

    roved keeps the routes from the first success to the end, through lost networks and new attempts; the addresses
    inside tell that there was a success.
    """
    if tunnel is None:
        return False
    if tunnel.state in (State.CONNECTED.value, State.ROAMING.value):
        return True
    return bool(tunnel.virtual_ips) and tunnel.state in (
        State.OFFLINE.value, State.RECONNECTING.value, State.BLOCKED.value, State.WAITING_FOR_USER.value)
