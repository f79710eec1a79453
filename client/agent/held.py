"""What the gateway has accepted, remembered while the connection lasts: so that it can come back without a prompt.

In this process's memory only, and no longer than roved runs the connection: Cancel ends it, and so does roved's end. A
PIN is never here (a token asks for it again), and what the user wants kept for longer is in the keyring (``stored``).
"""

from dataclasses import dataclass, field

from client.model.profile import Profile

MAX_UNDECIDED = 3       # conversations with it in a row that had no end: a gateway may count each as a refusal


@dataclass
class Held:
    """Of one profile, as it was then. ``secrets``: as in Attempt, and a key's passphrase."""

    profile: Profile
    secrets: dict[int | str, str] = field(repr=False)
    undecided: int = 0


class HeldSecrets:
    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def accepted(self, profile: Profile, secrets: dict[int | str, str]) -> None:
        self.forget(profile.name)
        if secrets:
            self._held[profile.name] = Held(profile, secrets)

    def of(self, profile: Profile) -> dict[int | str, str]:
        """Empty where the user has to be asked: another profile of that name, or too many tries without an answer."""
        held = self._held.get(profile.name)
        usable = held is not None and held.profile == profile and held.undecided < MAX_UNDECIDED
        return dict(held.secrets) if held is not None and usable else {}

    def undecided(self, name: str) -> None:
        """A conversation had no end: the gateway may have heard the secret, or not."""
        if held := self._held.get(name):
            held.undecided += 1

    def forget(self, name: str) -> None:
        if held := self._held.pop(name, None):
            held.secrets.clear()

    def forget_all(self) -> None:
        for name in list(self._held):
            self.forget(name)
