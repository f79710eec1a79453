"""The kernel tells when the wall clock was set: by somebody, or because the machine has slept. Nothing is polled."""

import asyncio
import ctypes
import os
import time
from collections.abc import Callable

# timerfd_create(2); Python has it from 3.13 on
_TFD_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
_TFD_TIMER_ABSTIME, _TFD_TIMER_CANCEL_ON_SET = 1, 2
_LONG_MAX = (1 << (8 * ctypes.sizeof(ctypes.c_long) - 1)) - 1


class ClockWatch:
    """``on_set`` is called in the event loop where ``start`` ran, after each such jump; what NTP corrects by slewing is
    none. Waking from suspend counts as one (timekeeping_resume in the kernel)."""

    def __init__(self, on_set: Callable[[], None]) -> None:
        self._on_set = on_set
        self._fd = -1
        self._libc = ctypes.CDLL(None, use_errno=True)

    def start(self) -> None:
        """Raises OSError."""
        self._fd = self._libc.timerfd_create(time.CLOCK_REALTIME, _TFD_FLAGS)
        if self._fd < 0:
            raise _last_error("timerfd_create")
        self._arm()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def close(self) -> None:
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _arm(self) -> None:
        """For the end of all days: it is only ever cancelled."""
        end = (ctypes.c_long * 4)(0, 0, _LONG_MAX, 0)       # struct itimerspec: interval, value
        if self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME | _TFD_TIMER_CANCEL_ON_SET, end, None) < 0:
            raise _last_error("timerfd_settime")

    def _readable(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return
        except OSError:         # ECANCELED: the clock was set
            pass
        self._arm()
        self._on_set()


def _last_error(what: str) -> OSError:
    return OSError(ctypes.get_errno(), what)
