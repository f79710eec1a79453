"""Taking over what an importer read: the profile to roved, the credentials into the user's own folder."""

import contextlib
from collections.abc import Sequence
from typing import Protocol

from client.agent import credentials
from client.agent.gather import gather, try_key
from client.agent.prompts import Prompter
from client.bus.client import VpnClient
from client.model.cause import Cause, RoveError
from client.model.profile import parse_profile


class File(Protocol):
    """A credential file's name and contents."""

    @property
    def name(self) -> str: ...

    @property
    def data(self) -> bytes: ...


async def adopt(client: VpnClient, profile_toml: str, files: Sequence[File], system: bool = False,
                prompter: Prompter | None = None) -> str:
    """→ the profile's name. Credentials last, so that a refused import leaves no copies and an existing profile keeps
    its own. Of a ``system`` profile they are roved's, as are the secrets that ``prompter`` gives; a user's are only
    tried on the key. Raises RoveError, RovedNotRunning."""
    contents = {file.name: file.data for file in files}
    if system:
        on_token = parse_profile(profile_toml).user.on_token        # its secrets are asked for, whatever comes
        secrets = {} if prompter is None or on_token else await gather(profile_toml, contents, prompter)
        return await client.import_system_profile(profile_toml, contents, secrets)
    if prompter is not None:
        await try_key(profile_toml, contents, prompter)
    name = await client.import_profile(profile_toml)
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
