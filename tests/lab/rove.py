"""Rove itself in the lab: roved as root, ``rove`` as an unprivileged user with a session."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import shell
from tests.lab.accounts import ACCOUNTS, Account
from tests.lab.host import Host
from tests.lab.shell import LabError

ROVED = [sys.executable, "-m", "client.core.helper.main"]
ROVE = [sys.executable, "-m", "client.cli.main"]
BUS_NAME = "org.rovevpn.Rove1"


@dataclass(frozen=True)
class Done:
    """How a run of ``rove`` ended; ``elapsed`` in seconds."""

    returncode: int
    stdout: str
    stderr: str
    elapsed: float


class Roved:
    """The daemon of one lab; its folders live below ``folder`` and outlast a kill."""

    def __init__(self, host: Host, folder: Path) -> None:
        self._host, self.folder = host, folder
        self._log = folder / "roved.log"
        self.process: subprocess.Popen[str] | None = None

    def start(self, fresh: bool = False, env: Mapping[str, str] | None = None, timeout: float = 15.0,
              options: tuple[str, ...] = (), program: Sequence[str] = ROVED) -> None:
        """Until it owns its bus name. ``fresh`` forgets profiles, settings and state first. Raises LabError."""
        self.stop()
        if fresh:
            self.forget()
        mark = self.mark()
        with self._log.open("a") as out:
            self.process = shell.start(self._host.enter(*program, *options), stdout=out, stderr=out,
                                       env=self.environment() | dict(env or {}))
        until = time.monotonic() + timeout
        while f" serves {BUS_NAME}" not in self.log()[mark:]:
            if self.process.poll() is not None or time.monotonic() > until:
                raise LabError(f"roved did not start:\n{self.log()[-4000:]}")
            time.sleep(0.02)

    def stop(self) -> int | None:
        """SIGTERM. Returns its exit code, None when it was not running."""
        if self.process is None:
            return None
        code = shell.stop(self.process, grace=10)
        self.process = None
        return code

    def kill(self) -> None:
        """As a crash would: SIGKILL, nothing is cleaned up."""
        if self.process is not None:
            self.process.kill()
            self.stop()

    def cleanup(self, *options: str) -> subprocess.CompletedProcess[str]:
        """``roved --cleanup``, without a running daemon."""
        return shell.run(*self._host.enter(*ROVED, "--cleanup", *options), env=self.environment(), check=False)

    def forget(self) -> None:
        """Empty folders, with the owners and modes an installation gives them."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        for name, mode in (("config", 0o755), ("state", 0o700), ("run", 0o755)):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(mode)

    def environment(self) -> dict[str, str]:
        return self._host.environment() | {f"ROVE_{name.upper()}_DIR": str(self.folder / name)
                                           for name in ("config", "state", "run")}

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def mark(self) -> int:
        """Where the log ends now; for ``wait(…, since=mark)``."""
        return len(self.log())

    def wait(self, pattern: str, timeout: float = 5.0, since: int = 0) -> re.Match[str]:
        """The first match in the log after ``since``. Raises LabError when it does not come in time."""
        until = time.monotonic() + timeout
        while not (found := re.search(pattern, self.log()[since:], re.MULTILINE)):
            if time.monotonic() > until:
                raise LabError(f"roved never said {pattern!r}; its last words:\n{self.log()[-3000:]}")
            time.sleep(0.02)
        return found


def run(host: Host, arguments: tuple[str, ...], user: str | Account = "rovetest1", stdin: str | None = None,
        secrets: Mapping[str, str] | None = None, session: bool = True, timeout: float = 60.0,
        env: Mapping[str, str] | None = None) -> Done:
    """``rove …`` to its end. ``secrets`` maps an option to what its descriptor gives, {"--password-fd": "…"}.

    Raises LabError after ``timeout``, with what it had said by then.
    """
    begin = time.monotonic()
    process = start(host, arguments, user, secrets, session, env, stdin=subprocess.PIPE)
    try:
        out, err = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired as error:
        process.kill()
        out, err = process.communicate()
        raise LabError(f"rove {' '.join(arguments)}: not done after {timeout:g} s\n{out}{err}") from error
    return Done(process.returncode, out, err, time.monotonic() - begin)


def start(host: Host, arguments: tuple[str, ...], user: str | Account = "rovetest1",
          secrets: Mapping[str, str] | None = None, session: bool = True, env: Mapping[str, str] | None = None,
          **options: object) -> subprocess.Popen[str]:
    """``rove …`` beside the test, its outputs as pipes."""
    account = ACCOUNTS[user] if isinstance(user, str) else user
    handles: list[int] = []
    words: list[str] = []
    for option, secret in (secrets or {}).items():
        reading, writing = os.pipe()
        with os.fdopen(writing, "w") as pipe:
            pipe.write(f"{secret}\n")
        handles.append(reading)
        words += [option, str(reading)]
    try:
        command = host.enter(*ROVE, *arguments, *words, account=account, session=session, folder="/")
        settings: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "pass_fds": handles,
                                       "env": host.environment(account) | dict(env or {})}
        return shell.start(command, **(settings | options))
    finally:
        for handle in handles:
            os.close(handle)
