"""A client of charon's vici protocol, as much as the lab needs (strongSwan, src/libcharon/plugins/vici/README.md).

A message is a nested table of texts and lists of texts.
"""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from tests.lab.shell import LabError

Message: TypeAlias = dict[str, "str | list[str] | Message"]

_REQUEST, _RESPONSE, _UNKNOWN, _REGISTER, _UNREGISTER, _CONFIRM, _EVENT_UNKNOWN, _EVENT = range(8)
_SECTION_START, _SECTION_END, _KEY_VALUE, _LIST_START, _LIST_ITEM, _LIST_END = range(1, 7)


class Refused(LabError):
    """charon answered ``success = no``."""


def call(path: Path, command: str, message: Message | None = None, timeout: float = 10.0) -> Message:
    """One command, one answer. Raises Refused when charon says no, OSError when there is no charon."""
    with _connect(path, timeout) as connection:
        _send(connection, _REQUEST, command, message or {})
        kind, _, answer = _receive(connection)
        if kind != _RESPONSE:
            raise LabError(f"vici does not know the command {command}")
    if answer.get("success") == "no":
        raise Refused(f"vici {command}: {answer.get('errmsg', 'refused')}")
    return answer


def stream(path: Path, command: str, event: str, message: Message | None = None,
           timeout: float = 10.0) -> list[Message]:
    """A command whose results come as events, such as list-sas with list-sa."""
    with _connect(path, timeout) as connection:
        _send(connection, _REGISTER, event)
        if _receive(connection)[0] != _CONFIRM:
            raise LabError(f"vici does not know the event {event}")
        _send(connection, _REQUEST, command, message or {})
        found: list[Message] = []
        while True:
            kind, _, answer = _receive(connection)
            if kind != _EVENT:
                return found
            found.append(answer)


def _connect(path: Path, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def _send(connection: socket.socket, kind: int, name: str, message: Message | None = None) -> None:
    body = struct.pack("!BB", kind, len(name)) + name.encode() + b"".join(_encode(message or {}))
    connection.sendall(struct.pack("!I", len(body)) + body)


def _receive(connection: socket.socket) -> tuple[int, str, Message]:
    (length,) = struct.unpack("!I", _exactly(connection, 4))
    body = _exactly(connection, length)
    kind, at, name = body[0], 1, ""
    if kind == _EVENT:
        at, name = 2 + body[1], body[2:2 + body[1]].decode()
    return kind, name, _decode(body[at:]) if kind in (_RESPONSE, _EVENT) else {}


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise LabError("charon closed the vici socket")
        data += more
    return data


def _encode(message: Message) -> Iterator[bytes]:
    for key, value in message.items():
        name = struct.pack("!B", len(key)) + key.encode()
        if isinstance(value, dict):
            yield bytes([_SECTION_START]) + name
            yield from _encode(value)
            yield bytes([_SECTION_END])
        elif isinstance(value, list):
            yield bytes([_LIST_START]) + name
            yield from (bytes([_LIST_ITEM]) + struct.pack("!H", len(item.encode())) + item.encode() for item in value)
            yield bytes([_LIST_END])
        else:
            yield bytes([_KEY_VALUE]) + name + struct.pack("!H", len(value.encode())) + value.encode()


def _decode(data: bytes) -> Message:
    root: Message = {}
    path, at = [root], 0
    items: list[str] = []
    while at < len(data):
        kind, at = data[at], at + 1
        if kind in (_SECTION_START, _KEY_VALUE, _LIST_START):
            name, at = data[at + 1:at + 1 + data[at]].decode(), at + 1 + data[at]
        if kind in (_KEY_VALUE, _LIST_ITEM):
            (length,) = struct.unpack_from("!H", data, at)
            text, at = data[at + 2:at + 2 + length].decode(errors="replace"), at + 2 + length
        if kind == _SECTION_START:
            section: Message = {}
            path[-1][name] = section
            path.append(section)
        elif kind == _SECTION_END:
            path.pop()
        elif kind == _KEY_VALUE:
            path[-1][name] = text
        elif kind == _LIST_START:
            items = []
            path[-1][name] = items
        elif kind == _LIST_ITEM:
            items.append(text)
    return root
