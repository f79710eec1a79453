"""One thread for a library that blocks and knows no threads: its calls are awaited, for as long as patience lasts."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from client.model.cause import Cause, RoveError

log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Worker:
    """Runs one job after the other. One that hangs holds up those behind it, and nobody else: the thread is a daemon,
    and whoever waits has his patience."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[], _T], patience: float, undo: Callable[[_T], object] | None = None) -> _T:
        """``undo`` gets, in the thread, a result that came when nobody waited any more.

        Raises RoveError (TOKEN_SILENT) after ``patience`` seconds, and what ``work`` raises.
        """
        job = _Job(work, undo, asyncio.get_running_loop())
        self.post(job.run)
        try:
            async with asyncio.timeout(patience):
                result = await job.future
                job.taken = True
                return result
        except TimeoutError:
            raise RoveError(Cause.TOKEN_SILENT, f"no answer within {patience:.0f} s") from None
        finally:
            job.leave(self.post)

    def post(self, work: Callable[[], object]) -> None:
        """Without waiting; what goes wrong is nobody's."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=self._name, daemon=True)
            self._thread.start()
        self._queue.put(lambda: _quietly(work))

    async def settled(self, patience: float) -> None:
        """All that was posted is done, or ``patience`` is over."""
        if self._thread is not None:
            with contextlib.suppress(RoveError):
                await self.run(lambda: None, patience)

    def _loop(self) -> None:
        while True:
            self._queue.get()()


class _Job(Generic[_T]):
    def __init__(self, work: Callable[[], _T], undo: Callable[[_T], object] | None,
                 loop: asyncio.AbstractEventLoop) -> None:
        self._work, self._undo, self._loop = work, undo, loop
        self.future: asyncio.Future[_T] = loop.create_future()
        self._lock = threading.Lock()
        self._left = False          # nobody waits any more
        self._result: tuple[_T] | None = None
        self.taken = False

    def run(self) -> None:
        with self._lock:
            if self._left:
                return
        try:
            result = self._work()
        except BaseException as error:
            self._tell(self._fail, error)
            return
        with self._lock:
            self._result = (result,)
            wanted = not self._left
        if not wanted or not self._tell(self._succeed, result):
            self._take_back()

    def leave(self, post: Callable[[Callable[[], object]], None]) -> None:
        """In the loop: the wait is over, with the result or without."""
        with self._lock:
            self._left = True
            missed = self._result is not None and not self.taken
        if missed:
            post(self._take_back)

    def _tell(self, how: Callable[[Any], None], what: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(how, what)
        except RuntimeError:        # the loop is closed
            return False
        return True

    def _succeed(self, result: _T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)

    def _take_back(self) -> None:
        with self._lock:
            result, self._result = self._result, None
        if result is not None and self._undo is not None:
            self._undo(result[0])


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception as error:      # its words may quote what was typed
        log.warning("a call to a smartcard's driver failed with %s", type(error).__name__)
