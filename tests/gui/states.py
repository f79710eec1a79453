"""Tunnel states that the views' tests begin from."""

from dataclasses import replace
from datetime import UTC, datetime

from client.gui.view.documents import ProfileRow
from client.gui.view.known import Known, Reach
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

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PQ = "aes256gcm16-prfsha384-ecp384-ke1_mlkem768"


def at(seconds):
    return rfc3339(NOW.timestamp() + seconds)


def tunnel(state=State.CONNECTED, name="work", **changes):
    up = state in (State.CONNECTED, State.ROAMING, State.OFFLINE)
    made = TunnelState(name, state.value, at(-720))
    if up:
        made = replace(
            made, gateway=GatewayState("203.0.113.5", 4500, "vpn.example.org"),
            path=PathState("wlan0", "192.168.1.5", "203.0.113.5", "udp", True), virtual_ips=("10.99.0.10",),
            dns=DnsState(("10.99.0.1",), ("corp.example",)),
            ike=IkeState("0" * 16, "1" * 16, PQ, at(-720), at(3600), at(10920)),
            children=(ChildState("a" * 8, "b" * 8, "aes256gcm16", ("10.99.0.10/32",), ("10.0.0.0/8",), 2048, 900, 10, 9,
                                 at(1800)),), counters=Counters(roams=2))
    return replace(made, **changes)


def failed(code="user-refused", name="work", message="", advice=""):
    return tunnel(State.FAILED, name, last_error=ErrorState(code, "user-auth", message, advice))


def paused(seconds=750, name="work"):
    finding = {"code": "paused", "message": finding_text("paused", until=at(seconds))}
    return tunnel(State.DISCONNECTED, name, findings=(finding,))


def known(*tunnels, profiles=("work",), **changes):
    made = Known(Reach.READY, profiles=tuple(ProfileRow(name, False, "eap-mschapv2", "vpn.example.org")
                                             for name in profiles))
    for one in tunnels:
        made = made.with_tunnel(one)
    return replace(made, **changes)
