"""Bounded reading: regular files, certificates, and checks of a profile's tree that name every problem at once."""

import base64
import binascii
import os
import re
import stat
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from client.importers.imported import ImportFailed
from client.model.cause import RoveError
from client.model.profile import KEYS, ProfileError, profile_from_dict

MAX_CREDENTIAL = 1024 * 1024
MAX_CERTIFICATES = 64
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_TABLES = {key.split(".")[0] for key in KEYS if "." in key}


def read_file(path: Path, limit: int) -> bytes:
    """A regular file of at most ``limit`` octets. Raises ImportFailed naming it."""
    try:
        # O_NONBLOCK: a FIFO must not hold us up
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ImportFailed([f"{path}: not a regular file"])
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, ImportFailed):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ImportFailed([f"{path}: {reason}"]) from error
    if len(data) > limit:
        raise ImportFailed([f"{path}: larger than {limit // 1024} KiB"])
    return data


def certificates(data: bytes, where: str) -> list[str]:
    """DER, or PEM with anything around → one PEM text per certificate, and nothing else of the file.

    Whatever else a file holds (a private key, say) must not travel to roved. Raises ImportFailed.
    """
    found = [_to_pem(data)] if data[:1] == b"\x30" else _pem_blocks(data, where)
    if not found:
        raise ImportFailed([f"{where}: holds no certificate"])
    if len(found) > MAX_CERTIFICATES:
        raise ImportFailed([f"{where}: holds more than {MAX_CERTIFICATES} certificates"])
    from client.core.pki.anchors import load_trust  # costs 80 ms, and not every profile brings certificates
    try:
        load_trust(tuple(found))
    except RoveError as error:
        raise ImportFailed([f"{where}: {error.detail}"]) from error
    return found


def check_tree(tree: Mapping[str, Any]) -> None:
    """Raises ImportFailed with every problem of a profile, not only with the first."""
    problems = []
    given: dict[str, Any] = {}
    for key, value in tree.items():
        if key in _TABLES and isinstance(value, Mapping):
            given |= {f"{key}.{inner}": item for inner, item in value.items()}
        elif key in _TABLES:
            problems.append(f"{key}: must be a table, [{key}]")
        else:
            given[key] = value
    for key, value in given.items():
        if key not in KEYS:
            problems.append(f"{key}: there is no such key")
            continue
        try:
            KEYS[key][0](value)
        except ValueError as error:
            problems.append(str(error) if isinstance(error, ProfileError) else f"{key}: {error}")
    if problems:
        raise ImportFailed(problems)
    try:
        profile_from_dict(tree)
    except ProfileError as error:
        raise ImportFailed([str(error)]) from error


def safe_name(text: str, fallback: str) -> str:
    """Any text → something that ``check_name`` accepts."""
    ascii_text = unicodedata.normalize("NFKD", text[:256]).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.@-]+", "-", ascii_text).lstrip("_.@-").rstrip("-.")[:64] or fallback


def one_line(text: str, limit: int) -> str:
    """Printable, without line breaks, at most ``limit`` characters: safe in a comment."""
    return " ".join("".join(char if char.isprintable() else " " for char in text[:limit]).split())


def decode_base64(text: Any, where: str) -> bytes:
    """Raises ImportFailed."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (AttributeError, TypeError, ValueError, binascii.Error) as error:
        raise ImportFailed([f"{where}: must be base64"]) from error


def _pem_blocks(data: bytes, where: str) -> list[str]:
    text = data.decode("ascii", "replace")
    blocks = []
    for part in text.split(_BEGIN)[1:MAX_CERTIFICATES + 2]:
        body, end, _ = part.partition(_END)
        if not end:
            raise ImportFailed([f"{where}: a certificate in it has no end"])
        blocks.append(_to_pem(decode_base64(body, where)))
    return blocks


def _to_pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    lines = [text[start:start + 64] for start in range(0, len(text), 64)]
    return "\n".join([_BEGIN, *lines, _END]) + "\n"
