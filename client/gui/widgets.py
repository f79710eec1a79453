"""Small things the windows share. Text may quote a gateway: it is never taken for markup."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QFrame, QLabel, QLayout, QMenu, QPushButton, QSizePolicy, QWidget

from client.gui.view.details import Button
from client.gui.view.entries import Command


def label(text: str = "", name: str = "", bold: bool = False, wrap: bool = True) -> QLabel:
    """``name``: for screen readers, where the text alone does not say what it is."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if name:
        made.setAccessibleName(name)
    if bold:
        font = made.font()
        font.setBold(True)
        made.setFont(font)
    return made


def heading(text: str, size: float = 1.4) -> QLabel:
    made = label(text, bold=True)
    font = made.font()
    font.setPointSizeF(font.pointSizeF() * size)
    made.setFont(font)
    return made


class Rows(QWidget):
    """Label and value, which a screen reader reads together. What stays is only given its new text, so that a
    selection or a reader's place survives the ticking of the clock."""

    def __init__(self) -> None:
        super().__init__()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._names: tuple[str, ...] = ()
        self._values: list[QLabel] = []

    def show_rows(self, pairs: Sequence[tuple[str, str]]) -> None:
        names = tuple(name for name, _ in pairs)
        if names != self._names:
            clear(self._form)
            self._names, self._values = names, []
            for name in names:
                value = label()
                value.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
                self._form.addRow(label(name, wrap=False), value)
                self._values.append(value)
        for value, (name, text) in zip(self._values, pairs, strict=True):
            if value.text() != text:
                value.setText(text)
                value.setAccessibleName(f"{name}: {text}")


def push_button(button: Button, do: Callable[[Command], None]) -> QPushButton:
    """``do`` is given its command, or that of the choice in its menu."""
    made = QPushButton(button.text.replace("&", "&&"))
    made.setAutoDefault(False)
    if button.choices:
        menu = QMenu(made)
        menu.setAccessibleName(button.text)
        for choice in button.choices:
            menu.addAction(choice.text.replace("&", "&&")).triggered.connect(
                lambda _checked=False, command=choice.command: do(command))
        made.setMenu(menu)
    else:
        made.clicked.connect(lambda: do(button.command))
    return made


def line() -> QFrame:
    made = QFrame()
    made.setFrameShape(QFrame.Shape.HLine)
    made.setFrameShadow(QFrame.Shadow.Sunken)
    return made


def clear(layout: QLayout) -> None:
    """Whatever is in it goes, layouts inside included."""
    while layout.count():
        item = layout.takeAt(0)
        if item is None:
            break
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
        elif (inner := item.layout()) is not None:
            clear(inner)
