"""The agent's questions as dialogs: one at a time, keyboard first, never under somebody's fingers.

What is typed leaves the input the moment it is answered; nothing of it is kept here.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from client.agent.prompts import MAX_SECRET, Answer, Choice, PromptCancelled, Question
from client.gui.view.prompt_view import HURRY, PromptView, prompt_view, remaining, said
from client.gui.widgets import label
from client.texts import plain
from client.texts import translated as _

LATER = 300.0           # s: "ask again in 5 min"
GRACE = 0.7             # s after it got the focus unasked in which a key meant for another window does nothing
SUDDEN = 1.5            # s after it appeared: who gets the focus within was given it by the window manager


class Host(Protocol):
    """What the prompter needs of the application."""

    def deadline(self, profile: str) -> float | None:
        """Until when roved waits, Unix time."""
        ...

    def may_wait(self, profile: str) -> bool:
        """Is a tunnel up that goes on without an answer, so that one may be asked later?"""
        ...

    def ask_later(self, profile: str, seconds: float) -> None:
        """Log in again then."""
        ...

    def wanted(self, profile: str) -> bool:
        """Has somebody just asked for this at our own windows, so that the dialog may take the focus?"""
        ...

    def opened(self, profile: str, title: str, dialog: QDialog) -> None:
        """A question is open; it may be behind other windows."""
        ...

    def closed(self, profile: str) -> None:
        """It is answered or withdrawn."""
        ...


class GuiPrompter:
    """A Prompter. Cancelling the task takes the dialog away; closing the dialog raises PromptCancelled."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._busy = asyncio.Lock()
        self.open: PromptDialog | None = None

    async def secret(self, question: Question) -> Answer:
        async with self._busy:
            deadline = question.deadline or self._host.deadline(question.profile)
            dialog = SecretDialog(prompt_view(question), deadline, self._host.may_wait(question.profile))
            await self._run(dialog, question.profile)
            return dialog.take_answer()

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        async with self._busy:
            dialog = ChoiceDialog(text, choices, profile, self._host.deadline(profile))
            await self._run(dialog, profile)
            return dialog.chosen

    async def notice(self, text: str, profile: str = "") -> None:
        async with self._busy:
            await self._run(NoticeDialog(said(text), profile, self._host.deadline(profile)), profile)
            raise PromptCancelled("cancelled at the dialog")

    def raise_open(self) -> None:
        """Somebody asked for the dialog: now it may come to the front."""
        if self.open is not None:
            self.open.come_forward()

    async def _run(self, dialog: "PromptDialog", profile: str) -> None:
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        dialog.finished.connect(lambda result: None if ended.done() else ended.set_result(result))
        self.open = dialog
        # roved's word on how long it waits may come after the question
        dialog.deadline_source = lambda: self._host.deadline(profile)
        try:
            dialog.appear(take_focus=self._host.wanted(profile))
            self._host.opened(profile, dialog.windowTitle(), dialog)
            result = await ended
            if dialog.later:
                self._host.ask_later(profile, LATER)
            if result != QDialog.DialogCode.Accepted.value:
                raise PromptCancelled("put off" if dialog.later else "cancelled at the dialog")
        except BaseException:
            dialog.forget()
            raise
        finally:
            self.open = None
            self._host.closed(profile)
            dialog.close()
            dialog.deleteLater()


class PromptDialog(QDialog):
    """Frame of all questions: countdown, buttons, no stolen focus."""

    def __init__(self, title: str, deadline: float | None) -> None:
        super().__init__()
        self.later = False
        self.deadline_source: Callable[[], float | None] = lambda: None
        self._deadline = deadline
        self._until_ready = self._sudden = 0.0
        self.setWindowTitle(title)
        self.setWindowFlags(Qt.WindowType.Dialog | Qt.WindowType.WindowTitleHint | Qt.WindowType.WindowCloseButtonHint)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.column = QVBoxLayout(self)
        self._countdown = label("", wrap=False)
        self._timer = QTimer(self)
        self._timer.setInterval(1000)
        self._timer.timeout.connect(self._tick)

    def finish(self, accept: str, can_wait: bool) -> QDialogButtonBox:
        """The lower end; returns the buttons, whose accept button is the default."""
        self.column.addWidget(self._countdown)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        ok = box.button(QDialogButtonBox.StandardButton.Ok)
        ok.setText(accept)
        ok.setDefault(True)
        box.button(QDialogButtonBox.StandardButton.Cancel).setText(_("Cancel"))
        if can_wait:
            wait = box.addButton(_("Ask again in 5 min"), QDialogButtonBox.ButtonRole.ActionRole)
            wait.setAutoDefault(False)
            wait.clicked.connect(self._put_off)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        self.column.addWidget(box)
        self._tick()
        return box

    def appear(self, take_focus: bool) -> None:
        """Without ``take_focus`` it comes up, but keys go on to whoever has them."""
        self.setAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating, not take_focus)
        self._until_ready = 0.0
        self._sudden = 0.0 if take_focus else time.monotonic() + SUDDEN
        self.show()
        self._timer.start()
        if take_focus:
            self.come_forward()

    def come_forward(self) -> None:
        self.meant()
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def forget(self) -> None:
        """Not even in the input of a dialog that goes away."""

    def changeEvent(self, event: QEvent) -> None:
        if (event.type() == QEvent.Type.ActivationChange and self.isActiveWindow()
                and time.monotonic() < self._sudden):
            # A window manager that gives focus to whatever is new: what is being typed is for somebody else.
            self._until_ready = time.monotonic() + GRACE
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.too_early:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.meant()
        super().mousePressEvent(event)

    def meant(self) -> None:
        """A click is for us: so are the keys that follow."""
        self._until_ready = self._sudden = 0.0

    def closeEvent(self, event: QCloseEvent) -> None:
        self._timer.stop()
        super().closeEvent(event)

    @property
    def too_early(self) -> bool:
        return time.monotonic() < self._until_ready

    def _put_off(self) -> None:
        self.later = True
        self.reject()

    def _tick(self) -> None:
        deadline = self._deadline or self.deadline_source()
        now = time.time()
        self._countdown.setText(remaining(deadline, now))
        self._countdown.setVisible(deadline is not None)
        if deadline is not None:
            font = self._countdown.font()
            font.setBold(deadline - now < HURRY)
            self._countdown.setFont(font)


class SecretDialog(PromptDialog):
    def __init__(self, view: PromptView, deadline: float | None, can_wait: bool) -> None:
        super().__init__(view.title, deadline)
        self.column.addWidget(_titled(label(view.text), QStyle.StandardPixmap.SP_MessageBoxQuestion))
        if view.gateway_words:
            self.column.addWidget(_quoted(view.gateway_label, plain(view.gateway_words, 1000)))
        if view.warning:
            self.column.addWidget(_titled(label(view.warning, bold=True), QStyle.StandardPixmap.SP_MessageBoxWarning))
        form = QFormLayout()
        self._edits: list[QLineEdit] = []
        for name in (view.field, view.confirm):
            if name:
                edit: QLineEdit = SecretEdit(self, view.hidden)
                edit.setAccessibleName(name.replace("&", "").rstrip(":"))
                edit.setAccessibleDescription(" ".join(part for part in (view.text, view.warning) if part))
                form.addRow(name, edit)
                self._edits.append(edit)
        self.column.addLayout(form)
        self._remember = QCheckBox(view.remember)
        self._remember.setVisible(bool(view.remember))
        self.column.addWidget(self._remember)
        self._problem = label("", bold=True)
        self._problem.hide()
        self.column.addWidget(self._problem)
        box = self.finish(view.accept, can_wait)
        self._ok = box.button(QDialogButtonBox.StandardButton.Ok)
        for edit in self._edits:
            edit.textChanged.connect(self._judge)
        self._judge()
        self._edits[0].setFocus()
        self.setMinimumWidth(420)

    def take_answer(self) -> Answer:
        """Once: the input is empty afterwards."""
        answer = Answer(self._edits[0].text(), self._remember.isVisibleTo(self) and self._remember.isChecked())
        self.forget()
        return answer

    def forget(self) -> None:
        for edit in self._edits:
            edit.textChanged.disconnect(self._judge)
            edit.setText("")        # unlike clear() it leaves nothing to undo
            edit.textChanged.connect(self._judge)

    def accept(self) -> None:
        if self._ok.isEnabled():
            super().accept()

    def _judge(self) -> None:
        typed = [edit.text() for edit in self._edits]
        complete = bool(typed[0]) and len(typed[0].encode(errors="surrogatepass")) <= MAX_SECRET
        differs = len(typed) > 1 and typed[0] != typed[1]
        self._ok.setEnabled(complete and not differs)
        self._problem.setText(_("The two are not the same.") if differs and typed[-1] else "")
        self._problem.setVisible(bool(self._problem.text()))


class NoticeDialog(PromptDialog):
    """What is to be done elsewhere; it goes away by itself when that is done."""

    def __init__(self, text: str, profile: str, deadline: float | None) -> None:
        super().__init__(_("Card reader for {name}").format(name=profile or "Rove"), deadline)
        shown = label(plain(text, 500), bold=True)
        self.column.addWidget(_titled(shown, QStyle.StandardPixmap.SP_MessageBoxInformation))
        waiting = QProgressBar()
        waiting.setRange(0, 0)
        waiting.setTextVisible(False)
        waiting.setAccessibleName(_("Waiting for the card reader"))
        self.column.addWidget(waiting)
        box = self.finish("", can_wait=False)
        box.removeButton(box.button(QDialogButtonBox.StandardButton.Ok))
        box.button(QDialogButtonBox.StandardButton.Cancel).setFocus()
        self.setMinimumWidth(420)

    def accept(self) -> None:
        """Enter is no answer."""


class SecretEdit(QLineEdit):
    """An input that takes no key meant for another window, keeps nothing in clipboards and no undo."""

    def __init__(self, dialog: PromptDialog, hidden: bool) -> None:
        super().__init__(dialog)
        self._dialog = dialog
        self.setMaxLength(MAX_SECRET)
        if hidden:
            self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setInputMethodHints(Qt.InputMethodHint.ImhSensitiveData | Qt.InputMethodHint.ImhNoPredictiveText
                                 | Qt.InputMethodHint.ImhNoAutoUppercase | Qt.InputMethodHint.ImhHiddenText)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._dialog.too_early:
            event.accept()
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._dialog.meant()
        super().mousePressEvent(event)


class ChoiceDialog(PromptDialog):
    def __init__(self, text: str, choices: Sequence[Choice], profile: str, deadline: float | None) -> None:
        super().__init__(_("Choose for {name}").format(name=profile or "Rove"), deadline)
        shown = plain(said(text), 500)
        self.column.addWidget(_titled(label(shown), QStyle.StandardPixmap.SP_MessageBoxQuestion))
        self._list = QListWidget()
        self._list.setAccessibleName(shown)
        self._list.setWordWrap(True)
        for choice in choices:
            words = [plain(choice.label, 200), plain(choice.detail, 300)]
            item = QListWidgetItem("\n".join(word for word in words if word))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(word for word in words if word))
            self._list.addItem(item)
        self._list.setCurrentRow(0)
        self._list.itemActivated.connect(self._picked)
        self.column.addWidget(self._list)
        self.finish(_("Use this one"), can_wait=False)
        self._list.setFocus()
        self.setMinimumWidth(460)

    @property
    def chosen(self) -> int:
        return self._list.currentRow()

    def accept(self) -> None:
        if not self.too_early and self._list.currentRow() >= 0:
            super().accept()

    def _picked(self, _item: QListWidgetItem) -> None:
        self.accept()



def _titled(text: QLabel, icon: QStyle.StandardPixmap) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    picture = QLabel()
    size = 24
    picture.setPixmap(QApplication.style().standardIcon(icon).pixmap(size, size))
    picture.setFixedWidth(size + 8)
    row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(text, 1)
    return holder


def _quoted(title: str, words: str) -> QFrame:
    frame = QFrame()
    frame.setFrameShape(QFrame.Shape.StyledPanel)
    column = QVBoxLayout(frame)
    column.addWidget(label(title, bold=True))
    column.addWidget(label(f"“{words}”", f"{title} {words}"))
    return frame
