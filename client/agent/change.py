"""Changing a profile that is there: whatever is refused, the old one and its credentials are as they were."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from client.agent import credentials
from client.bus.client import CallFailed, VpnClient
from client.model.cause import Cause, RoveError


async def change(client: VpnClient, name: str, compose: Callable[[Mapping[str, str]], str],
                 files: Mapping[str, Path]) -> None:
    """``files``: key ("user.certificate") → a file to be copied; ``compose`` is given the names that the copies got, by
    key, and returns the profile's TOML. The copies come first, over nothing, so that a profile that is there is whole.
    Raises RoveError, RovedNotRunning, and what ``compose`` raises."""
    copies: dict[str, str] = {}
    try:
        for key, path in files.items():
            copies[key] = _copy(name, path)
        await client.replace_profile(name, compose(copies))
    except (RoveError, ValueError) as error:
        if not isinstance(error, CallFailed):   # else roved may have taken it all the same
            for copy in copies.values():
                with contextlib.suppress(OSError):
                    credentials.stored_file(name, copy).unlink()
        raise


def _copy(name: str, path: Path) -> str:
    """→ the file's name there."""
    try:
        path = path.expanduser()
        with path.open("rb") as file:
            data = file.read(credentials.MAX_FILE + 1)
        return credentials.store_bytes(name, _free_name(name, path), data)
    except OSError as error:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"{path}: {error.strerror}") from error
    except RuntimeError as error:       # ~nobody
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"{path}: {error}") from error


def _free_name(name: str, path: Path) -> str:
    for number in range(1, credentials.MAX_FILES + 2):
        tried = path.name if number == 1 else f"{path.stem}-{number}{path.suffix}"
        if not credentials.stored_file(name, tried).exists():
            return tried
    raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"{name} has too many files")
