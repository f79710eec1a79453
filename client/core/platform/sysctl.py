"""Kernel settings that Rove changes while a tunnel stands, and puts back."""

import json
from pathlib import Path

from client.core.platform.conventions import run_dir
from client.core.platform.files import read_bounded, remove_file, write_durable

# IPv4's reverse path filter looks at the mark too: without it, replies to marked packets look forged (rp_filter).
NEEDED = {"net/ipv4/conf/all/src_valid_mark": "1"}

_ROOT = Path("/proc/sys")
_MAX = 65536


def hold_sysctls() -> None:
    """Set what is NEEDED; what was there is saved first, so that a crash cannot lose it. Raises OSError."""
    saved = _saved()
    changes = {}
    for name, value in NEEDED.items():
        current = _read(name)
        if current not in (None, value):
            changes[name] = value
            saved.setdefault(name, str(current))
    if changes:
        write_durable(_file(), json.dumps(saved).encode())
        for name, value in changes.items():
            (_ROOT / name).write_text(value)


def release_sysctls() -> list[str]:
    """Put back what we changed, unless somebody has changed it since; returns the names. Raises OSError."""
    restored = []
    for name, value in _saved().items():
        if name in NEEDED and _read(name) == NEEDED[name]:
            (_ROOT / name).write_text(value)
            restored.append(name.replace("/", "."))
    remove_file(_file())
    return restored


def allow_ipv6(interface: str) -> None:
    """``net.ipv6.conf.default.disable_ipv6`` is about uplinks; our own interface has an address to carry."""
    path = _ROOT / "net/ipv6/conf" / interface / "disable_ipv6"
    if path.read_text().strip() != "0":
        path.write_text("0")


def ip_versions() -> tuple[int, ...]:
    """4, and 6 unless the kernel runs without IPv6."""
    return (4, 6) if (_ROOT / "net/ipv6/conf").is_dir() else (4,)


def _read(name: str) -> str | None:
    try:
        return (_ROOT / name).read_text().strip()
    except FileNotFoundError:
        return None


def _file() -> Path:
    return run_dir() / "sysctl.json"


def _saved() -> dict[str, str]:
    try:
        saved = json.loads(read_bounded(_file(), _MAX) or b"{}")
    except ValueError:
        return {}
    if not isinstance(saved, dict):
        return {}
    return {name: value for name, value in saved.items() if isinstance(name, str) and isinstance(value, str)}
