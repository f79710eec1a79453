"""What people see: lines, colours where they are welcome, times and sizes in words."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from client.texts import plain

_COLOURS = {"good": "32", "bad": "31", "dim": "2", "bold": "1", "warn": "33"}


class Screen:
    """stdout for results, stderr for errors."""

    def __init__(self) -> None:
        self._colour = {stream: _wants_colour(stream) for stream in (sys.stdout, sys.stderr)}

    def line(self, text: str = "") -> None:
        """One line, whose foreign parts went through ``plain`` or ``paint``."""
        print(text, flush=True)

    def error(self, message: str, advice: str = "") -> None:
        print(f"{self.paint('rove:', 'bad', sys.stderr)} {plain(message)}", file=sys.stderr)
        if advice:
            print(f"      {plain(advice)}", file=sys.stderr, flush=True)

    def paint(self, text: str, colour: str, stream: TextIO | None = None) -> str:
        """Without control characters (spaces stay: columns come padded), coloured where that is wanted."""
        clean = "".join(char if char.isprintable() else " " for char in text)
        return f"\x1b[{_COLOURS[colour]}m{clean}\x1b[0m" if self._colour.get(stream or sys.stdout) else clean

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Columns, the first row being the heading."""
        clean = [[plain(cell, 80) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
        for number, row in enumerate(clean):
            text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.line(self.paint(text, "bold") if number == 0 else text)

    def labelled(self, rows: Sequence[tuple[str, str]]) -> None:
        """Indented label and value; without a value nothing is shown."""
        shown = [(label, value) for label, value in rows if value]
        width = max((len(label) for label, _ in shown), default=0)
        for label, value in shown:
            self.line(f"  {self.paint(label.ljust(width), 'dim')}  {plain(value)}" if label else
                      f"  {'':{width}}  {plain(value)}")


def is_terminal(stream: TextIO) -> bool:
    return stream.isatty()


def parse_time(value: Any) -> datetime | None:
    """RFC 3339 text, or Unix time → an aware time; None when it is neither."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        return datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def clock(value: Any, now: datetime) -> str:
    """Local time of day, with the date where that is not today's."""
    when = parse_time(value)
    if when is None:
        return ""
    local = when.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == now.astimezone().date() else "%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """The two greatest units: "2 d 3 h", "4 min 5 s"."""
    rest = max(int(seconds), 0)
    units: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or (name == "s" and not units):
            units.append(f"{count} {name}")
        elif units:
            break
    return " ".join(units[:2])


def octets(count: Any) -> str:
    """"12 bytes", "3.4 MiB"."""
    try:
        value = float(count)
    except (TypeError, ValueError):
        return "?"
    if value < 1024:
        return f"{value:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"


def _wants_colour(stream: TextIO) -> bool:
    # https://no-color.org: present and not empty
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
