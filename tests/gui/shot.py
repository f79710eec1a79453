"""``python -m tests.gui.shot FILE``: the whole X display as a picture."""

import sys

from PySide6.QtGui import QGuiApplication


def main(path: str) -> int:
    application = QGuiApplication([])
    return 0 if application.primaryScreen().grabWindow(0).save(path) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
