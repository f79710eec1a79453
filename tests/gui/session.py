"""What tests of the whole tray have in common: the panel's conversation, and reading by AT-SPI."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.gui.display import Display
from tests.lab.shell import LabError

ATSPI = str(Path(__file__).with_name("atspi.py"))
# Roles that a keyboard or a screen reader comes to and that must say what they are.
CONTROLS = ("push button", "button", "check box", "combo box", "text", "password text", "entry", "list", "table",
            "page tab", "menu item", "list item")


class Panel:
    """The panel without pixels, tests/gui/sni.py."""

    def __init__(self, display: Display) -> None:
        self._process = display.start("panel", sys.executable, "-m", "tests.gui.sni", stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
        self._answer()

    def __call__(self, do: str, **fields: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    @property
    def menu(self) -> list[str]:
        return [text for text, _ in self("menu")]

    def click(self, text: str) -> None:
        if not self("click", text=text):
            raise LabError(f"the menu has no {text!r}, but {self.menu}")

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LabError("the panel ended")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise LabError(f"the panel: {answer['error']}")
        return answer


def read_aloud(display: Display, title: str) -> list[dict[str, Any]]:
    """Every accessible object of the visible windows with this title, in reading order."""
    windows = json.loads(display.run("/usr/bin/python3", ATSPI, title))
    return [node for window in windows for node in walk(window)]


def press(display: Display, title: str, button: str) -> None:
    """By AT-SPI. Raises LabError where it is not there, or not enabled."""
    display.run("/usr/bin/python3", ATSPI, title, button)


def answer(display: Display, title: str, secret: str) -> None:
    """To the question in this window, which somebody asked for."""
    display.focus(display.wait_for_window(title))
    display.type(secret)
    display.keys("Return")


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from walk(child)


def mute(nodes: list[dict[str, Any]]) -> list[str]:
    """Controls that a screen reader could not name."""
    return [node["role"] for node in nodes if node["role"] in CONTROLS and node["showing"] and not node["name"]]
