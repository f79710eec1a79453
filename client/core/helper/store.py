"""Profiles on disk, owned by root: one TOML file each.

``$ROVE_STATE_DIR/profiles/<uid>/<name>.toml`` for users, ``$ROVE_CONFIG_DIR/profiles.d/<name>.toml`` for the machine.
Everything below the two base directories is opened relative to a directory descriptor without following symbolic
links; a file is replaced whole (written beside, fsync, rename, fsync of the directory) so that a power cut leaves
the old or the new one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from client.core.helper.files import DIRECTORY, open_directory, read_file, write_file
from client.core.helper.owner import Owner
from client.model.cause import Cause, RoveError
from client.model.profile import MAX_BYTES, Profile, ProfileError, check_name, parse_profile

MAX_PROFILES = 256        # per owner
NOT_THERE = "there is no profile of this name"
_SUFFIX = ".toml"


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
        profile = usable_profile(text)
        with self._directory(owner, create=True) as directory:
            names = _names(directory)
            if profile.name in names:
                raise RoveError(Cause.BAD_SETTINGS, f"there is a profile named {profile.name} already; "
                                                    "delete it first, or import under another name")
            if len(names) >= MAX_PROFILES:
                raise RoveError(Cause.BAD_SETTINGS, f"there are {MAX_PROFILES} profiles already")
            write_file(directory, profile.name + _SUFFIX, text.encode())
        return profile

    def replace(self, owner: Owner, name: str, text: str) -> None:
        """Another text for a profile that is there; refused, the old one stays. Raises RoveError(BAD_SETTINGS,
        NO_SUCH_PROFILE)."""
        profile = usable_profile(text)
        if profile.name != name:
            raise RoveError(Cause.BAD_SETTINGS, f"name: it is {name}; import it under another name instead")
        if not self.exists(owner, name):
            raise RoveError(Cause.NO_SUCH_PROFILE, NOT_THERE)
        with self._directory(owner) as directory:
            write_file(directory, name + _SUFFIX, text.encode())

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
        opened = [os.open(base, DIRECTORY)]
        try:
            for part in parts:
                opened.append(open_directory(opened[-1], part, create))
            yield opened[-1]
        finally:
            for descriptor in opened:
                os.close(descriptor)


def usable_profile(text: str) -> Profile:
    """As it would be stored. Raises RoveError(BAD_SETTINGS)."""
    try:
        profile = parse_profile(text)
        check_trust(profile)
    except ProfileError as error:
        raise RoveError(Cause.BAD_SETTINGS, str(error)) from error
    return profile


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
        text = read_file(directory, name + _SUFFIX, MAX_BYTES).decode()
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
