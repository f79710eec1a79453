"""Has the machine slept? logind says so, and so do the clocks: CLOCK_BOOTTIME goes on meanwhile, CLOCK_MONOTONIC stops.

Either is enough, both are one. Nothing has to be done before a machine sleeps, so it is not held up (no inhibitor
lock): IKE_SAs and keys stay as they are, and the first packet afterwards is a probe.
"""

import logging
import time
from collections.abc import Callable

from client.core.platform.clock import ClockWatch

NOTICEABLE = 0.5         # s of sleep; less is two clocks that were not read at the same moment
ONE_WAKE = 5.0           # s (awake) within which logind's word is about what the clocks have shown

_logger = logging.getLogger("rove.sleep")


class SleepWatch:
    """``on_wake(seconds)``: the machine has slept so long, as far as known. In the event loop where ``start`` ran."""

    def __init__(self, on_wake: Callable[[float], None],
                 boottime: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._on_wake = on_wake
        self._boottime = boottime
        self._monotonic = monotonic
        self._asleep = self._ever_asleep()
        self._woke: float | None = None
        self._clock = ClockWatch(self._clock_was_set)

    def start(self) -> None:
        """Raises OSError."""
        self._clock.start()

    def close(self) -> None:
        self._clock.close()

    def prepare_for_sleep(self, going: bool) -> None:
        """logind's signal of that name."""
        if going:
            self._woke = None       # whatever comes next is another time
        elif not self.look() and (self._woke is None or self._monotonic() - self._woke > ONE_WAKE):
            self._report(0.0)       # it was called off, or the clocks say nothing here: a probe costs little

    def look(self) -> bool:
        """Have the clocks drifted apart since the last look?"""
        asleep = self._ever_asleep()
        slept, self._asleep = asleep - self._asleep, asleep
        if slept < NOTICEABLE:
            return False
        self._report(slept)
        return True

    def _clock_was_set(self) -> None:
        self.look()

    def _report(self, slept: float) -> None:
        self._woke = self._monotonic()
        _logger.info("the machine woke after %.0f s", slept)
        self._on_wake(slept)

    def _ever_asleep(self) -> float:
        return self._boottime() - self._monotonic()
