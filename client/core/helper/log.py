"""The log of each connection: bounded, readable over D-Bus by those who may see the connection, and on stderr.

Texts may quote a gateway or an agent, so they are made plain and bounded here, in one place. Secrets never get
this far: the types that hold them do not print them.
"""

import logging
import os
import sys
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from client.core.helper.owner import Owner
from client.model.state import rfc3339

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
MAX_LINES = 1000          # per connection
MAX_CONNECTIONS = 64      # rings; the one idle for longest goes first
MAX_TEXT = 1000           # characters
MAX_ANSWER = 4000         # lines in one answer of ``Log``

# sd-daemon(3): a line on stderr may begin with its syslog level
_SYSLOG = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_logger = logging.getLogger("rove.connection")


@dataclass(frozen=True)
class Line:
    """``time`` is Unix time in seconds."""

    time: float
    owner: Owner
    connection: str
    level: str
    text: str

    def to_json(self) -> dict[str, Any]:
        return {"time": rfc3339(self.time), "connection": self.connection, "level": self.level, "text": self.text}


class LogBook:
    """Ring buffers by connection. ``on_line`` hears every line (for "log" events)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.on_line: Callable[[Line], None] | None = None
        self._clock = clock
        self._rings: OrderedDict[tuple[Owner, str], deque[Line]] = OrderedDict()

    def write(self, owner: Owner, connection: str, level: str, text: str) -> None:
        """``level`` is a key of LEVELS. Debug lines reach the ring only where the process logs at debug level."""
        number = LEVELS[level]
        if not _logger.isEnabledFor(number):
            return
        line = Line(self._clock(), owner, connection, level, plain(text))
        ring = self._rings.setdefault((owner, connection), deque(maxlen=MAX_LINES))
        ring.append(line)
        self._rings.move_to_end((owner, connection))
        if len(self._rings) > MAX_CONNECTIONS:
            self._rings.popitem(last=False)
        _logger.log(number, "%s: %s", connection, line.text)
        if self.on_line:
            self.on_line(line)

    def since(self, time: float, uid: int) -> list[Line]:
        """What this user may see, oldest first, at most the last MAX_ANSWER lines."""
        lines = [line for (owner, _), ring in self._rings.items() if owner.visible_to(uid)
                 for line in ring if line.time >= time]
        return sorted(lines, key=lambda line: line.time)[-MAX_ANSWER:]


def plain(text: str, limit: int = MAX_TEXT) -> str:
    """Text of whatever origin as one printable line: no control or direction characters, bounded."""
    shown = "".join(char if char.isprintable() else " " for char in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def set_up_logging(debug: bool) -> None:
    """stderr: with syslog levels where it is the journal, with times elsewhere."""
    journal = "JOURNAL_STREAM" in os.environ
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JournalFormatter("%(message)s") if journal else
                         logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Ours only: the libraries' debug lines print whole messages, and those hold an MSK.
    logging.getLogger("rove").setLevel(logging.DEBUG if debug else logging.INFO)


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        level = _SYSLOG.get(record.levelno, 6)
        return "\n".join(f"<{level}>{line}" for line in super().format(record).splitlines())
