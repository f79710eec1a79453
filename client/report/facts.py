"""What computer this is, as far as it matters: versions and kinds, never names."""

import contextlib
import getpass
import os
import platform
import pwd
import socket
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("rove-vpn", "cryptography", "dbus-fast", "python-pkcs11", "keyring", "PySide6-Essentials", "qasync")
ENVIRONMENT = ("XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "LANG")
LABELS = ("Python", "system", "kernel", "resolv.conf")
# Words in the full name of an account that is nobody's
GENERIC = frozenset({"user", "admin", "administrator", "account", "guest", "live", "test", "default", "the"})
RESOLV_CONF = Path("/etc/resolv.conf")
OS_RELEASE = Path("/etc/os-release")


def system_facts(environment: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    rows = [(name, _version(name)) for name in PACKAGES]
    rows += zip(LABELS, (platform.python_version(), _os_release(),
                         f"{platform.system()} {platform.release()} {platform.machine()}", _resolver()), strict=True)
    rows += [(name, environment.get(name, "")) for name in ENVIRONMENT]
    return [(name, value) for name, value in rows if value]


def names_here() -> list[tuple[str, str]]:
    """Whose computer it is, and what it is called: (name, kind of mark)."""
    names = []
    with contextlib.suppress(KeyError):
        entry = pwd.getpwuid(os.getuid())
        full = entry.pw_gecos.split(",")[0]
        names += [(entry.pw_name, "login"), (full, "person"), *((part, "person") for part in full.split()
                                                             if part.casefold() not in GENERIC)]
    with contextlib.suppress(OSError, KeyError):        # KeyError before Python 3.13
        names.append((getpass.getuser(), "login"))
    host = socket.gethostname()
    return [(name, kind) for name, kind in [*names, (host, "host"), (host.split(".")[0], "host")]
            if name not in ("root", "localhost", "")]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _os_release() -> str:
    try:
        lines = OS_RELEASE.read_text().splitlines()
    except (OSError, ValueError):
        return ""
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("PRETTY_NAME", "").strip("\"'")[:100]


def _resolver() -> str:
    """Who writes it, where it is a link."""
    try:
        return str(RESOLV_CONF.readlink())
    except OSError:
        return "a file" if RESOLV_CONF.exists() else "missing"
