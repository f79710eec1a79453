"""The log's lines: bounded, ordered as they came, each once."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from client.model.units import parse_time
from client.texts import plain

LEVELS = ("debug", "info", "warning", "error")
MAX_LINES = 5000


@dataclass(frozen=True)
class Shown:
    text: str
    level: str

    def passes(self, words: str, level: str) -> bool:
        """All of the words, in any order and case; at least this level."""
        least = LEVELS.index(level) if level in LEVELS else 0
        return LEVELS.index(self.level) >= least and all(
            word in self.text.casefold() for word in words.casefold().split())


class LogLines:
    def __init__(self) -> None:
        self._lines: deque[Shown] = deque(maxlen=MAX_LINES)
        self._seen: deque[tuple[str, str, str]] = deque(maxlen=MAX_LINES)

    def replace(self, lines: Sequence[Mapping[str, Any]]) -> None:
        self._lines.clear()
        self._seen.clear()
        for fields in lines:
            self.add(fields)

    def add(self, fields: Mapping[str, Any]) -> Shown | None:
        """None: it is there already."""
        key = (str(fields.get("time")), str(fields.get("connection")), str(fields.get("text")))
        if key in list(self._seen)[-50:]:       # what Log and Subscribe both told overlaps at its end only
            return None
        self._seen.append(key)
        when = parse_time(fields.get("time"))
        stamp = when.astimezone().strftime("%H:%M:%S.%f")[:-3] if when else "?"
        level = str(fields.get("level", "info"))
        mark = {"error": "✗ ", "warning": "! "}.get(level, "")
        line = Shown(f"{stamp}  {plain(key[1], 64)}  {mark}{plain(key[2])}", level if level in LEVELS else "info")
        self._lines.append(line)
        return line

    def passing(self, words: str, level: str) -> Iterator[Shown]:
        return (line for line in self._lines if line.passes(words, level))
