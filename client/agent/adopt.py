"""Taking over what an importer read: the profile to roved, the credentials into the user's own folder."""

import contextlib
from collections.abc import Sequence
from typing import Protocol

from client.agent import credentials
from client.bus.client import VpnClient
from client.model.cause import Cause, RoveError


class File(Protocol):
    """A credential file's name and contents."""

    @property
    def name(self) -> str: ...

    @property
    def data(self) -> bytes: ...


async def adopt(client: VpnClient, profile_toml: str, files: Sequence[File], system: bool = False) -> str:
    """→ the profile's name. Credentials last, so that a refused import leaves no copies and an existing profile keeps
    its own. Raises RoveError, RovedNotRunning."""
    name = await client.import_profile(profile_toml, system)
    try:
        if files:
            credentials.remove(name)        # left over from a profile that was deleted elsewhere
        for file in files:
            credentials.store_bytes(name, file.name, file.data)
    except (RoveError, OSError) as error:
        with contextlib.suppress(RoveError, ConnectionError, OSError):
            await client.delete_profile(name)
            credentials.remove(name)
        if isinstance(error, RoveError):
            raise
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"it could not be copied: {error.strerror}") from error
    return name
