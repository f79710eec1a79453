"""How large a packet may be on the present path, by probes that the gateway answers (in the manner of RFC 8899). Pure.

ICMP may be filtered, or forged: what it says only starts a probe. Until a probe was answered the least is assumed that
every path has, so that nothing is lost on a narrow one.
"""

from client.core.datapath.size import largest_payload
from client.core.ikev2.events import Path

LEAST, MOST = 1280, 1500     # octets of an outer packet; of IPv6 every link has the least (RFC 8200 §5)
_USUAL = (1280, 1300, 1320, 1340, 1360, 1380, 1400, 1420, 1440, 1454, 1460, 1472, 1480, 1492, 1500)
TRIES = 2                    # probes that must be lost before a size counts as too large
AFTER = 0.3                  # s on a path before it is probed: there is more urgent to say
BUSY = 0.5                   # s until a probe that could not be sent is tried again
PATIENCE = 10.0              # s for an answer of any kind; then the path or the IKE_SA is another
CONFIRM = 60.0               # s between looks whether what was found still holds, while there is traffic
RAISE = 600.0                # s until more is tried again (RFC 8899 §5.1.1)
HINT_INTERVAL = 5.0          # s between probes that hints of anybody bring about


def outer_size(path: Path) -> int:
    """What the path begins with; more than MOST is of no use on the internet."""
    return min(path.mtu, MOST)


def inner_size(octets: int, path: Path, transport: str, suites: tuple[str, ...]) -> int:
    """The largest inner packet, where an outer one has so many octets (``transport``: what ESP really travels in)."""
    around = (40 if ":" in path.remote.address else 20) + (0 if transport == "esp" else 8)
    return min(largest_payload(suite, octets - around) for suite in suites)


class PathMtu:
    """Of one path at a time. ``due`` is when ``step`` wants to be called; it returns the size to probe, 0 for none.

    Sizes from ``mtu`` on are searched up to the first that is too large. What is believed from before is looked at
    first (``_doubted``); if it is lost, the search begins at the least.
    """

    def __init__(self) -> None:
        self.mtu = LEAST
        self.due: float | None = None
        self._path: Path | None = None
        self._sizes: tuple[int, ...] = (LEAST,)     # all that come into question, ascending
        self._too_large = LEAST                     # the first that does not arrive
        self._doubted = False
        self._asked = 0                             # the size of the probe under way
        self._lost = 0                              # how often this size was lost
        self._raise_at = 0.0
        self._hinted = -HINT_INTERVAL

    def begin(self, path: Path, known: int, now: float, *, probes: bool) -> None:
        """On another path; ``known`` is what was found there before (0: nothing). Without ``probes`` (in a stream) the
        link's own MTU has to do."""
        top = outer_size(path)
        least = min(LEAST, top)
        self._path = path
        self._sizes = (least, *(size for size in _USUAL if least < size < top), *([top] if top > least else []))
        self._asked = self._lost = 0
        self._hinted = now - HINT_INTERVAL
        if not probes:
            self.mtu, self.due = top, None
            return
        self._doubted = known in self._sizes and known > least
        self.mtu = known if self._doubted else least
        self._too_large = next((size for size in self._sizes if size > self.mtu), top + 1) if self._doubted else top + 1
        self._raise_at = now + RAISE
        self.due = now + AFTER if self._doubted or self._next() else None

    def end(self) -> None:
        self.due = self._path = None

    def step(self, now: float, *, traffic: bool) -> int:
        """``traffic``: packets have left since the last look."""
        if self.due is None or now < self.due or self._path is None:
            return 0
        if now >= self._raise_at:
            self._too_large, self._raise_at = self._sizes[-1] + 1, now + RAISE
        self._asked = self.mtu if self._doubted else self._next()
        if not self._asked:                         # nothing is open: does it still hold?
            if not traffic or self.mtu == self._sizes[0]:
                self.due = now + CONFIRM
                return 0
            self._doubted, self._asked = True, self.mtu
        self.due = now + PATIENCE                   # no answer at all: again
        return self._asked

    def could_not_ask(self, now: float) -> None:
        """Something else is being said to the gateway."""
        self._asked, self.due = 0, now + BUSY

    def probed(self, path: Path, octets: int, now: float, *, arrived: bool) -> bool:
        """The answer; ``octets`` may be a few less than were asked for. Is ``mtu`` another now?"""
        if self._path is None or not path.same_way(self._path) or not self._asked:
            return False
        before, asked, self._asked = self.mtu, self._asked, 0
        if arrived:
            self._lost, self._doubted = 0, False
            self.mtu = max(before, octets)
        else:
            self._lost += 1
        if self._lost >= TRIES:
            self._lost, self._too_large = 0, asked
            if self._doubted:                       # not even this: all of it anew, below
                self._doubted, self.mtu = False, self._sizes[0]
        self.due = now if self._doubted or self._next() else now + CONFIRM
        return self.mtu != before

    def hint(self, now: float) -> None:
        """Somebody says that packets are too large."""
        if self.due is None or now - self._hinted < HINT_INTERVAL:
            return
        self._hinted = now
        if not self._asked and self.mtu > self._sizes[0]:
            self._doubted, self.due = True, now

    @property
    def settled(self) -> bool:
        """Nothing is left to find out."""
        return not self._doubted and not self._next()

    def _next(self) -> int:
        """The largest first: it is right most often. Then halves."""
        open_sizes = [size for size in self._sizes if self.mtu < size < self._too_large]
        if not open_sizes:
            return 0
        return open_sizes[-1] if self._too_large > self._sizes[-1] else open_sizes[len(open_sizes) // 2]
