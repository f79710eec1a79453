"""Where a secret may be kept from one connection to the next: the Vault protocol."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

from client.agent.prompts import PromptKind
from client.model.profile import Profile

# The slot of a key's passphrase; a password or key of a round has the round's number, a PPK "ppk".
PASSPHRASE = "passphrase"  # noqa: S105
# What a person may want to have kept. A PIN never is: whoever has the card then needs nothing else.
KEPT_KINDS = frozenset({PromptKind.PASSWORD, PromptKind.PSK, PromptKind.PPK, PromptKind.PASSPHRASE})


class VaultError(Exception):
    """It is not there, it is locked, or it does not answer; the text says which, to people."""


class Vault(Protocol):
    """``keeps``: ``put`` can be asked for. Every method may raise VaultError."""

    keeps: bool

    async def get(self, profile: Profile, slot: str) -> str | None: ...

    async def put(self, profile: Profile, slot: str, secret: str) -> None: ...

    async def forget(self, profile: Profile, slots: Sequence[str]) -> None:
        """They are not given again, whatever else goes wrong; having none is no error."""
        ...


class NoVault:
    keeps = False

    async def get(self, profile: Profile, slot: str) -> str | None:
        return None

    async def put(self, profile: Profile, slot: str, secret: str) -> None:
        raise VaultError("there is nowhere to keep it")

    async def forget(self, profile: Profile, slots: Sequence[str]) -> None:
        return


def binding(profile: Profile) -> str:
    """Whom a profile's secrets are for: another gateway, authority or user is another binding."""
    whom = (profile.gateway.identity, profile.gateway.trust, profile.user, profile.ike.ppk)
    return hashlib.sha256(repr(whom).encode()).hexdigest()[:16]
