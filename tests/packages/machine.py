"""A Debian machine under systemd-nspawn, in a network namespace of the lab's."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.lab.shell import LabError

PACKAGES = ("systemd,systemd-sysv,dbus,polkitd,libpam-systemd,systemd-resolved,iproute2,nftables,iputils-ping,procps,"
            "passwd")
SESSION = "XDG_SEAT=seat0 XDG_SESSION_TYPE=x11 XDG_SESSION_CLASS=user"
BOOT = 60.0     # s
# The machine's systemd takes the control group it begins in for the root of all: not the one of this whole machine.
_CGROUPS = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
_APART = f"""
for top in {' '.join(_CGROUPS)}; do
    [ ! -e $top/cgroup.procs ] || {{ mkdir -p $top/$0 && echo $$ > $top/$0/cgroup.procs; }}
done
exec "$@"
"""
# Into the control group of the session, by which logind and polkit know who belongs to it.
_JOIN = """
pid=$(systemctl show -p MainPID --value $0-session)
group=$(awk -F: '/name=systemd|^0::/ {print $3; exit}' /proc/$pid/cgroup)
for top in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ ! -w $top$group/cgroup.procs ] || echo $$ > $top$group/cgroup.procs
done
cd /tmp
exec setpriv --reuid=$0 --regid=$0 --init-groups env HOME=/home/$0 XDG_RUNTIME_DIR=/run/user/$(id -u $0) "$@"
"""


def image(suite: str, folder: Path, packages: Sequence[str]) -> Path:
    """A fresh installation with PACKAGES and ``packages``, made once and copied from then on. Raises LabError."""
    included = f"{PACKAGES},{','.join(packages)}"
    base = folder / f"{suite}-{hashlib.sha256(included.encode()).hexdigest()[:8]}"
    if not base.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = base.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        done = subprocess.run(["mmdebstrap", "--variant=minbase", f"--include={included}", suite, str(part)],
                              check=False, capture_output=True, text=True)
        if done.returncode:
            raise LabError(f"mmdebstrap {suite} failed:\n{done.stderr[-3000:]}")
        part.rename(base)
    return base


class Machine:
    """``with Machine(...) as machine:`` boots a copy of ``base`` at ``root`` and ends it."""

    def __init__(self, base: Path, root: Path, space: str) -> None:
        self._base, self.root, self._space = base, root, space
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._group = f"rove-{root.name}-{os.getpid()}"

    def __enter__(self) -> "Machine":
        shutil.rmtree(self.root, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(self._base.resolve()), str(self.root)], check=True)
        with (self.root.parent / f"{self.root.name}.console").open("wb") as console:
            # --register=no: there is no machined here. nspawn takes a network namespace that is given for the host's,
            # and gives away neither CAP_NET_ADMIN nor /proc/sys/net; a machine has them, and a TUN device.
            self._process = subprocess.Popen(
                ["sh", "-c", _APART, self._group, "systemd-nspawn", "--register=no", "--keep-unit", "-q", "-D",
                 str(self.root), f"--network-namespace-path=/run/netns/{self._space}", "--bind=/dev/net/tun",
                 "--hostname=laptop", "--resolv-conf=off", "--timezone=off", "--capability=CAP_NET_ADMIN", "-b"],
                env={**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        until = time.monotonic() + BOOT
        while time.monotonic() < until:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            if children:
                self._leader = int(children[0])
                state = self.run("systemctl", "is-system-running", check=False).strip()
                if state in ("running", "degraded"):
                    return self
            time.sleep(0.3)
        self.__exit__()
        raise LabError(f"{self.root.name} does not boot")

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        if self._leader and self._process.poll() is None:
            self.run("systemctl", "poweroff", check=False)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.kill(self._leader, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._process = None
        shutil.rmtree(self.root, ignore_errors=True)
        for top in _CGROUPS:
            for group in sorted(Path(top, self._group).glob("**/"), reverse=True):
                with suppress(OSError):         # whose last process is just being reaped
                    group.rmdir()

    def run(self, *argv: str, check: bool = True, stdin: str | None = None, timeout: float = 120.0) -> str:
        """As root → stdout and stderr. Raises LabError."""
        return self._done(["nsenter", "-t", str(self._leader), "-a", "--", *argv], check, stdin, timeout)

    def login(self, name: str) -> None:
        """A session of the user's at the machine's seat; the seat's newest is its active one, so there is only this."""
        self.run("systemd-run", "-q", f"--unit={name}-session", "-p", f"User={name}", "-p", "PAMName=login", "-p",
                 f"Environment={SESSION}", "sleep", "infinity")
        # logind lists a session before its process is moved into it; who joins it earlier is in none for polkit.
        self.until("the session", "sh", "-c", "cat /proc/$(systemctl show -p MainPID --value $0-session)/cgroup", name,
                   words="/session-")

    def user(self, *argv: str, name: str = "alice", check: bool = True, stdin: str | None = None,
             timeout: float = 120.0, session: bool = True) -> str:
        """In the user's session at the seat, or (``session`` False) as from a remote one."""
        if session:
            return self.run("sh", "-c", _JOIN, name, *argv, check=check, stdin=stdin, timeout=timeout)
        return self.run("systemd-run", "-q", "--wait", "--pipe", "--collect", "-p", f"User={name}", "-p",
                        "PAMName=login", "-p", "Environment=XDG_SESSION_TYPE=tty XDG_SESSION_CLASS=user", "-p",
                        "WorkingDirectory=/tmp", *argv, check=check, stdin=stdin, timeout=timeout)

    def stay(self, unit: str, *argv: str, name: str = "alice") -> None:
        """A program in the user's session that goes on; the journal has its output under the unit's name."""
        self.run("systemd-run", "-q", f"--unit={unit}", "-p", f"SyslogIdentifier={unit}", "sh", "-c",
                 _JOIN.replace("$", "$$"), name, *argv)      # systemd expands as well

    def until(self, what: str, *argv: str, words: str, seconds: float = 20.0) -> str:
        """Until the command's output has the words. Raises LabError."""
        end, said = time.monotonic() + seconds, ""
        while time.monotonic() < end:
            said = self.run(*argv, check=False)
            if words in said:
                return said
            time.sleep(0.3)
        raise LabError(f"{what}: in vain; {' '.join(argv)} says\n{said}")

    @staticmethod
    def _done(command: list[str], check: bool, stdin: str | None, timeout: float) -> str:
        done = subprocess.run(command, check=False, text=True, timeout=timeout, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, input=stdin or "")
        if check and done.returncode:
            raise LabError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout[-3000:]}")
        return done.stdout
