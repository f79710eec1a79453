"""The machine's settings: ``/etc/rove/rove.toml``. No file means the defaults; a wrong one is refused as a whole."""

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from client.core.platform.files import read_bounded
from client.model.cause import Cause, RoveError

FILE = "rove.toml"
MAX_BYTES = 64 * 1024
GATEWAY, OFF = "gateway", "off"


@dataclass(frozen=True)
class PortalSettings:
    """``check``: whom to ask whether the network wants a log-in first, once the gateway is silent: ``gateway`` (the
    gateway's own address, by HTTP), ``off``, or a URL that answers 204 where nothing is in the way."""

    check: str = GATEWAY


@dataclass(frozen=True)
class MachineSettings:
    portal: PortalSettings = field(default_factory=PortalSettings)


def read_settings(folder: Path) -> MachineSettings:
    """Raises RoveError(BAD_SETTINGS), which names the key."""
    try:
        data = read_bounded(folder / FILE, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise _wrong(f"it cannot be read: {error}") from error
    return parse_settings(data or b"")


def parse_settings(data: bytes) -> MachineSettings:
    try:
        document = tomllib.loads(data.decode())
    except ValueError as error:     # also what is not UTF-8
        raise _wrong(f"it is not TOML: {error}") from error
    _only(document, ("portal",), "")
    portal = document.get("portal", {})
    if not isinstance(portal, dict):
        raise _wrong("portal: it is a table")
    _only(portal, [each.name for each in fields(PortalSettings)], "portal.")
    return MachineSettings(PortalSettings(_check(portal.get("check", GATEWAY))))


def _check(value: Any) -> str:
    if value in (GATEWAY, OFF):
        return str(value)
    try:
        url = urlsplit(value) if isinstance(value, str) and value.isascii() and value.isprintable() else None
        usable = url is not None and url.scheme == "http" and bool(url.hostname) and "@" not in url.netloc \
            and (url.port is None or url.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise _wrong('portal.check: it is "gateway", "off" or the http:// address of a page that answers 204')
    return str(value)


def _only(table: dict[str, Any], known: "list[str] | tuple[str, ...]", prefix: str) -> None:
    for key in table:
        if key not in known:
            raise _wrong(f"{prefix}{key}: there is no such setting")


def _wrong(what: str) -> RoveError:
    return RoveError(Cause.BAD_SETTINGS, f"{FILE}: {what}")
