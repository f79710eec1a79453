"""Known → what the tray shows: icon, tooltip, menu."""

from collections.abc import Callable
from datetime import datetime

from client.gui.view.documents import is_active
from client.gui.view.entries import Command, Entry, TrayView
from client.gui.view.known import Known, Reach, is_protected
from client.gui.view.paths import via
from client.gui.view.pause_view import choices, is_paused, paused_text
from client.model.state import State, TunnelState
from client.model.units import duration, parse_time
from client.texts import state_text
from client.texts import translated as _

MAX_DIRECT = 6      # profiles in the menu itself; more inactive ones go into a menu of their own

# state → icon; the first row that fits one of the connections wins: what needs a person comes first
ICONS = (
    (State.WAITING_FOR_USER.value, "rove-attention"),
    (State.BLOCKED.value, "rove-blocked"),
    (State.CONNECTING.value, "rove-acquiring"),
    (State.RECONNECTING.value, "rove-acquiring"),
    (State.OFFLINE.value, "rove-offline"),
    (State.FAILED.value, "rove-failed"),
    (State.ROAMING.value, "rove-connected"),
    (State.CONNECTED.value, "rove-connected"),
)
IDLE = "rove-disconnected"
UNREACHABLE = "rove-unavailable"


def tray_view(known: Known, now: datetime, link_kind: Callable[[str], str] = lambda interface: "") -> TrayView:
    """``link_kind``: an interface's name → a key of ``paths.KINDS``, or empty."""
    if known.reach is not Reach.READY:
        says = reach_text(known.reach)
        return TrayView(IDLE if known.reach is Reach.STARTING else UNREACHABLE, f"Rove: {says}",
                        (Entry(says), *_foot()))
    tunnels = [tunnel for name in known.names if (tunnel := known.tunnel(name))]
    return TrayView(state_icon(*tunnels), _tooltip(tunnels), (*_profiles(known, now, link_kind), *_foot()))


def state_icon(*tunnels: TunnelState) -> str:
    states = {tunnel.state for tunnel in tunnels}
    return next((icon for state, icon in ICONS if state in states), IDLE)


def reach_text(reach: Reach) -> str:
    return {Reach.STARTING: _("Starting …"),
            Reach.READY: _("Ready"),
            Reach.NOT_RUNNING: _("The VPN service is not running"),
            Reach.NOT_AUTHORISED: _("You may not use the VPN service here")}[reach]


def limited_text() -> str:
    return _("This session may look, but not connect")


def headline(tunnel: TunnelState) -> str:
    """The state, and where it makes a difference, whether traffic is safe: "waiting for a network, protected"."""
    if is_paused(tunnel):
        return _("paused")
    words = state_text(tunnel.state)
    if tunnel.state in (State.OFFLINE.value, State.RECONNECTING.value):
        return f"{words}, {_('protected') if is_protected(tunnel) else _('unprotected')}"
    return words


def login_due(tunnel: TunnelState, now: datetime) -> str:
    """ "Log in again in 3 h 2 min", empty where it need not."""
    due = parse_time(tunnel.ike.reauth_at) if tunnel.ike and tunnel.ike.reauth_at else None
    if due is None or tunnel.state not in (State.CONNECTED.value, State.ROAMING.value, State.OFFLINE.value):
        return ""
    return _("Next log-in in {time}").format(time=duration((due - now).total_seconds()))


def _tooltip(tunnels: list[TunnelState]) -> str:
    shown = [f"{tunnel.name}: {headline(tunnel)}" for tunnel in tunnels if is_active(tunnel)
             or is_paused(tunnel) or tunnel.state == State.FAILED.value]
    return "\n".join(["Rove", *(shown or [state_text(State.DISCONNECTED.value)])])


def _profiles(known: Known, now: datetime, link_kind: Callable[[str], str]) -> list[Entry]:
    active = [name for name in known.names if is_active(known.tunnel(name))]
    others = [name for name in known.names if name not in active]
    entries: list[Entry] = []
    for name in active:
        entries += _active(known, known.tunnels[name], now, link_kind)
    for name in others:
        tunnel = known.tunnel(name)
        if tunnel is not None and (says := paused_text(tunnel, now)):
            entries.append(Entry(f"{name}: {says}"))
    connects = [_connect(known, name) for name in others]
    if len(connects) > MAX_DIRECT:
        entries.append(Entry(_("Connect"), entries=tuple(connects)))
    else:
        entries += connects
    if known.limited:
        entries.insert(0, Entry(limited_text()))
    if not known.names:
        entries += [Entry(_("No connections yet")), Entry(_("Import a connection …"), Command("import"))]
    return entries


def _active(known: Known, tunnel: TunnelState, now: datetime, link_kind: Callable[[str], str]) -> list[Entry]:
    name = tunnel.name
    entries = [Entry(f"{name}: {headline(tunnel)}", icon=state_icon(tunnel))]
    if tunnel.path and tunnel.state in (State.CONNECTED.value, State.ROAMING.value):
        entries.append(Entry(via(tunnel.path, link_kind(tunnel.path.interface))))
    if due := login_due(tunnel, now):
        entries.append(Entry(due))
    if name in known.asking:
        entries.append(Entry(_("Answer for {name} …").format(name=name), Command("answer", name)))
    entries += [Entry(_("Disconnect {name}").format(name=name), Command("disconnect", name)),
                Entry(_("Pause {name} for").format(name=name),
                      entries=tuple(Entry(text, command) for text, command in choices(name))), Entry()]
    return entries


def _connect(known: Known, name: str) -> Entry:
    if known.row(name).error:
        return Entry(_("{name} cannot be used").format(name=name))
    failed = known.tunnel(name) is not None and known.tunnels[name].state == State.FAILED.value
    text = _("Connect {name} again") if failed else _("Connect {name}")
    return Entry(text.format(name=name), Command("connect", name), icon="rove-failed" if failed else "")


def _foot() -> tuple[Entry, ...]:
    return Entry(), Entry(_("Open Rove"), Command("open")), Entry(_("Quit"), Command("quit"))
