"""roved's JSON documents → TunnelState. A field that is missing or odd becomes its empty value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
)
from client.texts import plain

MAX_ITEMS = 64


@dataclass(frozen=True)
class ProfileRow:
    """One profile of ListProfiles; ``error``: why it cannot be used."""

    name: str
    system: bool = False
    auth: str = ""
    gateway: str = ""
    error: str = ""


def tunnel_state(document: Any) -> TunnelState | None:
    """One connection of the status document; None where it has no name or state."""
    if not isinstance(document, Mapping):
        return None
    name, state = _text(document, "name"), _text(document, "state")
    if not name or not state:
        return None
    gateway, path, dns, ike, error = (_object(document, key) for key in ("gateway", "path", "dns", "ike", "last_error"))
    return TunnelState(
        name, state, _text(document, "since"),
        GatewayState(_text(gateway, "address"), _number(gateway, "port"), _text(gateway, "identity"))
        if gateway else None,
        PathState(_text(path, "interface"), _text(path, "local"), _text(path, "remote"), _text(path, "transport"),
                  path.get("nat") is True) if path else None,
        _texts(document, "virtual_ips"), DnsState(_texts(dns, "servers"), _texts(dns, "domains")),
        IkeState(_text(ike, "spi_i"), _text(ike, "spi_r"), _text(ike, "proposal"), _text(ike, "established_at"),
                 _text(ike, "rekey_at") or None, _text(ike, "reauth_at") or None) if ike else None,
        tuple(_child(child) for child in _objects(document, "children")),
        Counters(*(_number(_object(document, "counters"), key)
                   for key in ("roams", "rekeys", "reauths", "replays", "auth_failures"))),
        ErrorState(_text(error, "code"), _text(error, "stage"), _text(error, "message"), _text(error, "advice"))
        if error else None,
        tuple({"code": _text(one, "code"), "message": _text(one, "message")}
              for one in _objects(document, "findings")))


def tunnel_states(status: Any) -> tuple[TunnelState, ...]:
    """The object of ``rove status --json``."""
    if not isinstance(status, Mapping):
        return ()
    return tuple(state for state in map(tunnel_state, _objects(status, "connections")) if state)


def profile_rows(documents: Any) -> tuple[ProfileRow, ...]:
    """ListProfiles. Of two with one name (an own and a system profile) the own one counts, as in roved."""
    rows: dict[str, ProfileRow] = {}
    for one in documents if isinstance(documents, list) else ():
        if isinstance(one, Mapping) and (name := _text(one, "name")):
            auth = one.get("auth")
            ways = " + ".join(plain(str(way), 40) for way in auth) if isinstance(auth, list) else _text(one, "auth")
            rows.setdefault(name, ProfileRow(name, one.get("system") is True, ways, _text(one, "gateway"),
                                             _text(one, "error")))
    return tuple(rows.values())


def is_active(state: TunnelState | None) -> bool:
    """Is there something to disconnect?"""
    return state is not None and state.state not in (State.DISCONNECTED.value, State.FAILED.value)


def _child(child: Mapping[str, Any]) -> ChildState:
    return ChildState(
        _text(child, "spi_in"), _text(child, "spi_out"), _text(child, "proposal"), _texts(child, "local_ts"),
        _texts(child, "remote_ts"), _number(child, "bytes_in"), _number(child, "bytes_out"),
        _number(child, "packets_in"), _number(child, "packets_out"), _text(child, "rekey_at") or None)


def _text(holder: Mapping[str, Any], key: str) -> str:
    value = holder.get(key)
    return plain(value) if isinstance(value, str) else ""


def _number(holder: Mapping[str, Any], key: str) -> int:
    value = holder.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _texts(holder: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = holder.get(key)
    return tuple(plain(str(one), 200) for one in value[:MAX_ITEMS]) if isinstance(value, list) else ()


def _object(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, Mapping) else {}


def _objects(holder: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = holder.get(key)
    return [one for one in value[:MAX_ITEMS] if isinstance(one, Mapping)] if isinstance(value, list) else []
