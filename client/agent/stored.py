"""Kept secrets in use: given to an attempt, kept once the gateway has accepted them, removed when it refuses them."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from client.agent.attempt import Attempt
from client.agent.vault import PASSPHRASE, Vault, VaultError
from client.model.cause import Finding
from client.model.profile import Profile

MAX_UNDECIDED = 3       # conversations with a kept password in a row without an end: a gateway may count each of them
SETTLE = 20.0           # s


class StoredSecrets:
    """``tell(profile, finding)``: what went wrong with keeping, which never is the end of a connection."""

    def __init__(self, vault: Vault, tell: Callable[[str, Finding], None]) -> None:
        self._vault = vault
        self._tell = tell
        self._undecided: dict[tuple[str, int | str], int] = {}
        self._jobs: set[asyncio.Task[None]] = set()

    @property
    def keeps(self) -> bool:
        return self._vault.keeps

    async def get(self, attempt: Attempt, slot: int | str) -> str | None:
        """None where the user has to be asked."""
        name = attempt.profile.name
        if self._undecided.get((name, slot), 0) >= MAX_UNDECIDED:
            return None
        await self.settle()         # what is being removed is not given once more
        try:
            stored = await self._vault.get(attempt.profile, str(slot))
        except VaultError as error:
            self._tell(name, Finding("vault-closed", f"what was kept cannot be read: {error}"))
            return None
        if stored is not None:
            attempt.stored.add(slot)
        return stored

    def accepted(self, attempt: Attempt) -> None:
        for slot in attempt.secrets:
            self._undecided.pop((attempt.profile.name, slot), None)
        if attempt.to_keep:
            self._do(self._keep(attempt.profile, dict(attempt.to_keep)))
            attempt.to_keep.clear()

    def refused(self, attempt: Attempt, slots: Sequence[int | str]) -> None:
        """They are for nobody's use any more."""
        wrong = [slot for slot in slots if slot in attempt.stored]
        attempt.stored.difference_update(wrong)
        for slot in slots:
            attempt.to_keep.pop(slot, None)
        if wrong:
            self._do(self._remove(attempt.profile, [str(slot) for slot in wrong]))

    def ended(self, attempt: Attempt) -> None:
        """Without a word of the gateway's about what it may have seen."""
        if attempt.tried and not attempt.accepted:
            for slot in attempt.stored - {PASSPHRASE}:
                key = attempt.profile.name, slot
                self._undecided[key] = self._undecided.get(key, 0) + 1

    async def settle(self) -> None:
        if self._jobs:
            await asyncio.wait(set(self._jobs), timeout=SETTLE)

    async def _keep(self, profile: Profile, secrets: dict[int | str, str]) -> None:
        try:
            for slot, secret in secrets.items():
                await self._vault.put(profile, str(slot), secret)
        except VaultError as error:
            self._tell(profile.name, Finding("not-kept", f"it could not be kept: {error}"))

    async def _remove(self, profile: Profile, slots: list[str]) -> None:
        self._tell(profile.name, Finding("kept-was-wrong", "what was kept is wrong and will not be used again; "
                                         "the next time it is asked for"))
        try:
            await self._vault.forget(profile, slots)
        except VaultError as error:
            self._tell(profile.name, Finding("not-removed", f"it could not be removed: {error}"))

    def _do(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
