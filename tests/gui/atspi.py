"""What a screen reader reads: ``/usr/bin/python3 atspi.py [TITLE]`` prints the tree of Rove's windows as JSON.

Runs in Debian's Python, which has GObject introspection; it imports nothing of ours.
"""

import json
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

DEPTH = 24


def node(accessible, depth=0):
    states = accessible.get_state_set()
    children = [accessible.get_child_at_index(index) for index in range(min(accessible.get_child_count(), 200))]
    return {
        "role": accessible.get_role_name(), "name": accessible.get_name() or "",
        "description": accessible.get_description() or "",
        "focusable": states.contains(Atspi.StateType.FOCUSABLE), "focused": states.contains(Atspi.StateType.FOCUSED),
        "showing": states.contains(Atspi.StateType.SHOWING), "enabled": states.contains(Atspi.StateType.ENABLED),
        "children": [node(child, depth + 1) for child in children if child is not None] if depth < DEPTH else []}


def windows():
    desktop = Atspi.get_desktop(0)
    for index in range(desktop.get_child_count()):
        application = desktop.get_child_at_index(index)
        if application is not None and application.get_name() in ("Rove", "rove-tray"):
            for number in range(application.get_child_count()):
                yield application.get_child_at_index(number)


def main(title):
    Atspi.init()
    found = []
    for _ in range(40):
        found = [node(window) for window in windows() if window is not None and title in (window.get_name() or "")]
        if any(window["showing"] for window in found):
            break
        time.sleep(0.1)
    print(json.dumps([window for window in found if window["showing"]]))


main(sys.argv[1] if len(sys.argv) > 1 else "")
