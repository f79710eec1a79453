"""The log, with a filter."""

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from client.gui.view.log_view import LEVELS, LogLines, Shown
from client.gui.widgets import label
from client.texts import translated as _


class LogPage(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._lines = LogLines()
        self._words, self._level, self._text = QLineEdit(), QComboBox(), QPlainTextEdit()
        self._words.setPlaceholderText(_("Only lines with these words"))
        self._words.setClearButtonEnabled(True)
        self._words.setAccessibleName(_("Filter"))
        self._level.setAccessibleName(_("Level"))
        names = {"debug": _("Everything"), "info": _("Normal"), "warning": _("Warnings and errors"),
                 "error": _("Errors")}
        for level in LEVELS:
            self._level.addItem(names[level], level)
        self._level.setCurrentIndex(LEVELS.index("info"))
        self._text.setReadOnly(True)
        self._text.setUndoRedoEnabled(False)
        self._text.setMaximumBlockCount(5000)
        self._text.setTabChangesFocus(True)
        self._text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._text.setAccessibleName(_("Log"))
        bar = QHBoxLayout()
        filter_label = label(_("&Filter:"), wrap=False)
        filter_label.setBuddy(self._words)
        filter_label.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        bar.addWidget(filter_label)
        bar.addWidget(self._words, 1)
        bar.addWidget(self._level)
        column = QVBoxLayout(self)
        column.addLayout(bar)
        column.addWidget(self._text, 1)
        self._words.textChanged.connect(self._refill)
        self._level.currentIndexChanged.connect(self._refill)

    def filter_by(self, words: str) -> None:
        self._words.setText(words)

    def show_lines(self, lines: list[dict[str, Any]]) -> None:
        """All that roved remembers."""
        self._lines.replace(lines)
        self._refill()

    def add_line(self, fields: dict[str, Any]) -> None:
        line = self._lines.add(fields)
        if line is not None and line.passes(self._words.text(), str(self._level.currentData())):
            self._append(line)

    def _refill(self) -> None:
        self._text.clear()
        for line in self._lines.passing(self._words.text(), str(self._level.currentData())):
            self._append(line)

    def _append(self, line: Shown) -> None:
        bar = self._text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        cursor = QTextCursor(self._text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        form = QTextCharFormat()
        if line.level in ("warning", "error"):
            form.setFontWeight(700)
        elif line.level == "debug":
            form.setForeground(QColor(self.palette().color(QPalette.ColorRole.PlaceholderText)))
        cursor.insertText(("" if self._text.document().isEmpty() else "\n") + line.text, form)
        if at_end:
            bar.setValue(bar.maximum())
