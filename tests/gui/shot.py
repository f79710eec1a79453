"""``python -m tests.gui.shot FILE [WINDOW]``: the whole X display, or one window by its number, as a picture."""

import sys

from PySide6.QtGui import QGuiApplication


def main(path: str, window: str = "0") -> int:
    application = QGuiApplication([])
    return 0 if application.primaryScreen().grabWindow(int(window)).save(path) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
