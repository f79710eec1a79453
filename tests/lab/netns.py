"""Network namespaces by name: make, enter, list what runs inside, delete."""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.lab.shell import run

T = TypeVar("T")

RUN = Path("/run/netns")
CLONE_NEWNET = 0x4000_0000  # linux/sched.h
_libc = ctypes.CDLL(None, use_errno=True)


def add(names: Iterable[str]) -> None:
    run("ip", "-batch", "-", stdin="".join(f"netns add {name}\n" for name in names))


def command(name: str) -> list[str]:
    """The words before a command that run it in the namespace. They exec: the pid stays."""
    return ["nsenter", f"--net={RUN / name}"]


def ip_batch(name: str, lines: Iterable[str]) -> None:
    """Run ``ip`` commands in the namespace, all in one process."""
    run("ip", "-netns", name, "-batch", "-", stdin="".join(f"{line}\n" for line in lines))


def inside(name: str, call: Callable[[], T]) -> T:
    """Call in a thread that has entered the namespace: sockets made there stay there, /proc/sys/net is its own."""
    def body() -> T:
        handle = os.open(RUN / name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if _libc.setns(handle, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {name}")
        finally:
            os.close(handle)
        return call()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(body).result()


def sysctl(name: str, values: Mapping[str, object]) -> None:
    """Set sysctls, keys as paths below /proc/sys/net."""
    def write() -> None:
        for key, value in values.items():
            (Path("/proc/sys/net") / key).write_text(f"{value}\n")
    inside(name, write)


def existing(prefix: str) -> list[str]:
    """The namespaces of one lab."""
    return sorted(entry.name for entry in RUN.glob(f"{prefix}-*")) if RUN.is_dir() else []


def pids(names: Iterable[str]) -> list[int]:
    """The processes that live in any of these namespaces, never ourselves."""
    wanted = {_identity(RUN / name) for name in names} - {None}
    processes = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [int(entry.name) for entry in processes
            if _identity(entry / "ns/net") in wanted and int(entry.name) != os.getpid()]


def delete(names: list[str], grace: float = 2.0) -> None:
    """End every process inside, by pid, then delete the namespaces."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + grace
        for pid in pids(names):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        while pids(names) and time.monotonic() < until:
            time.sleep(0.01)
    run("ip", "-batch", "-", stdin="".join(f"netns delete {name}\n" for name in names))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:  # it ended meanwhile, or is a zombie
        return None
    return found.st_dev, found.st_ino
