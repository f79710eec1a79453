"""Importing a connection: what was understood, what was left out; asks only for what is missing."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QVBoxLayout,
    QWidget,
)

from client.bus.client import RovedNotRunning
from client.gui.view.import_view import import_view
from client.gui.widgets import Rows, clear, heading, label
from client.importers import IdentityMissing, Imported, ImportFailed, import_file
from client.model.cause import RoveError
from client.model.profile import ProfileError, check_name
from client.texts import error_text, plain
from client.texts import translated as _

PATTERNS = "*.toml *.rove *.sswan"


class ImportDialog(QDialog):
    """``adopt`` takes the import over and returns the profile's name; ``on_done`` hears it."""

    def __init__(self, path: Path, adopt: Callable[[Imported], Awaitable[str]], on_done: Callable[[str], None],
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path, self._adopt, self._on_done = path, adopt, on_done
        self._imported: Imported | None = None
        self._task: asyncio.Task[None] | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Import a connection"))
        self.setMinimumWidth(520)
        self._name, self._identity = QLineEdit(), QLineEdit()
        self._identity_label = label(_("&User name:"), wrap=False)
        self._problem = label(bold=True)
        self._rows, self._left_out = Rows(), QVBoxLayout()
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._ok = self._box.button(QDialogButtonBox.StandardButton.Ok)
        self._arrange()
        self._read()

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(heading(self._path.name, 1.2))
        form = QFormLayout()
        form.addRow(_("&Name here:"), self._name)
        form.addRow(self._identity_label, self._identity)
        self._identity_label.setBuddy(self._identity)
        self._name.setAccessibleName(_("Name here"))
        self._identity.setAccessibleName(_("User name"))
        self._identity.setPlaceholderText(_("as whoever runs the gateway gave it to you"))
        column.addLayout(form)
        column.addWidget(self._problem)
        column.addWidget(self._rows)
        column.addLayout(self._left_out)
        column.addStretch(1)
        column.addWidget(self._box)
        self._ok.setText(_("Import"))
        self._ok.setDefault(True)
        self._box.button(QDialogButtonBox.StandardButton.Cancel).setText(_("Cancel"))
        self._box.accepted.connect(self.accept)
        self._box.rejected.connect(self.reject)
        self._identity_label.hide()
        self._identity.hide()
        self._name.textEdited.connect(self._read)
        self._identity.textEdited.connect(self._read)

    def accept(self) -> None:
        if self._imported is not None and self._task is None:
            self._set_busy(True)
            self._task = asyncio.get_running_loop().create_task(self._take_over(self._imported))

    def _read(self) -> None:
        """(Again.) The importer judges each answer."""
        self._imported = None
        problems: tuple[str, ...] = ()
        missing = False
        name = self._name.text().strip()
        try:
            if name:
                check_name(name)
            self._imported = import_file(self._path, name or None, self._identity.text().strip() or None)
        except IdentityMissing:
            missing = True
        except ImportFailed as error:
            problems = error.problems
        except ProfileError as error:
            problems = (str(error),)
        except OSError as error:
            problems = (f"{self._path}: {error.strerror}",)
        if missing:
            self._identity.show()
            self._identity_label.show()
        self._show(problems, missing)

    def _show(self, problems: tuple[str, ...], missing: bool) -> None:
        self._ok.setEnabled(self._imported is not None)
        clear(self._left_out)
        if self._imported is None:
            said = [_("Only your user name is missing.")] if missing else \
                [_("This file cannot be imported:"), *(plain(problem, 500) for problem in problems)]
            self._problem.setText("\n".join(said))
            self._problem.show()
            self._rows.hide()
            if missing and not self._identity.text():
                self._identity.setFocus()
            return
        view = import_view(self._imported)
        if not self._name.text():
            self._name.setText(view.name)
        self._problem.hide()
        self._rows.show_rows(view.rows)
        self._rows.show()
        for title, lines in ((_("Not available in this version, and left out:"), view.missing),
                             (_("Not understood, and left out:"), view.not_understood)):
            if lines:
                self._left_out.addWidget(label(title, bold=True))
                listed = QListWidget()
                listed.setAccessibleName(title)
                listed.addItems([plain(line, 300) for line in lines])
                listed.setMaximumHeight(90)
                self._left_out.addWidget(listed)

    async def _take_over(self, imported: Imported) -> None:
        try:
            name = await self._adopt(imported)
        except RovedNotRunning:
            self._failed(_("The VPN service is not running."))
        except RoveError as error:
            self._failed(error_text(error.cause, error.detail).message)
        else:
            super().accept()
            self._on_done(name)
        finally:
            self._task = None

    def _failed(self, why: str) -> None:
        self._set_busy(False)
        self._problem.setText(why)
        self._problem.show()

    def _set_busy(self, busy: bool) -> None:
        for widget in (self._ok, self._name, self._identity):
            widget.setEnabled(not busy)


def ask_for_file(parent: QWidget | None) -> Path | None:
    """The desktop's own dialog."""
    name, _filter = QFileDialog.getOpenFileName(
        parent, _("Import a connection"), "", f"{_('Connections')} ({PATTERNS});;{_('All files')} (*)")
    return Path(name) if name else None
