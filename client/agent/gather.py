"""All secrets of a profile at once, tried on its files as a connection would: for an import."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from client.agent.keys import load_credential
from client.agent.prompts import PromptCancelled, Prompter, PromptKind, Question, Remembering, SecretUsedUp
from client.agent.service import AgentService
from client.model.cause import Cause, RoveError
from client.model.profile import Profile, parse_profile

PATIENCE = 300.0        # s


async def gather(toml: str, files: Mapping[str, bytes], prompter: Prompter) -> dict[str, str]:
    """→ secrets by slot (``vault``). Raises RoveError: what was given does not open the key, or is not enough."""
    name = parse_profile(toml).name
    collected = _Collected()
    with _written(files) as folder:
        service = AgentService(Remembering(prompter), credential_path=lambda _, file: folder / file, vault=collected)
        try:
            await service.prepare(name, toml, "connect", PATIENCE)
            await service.outcome(name, accepted=True)
            await service.settle()
        finally:
            await service.forget_all()
    return collected.secrets


async def try_key(toml: str, files: Mapping[str, bytes], prompter: Prompter) -> None:
    """Can the certificate and key be used with the passphrase that is given? Raises RoveError."""
    user = parse_profile(toml).user

    async def ask() -> str:
        try:
            return (await prompter.secret(Question(PromptKind.PASSPHRASE, f"Passphrase of {user.certificate}"))).text
        except SecretUsedUp:
            raise
        except PromptCancelled as error:
            raise RoveError(Cause.PROMPT_CANCELLED, str(error)) from error
    if user.certificate in files:
        with _written(files) as folder:
            await load_credential(folder / user.certificate, folder / user.key if user.key else None, ask,
                                  datetime.now(UTC))


@contextmanager
def _written(files: Mapping[str, bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rove-") as folder:
        for file, data in files.items():
            path = Path(folder) / file
            path.touch(mode=0o600)
            path.write_bytes(data)
        yield Path(folder)


class _Collected:
    keeps = True

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    async def get(self, profile: Profile, slot: str) -> str | None:
        return None

    async def put(self, profile: Profile, slot: str, secret: str) -> None:
        self.secrets[slot] = secret

    async def forget(self, profile: Profile, slots: Sequence[str]) -> None:
        return
