"""One connection → what its page in the window shows."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from client.gui.view import pause_view, retold, trust_view
from client.gui.view.documents import ProfileRow, is_active
from client.gui.view.entries import Command
from client.gui.view.known import Known, is_protected
from client.gui.view.paths import via
from client.gui.view.suites import suite
from client.gui.view.tray_view import headline, state_icon
from client.model.state import ChildState, State, TunnelState
from client.model.units import clock, duration, octets, parse_time
from client.texts import finding_detail
from client.texts import translated as _

MAX_NETWORKS = 6
_PAGE = re.compile(r"https?://[^\s/?#\\@]+([/?#]\S*)?")


@dataclass(frozen=True)
class Button:
    """``choices``: it opens a menu of them instead of doing something itself."""

    text: str
    command: Command
    choices: tuple["Button", ...] = ()


@dataclass(frozen=True)
class Badge:
    """``good``: may be told apart by colour too, but the words suffice."""

    text: str
    good: bool
    explanation: str


@dataclass(frozen=True)
class Note:
    """An error or a finding: what is wrong, what to do, and a button that does it."""

    message: str
    advice: str = ""
    button: Button | None = None
    error: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DetailView:
    name: str
    icon: str
    state: str
    since: str
    protection: str
    buttons: tuple[Button, ...]
    notes: tuple[Note, ...]
    badges: tuple[Badge, ...]
    overview: tuple[tuple[str, str], ...]
    security: tuple[Section, ...]


# What a person can do about it here: a cause's or finding's code → verb. What is not here has its advice only.
REMEDIES = {
    **dict.fromkeys(("prompt-cancelled", "prompt-unanswered", "no-agent", "user-refused", "ppk-refused", "no-network",
                     "name-not-found", "gateway-silent", "gateway-refuses-udp", "login-unanswered", "timeout",
                     "dead-peer", "gateway-closed", "lifetime-expired", "address-failure", "child-failed"), "connect"),
    **dict.fromkeys(("host-setup", "internal", "protocol-error"), "log"),
    **dict.fromkeys(("bad-settings", "credential-unusable"), "import"),
    "another-full-tunnel": "disconnect-others",
    "reauth-failed": "reauth",
}


def detail_view(known: Known, name: str, now: datetime, link_kind: Callable[[str], str] = lambda interface: "",
                ppk: bool = False) -> DetailView:
    """``ppk``: the profile demands a post-quantum pre-shared key, so a connection that is up has it."""
    row = known.row(name)
    tunnel = known.tunnel(name) or TunnelState(name, State.DISCONNECTED.value, "")
    up = tunnel.ike is not None
    return DetailView(
        name, state_icon(tunnel), headline(tunnel), _since(tunnel, now), protection(tunnel),
        _buttons(known, tunnel, row), _notes(known, tunnel, row),
        _badges(tunnel, ppk) if up else (), _overview(tunnel, row, now, link_kind),
        _security(tunnel, now) if up else ())


def protection(tunnel: TunnelState) -> str:
    """One sentence: where does the traffic go now?"""
    if tunnel.state in (State.OFFLINE.value, State.RECONNECTING.value, State.WAITING_FOR_USER.value):
        if is_protected(tunnel):
            return _("Protected, offline: traffic for the tunnel waits and does not leave in the clear.")
        return _("Unprotected: there is no tunnel yet.")
    if is_protected(tunnel):
        networks = _networks(tunnel)
        if any(network.startswith(("0.0.0.0/0", "::/0")) for network in networks):
            return _("Protected: all traffic goes through the tunnel.")
        return _("Protected: traffic for {networks} goes through the tunnel.").format(networks=_some(networks))
    return _("Unprotected: nothing goes through this tunnel.")


def profile_summary(row: ProfileRow) -> str:
    return ", ".join(part for part in (row.gateway, row.auth, _("all users") if row.system else "") if part)


def button_text(verb: str) -> str:
    return {"connect": _("Connect again"), "disconnect": _("Disconnect"),
            "pause": _("Pause for …"), "end-pause": _("Stay disconnected"), "reauth": _("Log in again now"),
            "rekey": _("Renew keys"), "log": _("Show the log"), "import": _("Import …"), "answer": _("Answer …"),
            "edit": _("Edit …"), "trust": _("Look at its key …"), "delete": _("Delete …"),
            "disconnect-others": _("Disconnect the other one"),
            "browse": _("Open the page")}[verb]


def _since(tunnel: TunnelState, now: datetime) -> str:
    since = parse_time(tunnel.since)
    if since is None or tunnel.state == State.DISCONNECTED.value:
        return ""
    return _("since {time} ({age})").format(time=clock(tunnel.since, now),
                                            age=duration((now - since).total_seconds()))


def _buttons(known: Known, tunnel: TunnelState, row: ProfileRow) -> tuple[Button, ...]:
    name = tunnel.name
    buttons = []
    if name in known.asking:
        buttons.append(Button(button_text("answer"), Command("answer", name)))
    if is_active(tunnel):
        buttons.append(Button(button_text("disconnect"), Command("disconnect", name)))
        buttons.append(Button(button_text("pause"), Command("pause", name),
                              tuple(Button(text, command) for text, command in pause_view.choices(name))))
    elif not row.error:
        buttons.append(Button(_("Connect"), Command("connect", name)))
        if pause_view.is_paused(tunnel):
            buttons.append(Button(button_text("end-pause"), Command("disconnect", name)))
    if tunnel.state == State.CONNECTED.value:
        buttons += [Button(button_text(verb), Command(verb, name)) for verb in ("reauth", "rekey")]
    if not is_active(tunnel) and not row.system:
        if not row.error:
            buttons.append(Button(button_text("edit"), Command("edit", name)))
        buttons.append(Button(button_text("delete"), Command("delete", name)))
    return tuple(buttons)


def _notes(known: Known, tunnel: TunnelState, row: ProfileRow) -> tuple[Note, ...]:
    notes = []
    if row.error:
        notes.append(Note(_("This profile cannot be used: {why}").format(why=row.error),
                          button=Button(button_text("import"), Command("import")), error=True))
    if tunnel.last_error and tunnel.state != State.CONNECTED.value:
        error = tunnel.last_error
        message, advice = retold.error(error.code, error.message, error.advice)
        ended = tunnel.state == State.FAILED.value
        button = _remedy(known, error.code, tunnel)
        if trust_view.offered_key(error) and not row.system:
            button = Button(button_text("trust"), Command("trust", tunnel.name))
        notes.append(Note(message, advice, button if ended else None, error=ended))
    for finding in tunnel.findings:
        code = finding.get("code", "")
        message = finding.get("message", "")
        notes.append(Note(retold.finding(code, message), button=_page(code, message) or _remedy(known, code, tunnel)))
    return tuple(notes)


def _page(code: str, message: str) -> Button | None:
    """The page on which a network wants people to log in. It names it itself, so it gets a browser and no more."""
    url = finding_detail(code, message, "url")
    return Button(button_text("browse"), Command("browse", url)) if _PAGE.fullmatch(url) else None


def _remedy(known: Known, code: str, tunnel: TunnelState) -> Button | None:
    verb = REMEDIES.get(code, "")
    if verb == "disconnect-others":
        others = [name for name in known.names if name != tunnel.name and is_active(known.tunnel(name))]
        return Button(button_text(verb), Command("disconnect", others[0])) if len(others) == 1 else None
    if not verb or (verb == "reauth" and not is_active(tunnel)):
        return None
    return Button(button_text(verb), Command(verb, tunnel.name))


def _badges(tunnel: TunnelState, ppk: bool) -> tuple[Badge, ...]:
    assert tunnel.ike is not None
    ike = suite(tunnel.ike.proposal)
    badges = []
    if ike.post_quantum:
        badges.append(Badge(_("Post-quantum key exchange"), True, _(
            "ML-KEM beside the classical key exchange: who records this traffic cannot read it with a quantum"
            " computer later.")))
    elif ppk:
        badges.append(Badge(_("Post-quantum pre-shared key"), True, _(
            "A shared key is mixed into the session's keys: who records this traffic cannot read it with a quantum"
            " computer later.")))
    else:
        badges.append(Badge(_("Classical key exchange"), False, _(
            "Safe today. Who records this traffic might read it when there are quantum computers; the gateway offers"
            " nothing better.")))
    weak = sorted({token for proposal in (tunnel.ike.proposal, *(child.proposal for child in tunnel.children))
                   for token in suite(proposal).weak})
    if weak:
        badges.append(Badge(_("Outdated algorithms: {names}").format(names=", ".join(weak)), False, _(
            "The profile allows them for an old gateway (ike.legacy).")))
    return tuple(badges)


def _overview(tunnel: TunnelState, row: ProfileRow, now: datetime,
              link_kind: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    gateway, path = tunnel.gateway, tunnel.path
    rows = [
        (_("Gateway"), f"{gateway.identity} ({gateway.address})" if gateway and gateway.identity != gateway.address
         else gateway.address if gateway else row.gateway),
        (_("Path"), via(path, link_kind(path.interface)) if path else ""),
        (_("From – to"), f"{path.local} → {path.remote}" if path else ""),
        (_("Addresses inside"), ", ".join(tunnel.virtual_ips)),
        (_("DNS"), ", ".join(tunnel.dns.servers) + (f" ({', '.join(tunnel.dns.domains)})" if tunnel.dns.domains
                                                   else "")),
        (_("Networks"), _some(_networks(tunnel))),
        (_("Log-in"), row.auth),
        (_("Next log-in"), _due(tunnel.ike.reauth_at, now) if tunnel.ike else ""),
        (_("Received"), octets(sum(child.bytes_in for child in tunnel.children)) if tunnel.children else ""),
        (_("Sent"), octets(sum(child.bytes_out for child in tunnel.children)) if tunnel.children else ""),
        (_("So far"), _counters(tunnel))]
    return tuple((label, text) for label, text in rows if text)


def _counters(tunnel: TunnelState) -> str:
    counted = ((tunnel.counters.roams, _("{n} × changed networks")), (tunnel.counters.rekeys, _("{n} × renewed keys")),
               (tunnel.counters.reauths, _("{n} × logged in again")),
               (tunnel.counters.replays, _("{n} replayed packets refused")),
               (tunnel.counters.auth_failures, _("{n} forged packets refused")))
    return ", ".join(text.format(n=n) for n, text in counted if n)


def _security(tunnel: TunnelState, now: datetime) -> tuple[Section, ...]:
    assert tunnel.ike is not None
    ike = Section(_("Connection to the gateway (IKE SA)"), (
        *suite(tunnel.ike.proposal).rows,
        (_("Established"), clock(tunnel.ike.established_at, now)),
        *(((_("Keys renewed"), _due(tunnel.ike.rekey_at, now)),) if tunnel.ike.rekey_at else ()),
        *(((_("Next log-in"), _due(tunnel.ike.reauth_at, now)),) if tunnel.ike.reauth_at else ()),
        (_("SPIs"), f"{tunnel.ike.spi_i} / {tunnel.ike.spi_r}")))
    return (ike, *(_child(child, now) for child in tunnel.children))


def _child(child: ChildState, now: datetime) -> Section:
    return Section(_("Tunnel (CHILD SA)"), (
        *suite(child.proposal).rows,
        (_("Traffic"), f"{_some(child.local_ts)} → {_some(child.remote_ts)}"),
        *(((_("Keys renewed"), _due(child.rekey_at, now)),) if child.rekey_at else ()),
        (_("Received"), _("{octets} in {n} packets").format(octets=octets(child.bytes_in), n=child.packets_in)),
        (_("Sent"), _("{octets} in {n} packets").format(octets=octets(child.bytes_out), n=child.packets_out)),
        (_("SPIs"), f"{child.spi_in} / {child.spi_out}")))


def _due(text: str | None, now: datetime) -> str:
    when = parse_time(text)
    return _("in {time}").format(time=duration((when - now).total_seconds())) if when else ""


def _networks(tunnel: TunnelState) -> list[str]:
    return list(dict.fromkeys(network for child in tunnel.children for network in child.remote_ts))


def _some(networks: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(networks[:MAX_NETWORKS])
    more = len(networks) - MAX_NETWORKS
    return f"{shown} {_('and {n} more').format(n=more)}" if more > 0 else shown


def uses_ppk(profile: Mapping[str, object]) -> bool:
    """Of a profile's parsed TOML."""
    ike = profile.get("ike")
    return isinstance(ike, Mapping) and bool(ike.get("ppk"))
