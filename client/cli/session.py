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
    from client.agent.smartcard import Smartcards

ROVED_UID = 0


@contextlib.asynccontextmanager
async def hosted_agent(client: VpnClient, kind: str, prompter: "Prompter", smartcards: "Smartcards | None" = None
                       ) -> AsyncIterator[None]:
    """roved may ask us while this lasts. ``kind`` as in RegisterAgent. Raises RoveError, RovedNotRunning."""
    from client.agent.hosting import hosted
    screen = Screen()

    def notice(_profile: str, words: str) -> None:
        screen.line(f"The gateway says: “{plain(words, 200)}”")

    def finding(_profile: str, found: Finding) -> None:
        screen.line(f"Note: {plain(found.message)}")

    async with hosted(client, kind, prompter, notice, finding, ROVED_UID, smartcards):
        yield


def prompter_for(descriptor: int | None, pins: int | None = None, *, remember: bool = False) -> "Prompter":
    """The terminal, or the file descriptors that hold the secret and the PIN. ``remember``: what is given is to be
    kept."""
    from client.agent.prompts import FdPrompter, Remembering, Routed, TerminalPrompter
    terminal = TerminalPrompter()
    secrets: Prompter = terminal if descriptor is None else FdPrompter(descriptor)
    if remember:
        secrets = Remembering(secrets)
    # A PIN is read from its own descriptor only: a line meant for something else would be a lost try
    pin_source: Prompter = terminal if pins is None else secrets if pins == descriptor else FdPrompter(pins)
    return Routed(pin_source, secrets)
