"""One call to roved and its answer, with jeepney and without an event loop: importing asyncio and dbus-fast takes more
time than all else in ``rove status``. Whoever listens, or hosts an agent, is a VpnClient.
"""

from typing import Any

from client.bus.interface import BUS_NAME, INTERFACE, METHODS, OBJECT_PATH
from client.bus.replies import CALL_TIMEOUT, RovedNotRunning, refusal
from client.model.cause import Cause, RoveError


def ask(name: str, *arguments: Any) -> Any:
    """What this method of roved's returns. Raises RoveError (also CallFailed) or RovedNotRunning."""
    from jeepney import DBusAddress, DBusErrorResponse, HeaderFields, MessageType, new_method_call
    from jeepney.io.blocking import open_dbus_connection
    row = METHODS[name]
    call = new_method_call(DBusAddress(OBJECT_PATH, BUS_NAME, INTERFACE), row.name, row.signature, arguments)
    try:
        bus = open_dbus_connection("SYSTEM", auth_timeout=CALL_TIMEOUT)
    except (OSError, ValueError, RuntimeError, DBusErrorResponse) as error:
        raise RovedNotRunning(f"there is no system bus: {error}") from error
    with bus:
        reply = _reply(bus, call)
    fields = reply.header.fields
    if reply.header.message_type is MessageType.error:
        raise refusal(str(fields.get(HeaderFields.error_name, "")), reply.body)
    if fields.get(HeaderFields.signature, "") != row.returns:
        raise RoveError(Cause.INTERNAL, f"{name} answered with {fields.get(HeaderFields.signature)!r}")
    return reply.body[0] if reply.body else None


def _reply(bus: Any, call: Any) -> Any:
    try:
        return bus.send_and_get_reply(call, timeout=CALL_TIMEOUT)
    except TimeoutError as error:
        raise RoveError(Cause.TIMEOUT, f"roved did not answer within {CALL_TIMEOUT:.0f} s") from error
    except OSError as error:
        raise RovedNotRunning(f"the system bus went away: {error}") from error
