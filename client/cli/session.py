"""The agent inside the command line: on the connection's bus, asking on the terminal or reading a descriptor."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from client.bus.client import VpnClient
from client.cli.screen import Screen
from client.model.cause import Finding
from client.texts import plain

if TYPE_CHECKING:
    from client.agent.prompts import Prompter

ROVED_UID = 0


@contextlib.asynccontextmanager
async def hosted_agent(client: VpnClient, kind: str, prompter: "Prompter") -> AsyncIterator[None]:
    """roved may ask us while this lasts. ``kind`` as in RegisterAgent. Raises RoveError, RovedNotRunning."""
    from client.agent.hosting import hosted
    screen = Screen()

    def notice(_profile: str, words: str) -> None:
        screen.line(f"The gateway says: “{plain(words, 200)}”")

    def finding(_profile: str, found: Finding) -> None:
        screen.line(f"Note: {plain(found.message)}")

    async with hosted(client, kind, prompter, notice, finding, ROVED_UID):
        yield


def prompter_for(descriptor: int | None, *, remember: bool = False) -> "Prompter":
    """The terminal, or the file descriptor that holds the secret. ``remember``: what is given is to be kept."""
    from client.agent.prompts import FdPrompter, Remembering, TerminalPrompter
    prompter = TerminalPrompter() if descriptor is None else FdPrompter(descriptor)
    return Remembering(prompter) if remember else prompter
