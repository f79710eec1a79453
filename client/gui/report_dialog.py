"""The report, to be read before it leaves: what is in it, what was masked, and where to save it."""

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFileDialog, QPlainTextEdit, QVBoxLayout, QWidget

from client.gui.widgets import label
from client.report import write_report
from client.texts import translated as _


class ReportDialog(QDialog):
    def __init__(self, text: str, now: datetime, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text, self._now = text, now
        self._problem = label(bold=True)
        self._shown = QPlainTextEdit(text)
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Close)
        self._arrange()

    def _arrange(self) -> None:
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Report for support"))
        self.resize(760, 560)
        self._shown.setReadOnly(True)
        self._shown.setTabChangesFocus(True)
        self._shown.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._shown.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self._shown.setAccessibleName(_("The report"))
        column = QVBoxLayout(self)
        column.addWidget(label(_(
            "For whoever helps you: versions, profiles, state and log. It has no passwords, keys or PINs; names of"
            " people, of this computer and its addresses are masked. Read it before you pass it on.")))
        column.addWidget(self._shown, 1)
        column.addWidget(self._problem)
        column.addWidget(self._box)
        self._problem.hide()
        save = self._box.button(QDialogButtonBox.StandardButton.Save)
        save.setText(_("&Save as …"))
        save.setDefault(True)
        save.setFocus()
        self._box.button(QDialogButtonBox.StandardButton.Close).setText(_("Close"))
        self._box.accepted.connect(self._choose)
        self._box.rejected.connect(self.reject)

    def _choose(self) -> None:
        """The desktop's dialog asks before it lets an existing file be chosen."""
        suggested = Path.home() / f"rove-report-{self._now.astimezone():%Y-%m-%d}.txt"
        texts = _("Texts")
        name, _filter = QFileDialog.getSaveFileName(self, _("Save the report"), str(suggested), f"{texts} (*.txt)")
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        try:
            write_report(path, self._text, overwrite=True)
        except OSError as error:
            self._problem.setText(_("{path} cannot be written: {why}.").format(path=path, why=error.strerror or error))
            self._problem.show()
        else:
            self.accept()
