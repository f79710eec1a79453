"""The agent in a front end: on the front end's own bus connection, for as long as a ``with`` block lasts."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from client.bus.client import RovedNotRunning, VpnClient
from client.model.cause import Finding

if TYPE_CHECKING:
    from client.agent.prompts import Prompter
    from client.agent.smartcard import Smartcards

ROVED_UID = 0


@contextlib.asynccontextmanager
async def hosted(client: VpnClient, kind: str, prompter: "Prompter", on_notice: Callable[[str, str], None],
                 on_finding: Callable[[str, Finding], None], roved_uid: int = ROVED_UID,
                 smartcards: "Smartcards | None" = None) -> AsyncIterator[None]:
    """roved may ask us while this lasts. ``kind`` as in RegisterAgent; ``on_notice`` and ``on_finding`` as in
    AgentService. Raises RoveError, RovedNotRunning."""
    from dbus_fast import DBusError

    from client.agent.export import AgentExport
    from client.agent.keyring import KeyringVault
    from client.agent.service import AgentService
    from client.agent.smartcard import Smartcards
    service = AgentService(prompter, vault=KeyringVault(), smartcards=smartcards or Smartcards(), on_notice=on_notice,
                           on_finding=on_finding)
    export = AgentExport(client.bus, service, roved_uid)
    try:
        await export.start()
        await client.register_agent(kind)
        yield
    except DBusError as error:
        raise RovedNotRunning(str(error)) from error
    finally:
        with contextlib.suppress(DBusError):
            await export.stop()
