"""What people see: lines, and colours where they are welcome."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

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


def _wants_colour(stream: TextIO) -> bool:
    # https://no-color.org: present and not empty
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
