"""``make test-packages``: the .deb on fresh Debian machines with real systemd, logind, polkit and resolved.

    python -m tests.packages [--deb dist/rove_….deb] [--suites bookworm trixie]

Their sizes first, and that the tray of the rove-gui beside it starts. Then, on each machine: installs, connects as an
unprivileged user of the active session, passes traffic and names, measures, upgrades while connected, goes back,
purges, and compares the machine with what it was. Root; some minutes, and the network for Debian's packages the first
time.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.lab import plan, profiles
from tests.lab.lab import Lab
from tests.lab.shell import LabError
from tests.packages.machine import Machine, image
from tests.packages.snapshot import difference, take
from tests.packages.tray import starts

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build/images"
NAME = "certec"         # a certificate whose key has no passphrase: nobody is asked for anything
EXPOSURE, PSS, COLD = 2.5, 45.0, 0.35
MOST, MOST_GUI = 25.0, 60.0     # MB


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.packages", description=__doc__.partition("\n")[0])
    parser.add_argument("--deb", type=Path, help="else made by packaging/build.py")
    parser.add_argument("--suites", nargs="+", default=["bookworm", "trixie"])
    options = parser.parse_args()
    deb = options.deb or built()
    met = packed(deb)
    with tempfile.TemporaryDirectory(prefix="rove-packages-") as folder:
        newer = bumped(deb, Path(folder))
        for suite in options.suites:
            print(f"\n{suite}", flush=True)
            try:
                with Lab("rvpkg", host=False) as lab:
                    lab.gateway.start()
                    with Machine(image(suite, IMAGES), Path(folder) / suite, lab.spaces[plan.CLIENT]) as machine:
                        met = Scenario(lab, machine, deb, newer).run() and met
            except LabError as error:
                print(f"  FAILED: {error}")
                met = False
    print("\nEverything holds." if met else "\nNot everything holds.")
    return 0 if met else 1


def built() -> Path:
    subprocess.run([sys.executable, str(ROOT / "packaging/build.py")], check=True)
    return max((ROOT / "dist").glob("rove_[0-9]*.deb"), key=lambda path: path.stat().st_mtime)


def packed(deb: Path) -> bool:
    """Sizes; and the tray, where its package is."""
    helper = deb.stat().st_size / 1e6
    met = helper <= MOST
    print(f"  {'✓' if met else '✗'} rove ≤ {MOST} MB: {helper:.1f} MB")
    for gui in deb.parent.glob(f"rove-gui_{deb.name.removeprefix('rove_')}"):
        both = helper + gui.stat().st_size / 1e6
        fine, detail = starts(deb, gui)
        print(f"  {'✓' if both <= MOST_GUI else '✗'} with rove-gui ≤ {MOST_GUI} MB: {both:.1f} MB\n"
              f"  {'✓' if fine else '✗'} rove-tray starts offscreen with its own Qt, and ends: {detail}", flush=True)
        met = met and both <= MOST_GUI and fine
    return met


def bumped(deb: Path, folder: Path) -> Path:
    """The same package with a higher version."""
    tree = folder / "newer"
    subprocess.run(["dpkg-deb", "-R", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+1", control.read_text(), flags=re.MULTILINE))
    target = folder / "newer.deb"
    subprocess.run(["dpkg-deb", "-Zgzip", "--root-owner-group", "-b", str(tree), str(target)], check=True,
                   stdout=subprocess.DEVNULL)
    return target


class Scenario:
    def __init__(self, lab: Lab, machine: Machine, deb: Path, newer: Path) -> None:
        self._lab, self._machine = lab, machine
        self._deb, self._newer = deb, newer
        self._met = True

    def run(self) -> bool:
        self._prepare()
        before = take(self._machine)
        self._installed()
        self._connected()
        self._measured()
        self._upgraded()
        self._refused()
        self._purged(before)
        return self._met

    # --- steps

    def _prepare(self) -> None:
        """An account, and name servers for resolved: what a machine has before anybody thinks of a VPN."""
        machine = self._machine
        machine.run("useradd", "-m", "-s", "/bin/sh", "alice")
        machine.run("useradd", "-m", "-s", "/bin/sh", "bob")
        folder = machine.root / "etc/systemd/resolved.conf.d"
        folder.mkdir()
        (folder / "lab.conf").write_text(f"[Resolve]\nDNS={plan.INET_DNS}\nFallbackDNS=\n")
        machine.run("systemctl", "restart", "systemd-resolved")
        machine.run("ln", "-sf", "/run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf")
        home = machine.root / "home/alice"
        text = profiles.text(NAME, name="work")
        (machine.root / "srv/pki").mkdir()
        for file in sorted(set(re.findall(r'"(/[^"]+\.(?:crt|key))"', text))):     # not /tmp: that is a tmpfs there
            target = machine.root / "srv/pki" / Path(file).name
            shutil.copy(file, target)
            target.chmod(0o644)
            text = text.replace(file, f"/srv/pki/{target.name}")
        (home / "work.toml").write_text(text)
        machine.run("chown", "-R", "alice:alice", "/home/alice")
        shutil.copy(self._deb, machine.root / "root/rove.deb")
        shutil.copy(self._newer, machine.root / "root/newer.deb")
        machine.login("alice")

    def _installed(self) -> None:
        machine = self._machine
        machine.run("dpkg", "-i", "/root/rove.deb")
        said = machine.run("rove", "--version").strip()        # and nothing else, on stderr neither
        active = machine.run("systemctl", "is-active", "roved", check=False).strip() == "active"
        self._say("installed", active and bool(re.fullmatch(r"rove \S+", said)), said)

    def _connected(self) -> None:
        machine = self._machine
        machine.user("rove", "import", "/home/alice/work.toml")
        machine.stay("alice-agent", "rove", "agent")
        machine.until("the agent", "journalctl", "-t", "alice-agent", "--no-pager", words="Ready")
        said = machine.user("rove", "connect", "work", "--timeout", "20")
        self._say("connected as an unprivileged user of the active session", "Connected to work" in said,
                  said.strip().splitlines()[-1])
        self._traffic("IPv4 and IPv6 through the tunnel")
        answer = machine.run("resolvectl", "query", "host.corp.lab.test", check=False)
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
        main = machine.run("systemctl", "show", "-p", "MainPID", "--value", "roved").strip()
        own = next((size for name, size in pss.items() if name.endswith(f" {main}")), 0.0)
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

    def _upgraded(self) -> None:
        machine = self._machine
        for file, what in (("newer", "upgraded while connected: the tunnel is back by itself"),
                           ("rove", "gone back to the older version: the same")):
            machine.run("dpkg", "--force-downgrade", "-i", f"/root/{file}.deb")
            self._say(what, self._back(), machine.run("dpkg-query", "-W", "-f", "${Version}", "rove"))
            self._traffic("… and carries traffic")

    def _refused(self) -> None:
        """Another user sees nothing; one without a session at the seat may not connect."""
        machine = self._machine
        machine.login("bob")
        said = machine.user("rove", "status", "work", name="bob", check=False)
        self._say("another user does not even see it", "no such profile" in said, " ".join(said.split())[:120])
        machine.run("cp", "/home/alice/work.toml", "/home/bob/work.toml")
        said = machine.user("rove", "import", "/home/bob/work.toml", name="bob", session=False, check=False)
        self._say("a remote session needs an administrator", "You may not do that" in said,
                  " ".join(said.split())[:120])

    def _purged(self, before: dict[str, str]) -> None:
        machine = self._machine
        machine.run("systemctl", "stop", "alice-agent", check=False)
        machine.run("dpkg", "--purge", "rove")
        left = difference(before, take(machine))
        self._say("purged: nothing is left", not left, "; ".join(left[:6]))
        kept = machine.run("ls", "-A", "/home/alice")
        self._say("users' own files are kept", "work.toml" in kept, "")

    # --- inside

    def _back(self) -> bool:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if "connected since" in self._machine.user("rove", "status", check=False):
                return True
        return False

    def _traffic(self, what: str) -> None:
        machine = self._machine
        lost = [address for address in (plan.CORP_HOST, plan.CORP_HOST6)
                if "1 received" not in machine.run("ping", "-c", "1", "-W", "3", address, check=False)]
        self._say(what, not lost, f"no answer from {', '.join(lost)}" if lost else "")

    def _say(self, what: str, holds: bool, detail: str) -> None:
        self._met = self._met and holds
        print(f"  {'✓' if holds else '✗'} {what}{f': {detail}' if detail else ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
