"""TunnelState: what ``rove status --json`` shows of a connection, as plain values."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

STATUS_VERSION = 1


class State(Enum):
    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    WAITING_FOR_USER = "waiting-for-user"
    CONNECTED = "connected"
    ROAMING = "roaming"
    RECONNECTING = "reconnecting"
    OFFLINE = "offline"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True)
class GatewayState:
    address: str
    port: int
    identity: str


@dataclass(frozen=True)
class PathState:
    interface: str
    local: str
    remote: str
    transport: str
    nat: bool


@dataclass(frozen=True)
class DnsState:
    servers: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class IkeState:
    spi_i: str
    spi_r: str
    proposal: str
    established_at: str
    rekey_at: str | None
    reauth_at: str | None


@dataclass(frozen=True)
class ChildState:
    spi_in: str
    spi_out: str
    proposal: str
    local_ts: tuple[str, ...]
    remote_ts: tuple[str, ...]
    bytes_in: int
    bytes_out: int
    packets_in: int
    packets_out: int
    rekey_at: str | None


@dataclass(frozen=True)
class Counters:
    roams: int = 0
    rekeys: int = 0
    reauths: int = 0
    replays: int = 0
    auth_failures: int = 0


@dataclass(frozen=True)
class ErrorState:
    """``message`` and ``advice`` are for people; ``code`` is a Cause's, ``stage`` its stage."""

    code: str
    stage: str
    message: str
    advice: str


@dataclass(frozen=True)
class TunnelState:
    name: str
    state: str
    since: str
    gateway: GatewayState | None = None
    path: PathState | None = None
    virtual_ips: tuple[str, ...] = ()
    dns: DnsState = DnsState()
    ike: IkeState | None = None
    children: tuple[ChildState, ...] = ()
    counters: Counters = Counters()
    last_error: ErrorState | None = None
    findings: tuple[dict[str, str], ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def status_document(connections: list[TunnelState]) -> dict[str, Any]:
    """The object of ``rove status --json``."""
    return {"version": STATUS_VERSION, "connections": [connection.to_json() for connection in connections]}


def rfc3339(unix_time: float) -> str:
    """Seconds since 1970 → RFC 3339 in UTC, with milliseconds."""
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
