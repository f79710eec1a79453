"""A pause → what is said of it, and for how long one may be chosen."""

from datetime import datetime

from client.gui.view.entries import Command
from client.model.state import TunnelState
from client.model.units import duration, parse_time
from client.texts import paused_until
from client.texts import translated as _

MINUTES = (5, 15, 60, 240)


def is_paused(tunnel: TunnelState | None) -> bool:
    return tunnel is not None and bool(paused_until(tunnel.findings))


def paused_text(tunnel: TunnelState, now: datetime) -> str:
    """ "paused, connects again in 12 min 3 s"; empty where it is not paused."""
    until = parse_time(paused_until(tunnel.findings))
    if until is None:
        return ""
    return _("paused, connects again in {time}").format(time=duration((until - now).total_seconds()))


def choices(name: str) -> tuple[tuple[str, Command], ...]:
    """ "15 min" and the command for it."""
    return tuple((duration(60.0 * minutes), Command("pause", name, minutes)) for minutes in MINUTES)
