"""A notice stays until what it asks for was done elsewhere, and can be cancelled."""

import asyncio

import pytest

from client.agent.prompts import PromptCancelled


class Host:
    def deadline(self, profile):
        return None

    def may_wait(self, profile):
        return False

    def wanted(self, profile):
        return False

    def opened(self, profile, title, dialog):
        self.title = title

    def closed(self, profile):
        self.title = ""


def test_it_goes_with_its_task_and_cancels_with_its_button(loop):
    from PySide6.QtWidgets import QDialogButtonBox, QLabel

    from client.gui.prompts import GuiPrompter
    host = Host()
    prompter = GuiPrompter(host)

    async def scenario():
        task = asyncio.ensure_future(prompter.notice("Type the PIN on the card reader\x1b[31m", "work"))
        await asyncio.sleep(0.05)
        assert "work" in host.title
        dialog = prompter.open
        assert any(each.text() == "Type the PIN on the card reader[31m" for each in dialog.findChildren(QLabel))
        dialog.accept()
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert prompter.open is None
        task = asyncio.ensure_future(prompter.notice("Again", "work"))
        await asyncio.sleep(0.05)
        box = prompter.open.findChild(QDialogButtonBox)
        assert not box.button(QDialogButtonBox.StandardButton.Ok).isVisible()
        box.button(QDialogButtonBox.StandardButton.Cancel).click()
        with pytest.raises(PromptCancelled):
            await task
    loop.run_until_complete(scenario())
