"""One strongSwan instance in a namespace of the lab, wholly apart from /etc and /run of the machine."""

import os
import re
import subprocess
import time
from pathlib import Path

from tests.lab import netns, pki, shell, swanconf, vici
from tests.lab.gateways import Section
from tests.lab.sas import IkeSa, parse
from tests.lab.shell import LabError

CHARON = "/usr/sbin/charon-systemd"   # needs no systemd, and unlike charon no pid file
_NO_SOCKET = re.compile(r"unable to bind|failed to create TUN|no socket implementation")
_COOKIES: Section = {"dos_protection": "yes", "cookie_threshold": "1", "cookie_threshold_ip": "1"}


class StrongSwan:
    """``role`` is ``gw`` or ``client``; its namespace must exist."""

    def __init__(self, role: str, space: str, folder: Path) -> None:
        self.role, self.space, self.folder = role, space, folder
        self.process: subprocess.Popen[str] | None = None
        self._socket = folder / "vici.sock"
        self._how: tuple[int, Section] = (2, {})

    def start(self, log_level: int = 2, cookies: bool = False, extra: Section | None = None) -> None:
        """Level 4 also writes keys (see ``capture``); ``cookies``: every IKE_SA_INIT must bring one; ``extra`` lines
        of the charon section. A charon that already runs so stays, otherwise it starts anew."""
        more: Section = dict(extra or {}) | (_COOKIES if cookies else {})
        if self.running and self._how == (log_level, more):
            return
        self.stop()
        self._how = log_level, more
        self.folder.mkdir(parents=True, exist_ok=True)
        swanconf.write(self.role, self.folder, pki.directory(), log_level, more)
        self._socket.unlink(missing_ok=True)
        self._log.unlink(missing_ok=True)
        with (self.folder / "out.log").open("w") as out:
            self.process = shell.start([*netns.command(self.space), CHARON], stdout=out, stderr=out,
                                       env=self._environment)
        self._wait_ready()
        self.ctl("--load-all")
        if _NO_SOCKET.search(self.log()):
            raise LabError(f"charon of {self.space} has no socket: does another one run in this namespace?")

    def stop(self) -> None:
        """Politely: it deletes its SAs first."""
        if self.process is not None:
            shell.stop(self.process)
            self.process = None

    def kill(self) -> None:
        """A crash: no DELETE is sent."""
        if self.process is not None:
            self.process.kill()
            self.stop()

    def reload(self) -> None:
        """Read the swanctl folder again."""
        self.ctl("--load-all")

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ctl(self, *argv: str, check: bool = True, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """``swanctl …`` on this instance."""
        return shell.run("swanctl", *argv, check=check, timeout=timeout, env=self._environment)

    def unload_secret(self, name: str) -> None:
        """As if ``gateways.SECRETS`` had no such row, until ``reload``."""
        vici.call(self._socket, "unload-shared", {"id": name})

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def mark(self) -> int:
        """Where the log ends now; for ``wait(…, since=mark)``."""
        return self._log.stat().st_size if self._log.exists() else 0

    def wait(self, pattern: str, timeout: float = 5.0, since: int = 0) -> re.Match[str]:
        """The first match of ``pattern`` in the log after ``since``. Raises LabError when it does not come in time."""
        until = time.monotonic() + timeout
        while True:
            text = self._log.read_bytes()[since:].decode(errors="replace") if self._log.exists() else ""
            if found := re.search(pattern, text, re.MULTILINE):
                return found
            if time.monotonic() > until:
                raise LabError(f"charon of {self.space} never said {pattern!r}; its last words:\n{text[-2000:]}")
            time.sleep(0.01)

    def sas(self) -> list[IkeSa]:
        return parse(vici.stream(self._socket, "list-sas", "list-sa"))

    def wait_sas(self, count: int, timeout: float = 5.0) -> list[IkeSa]:
        """Until exactly so many IKE_SAs are established. Raises LabError."""
        until = time.monotonic() + timeout
        while len(found := [sa for sa in self.sas() if sa.state == "ESTABLISHED"]) != count:
            if time.monotonic() > until:
                raise LabError(f"{len(found)} IKE_SAs instead of {count}: {found}")
            time.sleep(0.01)
        return found

    def connect(self, name: str, timeout: float = 10.0) -> IkeSa:
        """Client role: bring a connection of ``clients`` up. Raises vici.Refused where it fails."""
        what: vici.Message = {"child": name, "ike": name, "timeout": str(round(timeout * 1000)), "loglevel": "-1"}
        vici.call(self._socket, "initiate", what, timeout=timeout + 2)
        return [sa for sa in self.sas() if sa.name == name][-1]

    def terminate(self, name: str | None = None, timeout: float = 3.0) -> None:
        """Delete the IKE_SAs of this name, or all. Nothing happens where there are none."""
        for sa in self.sas():
            if name in (None, sa.name):
                try:
                    vici.call(self._socket, "terminate", {"ike-id": sa.uniqueid, "timeout": str(round(timeout * 1000)),
                                                          "force": "yes", "loglevel": "-1"}, timeout=timeout + 2)
                except vici.Refused:
                    continue  # it was gone before we asked

    def initiate_rekey(self, ike: str | None = None, child: str | None = None, reauth: bool = False) -> None:
        """Rekey by name (the connection, or its child ``net`` at the gateway), as when its time had come."""
        message: vici.Message = {"ike": ike} if ike else {"child": child or "net"}
        vici.call(self._socket, "rekey", message | ({"reauth": "yes"} if reauth else {}))

    @property
    def _log(self) -> Path:
        return self.folder / "charon.log"

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"STRONGSWAN_CONF": str(self.folder / "strongswan.conf"),
                             "SWANCTL_DIR": str(self.folder / "swanctl")}

    def _wait_ready(self) -> None:
        until = time.monotonic() + 10
        while self.running and time.monotonic() < until:
            try:
                vici.call(self._socket, "version")
            except OSError:
                time.sleep(0.01)
            else:
                return
        said = (self.folder / "out.log").read_text(errors="replace") + self.log()[-2000:]
        raise LabError(f"charon of {self.space} did not start:\n{said}")
