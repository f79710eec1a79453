"""One connection in the window: state, what to do, way, history, cryptography."""

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QStyle,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from client.gui import icons
from client.gui.charts import Throughput, Timeline
from client.gui.view.details import Badge, Button, DetailView, Note, Section
from client.gui.view.entries import Command
from client.gui.view.history import History
from client.gui.widgets import Rows, clear, heading, label, push_button
from client.model.units import clock
from client.texts import state_text
from client.texts import translated as _

BIG = 48


class DetailPage(QWidget):
    """``do`` runs a command."""

    def __init__(self, do: Callable[[Command], None]) -> None:
        super().__init__()
        self._do = do
        self._shown: DetailView | None = None
        self._icon, self._name = QLabel(), heading("")
        self._state, self._protection = label(bold=True), label()
        self._icon.setFixedWidth(BIG + 8)
        self._buttons, self._notes = QHBoxLayout(), QVBoxLayout()
        self._tabs = QTabWidget()
        self._overview, self._throughput = Rows(), Throughput()
        self._timeline, self._states, self._moves = Timeline(), _table(2), _table(4)
        self._states.setAccessibleName(_("States"))
        self._moves.setAccessibleName(_("Ways to the gateway"))
        self._security = QVBoxLayout()
        self._sections: list[tuple[QGroupBox, Rows]] = []
        self._arrange()

    def show_view(self, view: DetailView, history: History) -> None:
        before, self._shown = self._shown, view
        if before is None or before.icon != view.icon:
            self._icon.setPixmap(icons.state_icon(view.icon).pixmap(BIG, BIG))
        self._name.setText(view.name)
        self._state.setText(", ".join(part for part in (view.state, view.since) if part))
        self._protection.setText(view.protection)
        if before is None or before.buttons != view.buttons:
            self._show_buttons(view.buttons)
        if before is None or (before.notes, before.name) != (view.notes, view.name):
            self._show_notes(view.notes)
        self._overview.show_rows(view.overview)
        self._show_security(view.security, view.badges, before)
        self._throughput.show_history(history)
        self._timeline.show_history(history)
        self._show_history(history)

    # --- parts ---

    def _arrange(self) -> None:
        titles = QVBoxLayout()
        for widget in (self._name, self._state, self._protection):
            titles.addWidget(widget)
        head = QHBoxLayout()
        head.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        head.addLayout(titles, 1)
        column = QVBoxLayout(self)
        column.addLayout(head)
        column.addLayout(self._buttons)
        column.addLayout(self._notes)
        column.addWidget(self._tabs, 1)
        self._tabs.addTab(_scrolled(self._overview, self._throughput), _("&Overview"))
        history = QWidget()
        inside = QVBoxLayout(history)
        inside.addWidget(self._timeline)
        inside.addWidget(label(_("Ways to the gateway, and why they changed"), bold=True))
        inside.addWidget(self._moves, 1)
        inside.addWidget(label(_("States"), bold=True))
        inside.addWidget(self._states, 1)
        self._moves.setHorizontalHeaderLabels([_("When"), _("From"), _("To"), _("Why")])
        self._states.setHorizontalHeaderLabels([_("When"), _("State")])
        self._tabs.addTab(history, _("&History"))
        holder = QWidget()
        holder.setLayout(self._security)
        self._security.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._tabs.addTab(_scrolled(holder), _("&Security"))

    def _show_buttons(self, buttons: tuple[Button, ...]) -> None:
        focused = self.focusWidget()
        words = focused.text() if isinstance(focused, QPushButton) and focused.hasFocus() else ""
        clear(self._buttons)
        for button in buttons:
            made = self._button(button)
            self._buttons.addWidget(made)
            if made.text() == words:
                made.setFocus()
        self._buttons.addStretch(1)

    def _show_notes(self, notes: tuple[Note, ...]) -> None:
        clear(self._notes)
        for note in notes:
            self._notes.addWidget(self._note(note))

    def _note(self, note: Note) -> QFrame:
        frame = QFrame()
        frame.setFrameShape(QFrame.Shape.StyledPanel)
        row = QHBoxLayout(frame)
        picture = QLabel()
        kind = QStyle.StandardPixmap.SP_MessageBoxCritical if note.error else \
            QStyle.StandardPixmap.SP_MessageBoxInformation
        picture.setPixmap(self.style().standardIcon(kind).pixmap(24, 24))
        picture.setAccessibleName(_("Error") if note.error else _("Note"))
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.addWidget(label(note.message, bold=note.error))
        if note.advice:
            words.addWidget(label(note.advice))
        row.addLayout(words, 1)
        if note.button:
            row.addWidget(self._button(note.button))
        return frame

    def _show_security(self, sections: tuple[Section, ...], badges: tuple[Badge, ...],
                       before: DetailView | None) -> None:
        if before is None or before.badges != badges or len(self._sections) != len(sections):
            clear(self._security)
            for badge in badges:
                self._security.addWidget(_badge(badge))
            self._sections = []
            for section in sections:
                box, rows = QGroupBox(section.title), Rows()
                QVBoxLayout(box).addWidget(rows)
                self._security.addWidget(box)
                self._sections.append((box, rows))
            if not sections:
                self._security.addWidget(label(_("There is no tunnel whose cryptography could be shown.")))
        for (_box, rows), section in zip(self._sections, sections, strict=True):
            rows.show_rows(section.rows)

    def _show_history(self, history: History) -> None:
        now = datetime.now(UTC)
        _fill(self._moves, [(clock(move.at, now), move.before or "–", move.after, move.why)
                            for move in reversed(history.moves)])
        _fill(self._states, [(clock(span.begin, now), state_text(span.state)) for span in reversed(history.spans)])

    def _button(self, button: Button) -> QPushButton:
        return push_button(button, self._do)


def _badge(badge: Badge) -> QFrame:
    frame = QFrame()
    frame.setFrameShape(QFrame.Shape.StyledPanel)
    column = QVBoxLayout(frame)
    mark = "✓" if badge.good else "•"
    column.addWidget(label(f"{mark} {badge.text}", badge.text, bold=True))
    column.addWidget(label(badge.explanation))
    return frame


def _table(columns: int) -> QTableWidget:
    table = QTableWidget(0, columns)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    table.setTabKeyNavigation(False)        # Tab goes on to the next control
    table.verticalHeader().hide()
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    table.horizontalHeader().setStretchLastSection(True)
    return table


def _fill(table: QTableWidget, rows: list[tuple[str, ...]]) -> None:
    if table.rowCount() != len(rows):
        table.setRowCount(len(rows))
    for y, row in enumerate(rows):
        for x, text in enumerate(row):
            item = table.item(y, x)
            if item is None:
                table.setItem(y, x, QTableWidgetItem(text))
            elif item.text() != text:
                item.setText(text)


def _scrolled(*widgets: QWidget) -> QScrollArea:
    area, inside = QScrollArea(), QWidget()
    column = QVBoxLayout(inside)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch(1)
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    return area
