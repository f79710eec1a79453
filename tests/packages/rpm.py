"""The life of the .rpm, by rpm itself on a Debian machine (no Fedora is to be had here): do its scripts do the same?"""

import shutil

from tests.lab.shell import LabError
from tests.packages.steps import WORK, Steps


class RpmLife(Steps):
    TITLE = "the .rpm's scripts"
    NEEDS = ("rpm",)
    # rpm's database knows nothing of Debian's packages.
    RPM = ("rpm", "--nodeps", "--dbpath", "/var/cache/rpm")

    def run(self) -> bool:
        self._prepare()
        machine = self._machine
        if self._packages.rpm is None:
            raise LabError("there is no .rpm beside the .deb")
        shutil.copy(self._packages.rpm, machine.root / "root/rove.rpm")
        machine.run(*self.RPM, "-i", "/root/rove.rpm")
        self._say("installed", (self._is("is-active"), self._is("is-enabled")) == ("active", "enabled"), "")
        machine.user("rove", "import", f"/home/alice/{WORK}.toml")
        machine.stay("alice-agent", "rove", "agent")
        machine.until("the agent", "journalctl", "-t", "alice-agent", "--no-pager", words="Ready")
        self._say("connected", "Connected" in (said := self._connect(WORK)), said)
        before = machine.run("systemctl", "show", "-p", "MainPID", "--value", "roved")
        machine.run(*self.RPM, "-U", "--replacepkgs", "/root/rove.rpm")
        anew = machine.run("systemctl", "show", "-p", "MainPID", "--value", "roved") != before
        self._say("upgraded while connected: the tunnel is back by itself", anew and self._back(), "")
        self._traffic("… and carries traffic")
        machine.run("systemctl", "disable", "--now", "roved")
        machine.run(*self.RPM, "-U", "--replacepkgs", "/root/rove.rpm")
        said = f"{self._is('is-active')}, {self._is('is-enabled')}"
        self._say("an upgrade leaves roved disabled", said == "inactive, disabled", said)
        machine.run("systemctl", "enable", "--now", "roved")
        self._connect(WORK)
        machine.run(*self.RPM, "-e", "rove")
        left = machine.run("sh", "-c", "ip rule; ip -6 rule; ip -br link; nft list ruleset; resolvectl; "
                                       "systemctl list-unit-files", check=False)
        left += machine.run("sh", "-c", "find / -xdev -path /home -prune -o -name '*rove*' -print | "
                                        "grep -vE '^/(proc|root|tmp|var/(cache|log|tmp|lib/rove))|/perl/|/(im)?prove'",
                            check=False)
        found = [line for line in left.splitlines() if "rove" in line]
        self._say("erased: no file, unit, rule, link or name server is left", not found, "; ".join(found[:3]))
        return self._met
