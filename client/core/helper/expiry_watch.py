"""The clock behind ``expiry``: looks in time, says what is new, asks for a log-in once, ends what is over."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from client.core.helper.expiry import Watched, look, watched
from client.core.pki.certificate import Certificate
from client.model.cause import Finding, RoveError

LONGEST = 300.0         # s without a look: the clock may be set, the machine may have slept
SHORTEST = 0.05


class ExpiryWatch:
    """Of one connection. ``tell`` takes the findings, in the place of those of ``CODES``; ``renew`` asks for another
    log-in beside the connection; ``end`` ends it."""

    def __init__(self, tell: Callable[[tuple[Finding, ...]], None], renew: Callable[[], None],
                 end: Callable[[RoveError], None], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._tell = tell
        self._renew = renew
        self._end = end
        self._now = now
        self._since = now()
        self._watched: tuple[Watched, ...] = ()
        self._told: tuple[Finding, ...] = ()
        self._asked: set[bytes] = set()         # certificates for which a new log-in was asked for: once each
        self._timer: asyncio.TimerHandle | None = None

    def logged_in(self, user: Sequence[bytes], gateway: Iterable[Certificate]) -> None:
        """With these certificates, just now; a ticket is no log-in."""
        self._watched, self._since = watched(user, gateway), self._now()
        self.look()

    def look(self) -> None:
        """Idempotent; for all occasions on which time may have passed unseen."""
        self.stop()
        if not self._watched:
            return
        now = self._now()
        outlook = look(self._watched, self._since, now)
        if outlook.findings != self._told:
            self._told = outlook.findings
            self._tell(outlook.findings)
        if outlook.over is not None:
            self._watched = ()          # until the next log-in
            self._end(outlook.over)
            return
        if outlook.next is not None:
            wait = min(max((outlook.next - now).total_seconds(), SHORTEST), LONGEST)
            self._timer = asyncio.get_running_loop().call_later(wait, self.look)
        fresh = {one.certificate.der for one in outlook.renew} - self._asked
        if fresh:
            self._asked |= fresh
            self._renew()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
