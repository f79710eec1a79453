"""What the lives of the packages have in common: an account, profiles, traffic, and a line for what holds."""

import re
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tests.lab import plan, profiles
from tests.lab.lab import Lab
from tests.packages.files import Packages
from tests.packages.machine import Machine

WORK = "work"
BACK = 30.0     # s for a tunnel to come back by itself


class Steps(ABC):
    TITLE: ClassVar[str]
    NEEDS: ClassVar[tuple[str, ...]] = ()       # Debian packages, besides what ours depend on

    def __init__(self, lab: Lab, machine: Machine, packages: Packages, newer: Packages, pictures: Path) -> None:
        self._lab, self._machine = lab, machine
        self._packages, self._newer = packages, newer
        self._pictures = pictures
        self._met = True

    @abstractmethod
    def run(self) -> bool:
        """Whether everything held. Raises LabError where it cannot go on."""

    def _prepare(self) -> None:
        """Accounts, and name servers for resolved: what a machine has before anybody thinks of a VPN."""
        machine = self._machine
        for name in ("alice", "bob"):
            machine.run("useradd", "-m", "-s", "/bin/sh", name)
        folder = machine.root / "etc/systemd/resolved.conf.d"
        folder.mkdir()
        (folder / "lab.conf").write_text(f"[Resolve]\nDNS={plan.INET_DNS}\nFallbackDNS=\n")
        machine.run("systemctl", "restart", "systemd-resolved")
        machine.run("ln", "-sf", "/run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf")
        # a certificate whose key has no passphrase: nobody is asked for anything
        self._profile("certec", WORK)
        machine.login("alice")

    def _profile(self, connection: str, name: str = "", **changes: Any) -> None:
        """In alice's home; the files that it names where she may read them."""
        machine = self._machine
        text = profiles.text(connection, name=name or connection, **changes)
        folder = machine.root / "srv/pki"
        folder.mkdir(exist_ok=True)
        for file in sorted(set(re.findall(r'"(/[^"]+\.(?:crt|key))"', text))):     # not /tmp: that is a tmpfs there
            target = folder / Path(file).name
            shutil.copy(file, target)
            target.chmod(0o644)
            text = text.replace(file, f"/srv/pki/{target.name}")
        path = f"home/alice/{name or connection}.toml"
        (machine.root / path).write_text(text)
        machine.run("chown", "alice:alice", f"/{path}")

    def _connect(self, name: str, secrets: Mapping[str, str] | None = None) -> str:
        """``secrets`` as of ``profiles.secrets``. → the last line that is said."""
        secrets = secrets or {}
        words = ["rove", "connect", name, "--timeout", "20", *(word for option in secrets for word in (option, "0"))]
        said = self._machine.user(*words, check=False, stdin="".join(f"{line}\n" for line in secrets.values()))
        return said.strip().splitlines()[-1] if said.strip() else "it said nothing"

    def _traffic(self, what: str) -> None:
        machine = self._machine
        lost = [address for address in (plan.CORP_HOST, plan.CORP_HOST6)
                if "1 received" not in machine.run("ping", "-c", "1", "-W", "3", address, check=False)]
        self._say(what, not lost, f"no answer from {', '.join(lost)}" if lost else "")
        if lost:
            print(machine.run("journalctl", "-u", "roved", "-n", "40", "--no-pager", "-o", "short-precise"),
                  machine.run("sh", "-c", "ip -s addr; ip rule; ip route show table all", check=False),
                  "\n".join(self._lab.gateway.log().splitlines()[-60:]), sep="\n")

    def _back(self) -> bool:
        """The tunnel, by itself."""
        until = time.monotonic() + BACK
        while time.monotonic() < until:
            if '"state": "connected"' in self._machine.user("rove", "status", WORK, "--json", check=False):
                return True
            time.sleep(0.2)
        return False

    def _is(self, what: str) -> str:
        """``systemctl is-active`` or ``is-enabled``, of roved."""
        return self._machine.run("systemctl", what, "roved", check=False).strip()

    def _say(self, what: str, holds: bool, detail: str) -> None:
        self._met = self._met and holds
        print(f"  {'✓' if holds else '✗'} {what}{f': {detail}' if detail else ''}", flush=True)
