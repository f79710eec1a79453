"""Which PKCS#11 modules there are: p11-kit's configuration (pkcs11.conf(5)), or the path that the user names.

The modules are loaded one by one, not through p11-kit-proxy.so: one that is broken must not take the others with it.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from client.model.cause import Cause, RoveError
from client.model.pkcs11_uri import Pkcs11Uri

PROGRAM = "rove"            # as enable-in and disable-in call us
MAX_MODULES = 64
MAX_CONFIG = 64 * 1024
SYSTEM = (Path("/usr/share/p11-kit/modules"), Path("/etc/pkcs11/modules"))      # the later one overrides
SYSTEM_CONF = Path("/etc/pkcs11/pkcs11.conf")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\.module")
_LIBRARIES = ("usr/lib/*/pkcs11", "usr/lib/pkcs11", "usr/lib64/pkcs11")         # for a module without a path


@dataclass(frozen=True)
class Module:
    name: str               # of its .module file; empty: the user named the path
    path: str


def modules_for(uri: Pkcs11Uri | None, root: Path = Path("/")) -> tuple[Module, ...]:
    """Where to look for what ``uri`` means. Raises RoveError (BAD_SETTINGS) for a path that must not be loaded."""
    if uri is not None and uri.module_path is not None:
        return (named_module(uri.module_path),)
    found = configured_modules(root)
    if uri is not None and uri.module_name is not None:
        return tuple(module for module in found if uri.module_name in (module.name, _library_name(module.path)))
    return found


def named_module(path: str) -> Module:
    """A module by its path, which may come from a profile that somebody sent: only a file that root or this very user
    put there, and nobody else can write to. Raises RoveError (BAD_SETTINGS)."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no path"
        raise RoveError(Cause.BAD_SETTINGS, f"the PKCS#11 module {path}: {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        raise RoveError(Cause.BAD_SETTINGS, f"the PKCS#11 module {path} is not a file")
    if status.st_uid not in (0, os.getuid()) or status.st_mode & 0o022:
        raise RoveError(Cause.BAD_SETTINGS, f"the PKCS#11 module {path} is not loaded: others can change it")
    return Module("", path)


def configured_modules(root: Path = Path("/")) -> tuple[Module, ...]:
    """By priority and name. Modules of CA certificates (trust-policy) and remote ones are left out."""
    user = _user_folder()
    mode = _settings(root / SYSTEM_CONF.relative_to("/")).get("user-config", "merge")
    if mode == "merge":
        mode = _settings(user / "pkcs11.conf").get("user-config", "merge")
    folders = [root / folder.relative_to("/") for folder in SYSTEM] if mode != "only" else []
    if mode != "none":
        folders.append(user / "modules")
    merged: dict[str, dict[str, str]] = {}
    for folder in folders:
        for path in _config_files(folder):
            merged.setdefault(path.stem, {}).update(_settings(path))
    found = [(-_priority(fields), name, library) for name, fields in merged.items()
             if (library := _library(fields, root)) and _is_ours(fields)]
    return tuple(Module(name, library) for _, name, library in sorted(found)[:MAX_MODULES])


def _user_folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "pkcs11"


def _config_files(folder: Path) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    yield from (folder / name for name in names if _NAME.fullmatch(name))


def _settings(path: Path) -> dict[str, str]:
    """``key: value`` lines; what cannot be read says nothing."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG).decode("utf-8", "replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}


def _is_ours(fields: dict[str, str]) -> bool:
    if fields.get("trust-policy") == "yes" or "remote" in fields:
        return False
    enabled, disabled = fields.get("enable-in"), fields.get("disable-in")
    if enabled is not None:
        return PROGRAM in _words(enabled)
    return disabled is None or PROGRAM not in _words(disabled)


def _words(text: str) -> list[str]:
    return re.split(r"[\s,]+", text)


def _priority(fields: dict[str, str]) -> int:
    text = fields.get("priority", "0")
    return int(text) if re.fullmatch(r"-?[0-9]{1,6}", text) else 0


def _library(fields: dict[str, str], root: Path) -> str:
    """Its path, empty where there is none."""
    named = fields.get("module", "")
    if not named or named.startswith("/"):
        return named
    return next((str(path) for pattern in _LIBRARIES for path in sorted(root.glob(f"{pattern}/{named}"))), "")


def _library_name(path: str) -> str:
    """RFC 7512 §2.3: module-name without the library's prefix and suffix."""
    return Path(path).name.split(".so", 1)[0].removeprefix("lib")
