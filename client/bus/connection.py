"""A connection to the system bus: method calls that end in a reply, a RoveError, or RovedNotRunning."""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from client.bus.patience import patient
from client.bus.replies import CALL_TIMEOUT, RovedNotRunning, refusal
from client.model.cause import Cause, RoveError

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

_DBUS = "org.freedesktop.DBus"
_DBUS_PATH = "/org/freedesktop/DBus"


class BusConnection:
    """``on_signal`` gets every message that is no reply; ``on_lost`` is told once when the bus went away."""

    def __init__(self, bus: "MessageBus", on_signal: Callable[["Message"], None],
                 on_lost: Callable[[Exception], None]) -> None:
        self.bus = bus
        self._on_lost = on_lost
        bus.add_message_handler(on_signal)
        # One waiter for good: cancelling it would cancel dbus-fast's own future, and no second wait could succeed.
        self._lost = asyncio.ensure_future(self._watch())

    async def exchange(self, message: "Message", patience: float = CALL_TIMEOUT) -> "Message":
        """Waits ``patience`` seconds for the reply."""
        from dbus_fast import DBusFastError, MessageType
        if self._lost.done():
            raise RovedNotRunning("the system bus went away")
        answer = asyncio.ensure_future(self.bus.call(message))
        try:
            await asyncio.wait((answer, self._lost), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and self._lost.done():
                raise RovedNotRunning("the system bus went away")
            if not answer.done():
                raise RoveError(Cause.TIMEOUT, f"roved did not answer {message.member} within {patience:.0f} s")
            reply = answer.result()
        except (DBusFastError, OSError, EOFError) as error:
            if isinstance(error, RovedNotRunning):
                raise
            raise RovedNotRunning(str(error)) from error
        finally:
            answer.cancel()
        if reply.message_type is MessageType.ERROR:
            raise refusal(reply.error_name or "", reply.body)
        return reply

    async def ask_bus(self, member: str, argument: str) -> Any:
        """A method of the bus itself, of one string."""
        from dbus_fast import Message
        reply = await self.exchange(Message(destination=_DBUS, path=_DBUS_PATH, interface=_DBUS, member=member,
                                            signature="s", body=[argument]))
        return reply.body[0] if reply.body else None

    def close(self) -> None:
        self._on_lost = _nobody
        self.bus.disconnect()

    async def _watch(self) -> None:
        try:
            await self.bus.wait_for_disconnect()    # type: ignore[no-untyped-call]  # dbus-fast left it bare
        except Exception as error:      # whatever dbus-fast met on its socket
            self._on_lost(RovedNotRunning(f"the system bus went away: {error}"))
        else:
            self._on_lost(RovedNotRunning("the system bus went away"))


async def open_bus() -> "MessageBus":
    """The system bus, at DBUS_SYSTEM_BUS_ADDRESS where that is set. Raises RovedNotRunning."""
    from dbus_fast import BusType, DBusFastError
    from dbus_fast.aio import MessageBus
    try:
        bus = MessageBus(os.environ.get("DBUS_SYSTEM_BUS_ADDRESS"), BusType.SYSTEM, auth_timeout=CALL_TIMEOUT)
        return patient(await bus.connect())
    except (DBusFastError, OSError, EOFError, ValueError) as error:
        raise RovedNotRunning(f"there is no system bus: {error}") from error


def owner_rule(name: str) -> str:
    """The match rule for changes of a name's owner."""
    return f"type='signal',sender='{_DBUS}',interface='{_DBUS}',member='NameOwnerChanged',arg0='{name}'"


def new_owner(message: "Message", name: str) -> str | None:
    """NameOwnerChanged of this name, from the bus itself → the new owner ("" for none); None: something else."""
    if (message.sender == _DBUS and message.interface == _DBUS and message.member == "NameOwnerChanged"
            and message.signature == "sss" and message.body[0] == name):
        return str(message.body[2])
    return None


def _nobody(_error: Exception) -> None:
    """We closed it ourselves."""
