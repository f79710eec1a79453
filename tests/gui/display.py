"""A desktop session without a screen: Xvfb, a session bus, a window manager, and what else a test starts in it.

It runs here, or wherever ``enter`` puts a command: in a lab's client as its unprivileged user.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.lab import shell
from tests.lab.shell import LabError

SCREEN = "1280x900x24"
TRAY = [sys.executable, "-m", "client.gui.main"]
Enter = Callable[..., list[str]]


def here(*argv: str) -> list[str]:
    return list(argv)


class Display:
    """For a ``with`` block. ``folder`` takes logs and pictures; whoever runs the programs must be able to write it."""

    def __init__(self, folder: Path, enter: Enter = here, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._enter = enter
        self._env = dict(os.environ if env is None else env)
        self._processes: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Display":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o777)
        try:
            reading, writing = os.pipe()
            self._start("xvfb", "Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp",
                        pass_fds=(writing,))
            os.close(writing)
            with os.fdopen(reading) as pipe:
                number = pipe.readline().strip()
            if not number:
                raise LabError(f"Xvfb did not start: {self.log('xvfb')}")
            self._env |= {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
                          "NO_AT_BRIDGE": "0",
                          "XDG_RUNTIME_DIR": self._env.get("XDG_RUNTIME_DIR", "") or str(self.folder)}
            bus = self._start("session-bus", "dbus-daemon", "--session", "--nofork", "--print-address",
                              stdout=subprocess.PIPE)
            assert bus.stdout is not None
            address = bus.stdout.readline().strip()
            self._env["DBUS_SESSION_BUS_ADDRESS"] = address
            self.start("openbox", "openbox")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for process in reversed(self._processes):
            shell.stop(process)
        self._processes = []

    @property
    def env(self) -> dict[str, str]:
        return dict(self._env)

    def start(self, name: str, *argv: str, env: Mapping[str, str] | None = None, **options: object) \
            -> "subprocess.Popen[str]":
        """A program of the session, logging to ``name``.log."""
        return self._start(name, *argv, env=env, **options)

    def tray(self, *argv: str, name: str = "tray", env: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        return self._start(name, *TRAY, *argv, env=env)

    def stop(self, process: "subprocess.Popen[str]", grace: float = 5.0) -> int:
        code = shell.stop(process, grace)
        self._processes.remove(process)
        return code

    def run(self, *argv: str, check: bool = True, timeout: float = 30.0) -> str:
        return shell.run(*self._enter(*argv), env=self._env, check=check, timeout=timeout).stdout

    def picture(self, name: str, window: str = "0") -> Path:
        """The whole screen, or one window, as folder/name.png, for people to look at."""
        path = self.folder / f"{name}.png"
        self.run(sys.executable, "-m", "tests.gui.shot", str(path), window)
        return path

    def windows(self, title: str) -> list[str]:
        """Ids of the visible windows whose title matches."""
        return self.run("xdotool", "search", "--onlyvisible", "--name", title, check=False).split()

    def wait_for_window(self, title: str, timeout: float = 10.0) -> str:
        until = time.monotonic() + timeout
        while not (found := self.windows(title)):
            if time.monotonic() > until:
                raise LabError(f"no window {title!r} came\n{self.log('tray')[-3000:]}")
            time.sleep(0.1)
        return found[-1]

    def wait_gone(self, title: str, timeout: float = 10.0) -> None:
        until = time.monotonic() + timeout
        while self.windows(title):
            if time.monotonic() > until:
                raise LabError(f"the window {title!r} stayed")
            time.sleep(0.1)

    def keys(self, *keys: str) -> None:
        self.run("xdotool", "key", "--clearmodifiers", "--delay", "30", *keys)

    def type(self, text: str) -> None:
        self.run("xdotool", "type", "--delay", "15", text)

    def focus(self, window: str) -> None:
        self.run("xdotool", "windowactivate", "--sync", window)

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _start(self, name: str, *argv: str, env: Mapping[str, str] | None = None, **options: object) \
            -> "subprocess.Popen[str]":
        with (self.folder / f"{name}.log").open("a") as out:
            settings: dict[str, object] = {"stdout": out, "stderr": out, "env": self._env | dict(env or {})}
            process = shell.start(self._enter(*argv), **(settings | options))
        self._processes.append(process)
        return process


def wait_until(ready: Callable[[], object], what: str, timeout: float = 10.0) -> None:
    until = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > until:
            raise LabError(f"not in {timeout:g} s: {what}")
        time.sleep(0.05)


