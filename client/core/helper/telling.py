"""What one connection tells: states, steps, errors and questions, to whoever listens, and to the log.

What is known is ``tunnel``. The engine's events change it (``take``); what roved finds out by itself is said here.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from client.core.datapath.base import DataPathStats
from client.core.helper.tunnel import Tunnel, describe
from client.core.helper.tunnel import step as after
from client.core.ikev2 import events as ike
from client.model.cause import Cause, Finding, RoveError
from client.model.state import DnsState, ErrorState, State, TunnelState, rfc3339
from client.texts import error_text, finding_text

_WAITING = "waiting-for-user"       # the finding while somebody is asked


class Telling:
    """``event`` takes Event documents, ``log`` level and text; ``stats`` of the data path, None where there is none."""

    def __init__(self, tunnel: Tunnel, event: Callable[[dict[str, Any]], None], log: Callable[[str, str], None],
                 clock: Callable[[], float], stats: Callable[[], DataPathStats | None]) -> None:
        self.tunnel = tunnel
        self._event, self._log, self._clock, self._stats = event, log, clock, stats
        self._began = clock()

    def begin(self) -> None:
        """Steps tell the time since now."""
        self._began = self._clock()

    def take(self, event: ike.Event, offset: float) -> None:
        """An engine's; ``offset`` turns its times into Unix time. Told is what comes of it."""
        self.tunnel = after(self.tunnel, event, time.time(), offset)

    def state(self) -> TunnelState:
        return describe(self.tunnel, self._stats())

    def to(self, state: State, **changes: Any) -> None:
        """Told where it is another one, and where a connected tunnel is changed."""
        changed = state is not self.tunnel.state
        self.tunnel = self.tunnel.to(state, time.time(), **changes)
        if changed or state is State.CONNECTED:
            self.tell()

    def set(self, **changes: Any) -> None:
        """Told with the next state."""
        self.tunnel = replace(self.tunnel, **changes)

    def found(self, *findings: Finding) -> None:
        self.tunnel = self.tunnel.found(*findings)

    def without(self, *codes: str) -> None:
        """What these findings said is true no more."""
        for code in codes:
            self.tunnel = self.tunnel.without(code)

    def tell(self) -> None:
        self._event({"kind": "state", "state": self.state().to_json()})

    def step(self, what: str, detail: str = "") -> None:
        self._log("info", f"{what} {detail}".strip())
        self._event({"kind": "step", "step": what, "detail": detail, "elapsed": round(self._clock() - self._began, 4)})

    def error(self, error: RoveError, *, final: bool = False) -> None:
        """Why an attempt, or (``final``) the connection ended."""
        text = error_text(error.cause, error.detail)
        self.set(error=text)
        self._log("error" if final else "warning", f"{error.cause.code}: {text.message}")
        self._say(error.cause, text, final=final)

    def renewal_failed(self, cause: Cause, detail: str, deadline: float) -> None:
        """The tunnel stands until the deadline, Unix time."""
        text = error_text(cause, detail)
        self._log("warning", f"reauthentication: {cause.code}: {text.message}")
        self.without("reauth-failed")
        self.found(Finding("reauth-failed", finding_text("reauth-failed", why=text.message, until=rfc3339(deadline))))
        self._say(cause, text, final=False)
        self.tell()

    def waiting(self, patience: float) -> None:
        """Somebody is asked, and has so many seconds. Beside a connection in use its state stays what it is."""
        if self.tunnel.state in (State.CONNECTING, State.RECONNECTING):
            self.tunnel = self.tunnel.to(State.WAITING_FOR_USER, time.time())
        self.asked("", patience)

    def asked(self, again: str, patience: float) -> None:
        until = rfc3339(time.time() + patience)
        self.without(_WAITING)
        self.found(Finding(_WAITING, finding_text(_WAITING, until=until)))
        self.tell()
        self._event({"kind": "prompt", "what": f"what {self.tunnel.name} needs to log in {again}".strip(),
                     "deadline": until})

    def answered(self) -> None:
        """Or not: what comes of it is told by the next state."""
        self.without(_WAITING)

    def disconnected(self) -> None:
        self.to(State.DISCONNECTED, path=None, virtual_ips=ike.VirtualIps(), dns=DnsState(), spis=(b"", b""),
                children=(), error=None)

    def failed(self, error: RoveError) -> None:
        self.to(State.FAILED, spis=(b"", b""), children=(), error=error_text(error.cause, error.detail))
        self.error(error, final=True)

    def _say(self, cause: Cause, text: ErrorState, *, final: bool) -> None:
        self._event({"kind": "error", "code": text.code, "stage": text.stage, "message": text.message,
                     "advice": text.advice, "exit_code": cause.exit_code.value, "final": final})
