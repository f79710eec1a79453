"""The life of the .debs on a machine: installed, used, broken, upgraded, removed, purged."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.lab import plan, profiles
from tests.packages.desktop import DISPLAY, Screen
from tests.packages.snapshot import difference, take
from tests.packages.steps import WORK, Steps

EXPOSURE, PSS, COLD = 2.5, 45.0, 0.35
# Beside the certificate of WORK: what roved, its unit and its children need differs in each.
WAYS = {"psk": {}, "mschap": {}, "eaptls": {}, "crl": {"gateway": {"revocation": "strict"}}}
NAME = "host.corp.lab.test"


class Scenario(Steps):
    TITLE = "the .debs"

    def run(self) -> bool:
        self._prepare()
        before = take(self._machine)
        self._installed()
        self._connected()
        self._measured()
        self._other_ways()
        self._without_resolved()
        with Screen(self._lab) as screen:
            self._on_the_desktop(screen)
            self._moved()
            self._killed()
            self._upgraded()
            self._refused()
            self._ended()
        self._administered()
        self._purged(before)
        return self._met

    # --- steps

    def _prepare(self) -> None:
        super()._prepare()
        for file, package in (("rove", self._packages.rove), ("rove-gui", self._packages.gui),
                              ("newer", self._newer.rove), ("newer-gui", self._newer.gui)):
            shutil.copy(package, self._machine.root / f"root/{file}.deb")
        for name, changes in WAYS.items():
            self._profile(name, **changes)

    def _installed(self) -> None:
        machine = self._machine
        self._apt("install", "/root/rove.deb")
        said = machine.run("rove", "--version").strip()        # and nothing else, on stderr neither
        self._say("installed", self._is("is-active") == "active" and bool(re.fullmatch(r"rove \S+", said)), said)

    def _connected(self) -> None:
        machine = self._machine
        machine.user("rove", "import", f"/home/alice/{WORK}.toml")
        machine.user("systemctl", "--user", "enable", "--now", "-q", "rove-agent")
        machine.until("the agent", "journalctl", "-t", "rove", "--no-pager", words="Ready")
        said = self._connect(WORK)
        self._say("connected as an unprivileged user of the active session", f"Connected to {WORK}" in said, said)
        self._traffic("IPv4 and IPv6 through the tunnel")
        answer = machine.run("resolvectl", "query", NAME, check=False)
        self._say("company names by resolved", plan.CORP_HOST in answer, answer.strip().splitlines()[0])

    def _measured(self) -> None:
        machine = self._machine
        exposure = re.search(r"([\d.]+) [A-Z]+ ", machine.run("systemd-analyze", "security", "roved", "--no-pager",
                                                              check=False).splitlines()[-1])
        value = float(exposure[1]) if exposure else 10.0
        self._say(f"systemd-analyze security roved ≤ {EXPOSURE}", value <= EXPOSURE, f"{value}")
        pss = {}
        for pid, name in re.findall(r"(\d+) (\S+)", machine.run("sh", "-c", "ps -eo pid=,comm= | grep -E 'rove(d|-)'")):
            rollup = machine.run("cat", f"/proc/{pid}/smaps_rollup", check=False)
            found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
            pss[f"{name} {pid}"] = int(found[1]) / 1024 if found else 0.0
        own = next((size for name, size in pss.items() if name.endswith(f" {self._pid()}")), 0.0)
        self._say(f"roved's PSS, connected ≤ {PSS} MB", 0 < own <= PSS,
                  ", ".join(f"{name} {size:.1f} MB" for name, size in pss.items()))
        times, bare = [], []
        bare_python = str(Path(sys.base_prefix) / "bin/python3")        # without what .venv loads at every start
        for _ in range(5):
            began = time.monotonic()
            machine.run("rove", "status")
            times.append(time.monotonic() - began)
            began = time.monotonic()
            subprocess.run([bare_python, "-c", "pass"], check=True)
            bare.append(time.monotonic() - began)
        best = sorted(times)[len(times) // 2]
        self._say(f"rove status ≤ {COLD} s", best <= COLD,
                  f"{best:.2f} s, {best / sorted(bare)[len(bare) // 2]:.1f} × python3 -c pass")

    def _other_ways(self) -> None:
        machine = self._machine
        machine.user("rove", "disconnect", WORK)
        for name in WAYS:
            machine.user("rove", "import", f"/home/alice/{name}.toml")
            said = self._connect(name, profiles.secrets(name))
            self._say(f"connected by {name}", f"Connected to {name}" in said, said)
            self._traffic("… and carries traffic")
            machine.user("rove", "disconnect", name)

    def _without_resolved(self) -> None:
        """Names by /etc/resolv.conf, which roved may then write, and puts back."""
        machine, file = self._machine, "/etc/resolv.conf"
        machine.run("systemctl", "mask", "--now", "-q", "systemd-resolved")
        machine.run("rm", file)
        (machine.root / "etc/resolv.conf").write_text(own := f"nameserver {plan.INET_DNS}\n")
        said = self._connect(WORK)
        answer = machine.run("getent", "hosts", NAME, check=False)
        self._say("company names by resolv.conf", plan.CORP_HOST in answer or plan.CORP_HOST6 in answer,
                  answer.strip() or said)
        machine.user("rove", "disconnect", WORK, check=False)
        self._say("… which is then as it was", machine.run("cat", file) == own, "")
        machine.run("ln", "-sf", "/run/systemd/resolve/stub-resolv.conf", file)
        machine.run("systemctl", "unmask", "-q", "systemd-resolved")
        machine.run("systemctl", "start", "systemd-resolved")

    def _on_the_desktop(self, screen: Screen) -> None:
        """The tray instead of the agent, on a machine with nothing of Qt or X but what rove-gui names."""
        machine = self._machine
        machine.user("systemctl", "--user", "disable", "--now", "-q", "rove-agent")
        self._apt("install", "/root/rove-gui.deb")
        machine.stay("alice-tray", "env", f"DISPLAY={DISPLAY}", "dbus-run-session", "--", "rove-tray")
        screen.await_window("Rove")
        said = self._connect(WORK)
        time.sleep(2)       # the window shows it
        shown = screen.picture(self._pictures / f"{machine.root.name}-tray.png")
        self._say("rove-tray shows its window", shown and "Connected" in said, said)

    def _moved(self) -> None:
        began = time.monotonic()
        self._lab.roam("lte")
        path = ""
        while "lte0" not in path and time.monotonic() - began < 10:
            path = self._machine.user("rove", "status", WORK, "--json", check=False)
        self._say("moved to another network", "lte0" in path, "")
        self._traffic("… and carries traffic")
        self._lab.roam("wifi")

    def _killed(self) -> None:
        before = self._pid()
        self._machine.run("systemctl", "kill", "-s", "KILL", "--kill-who=main", "roved")
        self._machine.until("systemd", "systemctl", "show", "-p", "NRestarts", "roved", words="NRestarts=1")
        self._say("killed: the tunnel is back by itself, the tray answers", self._back() and self._pid() != before, "")
        self._traffic("… and carries traffic")

    def _upgraded(self) -> None:
        for files, what in ((("newer", "newer-gui"), "upgraded while connected: the tunnel is back by itself"),
                            (("rove", "rove-gui"), "gone back to the older version: the same")):
            before, pid = self._version(), self._pid()
            self._apt("install", *(f"/root/{file}.deb" for file in files))
            anew = self._version() != before and self._pid() != pid
            self._say(what, anew and self._back(), self._version())
            self._traffic("… and carries traffic")
            program = self._machine.run("sh", "-c", "readlink /proc/$(pgrep -x rove-tray)/exe", check=False).strip()
            self._say("the tray is the installed one", program == "/usr/lib/rove/rove", program)

    def _refused(self) -> None:
        """Another user sees nothing; whose session is not the active one may look; a remote one needs more rights."""
        machine = self._machine
        machine.login("bob")
        said = machine.user("rove", "status", WORK, name="bob", check=False)
        self._say("another user does not even see it", "no such profile" in said, " ".join(said.split())[:120])
        said = machine.user("rove", "connect", "psk", "--password-fd", "0", check=False, stdin="x\n")
        looked = machine.user("rove", "status", WORK, check=False)      # bob sits there now
        self._say("an inactive session may look, not connect", WORK in looked and "You may not do that" in said,
                  " ".join(said.split())[:120])
        machine.run("cp", f"/home/alice/{WORK}.toml", f"/home/bob/{WORK}.toml")
        said = machine.user("rove", "import", f"/home/bob/{WORK}.toml", name="bob", session=False, check=False)
        self._say("a remote session needs an administrator", "You may not do that" in said,
                  " ".join(said.split())[:120])

    def _ended(self) -> None:
        machine = self._machine
        machine.run("pkill", "-TERM", "-x", "rove-tray")
        machine.until("the tray", "systemctl", "is-active", "alice-tray", words="inactive")
        said = machine.run("journalctl", "-t", "alice-tray", "--no-pager")
        self._say("the tray ended when told to, and had nothing to complain of", "Traceback" not in said,
                  said[said.find("Traceback"):][:600] if "Traceback" in said else "")

    def _administered(self) -> None:
        """What an administrator has decided outlives an upgrade; who installs again after a removal has roved again."""
        machine = self._machine
        machine.run("systemctl", "disable", "--now", "-q", "roved")
        self._apt("install", "/root/newer.deb", "/root/newer-gui.deb")
        states = f"{self._is('is-active')}, {self._is('is-enabled')}"
        self._say("an upgrade leaves roved disabled", states == "inactive, disabled", states)
        self._apt("remove", "rove", "rove-gui")
        self._apt("install", "/root/rove.deb")
        states = f"{self._is('is-active')}, {self._is('is-enabled')}"
        self._say("removed and installed again: roved runs", states == "active, enabled", states)

    def _purged(self, before: dict[str, str]) -> None:
        machine = self._machine
        self._apt("purge", "rove", "rove-gui")
        left = difference(before, take(machine))
        self._say("purged: nothing is left", not left, "; ".join(left[:6]))
        kept = machine.run("ls", "-A", "/home/alice")
        self._say("users' own files are kept", f"{WORK}.toml" in kept, "")

    # --- inside

    def _apt(self, what: str, *packages: str) -> None:
        """As docs/install.md has it; there is no network to fetch from, so nothing else may be missing."""
        self._machine.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", what, "-y", "-q", "--allow-downgrades",
                          *packages)

    def _version(self) -> str:
        return self._machine.run("dpkg-query", "-W", "-f", "${Version}", "rove")

    def _pid(self) -> str:
        return self._machine.run("systemctl", "show", "-p", "MainPID", "--value", "roved").strip()
