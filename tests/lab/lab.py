"""A whole internet on one machine: client, Wi-Fi, LTE, gateway and company, with faults to order. See ``plan``."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab import measure, netns, plan, profiles, requirements, rove, shell, topology
from tests.lab.accounts import Sessions
from tests.lab.capture import Capture
from tests.lab.host import Host
from tests.lab.impair import Relay
from tests.lab.nameserver import CORP_NAMES, NameServer, internet_names
from tests.lab.ping import PingStream
from tests.lab.ping import ping as ping_once
from tests.lab.plan import CLIENT, CORP, GW, INET, MID, UPLINKS
from tests.lab.router import Router
from tests.lab.rove import Done
from tests.lab.shell import LabError, LabInUse
from tests.lab.strongswan import StrongSwan

WAYS_DOWN = ("nm", "admin", "carrier", "silent")


class Lab:
    """Everything lives in namespaces called ``<prefix>-…`` and one folder; labs of different prefixes run side by side.

    ``nat``: mode per uplink (see ``router``); ``v6``: global IPv6 outside; ``relay``: delay, jitter and seeded loss;
    ``host``: the client's own system bus, polkitd and /etc, needed for Rove.
    """

    def __init__(self, prefix: str, nat: Mapping[str, str] | None = None, v6: bool = False, relay: bool = False,
                 host: bool = True, actions: tuple[Path, ...] = ()) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9]{1,7}", prefix):
            raise ValueError("prefix: 2 to 8 small letters and digits")
        self.prefix, self.v6 = prefix, v6
        self.folder = Path(tempfile.gettempdir()) / f"rove-lab-{prefix}"
        self.spaces = topology.names(prefix, relay)
        self.routers = {name: Router(self.spaces[name], uplink, (nat or {}).get(name, "port")) for name, uplink in UPLINKS.items()}
        self.gateway = StrongSwan("gw", self.spaces[GW], self.folder / "gw")
        self.swan_client = StrongSwan("client", self.spaces[CLIENT], self.folder / "client")
        self.host = Host(prefix, self.spaces[CLIENT], self.folder / "host")
        self.roved = rove.Roved(self.host, self.folder / "rove")
        self.dns: dict[str, NameServer] = {}
        self._with_host, self._actions = host, actions
        self._relay: Relay | None = None
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
            self._clear()
            self.folder.mkdir()
            (self.folder / "host").mkdir()
            topology.build(self.spaces, self.v6)
            for router in self.routers.values():
                router.apply()
            self._relay = Relay(self.spaces[MID]) if MID in self.spaces else None
            self.dns = {INET: NameServer(self.spaces[INET], (plan.INET_DNS,), internet_names(self.v6)),
                        CORP: NameServer(self.spaces[CORP], (plan.CORP_DNS, plan.CORP_DNS6), CORP_NAMES)}
            if self._with_host:
                self.host.start(self._actions)
                self.roved.forget()
            self.link("lte", "up")
            self.link("lte", "nm")
            self.link("wifi", "up")
            self._baseline = self.snapshot()
        except BaseException:
            self.down()
            raise
        return self

    def down(self) -> None:
        """Leave no process, namespace, mount, control group or file. Set ROVE_LAB_KEEP=1 to keep the files."""
        self._end_started()
        self.roved.kill()
        for swan in (self.swan_client, self.gateway):
            swan.kill()
        for server in self.dns.values():
            server.stop()
        self.dns = {}
        if self._relay is not None:
            self._relay.stop()
            self._relay = None
        self.host.stop()
        self._clear(files=not os.environ.get("ROVE_LAB_KEEP"))
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "Lab":
        return self.up()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.down()

    def reset(self) -> None:
        """Back to how ``up`` left it; only the gateway goes on as it is, without SAs."""
        self._end_started()
        self.roved.stop()
        self.swan_client.stop()
        if self._relay is not None:
            self._relay.reset()
        for router in self.routers.values():
            router.reset()
        self.link("lte", "nm")
        self.link("wifi", "up")
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
        return shell.run(*self._command(where, argv), check=check, stdin=stdin, timeout=timeout, env=self._environment(where))

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

    # --- faults

    def roam(self, to: str, how: str = "bbm", gap: float = 0.0, way: str = "nm") -> None:
        """Change the uplink: ``bbm`` breaks the old one first, ``mbb`` after; ``gap`` s lie between the two."""
        UPLINKS[to]
        if how == "mbb":
            self.link(to, "up")
            time.sleep(gap)
            self.link(plan.other(to), way)
        elif how == "bbm":
            self.link(plan.other(to), way)
            time.sleep(gap)
            self.link(to, "up")
        else:
            raise ValueError("how: bbm or mbb")

    def link(self, uplink: str, way: str = "up") -> None:
        """``up``, or down by: ``nm`` (no carrier, then no addresses and routes), ``admin`` (interface down), ``carrier``
        (nothing but the carrier), ``silent`` (the router drops everything and says nothing)."""
        router, dev = self.routers[uplink], UPLINKS[uplink].interface
        client = self.spaces[CLIENT]
        if way == "up":
            router.fail(silent=False)
            netns.ip_batch(router.space, topology.router_up(UPLINKS[uplink], self.v6))
            netns.ip_batch(client, topology.attach(UPLINKS[uplink], self.v6))
        elif way == "nm":
            netns.ip_batch(router.space, ["link set lan0 down"])
            # its last address takes an interface's IPv4 routes along; the IPv6 default route goes with the carrier
            netns.ip_batch(client, [f"addr flush dev {dev} scope global"])
            shell.run("ip", "-netns", client, "-6", "route", "flush", "dev", dev, "default", check=False)
        elif way == "admin":
            netns.ip_batch(client, [f"link set {dev} down"])
        elif way == "carrier":
            netns.ip_batch(router.space, ["link set lan0 down"])
        elif way == "silent":
            router.fail(silent=True)
        else:
            raise ValueError(f"way: up or one of {', '.join(WAYS_DOWN)}")

    def nat(self, uplink: str, what: str, value: str | int = "") -> None:
        """``flush`` mappings, ``newport``, ``newaddr``, ``mode`` port|keep|none, ``timeout`` s."""
        router = self.routers[uplink]
        deeds = {"flush": router.forget, "newport": router.new_port, "newaddr": router.new_address,
                 "mode": lambda: router.set_mode(str(value)), "timeout": lambda: router.timeout(int(value))}
        deeds[what]()

    def loss(self, uplink: str, permille: int, seed: int | None = None) -> None:
        """Lose packets each way; with a ``seed`` always the same ones (needs ``relay=True``). 0 ends both kinds."""
        if seed is not None:
            self._need_relay().change(uplink, loss=permille, seed=seed)
            return
        self.routers[uplink].fail(loss=permille)
        if self._relay is not None and permille == 0:
            self._relay.change(uplink, loss=0)

    def delay(self, uplink: str, ms: float, jitter: float = 0.0) -> None:
        """One-way delay, each way (needs ``relay=True``)."""
        self._need_relay().change(uplink, delay=ms, jitter=jitter)

    def udp(self, uplink: str, what: str) -> None:
        """``open``, ``block``, ``reject`` (ICMP says so), ``block500``, ``block4500``, ``blockfrag``."""
        self.routers[uplink].fail(udp=what)

    # --- observation

    def ping(self, where: str, destination: str, timeout: float = 1.0) -> bool:
        return ping_once(self.spaces[where], destination, timeout)

    def ping_stream(self, where: str, destination: str, interval: float = 0.01, seconds: float = 600.0) -> PingStream:
        """For a ``with`` block; see ``tests.lab.ping``."""
        stream = PingStream(self.spaces[where], destination, interval, seconds)
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
            told = [line[:300] for line in said if not re.search(r"\[CFG\]|vici client", line)]  # charon's settings are ours
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
        """What a program under test left behind must not reach the next test. Raises LabError where it cannot be undone."""
        if self.snapshot() == self._baseline:
            return
        space = self.spaces[CLIENT]
        topology.scrub(space)
        netns.sysctl(space, dict(line.split(" = ") for line in self._baseline["sysctl"].splitlines()))
        for uplink, way in (("wifi", "nm"), ("lte", "up"), ("lte", "nm"), ("wifi", "up")):
            self.link(uplink, way)
        measure.wait_until(lambda: self.snapshot() == self._baseline, "the client is as it was", 2)

    def _need_relay(self) -> Relay:
        if self._relay is None:
            raise LabError("this needs Lab(relay=True)")
        return self._relay

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

    def _clear(self, files: bool = True) -> None:
        if stale := netns.existing(self.prefix):
            netns.delete(stale)
        Sessions(self.prefix, self.folder).close()
        if files:
            shutil.rmtree(self.folder, ignore_errors=True)
