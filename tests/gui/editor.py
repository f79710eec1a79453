"""``python -m tests.gui.editor``: a window somebody is typing into; it prints what it has."""

import sys

from PySide6.QtWidgets import QApplication, QLineEdit


def main() -> int:
    application = QApplication([])
    edit = QLineEdit()
    edit.setWindowTitle("Editor")
    edit.textChanged.connect(lambda text: print(text, flush=True))
    edit.show()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
