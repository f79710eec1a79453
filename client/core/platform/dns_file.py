"""/etc/resolv.conf itself, for hosts where nobody else keeps it: rewritten, and put back as it was.

What was there is on disk before anything changes, in the state directory: that outlives a power cut, as our
resolv.conf would. What we wrote is on record too, so a file that somebody else has written since is left alone.
"""

import base64
import contextlib
import errno
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from client.core.platform.config import IpAddress
from client.core.platform.conventions import state_dir
from client.core.platform.files import read_bounded, remove_file, sync_folder, write_durable

RESOLV_CONF = Path("/etc/resolv.conf")

_HEADER = "# Written by roved while a tunnel is up; what was here comes back afterwards.\n"
_MAX_SERVERS = 3          # resolv.conf(5), MAXNS
_MAX_FILE = 1 << 20
_MODE = 0o644


@dataclass(frozen=True)
class Original:
    """``kind`` is "file", "symlink" or "absent". ``ours`` are the texts that we may have put in its place."""

    kind: str
    content: bytes = b""
    mode: int = _MODE
    uid: int = 0
    gid: int = 0
    target: str = ""
    ours: tuple[str, ...] = ()


def rewrite_resolv_conf(servers: Sequence[IpAddress], domains: Sequence[str]) -> None:
    """Raises OSError. Doing it again changes nothing, unless somebody else wrote the file: that is the new original."""
    original = _load()
    current = _content()
    if original is None or not _is_ours(original, current):
        original = _look()
    wanted = _text(servers, domains, original)
    if current == wanted.encode() and wanted in original.ours:
        return
    before = [text for text in original.ours if text.encode() == current]
    _save(original, (*before, wanted))
    mode = original.mode if original.kind == "file" else _MODE
    _replace(wanted.encode(), mode, original.uid, original.gid)


def restore_resolv_conf() -> bool:
    """True where it was ours and is as before again. Raises OSError."""
    original = _load()
    if original is None:
        return False
    ours = _is_ours(original, _content())
    if ours:
        if original.kind == "symlink":
            _replace_by_symlink(original.target)
        elif original.kind == "absent":
            _remove()
        else:
            _replace(original.content, original.mode, original.uid, original.gid)
    remove_file(_backup())
    return ours


def original_resolv_conf() -> bytes | None:
    """The uplink's resolv.conf while ours stands in its place; None when it does not. For symlinks, their target."""
    try:
        original = _load()
        if original is None or not _is_ours(original, _content()):
            return None
        if original.kind == "symlink":
            return read_bounded(RESOLV_CONF.parent / original.target, _MAX_FILE) or b""
    except (OSError, ValueError):
        return None
    return original.content


def _text(servers: Sequence[IpAddress], domains: Sequence[str], original: Original) -> str:
    """Ours, with the options and the search list that the host had."""
    search, options = list(domains), ""
    try:
        kept = original.content.decode("ascii", "strict")
    except UnicodeDecodeError:
        kept = ""
    for line in kept.splitlines():
        words = line.split()
        if words and words[0] in ("search", "domain"):
            search += [word for word in words[1:] if word not in search]
        elif words and words[0] == "options":
            options += " ".join(words) + "\n"
    text = _HEADER + "".join(f"nameserver {server}\n" for server in servers[:_MAX_SERVERS])
    return text + (f"search {' '.join(search)}\n" if search else "") + options


def _is_ours(original: Original, current: bytes | None) -> bool:
    """Also a beginning of ours: where the file cannot be replaced, a power cut may cut it short."""
    if current is None:
        return False
    return any(text.encode().startswith(current) for text in original.ours)


def _content() -> bytes | None:
    """None where there is none, or it is no regular file of sound size (then it cannot be ours)."""
    try:
        if not stat.S_ISREG(RESOLV_CONF.lstat().st_mode):
            return None
        return read_bounded(RESOLV_CONF, _MAX_FILE)
    except (OSError, ValueError):
        return None


def _look() -> Original:
    """Raises OSError for what cannot be put back as it was."""
    try:
        status = RESOLV_CONF.lstat()
    except FileNotFoundError:
        return Original("absent")
    try:
        if stat.S_ISLNK(status.st_mode):
            content = b""
            with contextlib.suppress(OSError):
                content = read_bounded(RESOLV_CONF, _MAX_FILE) or b""
            return Original("symlink", content=content, target=str(RESOLV_CONF.readlink()))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, f"{RESOLV_CONF} is neither a file nor a symbolic link")
        content = read_bounded(RESOLV_CONF, _MAX_FILE) or b""
    except ValueError as error:
        raise OSError(errno.EFBIG, str(error)) from error
    return Original("file", content, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def _replace(content: bytes, mode: int, uid: int, gid: int) -> None:
    temporary = _temporary()
    remove_file(temporary)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(RESOLV_CONF)
    except OSError as error:
        # In a container the file is a mount point, or the folder is read-only but the file is not.
        if error.errno not in (errno.EBUSY, errno.EROFS, errno.EXDEV):
            raise
        _overwrite(content)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    sync_folder(RESOLV_CONF.parent)


def _overwrite(content: bytes) -> None:
    """Owner, mode and links of the file stay as they are."""
    with RESOLV_CONF.open("r+b") as file:
        file.truncate(0)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace_by_symlink(target: str) -> None:
    temporary = _temporary()
    remove_file(temporary)
    temporary.symlink_to(target)
    temporary.replace(RESOLV_CONF)
    sync_folder(RESOLV_CONF.parent)


def _remove() -> None:
    remove_file(RESOLV_CONF)
    sync_folder(RESOLV_CONF.parent)


def _temporary() -> Path:
    return RESOLV_CONF.with_name(".resolv.conf.rove")


def _backup() -> Path:
    return state_dir() / "resolv.conf.json"


def _save(original: Original, ours: tuple[str, ...]) -> None:
    write_durable(_backup(), json.dumps({
        "kind": original.kind, "content": base64.b64encode(original.content).decode(), "mode": original.mode,
        "uid": original.uid, "gid": original.gid, "target": original.target, "ours": list(ours)}).encode())


def _load() -> Original | None:
    """None where there is no backup, or none of ours."""
    try:
        saved = json.loads(read_bounded(_backup(), 4 * _MAX_FILE) or b"null")
        return Original(str(saved["kind"]), base64.b64decode(saved["content"], validate=True), int(saved["mode"]),
                        int(saved["uid"]), int(saved["gid"]), str(saved["target"]),
                        tuple(str(text) for text in saved["ours"]))
    except (ValueError, TypeError, KeyError):
        return None
