"""A whole internet on one machine: client, Wi-Fi, LTE, gateway and company, with faults to order. See ``plan``."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab import measure, netns, plan, profiles, requirements, rove, shell, topology
from tests.lab.accounts import Sessions
from tests.lab.capture import Capture
from tests.lab.host import Host
from tests.lab.network import Network
from tests.lab.ping import PingStream
from tests.lab.plan import CLIENT, CORP, GW
from tests.lab.radius import FreeRadius, Hostapd
from tests.lab.rove import Done
from tests.lab.shell import LabError, LabInUse
from tests.lab.strongswan import StrongSwan

_SETTINGS = re.compile(r"\[CFG\]|vici client")   # in charon's log: what we told it ourselves


class Lab(Network):
    """Everything lives in namespaces called ``<prefix>-…`` and one folder; labs of different prefixes run side by side.

    ``nat``: mode per uplink (see ``router``); ``v6``: global IPv6 outside; ``relay``: delay, jitter and seeded loss;
    ``host``: the client's own system bus, polkitd and /etc, needed for Rove.
    """

    def __init__(self, prefix: str, nat: Mapping[str, str] | None = None, v6: bool = False, relay: bool = False,
                 host: bool = True, actions: tuple[Path, ...] = ()) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{1,7}", prefix):
            raise ValueError("prefix: 2 to 8 small letters and digits")
        super().__init__(prefix, nat or {}, v6, relay)
        self.folder = Path(tempfile.gettempdir()) / f"rove-lab-{prefix}"
        self.gateway = StrongSwan("gw", self.spaces[GW], self.folder / "gw")
        self.swan_client = StrongSwan("client", self.spaces[CLIENT], self.folder / "client")
        self.radius = FreeRadius(self.spaces[GW], self.folder / "radius")
        self.hostapd = Hostapd(self.spaces[GW], self.folder / "hostapd")
        self.host = Host(prefix, self.spaces[CLIENT], self.folder / "host")
        self.roved = rove.Roved(self.host, self.folder / "rove")
        self._with_host, self._actions = host, actions
        self._started: list[subprocess.Popen[Any]] = []
        self._lock: socket.socket | None = None
        self._captures = 0
        self._baseline: dict[str, str] = {}

    # --- life

    def up(self) -> "Lab":
        """Remove what a crashed run of this prefix left, then build. Raises LabError; then nothing is left either."""
        if problem := requirements.missing():
            raise LabError(problem)
        self._take_lock()
        try:
            self._clear(files=True)
            self.folder.mkdir()
            (self.folder / "host").mkdir()
            self.build()
            if self._with_host:
                self.host.start(self._actions)
                self.roved.forget()
            self._baseline = self.snapshot()
        except BaseException:
            self.down()
            raise
        return self

    def down(self) -> None:
        """Leave no process, namespace, mount, control group or file. Set ROVE_LAB_KEEP=1 to keep the files."""
        self._end_started()
        self.roved.kill()
        self.radius.stop()
        self.hostapd.stop()
        for swan in (self.swan_client, self.gateway):
            swan.kill()
        self.host.stop()
        self._clear(files=not os.environ.get("ROVE_LAB_KEEP"))
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "Lab":
        return self.up()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.down()

    def reset(self) -> None:
        """Back to how ``up`` left it; only the gateway goes on as it is, without SAs."""
        self._end_started()
        self.roved.stop()
        self.radius.stop()
        self.hostapd.stop()
        self.swan_client.stop()
        self.heal()
        if self.gateway.running:
            self.gateway.terminate(timeout=0.5)
        self.host.reset()
        self._heal_client()
        for server in self.dns.values():
            server.queries.clear()

    # --- programs

    def exec(self, where: str, *argv: str, check: bool = True, stdin: str | None = None,
             timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Run as root in a namespace (``plan`` names them); in ``client`` with the host's /etc, /run and bus."""
        return shell.run(*self._command(where, argv), check=check, stdin=stdin, timeout=timeout,
                         env=self._environment(where))

    def popen(self, where: str, *argv: str, **options: Any) -> "subprocess.Popen[Any]":
        """Start a program; it ends with the test at the latest (``reset``) or with the lab."""
        options.setdefault("env", self._environment(where))
        process = shell.start(self._command(where, argv), **options)
        self._started.append(process)
        return process

    def rove(self, *arguments: str, **options: Any) -> Done:
        """``rove …`` to its end as an unprivileged user; see ``rove.run`` for the options."""
        return rove.run(self.host, arguments, **options)

    def rove_popen(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """``rove …`` beside the test; see ``rove.start``."""
        process = rove.start(self.host, arguments, **options)
        self._started.append(process)
        return process

    def profile(self, connection: str, **changes: Any) -> Path:
        """A file for ``rove import``; see ``profiles.text``."""
        folder = self.folder / "profiles"
        folder.mkdir(exist_ok=True)
        path = folder / f"{changes.get('name', connection)}.toml"
        path.write_text(profiles.text(connection, **changes))
        return path

    # --- observation

    def ping_stream(self, where: str, destination: str, interval: float = 0.01, seconds: float = 600.0) -> PingStream:
        """For a ``with`` block; see ``tests.lab.ping``. It ends with the test at the latest."""
        stream = super().ping_stream(where, destination, interval, seconds)
        self._started.append(stream.process)
        return stream

    def capture(self, where: str, interface: str, expression: str = "") -> Capture:
        """For a ``with`` block; ``expression`` is tcpdump's."""
        self._captures += 1
        return Capture(self.spaces[where], interface, self.folder / f"capture{self._captures}.pcap", expression)

    def snapshot(self, where: str = CLIENT) -> dict[str, str]:
        """What a tunnel may change; compare before and after."""
        resolv = self.host.read("/etc/resolv.conf") if where == CLIENT and self._with_host else ""
        return measure.snapshot(self.spaces[where], resolv)

    def throughput(self, seconds: float = 3.0, reverse: bool = False) -> float:
        """TCP from the client to the company's host, Gbit/s."""
        return measure.throughput(self.spaces[CLIENT], self.spaces[CORP], plan.CORP_HOST, seconds, reverse)

    def logs(self, lines: int = 40) -> dict[str, str]:
        """The ends of all logs, for the report of a failed test."""
        found = {}
        for path in sorted(self.folder.rglob("*.log")):
            said = path.read_text(errors="replace").splitlines()
            told = [line[:300] for line in said if not _SETTINGS.search(line)]
            if told:
                found[str(path.relative_to(self.folder))] = "\n".join(told[-lines:])
        return found

    # --- inside

    def _command(self, where: str, argv: tuple[str, ...]) -> list[str]:
        if where == CLIENT and self._with_host:
            return self.host.enter(*argv)
        return [*netns.command(self.spaces[where]), *argv]

    def _environment(self, where: str) -> dict[str, str] | None:
        return self.host.environment() if where == CLIENT and self._with_host else None

    def _heal_client(self) -> None:
        """What a program left behind must not reach the next test. Raises LabError where it cannot be undone."""
        if self.snapshot() == self._baseline:
            return
        space = self.spaces[CLIENT]
        topology.scrub(space)
        netns.sysctl(space, dict(line.split(" = ") for line in self._baseline["sysctl"].splitlines()))
        self.replug()
        measure.wait_until(lambda: self.snapshot() == self._baseline, "the client is as it was", 2)

    def _end_started(self) -> None:
        for process in self._started:
            shell.stop(process)
        self._started = []

    def _take_lock(self) -> None:
        if self._lock is not None:
            raise LabError("the lab is up")
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            lock.bind(f"\0{self.folder.name}")  # an abstract name: gone with us, however we end
        except OSError as error:
            lock.close()
            raise LabInUse(f"lab {self.prefix} is in use by another process") from error
        self._lock = lock

    def _clear(self, files: bool) -> None:
        self.remove()
        Sessions(self.prefix, self.folder).close()
        if files:
            shutil.rmtree(self.folder, ignore_errors=True)
