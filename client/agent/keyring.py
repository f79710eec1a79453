"""The vault of a user: the session's Secret Service (gnome-keyring, KWallet, KeePassXC).

Only that one: the ``keyring`` package has other backends too, plain files among them, and is not asked to choose. A
small file says for which profiles there is something, so that nobody is asked to unlock a keyring that has nothing for
us, and so that what was refused is not used again even where the keyring could not remove it.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from client.agent.vault import VaultError, binding
from client.model.profile import Profile, check_name

UNLOCK = 60.0           # s: a person types the keyring's password, while the gateway waits for nothing yet
MAX_MARKS = 64
T = TypeVar("T")


class KeyringVault:
    """``patience`` in s for one request, the user's unlocking of the keyring included."""

    keeps = True

    def __init__(self, patience: float = UNLOCK) -> None:
        self._patience = patience

    async def get(self, profile: Profile, slot: str) -> str | None:
        if _mark(profile, slot) not in _marks(profile.name):
            return None
        return await self._run(lambda service: service.get_password(_service(profile.name), _mark(profile, slot)))

    async def put(self, profile: Profile, slot: str, secret: str) -> None:
        mark = _mark(profile, slot)
        others = [other for other in _marks(profile.name) if other.split(":")[0] == slot and other != mark]
        await self._run(lambda service: service.set_password(_service(profile.name), mark, secret))
        _write_marks(profile.name, {*_marks(profile.name), mark} - set(others))
        await self._remove(profile.name, others)     # of the gateway that this profile was for before

    async def forget(self, profile: Profile, slots: Sequence[str]) -> None:
        await self._forget(profile.name, [_mark(profile, slot) for slot in slots])

    async def forget_all(self, name: str) -> None:
        """Of a profile that is being deleted, whatever gateway it was for. Raises VaultError."""
        await self._forget(name, sorted(_marks(name)))

    async def _forget(self, name: str, marks: Sequence[str]) -> None:
        known = _marks(name)
        _write_marks(name, known - set(marks))
        await self._remove(name, [mark for mark in marks if mark in known])

    async def _remove(self, name: str, marks: Sequence[str]) -> None:
        def remove(service: Any) -> None:
            for mark in marks:
                if service.get_password(_service(name), mark) is not None:     # else removed by hand
                    service.delete_password(_service(name), mark)
        if marks:
            await self._run(remove)

    async def _run(self, work: Callable[[Any], T]) -> T:
        """In a thread of its own, which is left behind where the keyring shows a prompt that nobody answers."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if not done.done():
                if error is None:
                    done.set_result(result)
                else:
                    done.set_exception(error)

        def run() -> None:
            result, error = None, None
            try:
                result = work(_secret_service())
            except VaultError as problem:
                error = problem
            except Exception as problem:    # whatever the keyring, its library or the session bus came up with
                error = _explained(problem)
            with suppress(RuntimeError):    # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=run, name="keyring", daemon=True).start()
        try:
            async with asyncio.timeout(self._patience):
                return await done
        except TimeoutError as error:
            raise VaultError("the keyring did not answer in time; is it locked?") from error


def _secret_service() -> Any:
    """The backend, never another one. Raises VaultError. Imported here: 60 ms that most connections do without."""
    try:
        import_module("secretstorage")      # without which the backend can be made, and fails later
        return import_module("keyring.backends.SecretService").Keyring()
    except ImportError as error:
        raise VaultError("the Python packages keyring and SecretStorage are not installed") from error


def _explained(error: Exception) -> VaultError:
    """Without the other one's text: it may quote what was to be stored."""
    name = type(error).__name__
    if name in ("KeyringLocked", "LockedException", "PromptDismissedException"):
        return VaultError("the keyring is locked")
    if name in ("InitError", "NoKeyringError", "SecretServiceNotAvailableException", "KeyError", "RuntimeError"):
        return VaultError("this session has no keyring (Secret Service)")
    return VaultError(f"the keyring failed ({name})")


def _service(name: str) -> str:
    return f"Rove VPN {name}"


def _mark(profile: Profile, slot: str) -> str:
    """The "user name" of an entry."""
    return f"{slot}:{binding(profile)}"


def _marks_file(name: str) -> Path:
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return root / "rove" / "kept" / check_name(name)


def _marks(name: str) -> set[str]:
    try:
        return set(_marks_file(name).read_text().split()[:MAX_MARKS])
    except (OSError, ValueError):
        return set()


def _write_marks(name: str, marks: set[str]) -> None:
    file = _marks_file(name)
    try:
        if not marks:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        part.write_text("".join(f"{mark}\n" for mark in sorted(marks)))
        part.replace(file)
    except OSError as error:
        raise VaultError(f"{file}: {error.strerror}") from error
