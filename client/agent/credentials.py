"""Where the user's own certificate and key files live: copies, owner-only, one folder per profile."""

import contextlib
import os
import shutil
from pathlib import Path

from client.agent import choices
from client.model.cause import Cause, RoveError
from client.model.profile import check_name

MAX_FILE = 1024 * 1024
MAX_FILES = 16


def credentials_dir(profile_name: str) -> Path:
    """``$XDG_DATA_HOME/rove/credentials/<profile name>``; nothing is created. Raises ProfileError."""
    base = os.environ.get("XDG_DATA_HOME", "")
    # XDG base directory specification: a relative path is to be ignored
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return root / "rove" / "credentials" / check_name(profile_name)


def store(profile_name: str, path: Path) -> str:
    """Copies the file at ``path`` (mode 0600) → the name for ``user.certificate`` or ``user.key``.

    Raises RoveError (CREDENTIAL_UNUSABLE) when it cannot be read or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
        return store_bytes(profile_name, path.name, data)
    except OSError as error:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"{path}: {error.strerror}") from error


def store_bytes(profile_name: str, file_name: str, data: bytes) -> str:
    """As ``store``, for contents that an importer found inside another file."""
    _check_file_name(file_name)
    if not 0 < len(data) <= MAX_FILE:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"{file_name}: empty or larger than {MAX_FILE // 1024} KiB")
    folder = credentials_dir(profile_name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if len(set(os.listdir(folder)) | {file_name}) > MAX_FILES:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"{profile_name} has more than {MAX_FILES} files")
    part = folder / f".{file_name}.part"
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / file_name)
    return file_name


def stored_file(profile_name: str, file_name: str) -> Path:
    """The path of a stored file. Raises RoveError (CREDENTIAL_UNUSABLE) for a name that leads elsewhere."""
    _check_file_name(file_name)
    return credentials_dir(profile_name) / file_name


def remove(profile_name: str) -> None:
    """Forgets all files of the profile, and which certificate of a smartcard was chosen; having none is no error."""
    with contextlib.suppress(OSError):
        choices.forget(profile_name)
    folder = credentials_dir(profile_name)
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _check_file_name(name: str) -> None:
    if not name or name.startswith(".") or "/" in name or not name.isprintable() or len(name.encode()) > 200:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"{name[:80]!r} cannot be the name of a credential file")
