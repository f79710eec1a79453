"""The tray's content as values. Imports nothing: the icon is there before the rest is loaded."""

from dataclasses import dataclass

ANIMATED = frozenset({"rove-acquiring"})


@dataclass(frozen=True)
class Command:
    """What an entry or a button does: ``verb`` of a profile. client.gui.app knows the verbs."""

    verb: str
    name: str = ""


@dataclass(frozen=True)
class Entry:
    """Without ``command`` and ``entries`` it only says something; without text it is a line."""

    text: str = ""
    command: Command | None = None
    entries: tuple["Entry", ...] = ()
    icon: str = ""


@dataclass(frozen=True)
class TrayView:
    icon: str
    tooltip: str
    menu: tuple[Entry, ...]

    @property
    def animated(self) -> bool:
        return self.icon in ANIMATED
