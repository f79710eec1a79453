"""resolvconf, openresolv's or Debian's: it merges lists of name servers by interface."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from client.core.platform.config import IpAddress
from client.core.platform.conventions import interface_index, run_dir
from client.core.platform.files import read_bounded, remove_file, write_durable
from client.core.platform.nftables import SEARCH_PATH, run_tool

_DEBIAN = Path("/etc/resolvconf/interface-order")
_MAX = 65536


def is_available() -> bool:
    """resolved's imitation is no use: where it would work, resolved is used by D-Bus."""
    found = shutil.which("resolvconf", path=f"{os.environ.get('PATH', '')}:{SEARCH_PATH}")
    return found is not None and Path(found).resolve().name != "resolvectl"


def add(interface: str, servers: Sequence[IpAddress], domains: Sequence[str]) -> None:
    """Raises CommandError, OSError. Doing it again changes nothing."""
    record = _record(interface)
    content = "".join(f"nameserver {server}\n" for server in servers)
    if domains:
        content += f"search {' '.join(domains)}\n"
    saved = _saved()
    if saved.get(record) == content:
        return
    # The record comes first: a crash in between leaves a name too many to delete, never one too few.
    _save({**saved, record: ""})
    # -m 0 -x: first, and alone (openresolv; Debian's ignores them and sorts by its interface-order).
    run_tool(["resolvconf", "-a", record, "-m", "0", "-x"], content)
    _save({**saved, record: content})


def remove(interface: str) -> None:
    """Nothing where we have added nothing. Raises CommandError, OSError."""
    record = _record(interface)
    saved = _saved()
    if record in saved:
        run_tool(["resolvconf", "-d", record])
        _save({name: content for name, content in saved.items() if name != record})


def remove_all() -> list[str]:
    """What is on record; returns the names. Raises OSError."""
    names = sorted(_saved())
    for name in names if is_available() else ():
        run_tool(["resolvconf", "-d", name])
    _save({})
    return names


def _record(interface: str) -> str:
    """Debian's sorts by name, with tun* before what brings the uplink's servers."""
    return f"tun.{interface}" if _DEBIAN.exists() else interface


def _file() -> Path:
    return run_dir() / "resolvconf.json"


def _save(names: dict[str, str]) -> None:
    if names:
        write_durable(_file(), json.dumps(names).encode())
    else:
        remove_file(_file())


def _saved() -> dict[str, str]:
    try:
        saved = json.loads(read_bounded(_file(), _MAX) or b"{}")
    except ValueError:
        return {}
    if not isinstance(saved, dict):
        return {}
    return {name: content for name, content in saved.items()
            if isinstance(content, str) and interface_index(name.removeprefix("tun.")) is not None}


