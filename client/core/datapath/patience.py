"""Is anything answered? ESP that goes out for a while, with nothing coming back, is a sign of a dead path.

Only a sign: the far side may be quiet. So the last word of a conversation raises no suspicion, and where a first
suspicion has led to nothing the next one comes after twice the time. All times are nanoseconds.
"""

LASTING = 150_000_000        # sending that goes on so long waits for something
LONGEST = 64_000_000_000     # between two suspicions


class Patience:
    """``sent`` and ``answered`` as packets go and come; at ``deadline`` it is time to ask ``is_exhausted``."""

    def __init__(self) -> None:
        self.deadline = 0           # 0: nothing is waited for
        self._limit = 0
        self._wait = 0
        self._first = 0             # of what goes unanswered
        self._last = 0
        self._before = False        # something went unanswered before that

    def set_limit(self, limit: int) -> None:
        """0: patience without end. What is waited for already has the time that it was given."""
        if self._wait == self._limit:
            self._wait = limit
        self._limit = limit
        if not limit:
            self.answered()

    def begin_anew(self) -> None:
        """Another path: what was of the old one counts no more."""
        self.answered()

    def sent(self, now: int) -> None:
        self._last = now
        if not self.deadline and self._limit:
            self._first, self.deadline = now, now + self._wait

    def answered(self) -> None:
        self.deadline, self._wait, self._before = 0, self._limit, False

    def is_exhausted(self, now: int) -> bool:
        """Nothing came in time although it was waited for. Waits for the next packet, then, in any case."""
        if not self.deadline or now < self.deadline:
            return False
        suspicious = self._before or self._last - self._first >= LASTING
        self.deadline, self._before = 0, True
        if suspicious:
            self._wait = min(2 * self._wait, LONGEST)
        return suspicious
