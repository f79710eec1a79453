"""Puts the report where it was asked for: whole, for its owner alone, over nothing that is there unasked."""

import contextlib
import os
import secrets
from pathlib import Path


def write_report(path: Path, text: str, overwrite: bool = False) -> None:
    """Raises FileExistsError unless ``overwrite``, and OSError."""
    part = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            part.replace(path)
        else:
            os.link(part, path)         # unlike a rename, over nothing: also not over a link that leads nowhere
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
