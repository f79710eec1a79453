"""The credentials of system profiles: root-only copies, for connections before anybody has logged in.

``$ROVE_STATE_DIR/credentials/<name>/``: the certificate and key files as they were imported, and ``.secrets`` with the
passwords, keys and passphrases by slot (client.agent.vault). Folders 0700, files 0600. Users' secrets are never here.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from client.core.helper.files import DIRECTORY, open_directory, read_file, write_file
from client.model.cause import Cause, RoveError
from client.model.profile import Profile, check_name

MAX_FILES = 16
MAX_FILE = 1024 * 1024
MAX_SECRET = 4096
_SECRETS = ".secrets"     # no credential file's name begins with a dot


class CredentialStore:
    """Blocking, a few ms with fsync."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._root = state_dir / "credentials"

    def put(self, name: str, files: Mapping[str, bytes], secrets: Mapping[str, str]) -> None:
        """In place of what is there. Raises RoveError."""
        _check(files, secrets)
        self.remove(name)
        with self._folder(name, create=True) as folder:
            for file, data in files.items():
                write_file(folder, file, data)
            write_file(folder, _SECRETS, json.dumps(dict(secrets)).encode())

    def has(self, name: str) -> bool:
        return (self._root / check_name(name)).is_dir()

    def path(self, name: str, file: str) -> Path:
        """Where the agent's code finds a file that the profile names. Raises RoveError."""
        _check_file(file)
        return self._root / check_name(name) / file

    def secrets(self, name: str) -> dict[str, str]:
        """By slot; a store that cannot be read has none."""
        with suppress(OSError, ValueError, RoveError), self._folder(name) as folder:
            found = json.loads(read_file(folder, _SECRETS, MAX_FILE))
            if isinstance(found, dict):
                return {slot: secret for slot, secret in found.items() if isinstance(secret, str)}
        return {}

    def forget(self, name: str, slots: Sequence[str]) -> None:
        """What was refused is gone for good. Raises RoveError."""
        secrets = self.secrets(name)
        left = {slot: secret for slot, secret in secrets.items() if slot not in slots}
        if left != secrets:
            with self._folder(name) as folder:
                write_file(folder, _SECRETS, json.dumps(left).encode())

    def remove(self, name: str) -> None:
        folder = self._root / check_name(name)
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)

    @contextmanager
    def _folder(self, name: str, create: bool = False) -> Iterator[int]:
        if create:
            self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = [os.open(self._state_dir, DIRECTORY)]
        try:
            for part in ("credentials", check_name(name)):
                opened.append(open_directory(opened[-1], part, create))
            yield opened[-1]
        finally:
            for descriptor in opened:
                os.close(descriptor)


def check_named_files(profile: Profile, files: Mapping[str, bytes]) -> None:
    """Does the profile name what came with it, and nothing else? Raises RoveError (BAD_SETTINGS)."""
    user = profile.user
    named = {name for name in (user.certificate, user.key) if name and not user.on_token}
    if named != set(files):
        raise RoveError(Cause.BAD_SETTINGS, "user.certificate and user.key do not name the files that came with the "
                                            "profile")


def _check(files: Mapping[str, bytes], secrets: Mapping[str, str]) -> None:
    if len(files) > MAX_FILES or any(not 0 < len(data) <= MAX_FILE for data in files.values()):
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"more than {MAX_FILES} files, an empty one, or one larger than "
                                                   f"{MAX_FILE // 1024} KiB")
    for file in files:
        _check_file(file)
    if len(secrets) > MAX_FILES or any(not 0 < len(secret.encode()) <= MAX_SECRET for secret in secrets.values()):
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, "too many secrets, or one that is empty or too long")


def _check_file(name: str) -> None:
    if not name or name.startswith(".") or "/" in name or not name.isprintable() or len(name.encode()) > 200:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"{name[:80]!r} cannot be the name of a credential file")
