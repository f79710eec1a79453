"""What every importer gives back."""

from collections.abc import Sequence
from dataclasses import dataclass, field


class ImportFailed(ValueError):
    """The file gives no usable profile. ``problems`` has one line each, naming the key or the file."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class IdentityMissing(ImportFailed):
    """All is well but for the user's name, which the file leaves to the user."""


@dataclass(frozen=True)
class CredentialFile:
    """To be copied into the user's credential folder as ``name``, which the profile refers to."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Imported:
    """``profile_toml`` is complete: CA certificates are inside it as PEM.

    ``not_understood`` names keys we do not know; ``missing`` says what the file asks for and this version cannot do.
    """

    name: str
    profile_toml: str
    credentials: tuple[CredentialFile, ...] = ()
    not_understood: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
