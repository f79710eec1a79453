"""status."""

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from client.bus.question import ask
from client.bus.replies import parsed_document
from client.cli.screen import Screen
from client.model.state import State
from client.model.units import clock, duration, octets, parse_time, with_local_times
from client.texts import paused_until, state_text

_COLOUR = {State.CONNECTED.value: "good", State.FAILED.value: "bad", State.BLOCKED.value: "bad",
           State.DISCONNECTED.value: "dim"}


def run_status(options: argparse.Namespace) -> int:
    document = parsed_document(ask("Status", options.name or ""))
    screen = Screen()
    if options.json:
        screen.line(json.dumps(document, indent=2))
        return 0
    connections = [item for item in document.get("connections", []) if isinstance(item, dict)]
    for connection in connections:
        print_connection(screen, connection, datetime.now(UTC))
    if not connections:
        screen.line("No connections.")
    return 0


def print_connection(screen: Screen, connection: Mapping[str, Any], now: datetime) -> None:
    """One connection of the status document, for people. Fields that are not there are left out."""
    state = str(connection.get("state", ""))
    since = parse_time(connection.get("since"))
    age = f" since {clock(connection['since'], now)} ({duration((now - since).total_seconds())})" if since else ""
    findings = [one for one in connection.get("findings") or () if isinstance(one, dict)]
    paused = parse_time(paused_until(findings))
    if paused:
        age = f", connects again in {duration((paused - now).total_seconds())}"
    screen.line(f"{screen.paint(str(connection.get('name', '?')), 'bold')}  "
                f"{screen.paint('paused' if paused else state_text(state), _COLOUR.get(state, 'warn'))}{age}")
    gateway, path, dns = (_object(connection, key) for key in ("gateway", "path", "dns"))
    rows = [("gateway", _gateway(gateway)), ("path", path_text(path)),
            ("addresses", _joined(connection.get("virtual_ips"))),
            ("DNS", _joined(dns.get("servers")) + _bracketed(_joined(dns.get("domains"))))]
    ike = _object(connection, "ike")
    if ike:
        rows.append(("IKE", f"{ike.get('proposal', '')}{_due(ike, 'rekey_at', 'renewed', now)}"
                            f"{_due(ike, 'reauth_at', 'logs in again', now)}"))
    for child in connection.get("children") or ():
        rows += _child(child, now)
    rows.append(("so far", _counters(_object(connection, "counters"))))
    error = _object(connection, "last_error")
    rows += [("last error", with_local_times(str(error.get("message", "")), now)), ("", str(error.get("advice", "")))]
    rows += [("note", with_local_times(str(finding.get("message", "")), now)) for finding in findings
             if not paused or finding.get("code") != "paused"]
    screen.labelled([row for row in rows if row[1]])


def path_text(path: Mapping[str, Any]) -> str:
    if not path:
        return ""
    nat = ", behind NAT" if path.get("nat") else ""
    return (f"{path.get('interface', '?')}, {path.get('local', '?')} → {path.get('remote', '?')}, "
            f"{str(path.get('transport', '')).upper()}{nat}")


def _gateway(gateway: Mapping[str, Any]) -> str:
    if not gateway:
        return ""
    address, identity = str(gateway.get("address", "")), str(gateway.get("identity", ""))
    port = f" port {gateway['port']}" if gateway.get("port") else ""
    return f"{identity} at {address}{port}" if identity and address and identity != address else \
        f"{address or identity}{port}"


def _child(child: Mapping[str, Any], now: datetime) -> list[tuple[str, str]]:
    selectors = f"{_joined(child.get('local_ts'))} → {_joined(child.get('remote_ts'))}"
    return [("tunnel", f"{child.get('proposal', '')}{_due(child, 'rekey_at', 'renewed', now)}"),
            ("", selectors),
            ("traffic", f"{octets(child.get('bytes_in'))} received, {octets(child.get('bytes_out'))} sent")]


def _counters(counters: Mapping[str, Any]) -> str:
    words = {"roams": "roams", "rekeys": "key renewals", "reauths": "logins again", "replays": "replayed packets",
             "auth_failures": "forged packets"}
    return ", ".join(f"{counters[key]} {word}" for key, word in words.items() if counters.get(key))


def _due(holder: Mapping[str, Any], key: str, what: str, now: datetime) -> str:
    when = parse_time(holder.get(key))
    return f", {what} in {duration((when - now).total_seconds())}" if when else ""


def _object(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def _joined(values: Any) -> str:
    return ", ".join(str(value) for value in values or ())


def _bracketed(text: str) -> str:
    return f" ({text})" if text else ""
