"""What roved answers, and what it means when it does not. No event loop here, and no D-Bus library."""

import json
from collections.abc import Sequence
from typing import Any

from client.bus.interface import error_code
from client.model.cause import Cause, RoveError

CALL_TIMEOUT = 30.0     # s
_DBUS = "org.freedesktop.DBus"
_NOT_RUNNING = frozenset(f"{_DBUS}.Error.{name}" for name in ("ServiceUnknown", "NameHasNoOwner", "NoServer",
                                                              "Disconnected", "NoReply"))


class RovedNotRunning(ConnectionError):
    """There is no system bus, no roved on it, or it went away."""


class CallFailed(RoveError):
    """A refusal that is no Cause ("work is not connected", too many calls): ``detail`` is a text for people."""

    def __init__(self, detail: str) -> None:
        super().__init__(Cause.INTERNAL, detail)


def refusal(name: str, body: Sequence[Any]) -> Exception:
    """What an error of this D-Bus name means."""
    text = str(body[0]) if body else ""
    if name in _NOT_RUNNING or name.startswith(f"{_DBUS}.Error.Spawn."):
        return RovedNotRunning(text or name)
    if name == f"{_DBUS}.Error.AccessDenied":
        return RoveError(Cause.NOT_AUTHORISED, text)
    try:
        return RoveError(Cause.from_code(error_code(name) or ""), text)
    except KeyError:
        return CallFailed(text or name)


def parsed_document(text: str) -> dict[str, Any]:
    """JSON text from roved → object. Raises RoveError (INTERNAL)."""
    document = _json(text)
    if not isinstance(document, dict):
        raise RoveError(Cause.INTERNAL, "roved sent something other than an object")
    return document


def parsed_documents(text: str) -> list[dict[str, Any]]:
    """JSON text from roved → list of objects. Raises RoveError (INTERNAL)."""
    documents = _json(text)
    if not isinstance(documents, list) or not all(isinstance(item, dict) for item in documents):
        raise RoveError(Cause.INTERNAL, "roved sent something other than a list of objects")
    return documents


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RoveError(Cause.INTERNAL, "roved sent something other than JSON") from error
