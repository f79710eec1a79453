"""Which changes are worth a notification. Silent for rekeying and roaming, one per profile, and honest about whether
traffic is protected."""

from dataclasses import dataclass

from client.gui.view import retold
from client.gui.view.known import is_protected
from client.gui.view.pause_view import is_paused
from client.model.state import State, TunnelState
from client.texts import translated as _

_ACTIVE = (State.CONNECTED.value, State.ROAMING.value)

# Findings that ask for something of people, and not only when they look.
TOLD = frozenset({"user-certificate-expires", "gateway-certificate-expires", "captive-portal",
                  "captive-portal-unnamed"})


@dataclass(frozen=True)
class Notice:
    """``urgency``: 0 low, 1 normal, 2 critical (Desktop Notifications Specification). ``actions``: (verb, label)."""

    profile: str
    title: str
    body: str
    icon: str
    urgency: int = 1
    persistent: bool = False
    actions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Withdrawn:
    """What an earlier notification of this profile said is over."""

    profile: str


def notice(before: TunnelState | None, after: TunnelState, ours: bool) -> Notice | Withdrawn | None:
    """``ours``: somebody at this desktop asked for what happens now. None: nothing to say."""
    said = _change(before, after, ours)
    known = {finding.get("code") for finding in before.findings} if before else set()
    for finding in after.findings:
        code = finding.get("code", "")
        if code in TOLD and code not in known and (said is None or isinstance(said, Withdrawn) or not said.urgency):
            return Notice(after.name, after.name, retold.finding(code, finding.get("message", "")), "rove-attention",
                          actions=(("open", _("Details")),))
    return said


def _change(before: TunnelState | None, after: TunnelState, ours: bool) -> Notice | Withdrawn | None:
    name = after.name
    if before is not None and before.state == after.state:
        return None
    was_protected = is_protected(before)
    match after.state:
        case State.CONNECTED.value:
            if before is None or before.state in _ACTIVE:
                return None
            if before.state == State.OFFLINE.value or (before.state == State.WAITING_FOR_USER.value and was_protected):
                return Withdrawn(name)
            return Notice(name, _("{name} is connected").format(name=name), "", "rove-connected", urgency=0)
        case State.OFFLINE.value | State.RECONNECTING.value if is_protected(after):
            if before is not None and before.state in (State.OFFLINE.value, State.RECONNECTING.value):
                return None
            return Notice(name, _("{name}: protected, offline").format(name=name), _(
                "Traffic for the tunnel waits and does not leave in the clear. Rove goes on by itself."),
                "rove-offline")
        case State.FAILED.value:
            return _failed(after, was_protected)
        case State.DISCONNECTED.value:
            if ours or before is None or not was_protected:
                return Withdrawn(name)
            if is_paused(after):
                return Notice(name, _("{name} is paused").format(name=name), _(
                    "Unprotected: traffic no longer goes through the tunnel. Rove connects again by itself."),
                    "rove-disconnected", actions=(("connect", _("Connect now")),))
            return Notice(name, _("{name} was disconnected").format(name=name), _(
                "Unprotected: traffic no longer goes through the tunnel."), "rove-disconnected")
    return None


def _failed(after: TunnelState, was_protected: bool) -> Notice:
    message, advice = "", ""
    if after.last_error:
        message, advice = retold.error(after.last_error.code, after.last_error.message, after.last_error.advice)
    unprotected = _("Unprotected: traffic no longer goes through the tunnel.") if was_protected else ""
    title = _("{name}: the connection ended") if was_protected else _("{name}: could not connect")
    return Notice(after.name, title.format(name=after.name),
                  "\n".join(part for part in (unprotected, message, advice) if part), "rove-failed",
                  urgency=2 if was_protected else 1, persistent=was_protected,
                  actions=(("connect", _("Connect again")), ("open", _("Details"))))


def lost(profile: str) -> Notice:
    """roved went away while this connection was up: what it leaves behind depends on how it went."""
    return Notice(profile, _("{name}: the VPN service is gone").format(name=profile), _(
        "Whether traffic is protected is not known until it is back."), "rove-unavailable", urgency=2, persistent=True,
        actions=(("open", _("Details")),))


def question(profile: str, title: str) -> Notice:
    """Somebody has to answer, and the dialog may be behind other windows."""
    return Notice(profile, title, _("Rove needs your answer to go on."), "rove-attention", urgency=2,
                  persistent=True, actions=(("answer", _("Answer")), ("dismiss", _("Cancel"))))


def gateway_says(profile: str, words: str) -> Notice:
    """``words`` are the gateway's, plain and bounded."""
    return Notice(profile, _("The gateway of {name} says").format(name=profile), f"“{words}”", "rove-attention")
