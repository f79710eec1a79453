"""The profile editor: one row per field, its own error under it, and nothing is saved that roved would refuse."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from client.bus.client import RovedNotRunning
from client.gui.view.edit_view import MODE, NETWORKS, SOME, Field, Judged, Kind, fields, judged
from client.gui.widgets import heading, label
from client.model.cause import RoveError
from client.texts import error_text
from client.texts import translated as _

Compose = Callable[[Mapping[str, str]], str]
# name, compose (names of copied files by key → TOML), files to be copied by key
Save = Callable[[str, Compose, Mapping[str, Path]], Awaitable[None]]


class EditDialog(QDialog):
    """``save`` raises what is shown; ``on_done`` hears the profile's name."""

    def __init__(self, name: str, text: str, save: Save, on_done: Callable[[str], None],
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._text, self._save, self._on_done = name, text, save, on_done
        self._task: asyncio.Task[None] | None = None
        self._inputs: dict[str, QLineEdit | QComboBox | QCheckBox] = {}
        self._fixed: set[str] = set()
        self._errors = {"": label(bold=True)}
        self._judged = Judged(text)
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self._ok = self._box.button(QDialogButtonBox.StandardButton.Save)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Edit {name}").format(name=name))
        self.setMinimumWidth(560)
        self._arrange()
        self._judge()

    def accept(self) -> None:
        if self._task is None and self._judged.toml is not None and self._judged.changed:
            self._set_busy(True)
            self._task = asyncio.get_running_loop().create_task(self._keep())

    # --- parts ---

    def _arrange(self) -> None:
        column, form = QVBoxLayout(self), QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        column.addWidget(heading(self._name, 1.2))
        column.addLayout(form)
        for one in fields(self._text):
            self._add(form, one)
        column.addWidget(label(_("Everything else in the profile stays as it is.")))
        column.addWidget(self._errors[""])
        column.addStretch(1)
        column.addWidget(self._box)
        self._ok.setText(_("Save"))
        self._ok.setDefault(True)
        self._box.button(QDialogButtonBox.StandardButton.Cancel).setText(_("Cancel"))
        self._box.accepted.connect(self.accept)
        self._box.rejected.connect(self.reject)

    def _add(self, form: QFormLayout, one: Field) -> None:
        made = self._input(one)
        words = _(one.row.label)
        for part in _parts(made):
            part.setAccessibleName(words.replace("&", ""))
        made.setEnabled(not one.fixed)
        self._inputs[one.key] = made
        if one.fixed:
            self._fixed.add(one.key)
        error = label(one.fixed)
        error.setVisible(bool(one.fixed))
        self._errors[one.key] = error
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        line = QHBoxLayout()
        line.addWidget(made, 1)
        if one.row.kind is Kind.FILE and not one.fixed:
            browse = QPushButton(_("Choose …"))
            browse.setAutoDefault(False)
            browse.setAccessibleName(_("Choose a file: {field}").format(field=words.replace("&", "")))
            browse.clicked.connect(lambda: self._browse(one.key))
            line.addWidget(browse)
        column.addLayout(line)
        column.addWidget(error)
        if one.row.kind is Kind.FLAG:
            form.addRow("", holder)
            return
        title = label(words, wrap=False)
        title.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        title.setBuddy(made)
        form.addRow(title, holder)

    def _input(self, one: Field) -> QLineEdit | QComboBox | QCheckBox:
        row = one.row
        if row.kind is Kind.FLAG:
            box = QCheckBox(_(row.label))
            box.setChecked(one.value is True)
            box.toggled.connect(self._judge)
            return box
        if row.kind in (Kind.CHOICE, Kind.OFFERED):
            combo = QComboBox()
            for value, words in row.choices:
                combo.addItem(_(words) if row.kind is Kind.CHOICE else words, value)
            if row.kind is Kind.OFFERED:
                combo.setEditable(True)
                combo.setCurrentText(str(one.value))
                combo.currentTextChanged.connect(self._judge)
            else:
                combo.setCurrentIndex(max(combo.findData(one.value), 0))
                combo.currentIndexChanged.connect(self._judge)
            return combo
        edit = QLineEdit(str(one.value))
        edit.setPlaceholderText(_(row.hint) if row.hint else "")
        edit.textChanged.connect(self._judge)
        return edit

    def _form(self) -> dict[str, str | bool]:
        form: dict[str, str | bool] = {}
        for key, made in self._inputs.items():
            if isinstance(made, QCheckBox):
                form[key] = made.isChecked()
            elif isinstance(made, QComboBox):
                form[key] = made.currentText() if made.isEditable() else str(made.currentData())
            else:
                form[key] = made.text()
        return form

    def _judge(self, *_changed: object) -> None:
        form = self._form()
        self._judged = judged(self._text, form)
        if MODE not in self._fixed:
            self._inputs[NETWORKS].setEnabled(form[MODE] == SOME)
        for key, shown in self._errors.items():
            if key in self._fixed:
                continue        # why it cannot be changed stays
            error = self._judged.errors.get(key, "")
            shown.setText(error)
            shown.setVisible(bool(error))
            if key:
                for part in _parts(self._inputs[key]):
                    part.setAccessibleDescription(error)
        self._ok.setEnabled(self._judged.toml is not None and self._judged.changed and self._task is None)

    def _browse(self, key: str) -> None:
        name, _filter = QFileDialog.getOpenFileName(self, _("Choose a certificate or key"))
        made = self._inputs[key]
        if name and isinstance(made, QLineEdit):
            made.setText(name)

    async def _keep(self) -> None:
        form, files = self._form(), self._judged.files

        def compose(copies: Mapping[str, str]) -> str:
            toml = judged(self._text, form, copies).toml
            assert toml is not None     # the names of the copies change nothing in what was judged
            return toml
        try:
            await self._save(self._name, compose, {key: Path(path) for key, path in files.items()})
        except RovedNotRunning:
            self._failed(_("The VPN service is not running."))
        except RoveError as error:
            self._failed(error_text(error.cause, error.detail).message)
        else:
            super().accept()
            self._on_done(self._name)
        finally:
            self._task = None

    def _failed(self, why: str) -> None:
        """What was typed is still there."""
        self._task = None
        self._set_busy(False)
        self._judge()
        self._errors[""].setText(why)
        self._errors[""].show()

    def _set_busy(self, busy: bool) -> None:
        self._ok.setEnabled(not busy)
        for key, made in self._inputs.items():
            made.setEnabled(not busy and key not in self._fixed)


def _parts(made: QLineEdit | QComboBox | QCheckBox) -> list[QWidget]:
    """What a screen reader comes to: a combo box that can be typed into has a field of its own."""
    edit = made.lineEdit() if isinstance(made, QComboBox) else None
    return [made, *([edit] if edit is not None else [])]
