"""Which certificate of his smartcards the user chose for a profile: remembered in his own state folder, no secret."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from client.model.profile import ProfileError, check_name

MAX_FILE = 256 * 1024


@dataclass(frozen=True)
class Choice:
    """``certificate``: SHA-256 of its DER in hex; ``label`` and ``serial`` say on which token it was last.

    ``chosen``: by the user, among several; else it was the only one.
    """

    certificate: str
    label: str
    serial: str
    chosen: bool


def state_file() -> Path:
    """``$XDG_STATE_HOME/rove/smartcards.json``; nothing is created."""
    base = os.environ.get("XDG_STATE_HOME", "")
    # XDG base directory specification: a relative path is to be ignored
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return root / "rove" / "smartcards.json"


def remembered(profile: str) -> Choice | None:
    return _load().get(profile)


def remember(profile: str, choice: Choice) -> None:
    """Raises OSError."""
    known = _load()
    if known.get(profile) != choice:
        _store({**known, profile: choice})


def forget(profile: str) -> None:
    """Raises OSError."""
    known = _load()
    if known.pop(profile, None) is not None:
        _store(known)


def _load() -> dict[str, Choice]:
    """What is readable of it: a choice that is lost is asked for again."""
    try:
        with state_file().open("rb") as file:
            tree = json.loads(file.read(MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    found = {}
    for name, fields in tree.items() if isinstance(tree, dict) else ():
        try:
            choice = Choice(**fields)
            check_name(name)
        except (TypeError, ProfileError):
            continue
        if all(isinstance(value, str) for value in (choice.certificate, choice.label, choice.serial)):
            found[name] = choice
    return found


def _store(known: dict[str, Choice]) -> None:
    path = state_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("w") as file:
        json.dump({name: asdict(choice) for name, choice in known.items()}, file, indent=1)
    part.replace(path)
