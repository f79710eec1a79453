"""The decision about a gateway that is not trusted: its fingerprint, why it was refused, and "no" unless a person has
compared and says so."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from client.gui.view.trust_view import Decision
from client.gui.widgets import heading, label
from client.texts import translated as _


class TrustDialog(QDialog):
    """``pin`` is called when the key is to be pinned; closing in any other way changes nothing."""

    def __init__(self, shown: Decision, pin: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pin = pin
        self._compared = QCheckBox(_("I &have compared this fingerprint with that of whoever runs the gateway"))
        self._box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._ok = self._box.addButton(_("&Pin this key"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._arrange(shown)

    def accept(self) -> None:
        if self._compared.isChecked():
            super().accept()
            self._pin()

    def _arrange(self, shown: Decision) -> None:
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Is this the gateway?"))
        self.setMinimumWidth(480)
        print_ = label(shown.fingerprint, _("Fingerprint (SHA-256): {digits}").format(
            digits=shown.fingerprint.replace("\n", " ")), wrap=False)
        print_.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        print_.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse
                                       | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        column = QVBoxLayout(self)
        for widget in (heading(shown.gateway, 1.2), label(shown.reason, bold=True), label(shown.warning),
                       label(_("Fingerprint of its key (SHA-256):")), print_,
                       label(_("Ask whoever runs the gateway for it, by telephone or in person: not over this"
                               " network.")), self._compared):
            column.addWidget(widget)
        column.addStretch(1)
        column.addWidget(self._box)
        cancel = self._box.button(QDialogButtonBox.StandardButton.Cancel)
        cancel.setText(_("Cancel"))
        cancel.setDefault(True)
        cancel.setFocus()
        self._ok.setEnabled(False)
        self._ok.setAutoDefault(False)
        self._compared.toggled.connect(self._ok.setEnabled)
        self._box.accepted.connect(self.accept)
        self._box.rejected.connect(self.reject)
