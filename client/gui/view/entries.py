"""The tray's content as values. The icon is there before the rest is loaded: tuples, since dataclasses take 25 ms."""

from typing import NamedTuple

ANIMATED = frozenset({"rove-acquiring"})


class Command(NamedTuple):
    """What an entry or a button does: ``verb`` of a profile. client.gui.app knows the verbs. ``minutes`` of a pause."""

    verb: str
    name: str = ""
    minutes: int = 0


class Entry(NamedTuple):
    """Without ``command`` and ``entries`` it only says something; without text it is a line."""

    text: str = ""
    command: Command | None = None
    entries: tuple["Entry", ...] = ()
    icon: str = ""


class TrayView(NamedTuple):
    icon: str
    tooltip: str
    menu: tuple[Entry, ...]

    @property
    def animated(self) -> bool:
        return self.icon in ANIMATED
