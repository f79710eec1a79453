"""Which connections somebody wants up, in the run-time folder: a roved that is started anew, by an upgrade or after a
crash, takes them up again. A reboot, the user's goodbye and a refusal end that.
"""

import json
import os
from pathlib import Path

from client.core.helper.files import DIRECTORY, read_file, write_file
from client.core.helper.owner import Owner
from client.model.cause import RoveError

FILE = "standing.json"
MOST = 64 * 1024        # octets
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

    def _read(self) -> dict[Entry, int | None]:
        try:
            folder = os.open(self._folder, DIRECTORY)
            try:
                rows = json.loads(read_file(folder, FILE, MOST))
            finally:
                os.close(folder)
            return {(Owner(_uid(owner)), str(name)): _uid(uid) for owner, name, uid in rows}
        except (OSError, ValueError, TypeError):
            return {}           # nothing stood, or nobody can say any more

    def _write(self) -> None:
        rows = [[owner.uid, name, uid] for (owner, name), uid in {**self._before, **self._entries}.items()]
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self._folder, DIRECTORY)
        except OSError:
            return              # a connection works without it
        try:
            write_file(folder, FILE, json.dumps(rows).encode())
        except RoveError:
            return
        finally:
            os.close(folder)


def _uid(value: object) -> int | None:
    if value is not None and not isinstance(value, int):
        raise TypeError("a uid is a number")
    return value
