"""Every dialog as a screen reader has it, over the real accessibility bus, and by the keyboard alone."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gui.dialogs import DIALOGS
from tests.gui.display import Display, wait_until
from tests.gui.session import mute, read_aloud

# Items are for the arrow keys; labels take the focus for copying, by the mouse.
_NOT_BY_TAB = ("list item", "label", "dialog", "table cell", "menu item")


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Display]:
    folder = Path(tmp_path_factory.mktemp("session"))
    with Display(folder) as opened:
        yield opened


@pytest.mark.parametrize("name", DIALOGS)
def test_every_control_has_a_name_and_tab_comes_to_it(display: Display, name: str) -> None:
    program = display.start(name, sys.executable, "-m", "tests.gui.dialogs", name)
    def windows() -> list[str]:
        return display.run("xdotool", "search", "--onlyvisible", "--pid", str(program.pid), check=False).split()
    wait_until(windows, "the dialog is there")
    [window] = windows()
    title = display.run("xdotool", "getwindowname", window).strip()
    display.focus(window)
    nodes = read_aloud(display, title)
    assert mute(nodes) == []
    wanted = {node["name"] for node in nodes
              if node["focusable"] and node["showing"] and node["enabled"] and node["role"] not in _NOT_BY_TAB}
    assert wanted
    display.keys(*["Tab"] * (len(wanted) + 2))
    reached = {spoken for line in display.log(name).splitlines() if line.startswith('{"focus"')
               for spoken in json.loads(line)["focus"]}
    assert wanted <= reached
    display.picture(name.replace(" ", "-"), window)
    display.keys("Escape")
    assert program.wait(5) == 0
