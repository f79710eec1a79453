"""The dialogs: answered, cancelled from either side, one at a time, nothing left behind."""

import asyncio
import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLabel, QLineEdit, QPushButton

from client.agent.prompts import Choice, PromptCancelled, PromptKind, Question
from client.gui import prompts
from client.gui.prompts import ChoiceDialog, GuiPrompter, PromptDialog, SecretDialog
from client.gui.view.prompt_view import prompt_view


class Host:
    def __init__(self, deadline=None, may_wait=False, wanted=True):
        self._deadline, self._may_wait, self._wanted = deadline, may_wait, wanted
        self.said = []

    def deadline(self, profile):
        return self._deadline

    def may_wait(self, profile):
        return self._may_wait

    def ask_later(self, profile, seconds):
        self.said.append(("later", profile, seconds))

    def wanted(self, profile):
        return self._wanted

    def opened(self, profile, title, dialog):
        self.said.append(("opened", profile))

    def closed(self, profile):
        self.said.append(("closed", profile))


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def run(loop):
    def run(scene, host):
        return loop.run_until_complete(asyncio.wait_for(scene(GuiPrompter(host)), 10))
    return run


async def appeared(prompter):
    for _ in range(500):
        if prompter.open is not None and prompter.open.isVisible():
            return prompter.open
        await asyncio.sleep(0.01)
    raise AssertionError("no dialog appeared")


def watched(edit):
    """What the input held, one after the other: it does not outlive its dialog."""
    seen = []
    edit.textChanged.connect(seen.append)
    return seen


def edits(dialog):
    return dialog.findChildren(QLineEdit)


PASSWORD = Question(PromptKind.PASSWORD, "Password of alice for work", "work", may_remember=True)


def test_typed_and_entered(run, host):
    async def scene(prompter):
        asking = asyncio.ensure_future(prompter.secret(PASSWORD))
        dialog = await appeared(prompter)
        [edit] = edits(dialog)
        seen = watched(edit)
        assert not ok(dialog).isEnabled()
        QTest.keyClicks(edit, "secret")
        QTest.keyClick(edit, Qt.Key.Key_Return)
        answer = await asking
        assert (answer.text, answer.remember) == ("secret", False)
        assert seen[-2:] == ["secret", ""]      # it left the input
    run(scene, host)
    assert host.said == [("opened", "work"), ("closed", "work")]


def test_escape_cancels_and_clears(run, host):
    async def scene(prompter):
        asking = asyncio.ensure_future(prompter.secret(PASSWORD))
        dialog = await appeared(prompter)
        [edit] = edits(dialog)
        seen = watched(edit)
        QTest.keyClicks(edit, "half")
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        with pytest.raises(PromptCancelled):
            await asking
        assert seen[-1] == ""
        assert prompter.open is None
    run(scene, host)


def test_enter_on_nothing_does_nothing(run, host):
    async def scene(prompter):
        asking = asyncio.ensure_future(prompter.secret(PASSWORD))
        dialog = await appeared(prompter)
        QTest.keyClick(edits(dialog)[0], Qt.Key.Key_Return)
        await asyncio.sleep(0.05)
        assert not asking.done()
        dialog.reject()
        with pytest.raises(PromptCancelled):
            await asking
    run(scene, host)


def test_cancelling_the_task_takes_the_dialog_away(run, host):
    async def scene(prompter):
        asking = asyncio.ensure_future(prompter.secret(PASSWORD))
        dialog = await appeared(prompter)
        [edit] = edits(dialog)
        seen = watched(edit)
        QTest.keyClicks(edit, "half")
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert prompter.open is None
        assert seen[-1] == ""
    run(scene, host)
    assert host.said[-1] == ("closed", "work")


def test_one_at_a_time(run, host):
    async def scene(prompter):
        first = asyncio.ensure_future(prompter.secret(PASSWORD))
        second = asyncio.ensure_future(prompter.choose("Which?", [Choice("a"), Choice("b")], "home"))
        dialog = await appeared(prompter)
        await asyncio.sleep(0.05)
        assert [one for one in QApplication.topLevelWidgets() if isinstance(one, PromptDialog) and one.isVisible()] == [
            dialog]
        dialog.reject()
        with pytest.raises(PromptCancelled):
            await first
        other = await appeared(prompter)
        assert isinstance(other, ChoiceDialog)
        other.accept()
        assert await second == 0
    run(scene, host)


def test_remembering_is_the_users_word(run, host):
    async def scene(prompter):
        asking = asyncio.ensure_future(prompter.secret(PASSWORD))
        dialog = await appeared(prompter)
        QTest.keyClicks(edits(dialog)[0], "secret")
        dialog._remember.setChecked(True)
        ok(dialog).click()
        assert (await asking).remember
    run(scene, host)


def test_a_new_password_is_typed_twice(run, host):
    async def scene(prompter):
        asking = asyncio.ensure_future(prompter.secret(Question(PromptKind.NEW_PASSWORD, "New one", "work")))
        dialog = await appeared(prompter)
        first, again = edits(dialog)
        QTest.keyClicks(first, "n3w")
        QTest.keyClicks(again, "n3")
        assert not ok(dialog).isEnabled()
        assert dialog._problem.text() == "The two are not the same."
        QTest.keyClicks(again, "w")
        assert ok(dialog).isEnabled()
        ok(dialog).click()
        assert (await asking).text == "n3w"
    run(scene, host)


def test_the_certificate_picker_is_for_the_keyboard(run, host):
    async def scene(prompter):
        asking = asyncio.ensure_future(prompter.choose("Which certificate?", [
            Choice("alice", "until 2027-01-01"), Choice("bob")], "work"))
        dialog = await appeared(prompter)
        QTest.keyClick(dialog._list, Qt.Key.Key_Down)
        QTest.keyClick(dialog._list, Qt.Key.Key_Return)
        assert await asking == 1
    run(scene, host)


def test_a_notice_stays_until_what_it_says_is_done_or_it_is_cancelled(run, host):
    async def scene(prompter):
        showing = asyncio.ensure_future(prompter.notice("Type the PIN on the card reader\x1b[31m", "work"))
        dialog = await appeared(prompter)
        assert "Type the PIN on the card reader[31m" in [one.text() for one in dialog.findChildren(QLabel)]
        assert ok(dialog) is None
        dialog.accept()
        await asyncio.sleep(0.05)
        assert not showing.done()
        showing.cancel()
        await asyncio.wait([showing])
        assert prompter.open is None
        showing = asyncio.ensure_future(prompter.notice("Type it", "work"))
        QTest.keyClick(await appeared(prompter), Qt.Key.Key_Escape)
        with pytest.raises(PromptCancelled):
            await showing
    run(scene, host)


def test_asked_again_later(run):
    host = Host(may_wait=True)

    async def scene(prompter):
        asking = asyncio.ensure_future(prompter.secret(PASSWORD))
        dialog = await appeared(prompter)
        [wait] = [one for one in dialog.findChildren(QPushButton) if one.text() == "Ask again in 5 min"]
        wait.click()
        with pytest.raises(PromptCancelled):
            await asking
    run(scene, host)
    assert ("later", "work", 300.0) in host.said


def test_without_a_tunnel_nothing_can_be_put_off(application):
    dialog = SecretDialog(prompt_view(PASSWORD), None, can_wait=False)
    assert not [one for one in dialog.findChildren(QPushButton) if "5 min" in one.text()]


def test_the_countdown_is_shown_and_gets_loud(application):
    dialog = SecretDialog(prompt_view(PASSWORD), time.time() + 100, can_wait=False)
    assert dialog._countdown.text().startswith("1 min 39 s")
    assert not dialog._countdown.font().bold()
    hurry = SecretDialog(prompt_view(PASSWORD), time.time() + 10, can_wait=False)
    assert hurry._countdown.font().bold()


def test_a_dialog_nobody_asked_for_takes_no_keys_at_first(application, monkeypatch):
    monkeypatch.setattr(prompts, "GRACE", 60.0)
    dialog = SecretDialog(prompt_view(PASSWORD), None, can_wait=False)
    dialog.appear(take_focus=False)
    assert dialog.testAttribute(Qt.WidgetAttribute.WA_ShowWithoutActivating)
    dialog._until_ready = time.monotonic() + prompts.GRACE      # as when a window manager hands it the focus
    QTest.keyClicks(edits(dialog)[0], "for another window")
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert edits(dialog)[0].text() == ""
    assert dialog.isVisible()
    dialog.come_forward()                                       # now somebody wants it
    QTest.keyClicks(edits(dialog)[0], "x")
    assert edits(dialog)[0].text() == "x"
    dialog.close()


def test_a_gateways_words_are_text_and_labelled(application):
    words = "<b>bold</b> <a href='http://x'>x</a>"
    dialog = SecretDialog(prompt_view(Question(PromptKind.CHALLENGE, "Code", gateway_words=words)), None, False)
    labels = {one.text(): one.textFormat() for one in dialog.findChildren(QLabel)}
    assert labels[f"“{words}”"] is Qt.TextFormat.PlainText
    assert "The gateway says:" in labels


def test_every_input_has_a_name_and_tab_goes_down_the_dialog(application):
    for question in (PASSWORD, Question(PromptKind.NEW_PASSWORD, "New", "work")):
        dialog = SecretDialog(prompt_view(question), None, can_wait=True)
        dialog.show()
        assert all(edit.accessibleName() for edit in edits(dialog))
        order, widget = [], edits(dialog)[0]
        for _ in range(12):
            order.append(widget)
            widget = widget.nextInFocusChain()
            while not widget.focusPolicy() & Qt.FocusPolicy.TabFocus or not widget.isVisibleTo(dialog):
                widget = widget.nextInFocusChain()
            if widget is order[0]:
                break
        tops = [one.mapTo(dialog, one.rect().topLeft()).y() for one in order]
        assert tops == sorted(tops)
        dialog.close()


def ok(dialog):
    return dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok)
