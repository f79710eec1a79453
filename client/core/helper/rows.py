"""Rows that one roved leaves to the next, as JSON in the run-time folder: a reboot forgets them."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from client.core.helper.files import DIRECTORY, read_file, write_file
from client.model.cause import RoveError

MOST = 64 * 1024        # octets


def read_rows(folder: Path, name: str) -> list[Any]:
    """Raises OSError, ValueError, TypeError: there are none, or they are no rows."""
    descriptor = os.open(folder, DIRECTORY)
    try:
        return list(json.loads(read_file(descriptor, name, MOST)))
    finally:
        os.close(descriptor)


def write_rows(folder: Path, name: str, rows: Iterable[Any]) -> None:
    """Where that cannot be, nothing is left: connections work without it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, DIRECTORY)
    except OSError:
        return
    try:
        write_file(descriptor, name, json.dumps(list(rows)).encode())
    except RoveError:
        return
    finally:
        os.close(descriptor)


def uid_of(value: object) -> int | None:
    """Raises TypeError."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise TypeError("a uid is a number")
    return value
