"""Every timer has a name; one table, one ``next_timeout`` (in the manner of quinn)."""

from collections.abc import Collection
from enum import Enum, auto


class Timer(Enum):
    RETRANSMIT = auto()      # owner: initiator SPI of the IKE_SA, as for all without a note
    KE_SILENCE = auto()      # nothing came back for our first KE group
    DPD = auto()
    QUEUE = auto()           # a postponed exchange may be tried again
    FOLLOW_UP = auto()       # the gateway has begun key exchanges and may never end them
    REKEY_IKE = auto()
    EXPIRE_IKE = auto()
    REKEY_CHILD = auto()     # owner: our inbound SPI, as for the two below
    EXPIRE_CHILD = auto()
    BASELINE = auto()        # owner: none, as for the five below; how does the gateway see us, to begin with?
    SILENT = auto()          # the gateway has not answered while there is traffic
    VERDICT = auto()         # by now the present way has answered, or is silent
    RETURN = auto()          # a better way that was silent may be tried again
    ADDRESSES = auto()       # the gateway may be told of our other addresses
    FOLLOWS = auto()         # has a gateway without MOBIKE followed us?
    CREATE_CHILD = auto()    # owner: the name of what is wanted and does not stand
    LINGER_CHILD = auto()    # a deleted CHILD_SA still receives what was in flight
    REAUTH = auto()          # owner: none, as for all below; somebody may have to be asked from now on
    REAUTH_END = auto()      # our own policy ends what was not authenticated anew
    SETTLE = auto()          # owner: none, the new IKE_SA should have all children; "next": it should have its first
    LINGER_OLD = auto()      # owner: request id; the children of an IKE_SA that was replaced and deleted


class TimerTable:
    """(timer, owner) → deadline in seconds of the engine's clock."""

    def __init__(self) -> None:
        self._deadlines: dict[tuple[Timer, bytes], float] = {}

    def set(self, timer: Timer, owner: bytes, at: float) -> None:
        self._deadlines[timer, owner] = at

    def cancel(self, timer: Timer, owner: bytes) -> None:
        self._deadlines.pop((timer, owner), None)

    def postpone(self, timers: Collection[Timer], until: float) -> None:
        """None of these is due before ``until``."""
        for key, at in self._deadlines.items():
            if key[0] in timers:
                self._deadlines[key] = max(at, until)

    def cancel_owner(self, owner: bytes) -> None:
        for key in [key for key in self._deadlines if key[1] == owner]:
            del self._deadlines[key]

    def clear(self) -> None:
        self._deadlines.clear()

    def get(self, timer: Timer, owner: bytes) -> float | None:
        return self._deadlines.get((timer, owner))

    def next(self) -> float | None:
        return min(self._deadlines.values(), default=None)

    def due(self, now: float) -> list[tuple[Timer, bytes]]:
        """Takes out and returns what is due, earliest first, and of equal ones what was set first."""
        due = sorted((at, key[0].value, n, key) for n, (key, at) in enumerate(self._deadlines.items()) if at <= now)
        keys = [key for *_, key in due]
        for key in keys:
            del self._deadlines[key]
        return keys
