"""The tunnel's state as a value: ``step`` takes an engine event, ``describe`` shows it to the outside. Pure."""

from dataclasses import dataclass, field, replace
from typing import Any

from client.core.datapath.base import DataPathStats, SaStats
from client.core.ikev2 import events as ike
from client.core.ikev2.proposal import proposal_name
from client.model.cause import Finding
from client.model.state import (
    ChildState,
    Counters,
    DnsState,
    ErrorState,
    GatewayState,
    IkeState,
    PathState,
    State,
    TunnelState,
    rfc3339,
)
from client.texts import finding_text

MAX_FINDINGS = 16
_GETTING_THERE = (State.ROAMING, State.RECONNECTING)

# Steps of the engine that are worth a finding.
FINDINGS = {
    "wide-selectors": "The gateway granted more networks than the profile asks for; only those asked for are used.",
    "pfs-refused": "The gateway renews the tunnel's keys without perfect forward secrecy.",
    "rekey-refused": "The gateway refused to renew keys; Rove tries again while the old ones last.",
    "roam-refused": "The gateway did not accept the new address.",
    "certificate-not-asked-for": "The gateway asks for certificates of other authorities than yours leads to.",
    "gateway-sha1": "The gateway proves who it is by a signature with SHA-1, which is outdated.",
}
# Those that say which part of the tunnel it is about.
CHILD_FINDINGS = ("child-refused", "child-lost", "single-pairs", "additional-networks", "too-many-children")


@dataclass(frozen=True)
class Tunnel:
    """All times are Unix time in seconds."""

    name: str
    identity: str
    state: State
    since: float
    path: ike.Path | None = None
    nat: bool = False
    virtual_ips: ike.VirtualIps = field(default_factory=ike.VirtualIps)
    dns: DnsState = field(default_factory=DnsState)
    spis: tuple[bytes, bytes] = (b"", b"")
    proposal: str = ""
    established_at: float = 0.0
    ike_rekey_at: float = 0.0
    children: tuple[tuple[ike.ChildSaInfo, float], ...] = ()      # with the time of rekeying
    successors: tuple[tuple[bytes, bytes], ...] = ()              # inbound SPIs: replaced, by which
    roams: int = 0
    rekeys: int = 0
    reauths: int = 0
    reauth_at: float | None = None
    error: ErrorState | None = None
    findings: tuple[Finding, ...] = field(default=())

    def to(self, state: State, now: float, **changes: Any) -> "Tunnel":
        """Another state; ``since`` moves only when it is really another. Once connected nothing is wrong any more."""
        since = self.since if state is self.state else now
        if state is State.CONNECTED:
            changes.setdefault("error", None)
        return replace(self, state=state, since=since, **changes)

    def found(self, *findings: Finding) -> "Tunnel":
        """With these findings, the newest last."""
        kept = (one for one in self.findings if one not in findings)
        return replace(self, findings=(*kept, *findings)[-MAX_FINDINGS:])

    def without(self, code: str) -> "Tunnel":
        """What this finding said is true no more."""
        return replace(self, findings=tuple(one for one in self.findings if one.code != code))


def step(tunnel: Tunnel, event: ike.Event, now: float, clock_offset: float) -> Tunnel:
    """What an engine event changes; ``clock_offset`` turns the engine's times into Unix time."""
    match event:
        case ike.Established():
            return replace(
                tunnel, path=event.path, nat=event.nat, virtual_ips=event.virtual_ips,
                spis=(event.spi_i, event.spi_r), proposal=proposal_name(event.proposal), established_at=now,
                ike_rekey_at=event.rekey_at + clock_offset, children=(), successors=(), error=None)
        case ike.Reauthenticated(established=new):
            there = tunnel.to(State.CONNECTED, now) if tunnel.state in _GETTING_THERE else tunnel
            if event.reason == "not-renewed":
                there = there.found(Finding("not-renewed", finding_text("not-renewed")))
            return replace(
                there.without("reauth-failed"), path=new.path, nat=new.nat, virtual_ips=new.virtual_ips,
                spis=(new.spi_i, new.spi_r), proposal=proposal_name(new.proposal), established_at=now,
                ike_rekey_at=new.rekey_at + clock_offset, reauths=tunnel.reauths + 1)
        case ike.ReauthenticationAt():
            return replace(tunnel, reauth_at=None if event.at is None else event.at + clock_offset)
        case ike.Configured():
            return replace(tunnel, virtual_ips=event.virtual_ips)
        case ike.IkeRekeyed():
            return replace(tunnel, spis=(event.spi_i, event.spi_r), proposal=proposal_name(event.proposal),
                           ike_rekey_at=event.rekey_at + clock_offset, rekeys=tunnel.rekeys + 1)
        case ike.ChildInstalled():
            child, old = (event.child, event.child.rekey_at + clock_offset), event.rekeyed_spi
            replaced = tunnel.successors if old is None else (*tunnel.successors, (old, event.child.spi_in))
            return replace(tunnel, children=(*tunnel.children, child), successors=replaced,
                           rekeys=tunnel.rekeys + (old is not None))
        case ike.ChildRemoved():
            gone = event.child.spi_in
            return replace(tunnel, children=tuple(entry for entry in tunnel.children if entry[0].spi_in != gone),
                           successors=tuple(pair for pair in tunnel.successors if gone not in pair))
        case ike.PathChanged(confirmed=False):
            moving = tunnel.to(State.ROAMING, now) if tunnel.state in (State.CONNECTED, State.OFFLINE) else tunnel
            return replace(moving, path=event.path, roams=tunnel.roams + _elsewhere(event.path, tunnel.path))
        case ike.PathChanged():
            there = tunnel.to(State.CONNECTED, now) if tunnel.state in (State.ROAMING, State.BLOCKED) else tunnel
            return replace(there, path=event.path, nat=event.nat)
        case ike.Progress() if event.step in FINDINGS:
            return tunnel.found(Finding(event.step, FINDINGS[event.step]))
        case ike.Progress() if event.step in CHILD_FINDINGS:
            return tunnel.found(Finding(event.step, finding_text(event.step, detail=event.detail)))
    return tunnel


def carried_in(path: ike.Path, nat: bool) -> str:
    """What ESP travels in: "udp", "esp" (nothing else) or "tcp"."""
    return "udp" if path.transport == "esp" and nat else path.transport


def describe(tunnel: Tunnel, stats: DataPathStats | None) -> TunnelState:
    """For ``rove status --json``."""
    inbound = {sa.spi: sa for sa in stats.inbound} if stats else {}
    outbound = {sa.spi: sa for sa in stats.outbound} if stats else {}
    path, replaced = tunnel.path, {old for old, _ in tunnel.successors}
    up = bool(tunnel.spis[0])
    return TunnelState(
        name=tunnel.name, state=tunnel.state.value, since=rfc3339(tunnel.since),
        gateway=GatewayState(path.remote.address, path.remote.port, tunnel.identity) if path else None,
        path=PathState(path.interface, str(path.local), str(path.remote), carried_in(path, tunnel.nat),
                       tunnel.nat) if path else None,
        virtual_ips=tuple(str(address.ip) for address in tunnel.virtual_ips.addresses), dns=tunnel.dns,
        ike=IkeState(tunnel.spis[0].hex(), tunnel.spis[1].hex(), tunnel.proposal, rfc3339(tunnel.established_at),
                     rfc3339(tunnel.ike_rekey_at),
                     None if tunnel.reauth_at is None else rfc3339(tunnel.reauth_at)) if up else None,
        children=tuple(_child(info, at, inbound.get(info.spi_in), outbound.get(info.spi_out))
                       for info, at in tunnel.children if info.spi_in not in replaced),
        counters=Counters(tunnel.roams, tunnel.rekeys, tunnel.reauths, sum(sa.replays for sa in inbound.values()),
                          sum(sa.auth_failures for sa in inbound.values())),
        last_error=tunnel.error,
        findings=tuple({"code": finding.code, "message": finding.message} for finding in tunnel.findings))


def _child(info: ike.ChildSaInfo, rekey_at: float, inbound: SaStats | None, outbound: SaStats | None) -> ChildState:
    return ChildState(
        info.spi_in.hex(), info.spi_out.hex(), proposal_name(info.proposal),
        tuple(map(str, info.local_ts)), tuple(map(str, info.remote_ts)),
        inbound.bytes if inbound else 0, outbound.bytes if outbound else 0,
        inbound.packets if inbound else 0, outbound.packets if outbound else 0, rfc3339(rekey_at))


def _elsewhere(path: ike.Path, before: ike.Path | None) -> bool:
    """Have we moved? To go to another address of the gateway is no roam."""
    return before is None or (path.interface, path.local.address) != (before.interface, before.local.address)
