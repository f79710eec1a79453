"""What a screen reader reads: ``/usr/bin/python3 atspi.py TITLE`` prints a window's tree as JSON;
with the name of a button it is pressed.

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


def press(accessible, name):
    """Does what a press of this button does, as assistive software does it."""
    if accessible.get_name() == name and accessible.get_role_name() in ("push button", "button", "page tab"):
        states = accessible.get_state_set()
        if states.contains(Atspi.StateType.SHOWING) and states.contains(Atspi.StateType.ENABLED):
            # Qt's page tabs have Press, its buttons too
            for index in range(accessible.get_n_actions()):
                if accessible.get_action_name(index) == "Press":
                    return accessible.do_action(index)
    return any(press(child, name) for index in range(accessible.get_child_count())
               if (child := accessible.get_child_at_index(index)) is not None)


def main(title, name=""):
    Atspi.init()
    found = []
    for _ in range(40):
        there = [window for window in windows() if window is not None and title in (window.get_name() or "")]
        if name:
            if any(press(window, name) for window in there):
                return 0
        else:
            found = [node(window) for window in there]
            if any(window["showing"] for window in found):
                break
        time.sleep(0.1)
    if name:
        print(f"there is no button {name!r} that can be pressed", file=sys.stderr)
        return 1
    print(json.dumps([window for window in found if window["showing"]]))
    return 0


sys.exit(main(*sys.argv[1:]))
