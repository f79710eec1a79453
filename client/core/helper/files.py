"""Files in folders that root alone writes to, by directory descriptors: no symbolic link is followed, and a file is
replaced whole (written beside, fsync, rename, fsync of the directory)."""

import os
import stat
from contextlib import suppress

from client.model.cause import Cause, RoveError

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def open_directory(parent: int, name: str, create: bool) -> int:
    """Raises FileNotFoundError, RoveError (HOST_SETUP) when it is unsafe."""
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
    try:
        descriptor = os.open(name, DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except NotADirectoryError as error:         # also what a symbolic link gives with O_NOFOLLOW
        raise RoveError(Cause.HOST_SETUP, f"the folder {name} is not a directory") from error
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        os.close(descriptor)
        raise RoveError(Cause.HOST_SETUP, f"the folder {name} can be written by others")
    return descriptor


def read_file(directory: int, name: str, most: int) -> bytes:
    """Raises OSError, ValueError."""
    # O_NONBLOCK: somebody's FIFO must not hold us up
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"larger than {most // 1024} KiB")
    return content


def write_file(directory: int, name: str, content: bytes) -> None:
    """All or nothing. Raises RoveError(HOST_SETUP), e.g. when the disk is full."""
    temporary = f".{name}.new"                  # not *.toml: a crash leaves nothing that is listed
    try:
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=directory), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise RoveError(Cause.HOST_SETUP, f"{name} cannot be written: {error.strerror}") from error
