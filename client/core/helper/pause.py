"""Which connections are down for a while because somebody said so, and until when. They come back by themselves.

Kept in the run-time folder as well: a roved that is started anew goes on pausing, a reboot does not.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from client.core.helper.owner import Owner
from client.core.helper.rows import read_rows, uid_of, write_rows
from client.model.state import State, rfc3339
from client.texts import finding_text

FILE = "pauses.json"
LONGEST = 86400.0       # s
LOOK = 30.0             # s between two looks: timers stand still while the machine sleeps, CLOCK_BOOTTIME goes on


class _Pause(NamedTuple):
    until: float        # CLOCK_BOOTTIME
    shown: float        # the same as Unix time: a clock that is set later makes it no longer or shorter
    uid: int | None     # who wants the connection up


class Pauses:
    """``on_over(owner, name, uid)`` is called when one is over; ``clock`` is CLOCK_BOOTTIME, ``unix`` the wall's."""

    def __init__(self, folder: Path, on_over: Callable[[Owner, str, int | None], None],
                 clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
                 unix: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._on_over = on_over
        self._clock = clock
        self._unix = unix
        self._pauses = self._read()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """From now on ``on_over`` is called."""
        self._look()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def add(self, owner: Owner, name: str, uid: int | None, seconds: float) -> None:
        """A further one replaces it."""
        self._pauses[owner, name] = _Pause(self._clock() + seconds, self._unix() + seconds, uid)
        self._write()
        self._arm()

    def remove(self, owner: Owner, name: str) -> bool:
        """Was it paused?"""
        if self._pauses.pop((owner, name), None) is None:
            return False
        self._write()
        return True

    def forget(self, owner: Owner) -> None:
        """All of a user who has left."""
        for name in self.names(owner):
            del self._pauses[owner, name]
        self._write()

    def names(self, owner: Owner) -> list[str]:
        return [name for of, name in self._pauses if of == owner]

    def paused(self, owner: Owner, name: str) -> bool:
        return (owner, name) in self._pauses

    def asked_by(self, owner: Owner, name: str, otherwise: int | None) -> int | None:
        """Who wants it up again."""
        pause = self._pauses.get((owner, name))
        return otherwise if pause is None else pause.uid

    def mark(self, owner: Owner, connection: dict[str, Any]) -> None:
        """One connection of the status document says so, as a finding."""
        pause = self._pauses.get((owner, str(connection.get("name", ""))))
        if pause is not None and connection.get("state") == State.DISCONNECTED.value:
            finding = {"code": "paused", "message": finding_text("paused", until=rfc3339(pause.shown))}
            connection["findings"] = [*connection.get("findings", ()), finding]

    def _arm(self) -> None:
        self.close()
        if self._pauses:
            wait = min(pause.until for pause in self._pauses.values()) - self._clock()
            self._timer = asyncio.get_running_loop().call_later(min(max(wait, 0.0), LOOK), self._look)

    def _look(self) -> None:
        over = [(entry, pause.uid) for entry, pause in self._pauses.items() if pause.until <= self._clock()]
        for entry, _ in over:
            del self._pauses[entry]
        if over:
            self._write()
        self._arm()
        for (owner, name), uid in over:
            self._on_over(owner, name, uid)

    def _read(self) -> dict[tuple[Owner, str], _Pause]:
        try:
            rows = {(Owner(uid_of(owner)), str(name)): _Pause(float(until), float(shown), uid_of(uid))
                    for owner, name, until, shown, uid in read_rows(self._folder, FILE)}
        except (OSError, ValueError, TypeError, OverflowError):
            return {}           # nothing was paused, or nobody can say any more
        # not from another boot: its clock says nothing here
        return {entry: pause for entry, pause in rows.items() if pause.until - self._clock() <= LONGEST}

    def _write(self) -> None:
        write_rows(self._folder, FILE, ([owner.uid, name, *pause] for (owner, name), pause in self._pauses.items()))
