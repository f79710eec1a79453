"""Which connections somebody wants up, in the run-time folder: a roved that is started anew, by an upgrade or after a
crash, takes them up again. A reboot, the user's goodbye and a refusal end that.
"""

from pathlib import Path

from client.core.helper.owner import Owner
from client.core.helper.rows import read_rows, uid_of, write_rows

FILE = "standing.json"
Entry = tuple[Owner, str]


class Standing:
    """``entries`` of this roved; ``before``: of the one that ran here until now, taken up once each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[Entry, int | None] = {}         # → who asked for it, None: the machine
        self._before = self._read()

    def add(self, owner: Owner, name: str, uid: int | None) -> None:
        self._entries[owner, name] = uid
        self._before.pop((owner, name), None)
        self._write()

    def remove(self, owner: Owner, name: str) -> None:
        if self._entries.pop((owner, name), self) is not self or self._before.pop((owner, name), self) is not self:
            self._write()

    def forget(self, owner: Owner) -> None:
        """All of a user who has left."""
        for entries in (self._entries, self._before):
            for entry in [entry for entry in entries if entry[0] == owner]:
                del entries[entry]
        self._write()

    def stood(self, owner: Owner, name: str, uid: int | None) -> bool:
        """Was it up before roved was started anew, for this user (None: for the machine itself)?"""
        asked = self._before.get((owner, name), False)
        return asked is not False and (asked == uid or uid is None)

    def asked_by(self, owner: Owner, name: str, otherwise: int | None) -> int | None:
        """Who wants it up; ``otherwise`` where nobody has said so."""
        return self._entries.get((owner, name), self._before.get((owner, name), otherwise))

    def wait_for_agent(self, owner: Owner, name: str, uid: int | None) -> None:
        """It is wanted, and nobody is there who could be asked: ``stood`` from now on."""
        self._before[owner, name] = uid
        self._write()

    def _read(self) -> dict[Entry, int | None]:
        try:
            return {(Owner(uid_of(owner)), str(name)): uid_of(uid)
                    for owner, name, uid in read_rows(self._folder, FILE)}
        except (OSError, ValueError, TypeError):
            return {}           # nothing stood, or nobody can say any more

    def _write(self) -> None:
        write_rows(self._folder, FILE, ([owner.uid, name, uid]
                                        for (owner, name), uid in {**self._before, **self._entries}.items()))
