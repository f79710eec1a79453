"""Profiles on disk, owned by root: one TOML file each.

``$ROVE_STATE_DIR/profiles/<uid>/<name>.toml`` for users, ``$ROVE_CONFIG_DIR/profiles.d/<name>.toml`` for the machine.
Everything below the two base directories is opened relative to a directory descriptor without following symbolic
links; a file is replaced whole (written beside, fsync, rename, fsync of the directory) so that a power cut leaves
the old or the new one.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from client.core.helper.owner import Owner
from client.model.cause import Cause, RoveError
from client.model.profile import MAX_BYTES, Profile, ProfileError, check_name, parse_profile

MAX_PROFILES = 256        # per owner
NOT_THERE = "there is no profile of this name"
_SUFFIX = ".toml"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True)
class Stored:
    """A file that is there. ``profile`` None: it cannot be used, for the reason in ``error``."""

    name: str
    owner: Owner
    text: str
    profile: Profile | None
    error: str = ""


class ProfileStore:
    """Blocking (a few ms with fsync): call from one worker thread."""

    def __init__(self, state_dir: Path, config_dir: Path) -> None:
        self._state_dir = state_dir
        self._config_dir = config_dir

    def add(self, owner: Owner, text: str) -> Profile:
        """Keep a new profile. Raises RoveError(BAD_SETTINGS): not usable, the name is taken, or too many."""
        try:
            profile = parse_profile(text)
            check_trust(profile)
        except ProfileError as error:
            raise RoveError(Cause.BAD_SETTINGS, str(error)) from error
        with self._directory(owner, create=True) as directory:
            names = _names(directory)
            if profile.name in names:
                raise RoveError(Cause.BAD_SETTINGS, f"there is a profile named {profile.name} already; "
                                                    "delete it first, or import under another name")
            if len(names) >= MAX_PROFILES:
                raise RoveError(Cause.BAD_SETTINGS, f"there are {MAX_PROFILES} profiles already")
            _write(directory, profile.name + _SUFFIX, text.encode())
        return profile

    def load(self, owner: Owner, name: str) -> Stored:
        """Raises RoveError(NO_SUCH_PROFILE)."""
        try:
            check_name(name)
            with self._directory(owner) as directory:
                return _stored(owner, directory, name)
        except (FileNotFoundError, ProfileError) as error:
            raise RoveError(Cause.NO_SUCH_PROFILE, NOT_THERE) from error

    def exists(self, owner: Owner, name: str) -> bool:
        """Also true for a file that cannot be used."""
        try:
            check_name(name)
            with self._directory(owner) as directory:
                os.stat(name + _SUFFIX, dir_fd=directory, follow_symlinks=False)
        except (FileNotFoundError, ProfileError):
            return False
        return True

    def all(self, owner: Owner) -> list[Stored]:
        """By name. Files that cannot be used are in it, with their error."""
        found: list[Stored] = []
        with suppress(FileNotFoundError), self._directory(owner) as directory:
            for name in sorted(_names(directory))[:MAX_PROFILES]:
                with suppress(FileNotFoundError):        # deleted by an administrator meanwhile
                    found.append(_stored(owner, directory, name))
        return found

    def delete(self, owner: Owner, name: str) -> None:
        """Raises RoveError(NO_SUCH_PROFILE)."""
        try:
            check_name(name)
            with self._directory(owner) as directory:
                os.unlink(name + _SUFFIX, dir_fd=directory)
                os.fsync(directory)
        except (FileNotFoundError, ProfileError) as error:
            raise RoveError(Cause.NO_SUCH_PROFILE, NOT_THERE) from error

    @contextmanager
    def _directory(self, owner: Owner, create: bool = False) -> Iterator[int]:
        """The owner's folder as a descriptor. Raises FileNotFoundError, RoveError(HOST_SETUP) when it is unsafe."""
        base, parts = ((self._config_dir, ("profiles.d",)) if owner.uid is None
                       else (self._state_dir, ("profiles", str(owner.uid))))
        if create:
            base.mkdir(mode=0o755 if owner.uid is None else 0o700, parents=True, exist_ok=True)
        opened = [os.open(base, _DIRECTORY)]
        try:
            for part in parts:
                opened.append(_open_directory(opened[-1], part, create))
            yield opened[-1]
        finally:
            for descriptor in opened:
                os.close(descriptor)


def check_trust(profile: Profile) -> None:
    """The CA certificates of a profile are certificates. Raises ProfileError."""
    if isinstance(profile.gateway.trust, str):
        return
    from client.core.pki.certificate import (  # only an import needs it; it would cost idle memory
        BadCertificate,
        parse_pem,
    )
    for number, pem in enumerate(profile.gateway.trust, 1):
        try:
            parse_pem(pem.encode())
        except BadCertificate as error:
            raise ProfileError(f"gateway.trust: item {number} is not a certificate in PEM form") from error


def _open_directory(parent: int, name: str, create: bool) -> int:
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
    try:
        descriptor = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except NotADirectoryError as error:         # also what a symbolic link gives with O_NOFOLLOW
        raise RoveError(Cause.HOST_SETUP, f"the folder {name} of the profiles is not a directory") from error
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        os.close(descriptor)
        raise RoveError(Cause.HOST_SETUP, f"the folder {name} of the profiles can be written by others")
    return descriptor


def _names(directory: int) -> set[str]:
    names = (entry.removesuffix(_SUFFIX) for entry in os.listdir(directory) if entry.endswith(_SUFFIX))
    return {name for name in names if _valid(name)}


def _valid(name: str) -> bool:
    try:
        check_name(name)
    except ProfileError:
        return False
    return True


def _stored(owner: Owner, directory: int, name: str) -> Stored:
    """Raises FileNotFoundError."""
    try:
        text = _read(directory, name + _SUFFIX).decode()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        return Stored(name, owner, "", None, f"the file cannot be read: {error}")
    try:
        profile = parse_profile(text)
        if profile.name != name:
            raise ProfileError(f"name: the file is called {name}{_SUFFIX}")
    except ProfileError as error:
        return Stored(name, owner, text, None, str(error))
    return Stored(name, owner, text, profile)


def _read(directory: int, name: str) -> bytes:
    # O_NONBLOCK: somebody's FIFO must not hold us up
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 1024} KiB")
    return content


def _write(directory: int, name: str, content: bytes) -> None:
    """All or nothing. Raises RoveError(HOST_SETUP), e.g. when the disk is full."""
    temporary = f".{name}.new"                  # not *.toml: a crash leaves nothing that is listed
    try:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=directory), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise RoveError(Cause.HOST_SETUP, f"the profile cannot be written: {error.strerror}") from error
