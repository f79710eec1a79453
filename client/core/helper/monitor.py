"""When to try again: a pure function of what went wrong, how often in a row, and how long it has lasted.

A gateway that is silent is asked in short intervals for some minutes: it may be restarting, or the network may be. One
that answers and refuses is left in peace sooner, and so is one that stays silent.
"""

from collections.abc import Callable

from client.model.cause import Cause

EAGER = 300.0            # s from the first silence on
EAGER_WAIT = 1.0         # s between two attempts meanwhile
BACK_OFF = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)    # s: after a refusal, and after EAGER
JITTER = 0.2             # of a wait, both ways: a gateway's clients must not come back as one
SHORT_ATTEMPT = 10.0     # s without an answer that end an attempt, after EAGER

# Nobody has said no: the network, the name servers or the gateway are not there at the moment.
SILENCE = frozenset({Cause.GATEWAY_SILENT, Cause.GATEWAY_REFUSES_UDP, Cause.LOGIN_UNANSWERED, Cause.DEAD_PEER,
                     Cause.NAME_NOT_FOUND, Cause.NO_NETWORK, Cause.TIMEOUT})
# It has been waited for already, or there is nothing to wait for.
AT_ONCE = frozenset({Cause.DEAD_PEER, Cause.LIFETIME_EXPIRED})


class BackOff:
    """Of one connection. ``random(1)`` gives an octet; times are seconds of one clock."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self.begin_anew()

    def begin_anew(self) -> None:
        """It was up for a while: what was before counts no more."""
        self._failed = False
        self._refusals = 0              # of any kind that made a wait longer
        self._silent_since: float | None = None

    def wait(self, cause: Cause, now: float) -> float:
        """Seconds until the next attempt after one that ended with ``cause``."""
        first, self._failed = not self._failed, True
        eager = cause in SILENCE and not self._is_patient(now)
        if cause not in SILENCE:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        if eager or (first and cause in AT_ONCE):
            return self._jittered(EAGER_WAIT / 4 if first and cause in AT_ONCE else EAGER_WAIT)
        wait = BACK_OFF[min(self._refusals, len(BACK_OFF) - 1)]
        self._refusals += 1
        return self._jittered(wait)

    def give_up(self, now: float, usual: float) -> float:
        """Seconds of silence that end the attempt that begins now."""
        return min(usual, SHORT_ATTEMPT) if self._is_patient(now) else usual

    def _is_patient(self, now: float) -> bool:
        return self._silent_since is not None and now - self._silent_since >= EAGER

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 - JITTER + 2 * JITTER * self._random(1)[0] / 255)
