"""Whom a profile and its connection belong to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Owner:
    """A user, or the machine (``uid`` None)."""

    uid: int | None

    def visible_to(self, uid: int) -> bool:
        """Users see their own and the machine's connections, never each other's."""
        return self.uid is None or self.uid == uid


SYSTEM = Owner(None)
