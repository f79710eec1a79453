"""The machine the client believes it is: a mount namespace with its own /etc, /run, D-Bus system bus and polkitd.

It lives as long as its keeper process, and its mounts with it; nothing of the real /etc, /run or bus can be changed
from inside. Programs join it with ``enter``.
"""

import shlex
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from tests.lab import netns, plan, shell
from tests.lab.accounts import ACCOUNTS, ROOT, Account, Sessions
from tests.lab.shell import LabError, run

REPOSITORY = Path(__file__).resolve().parents[2]
BUS = "unix:path=/run/dbus/system_bus_socket"
_POLKITD = "/usr/lib/polkit-1/polkitd"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LOGIND_POLICY = (      # for a test's logind; the stock file comes with systemd
    '<busconfig><policy user="root"><allow own="org.freedesktop.login1"/></policy>'
    '<policy context="default"><allow send_destination="org.freedesktop.login1"/></policy></busconfig>')
_RESOLV_CONF = f"# the lab's\nnameserver {plan.INET_DNS}\n"


class Host:
    """``folder`` is the lab's own on the real machine: logs, and what the keeper mounts."""

    def __init__(self, prefix: str, space: str, folder: Path) -> None:
        self._prefix, self._space, self._folder = prefix, space, folder
        self._processes: list[subprocess.Popen[str]] = []
        self._keeper: subprocess.Popen[str] | None = None

    def start(self, actions: tuple[Path, ...] = ()) -> None:
        """``actions`` are polkit policy files on top of the machine's and of those we ship."""
        unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", self._script(actions)]
        self._keeper = shell.start([*netns.command(self._space), *unshare], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        assert self._keeper.stdout is not None
        said = self._keeper.stdout.readline()
        if said != "ready\n":
            rest, _ = self._keeper.communicate(timeout=5)
            raise LabError(f"the lab's host did not start:\n{said}{rest}")
        self._serve("bus.log", "dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog")
        self._await("the bus", lambda: (self.root / "run/dbus/system_bus_socket").is_socket())
        self._serve("polkitd.log", _POLKITD, "--no-debug")
        self._await("polkitd", lambda: self.owns("org.freedesktop.PolicyKit1"))
        self.reset()

    def reset(self) -> None:
        """/etc/resolv.conf and the users' sessions as at the start."""
        if self._keeper is None:
            return
        draft = self.root / "etc/.resolv.conf.lab"
        draft.write_text(_RESOLV_CONF)
        draft.replace(self.root / "etc/resolv.conf")
        for account in ACCOUNTS.values():
            self.sessions.open(account)

    def stop(self) -> None:
        for process in (*reversed(self._processes), *([self._keeper] if self._keeper else [])):
            shell.stop(process)
        self._processes, self._keeper = [], None
        self.sessions.close()

    @property
    def root(self) -> Path:
        """The host's root folder, seen from outside."""
        if self._keeper is None:
            raise LabError("the lab's host is not up")
        return Path(f"/proc/{self._keeper.pid}/root")

    @property
    def bus_pid(self) -> int:
        """Of the system bus's daemon."""
        return self._processes[0].pid

    @property
    def sessions(self) -> Sessions:
        return Sessions(self._prefix, self.root if self._keeper else self._folder)

    def enter(self, *argv: str, account: Account = ROOT, session: bool = True,
              folder: str = str(REPOSITORY)) -> list[str]:
        """The command that runs ``argv`` inside as ``account``, in its session or in none. It execs: the pid stays."""
        if self._keeper is None:
            raise LabError("the lab's host is not up")
        group = shlex.quote(str(self.sessions.group(account) / "cgroup.procs"))
        join = f"echo 0 > {group} && " if account.uid and session else ""
        return ["nsenter", f"--target={self._keeper.pid}", "--mount", "--net", "sh", "-c",
                f'{join}cd "$0" && exec "$@"', folder, *account.command(), *argv]

    def environment(self, account: Account = ROOT) -> dict[str, str]:
        """What a program inside sees; nothing is inherited from the test run."""
        own = {"HOME": account.home, "XDG_RUNTIME_DIR": account.runtime} if account.uid else {"HOME": "/root"}
        return own | {"PATH": _PATH, "USER": account.name, "LOGNAME": account.name, "LANG": "C.UTF-8", "TERM": "dumb",
                      "DBUS_SYSTEM_BUS_ADDRESS": BUS, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1",
                      "PYTHONUNBUFFERED": "1"}

    def owns(self, name: str) -> bool:
        """Does somebody own this bus name?"""
        asked = run(*self.enter("dbus-send", "--system", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/",
                                "org.freedesktop.DBus.NameHasOwner", f"string:{name}"),
                    env=self.environment(), check=False)
        return "true" in asked.stdout

    def read(self, path: str) -> str:
        """A file inside, such as /etc/resolv.conf, as its programs see it."""
        return run(*self.enter("cat", path), env=self.environment()).stdout

    def _serve(self, log: str, *argv: str) -> None:
        with (self._folder / log).open("w") as out:
            command = self.enter(*argv, folder="/")
            self._processes.append(shell.start(command, stdout=out, stderr=out, env=self.environment()))

    def _await(self, what: str, ready: object, timeout: float = 8.0) -> None:
        until = time.monotonic() + timeout
        while not ready():  # type: ignore[operator] # a callable
            if time.monotonic() > until or self._processes[-1].poll() is not None:
                logs = "".join(path.read_text(errors="replace") for path in self._folder.glob("*.log"))
                raise LabError(f"{what} did not start:\n{logs[-2000:]}")
            time.sleep(0.005)

    def _script(self, actions: tuple[Path, ...]) -> str:
        """The keeper: arrange the mounts, say ``ready``, stay."""
        stage = self._folder / "stage"
        stage.mkdir(parents=True, exist_ok=True)
        q = shlex.quote
        shipped = sorted((REPOSITORY / "packaging/polkit").glob("*.policy"))
        buses = sorted((REPOSITORY / "packaging/dbus").glob("org.*.conf"))
        lines = ["set -e", f"S={q(str(stage))}"]
        for folder in hidden():
            lines += uncover(folder, [path for path in needed() if path.is_relative_to(folder)])
        lines += [
            'mount -t tmpfs -o mode=755 lab "$S"', 'cp -a /etc/. "$S"',
            'rm -f "$S"/resolv.conf "$S"/polkit-1/rules.d/*.rules',
            f'printf %s {q("".join(a.passwd for a in ACCOUNTS.values()))} >> "$S"/passwd',
            f'printf %s {q("".join(a.group for a in ACCOUNTS.values()))} >> "$S"/group',
            *(f'mkdir -p "$S"/dbus-1/system.d; cp {q(str(path))} "$S"/dbus-1/system.d/' for path in buses),
            f'mkdir -p "$S"/dbus-1/system.d; printf %s {q(_LOGIND_POLICY)} > "$S"/dbus-1/system.d/lab-login1.conf',
            'mount --move "$S" /etc',
            # sysfs shows the network devices of the namespace it was mounted in; control groups stay the machine's
            'mount --rbind /sys/fs/cgroup "$S"', "mount -t sysfs sysfs /sys", 'mount --rbind "$S" /sys/fs/cgroup',
            'umount -l "$S"',
            'mount -t tmpfs -o mode=755 lab "$S"', 'cp -a /usr/share/polkit-1/actions/. "$S"',
            *(f'cp {q(str(path))} "$S"/' for path in (*shipped, *actions)),
            'mount --bind "$S" /usr/share/polkit-1/actions', 'umount -l "$S"',
            "mount -t tmpfs -o mode=755 lab /run", "mkdir -p /run/dbus /run/lock /run/user /run/home",
            "chmod 1777 /run/lock",
            *(f"mkdir -p /run/systemd/{name}" for name in ("sessions", "users", "seats", "machines")),
            *(f"install -d -m 700 -o {a.uid} -g {a.uid} {a.home} {a.runtime}" for a in ACCOUNTS.values()),
            "echo ready", "exec >/dev/null 2>&1 sleep infinity"]
        return "\n".join(lines)


def needed() -> list[Path]:
    """What an unprivileged user must be able to read: us and the interpreter."""
    interpreter = [Path(sys.executable).resolve().parents[1], Path(sys.prefix), Path(sys.base_prefix),
                   Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))]
    return list(dict.fromkeys([REPOSITORY, *interpreter]))


def hidden() -> list[Path]:
    """The topmost folders above what is needed that only root may enter, as /root usually is."""
    found: list[Path] = []
    for path in needed():
        for folder in reversed(path.parents):
            if not folder.stat().st_mode & 0o001:
                found.append(folder)
                break
    return list(dict.fromkeys(found))


def uncover(covered: Path, kept: list[Path]) -> list[str]:
    """Lay an empty folder that all may enter over ``covered`` and put only what is needed back."""
    over = shlex.quote(str(covered))
    lines = [f'mount --rbind {over} "$S"', f"mount -t tmpfs -o mode=755 lab {over}"]
    outer = [path for path in kept if not any(path != other and path.is_relative_to(other) for other in kept)]
    for path in outer:
        if not path.stat().st_mode & 0o001:
            raise LabError(f"{path} must be readable for all: the lab runs rove as an unprivileged user")
        target, source = shlex.quote(str(path)), shlex.quote(str(path.relative_to(covered)))
        lines += [f"mkdir -p {target}", f'mount --rbind "$S"/{source} {target}']
    return [*lines, 'umount -l "$S"']
