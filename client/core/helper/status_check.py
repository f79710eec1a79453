"""Whether a connection's gateway has been revoked, as far as its profile wants to know: off, soft or strict."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from client.core.helper.revocation import Result, Revocation, Uplink
from client.core.pki.certificate import Certificate
from client.core.pki.revocation import Status
from client.model.cause import Cause, Finding, RoveError
from client.texts import finding_text

SOFT_WAIT = 2.0         # s that a log-in waits for an answer which it can do without
STRICT_WAIT = 10.0      # s: gateways forget a half-open IKE_SA after 30
UNKNOWN = "revocation-unknown"


class StatusCheck:
    """Of one connection. ``found`` and ``without`` take findings, by code; ``end`` ends it, also later on."""

    def __init__(self, mode: str, revocation: Revocation, uplink: Callable[[], Uplink],
                 found: Callable[[Finding], None], without: Callable[[str], None],
                 end: Callable[[RoveError], None]) -> None:
        self._mode = mode
        self._revocation = revocation
        self._uplink = uplink
        self._found = found
        self._without = without
        self._end = end
        self._late: set[asyncio.Task[Result]] = set()

    async def judge(self, path: Sequence[Certificate], sent: Sequence[bytes]) -> None:
        """Raises RoveError: GATEWAY_REVOKED, and with "strict" REVOCATION_UNKNOWN. With "soft" what comes late counts
        when it comes."""
        if self._mode == "off":
            return
        strict = self._mode == "strict"
        uplink = replace(self._uplink(), insist=strict)
        task = asyncio.ensure_future(self._revocation.check(path, sent, uplink))
        try:
            done, _ = await asyncio.wait({task}, timeout=STRICT_WAIT if strict else SOFT_WAIT)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            self._take(task.result())
        elif strict:
            task.cancel()
            raise RoveError(Cause.REVOCATION_UNKNOWN, "nobody answers in time")
        else:
            self._tell("nobody answers in time")
            self._late.add(task)
            task.add_done_callback(self._came_late)

    def close(self) -> None:
        for task in self._late:
            task.cancel()

    def _take(self, result: Result) -> None:
        if result.status is Status.REVOKED:
            raise RoveError(Cause.GATEWAY_REVOKED, result.detail)
        if result.status is Status.GOOD or (not result.asked and self._mode != "strict"):
            self._without(UNKNOWN)      # where there is nobody to ask there is nothing to tell
        elif self._mode == "strict":
            raise RoveError(Cause.REVOCATION_UNKNOWN, result.detail)
        else:
            self._tell(result.detail)

    def _tell(self, detail: str) -> None:
        self._without(UNKNOWN)
        self._found(Finding(UNKNOWN, finding_text(UNKNOWN, detail=detail)))

    def _came_late(self, task: asyncio.Task[Result]) -> None:
        self._late.discard(task)
        if task.cancelled():
            return
        try:
            self._take(task.result())
        except RoveError as error:
            self._end(error)
