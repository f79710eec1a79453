"""``python -m tests.gui.dialogs NAME``: one dialog of the app, until it is closed; where the focus goes is printed.

Each is made as the app makes it, with nobody behind it.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from client.agent.prompts import Choice, PromptKind, Question
from client.gui import icons
from client.gui.edit_dialog import EditDialog
from client.gui.import_dialog import ImportDialog
from client.gui.prompts import ChoiceDialog, NoticeDialog, SecretDialog
from client.gui.report_dialog import ReportDialog
from client.gui.trust_dialog import TrustDialog
from client.gui.view.prompt_view import prompt_view
from client.gui.view.trust_view import decision
from client.model.cause import Cause
from client.texts import error_text
from tests.gui.states import NOW, failed

PROFILE = 'version = 1\nname = "work"\n[gateway]\naddress = ["vpn.example.org"]\n[user]\nauth = "psk"\n'
IDENTITY = 'identity = "alice@example.org"\n'
_FOLDER = tempfile.TemporaryDirectory()
KEY = "sha256:" + "00ff" * 16


def _secret(kind: PromptKind, words: str = "") -> QDialog:
    question = Question(kind, "Answer for work", "work", may_remember=kind is PromptKind.PASSWORD, gateway_words=words)
    return SecretDialog(prompt_view(question), time.time() + 100, can_wait=True)


def _import(folder: str) -> QDialog:
    file = Path(folder) / "work.toml"
    file.write_text(PROFILE)
    return ImportDialog(file, lambda imported: None, print)


def _trust() -> QDialog:
    error = error_text(Cause.GATEWAY_UNTRUSTED, f"no authority is known; it has proved to have the key {KEY}")
    state = failed(Cause.GATEWAY_UNTRUSTED.code, message=error.message)
    return TrustDialog(decision(state, "vpn.example.org"), lambda: None)


DIALOGS = {
    "password": lambda: _secret(PromptKind.PASSWORD),
    "pin": lambda: _secret(PromptKind.PIN),
    "challenge": lambda: _secret(PromptKind.CHALLENGE, "Enter the code of your token"),
    "new password": lambda: _secret(PromptKind.NEW_PASSWORD),
    "card reader": lambda: NoticeDialog("Type the PIN on the card reader", "work", None),
    "choice": lambda: ChoiceDialog("Certificate for work", [Choice("alice", "until 2027-01-01"), Choice("bob")],
                                   "work", None),
    "import": lambda: _import(_FOLDER.name),
    "edit": lambda: EditDialog("work", PROFILE + IDENTITY, None, print),
    "trust": _trust,
    "report": lambda: ReportDialog("Rove report\n", NOW),
}


def main(name: str) -> int:
    application = QApplication(["rove-tray"])
    application.setApplicationName("Rove")
    icons.use_theme()
    dialog = DIALOGS[name]()
    application.focusChanged.connect(_tell)
    dialog.appear(take_focus=True) if hasattr(dialog, "appear") else dialog.show()
    dialog.finished.connect(application.quit)
    return int(application.exec())


def _tell(_old: QWidget | None, new: QWidget | None) -> None:
    if new is not None:
        # On Linux Qt gives a combo box's text as its name; what it is called is told by its relation to the label.
        spoken = QAccessible.queryAccessibleInterface(new).text(QAccessible.Text.Name)
        print(json.dumps({"focus": [spoken, new.accessibleName()]}), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
