"""A host of our own: a network namespace with uplinks to two routers, its own /etc and its own folders for Rove."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 20   # s
RESOLV = "# the uplink's\nnameserver 192.0.2.53\nsearch home.example\noptions ndots:1\n"
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"
# The uplinks: name, own address, router's address, the same for IPv6, metric.
UPLINKS = (("wifi", "192.0.2.2/24", "192.0.2.1", "2001:db8:2::2/64", "2001:db8:2::1", 100),
           ("lte", "198.51.100.2/24", "198.51.100.1", "2001:db8:51::2/64", "2001:db8:51::1", 600))


class Driver:
    """A Python process inside the namespaces."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
                                        env=environment)

    def run(self, source: str):
        """Execute ``source`` (``await`` works); what it leaves in ``result``. Fails with its traceback."""
        self.process.stdin.write(json.dumps(textwrap.dedent(source)) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        assert ready, f"no answer within {PATIENCE} s"
        answer = json.loads(self.process.stdout.readline() or '{"error": "the driver is gone", "traceback": ""}')
        if "error" in answer:
            raise AssertionError(f"{answer['error']}\n{answer['traceback']}")
        return answer["result"]

    def kill(self) -> None:
        self.process.kill()
        self.close()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=10)
        self.process.stdout.close()


class HostLab:
    """Everything in it goes with ``close``."""

    def __init__(self) -> None:
        self.prefix = f"plt-{os.getpid()}-{os.urandom(2).hex()}"
        self.host, self.routers = f"{self.prefix}-h", f"{self.prefix}-r"
        self.folder = Path(tempfile.mkdtemp(prefix="rove-plt-"))
        self.folder.chmod(0o755)
        self.drivers: list[Driver] = []
        self._make_etc()
        try:
            for namespace in (self.host, self.routers):
                self._sh(f"ip netns add {namespace}")
                self._sh(f"ip -n {namespace} link set lo up")
                # Checking for duplicates takes 2 s, and nobody else is here.
                self._sh(f"ip netns exec {namespace} sysctl -qw net.ipv6.conf.default.accept_dad=0")
            for name, own, router, own6, router6, metric in UPLINKS:
                self._add_uplink(name, own, router, own6, router6, metric)
        except BaseException:
            self.close()
            raise

    def _add_uplink(self, name, own, router, own6, router6, metric) -> None:
        self._sh(f"ip -n {self.host} link add {name} type veth peer name {name} netns {self.routers}")
        self._sh(f"ip -n {self.routers} addr add {router}/24 dev {name}")
        self._sh(f"ip -n {self.routers} addr add {router6}/64 dev {name} nodad")
        self._sh(f"ip -n {self.routers} link set {name} up")
        self._sh(f"ip -n {self.host} addr add {own} dev {name}")
        self._sh(f"ip -n {self.host} addr add {own6} dev {name} nodad")
        self._sh(f"ip -n {self.host} link set {name} up")
        self._sh(f"ip -n {self.host} route add default via {router} dev {name} metric {metric}")
        self._sh(f"ip -n {self.host} route add default via {router6} dev {name} metric {metric}")

    def _make_etc(self) -> None:
        etc = self.folder / "etc"
        etc.mkdir()
        (etc / "resolv.conf").write_text(RESOLV)
        (etc / "resolv.conf").chmod(0o640)
        os.chown(etc / "resolv.conf", 0, 42)
        (etc / "nsswitch.conf").write_text(NSSWITCH)
        (etc / "hosts").write_text("127.0.0.1 localhost\n192.0.2.77 listed.example Alias.Example # by hand\n")
        for name in ("passwd", "group"):
            shutil.copy(f"/etc/{name}", etc / name)
        (etc / "bin").mkdir()     # put into PATH: tools that a test brings

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "ROVE_RUN_DIR": str(self.folder / "run"), "ROVE_STATE_DIR": str(self.folder / "state"),
                "PATH": f"{self.etc}/bin:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1",
                "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus"}

    def driver(self, namespace: str | None = None, before: str = "true") -> Driver:
        """A process on the host (or among the routers); its /etc is the lab's."""
        script = f"mount --bind {self.etc} /etc && {before} && exec {sys.executable} {ROOT}/tests/platform/driver.py"
        driver = Driver(["ip", "netns", "exec", namespace or self.host, "unshare", "-m", "sh", "-c", script],
                        {**self.environment(), "PYTHONPATH": str(ROOT)})
        self.drivers.append(driver)
        return driver

    def ip(self, arguments: str) -> str:
        return self._sh(f"ip -n {self.host} {arguments}")

    def on_host(self, command: str) -> str:
        return self._sh(f"ip netns exec {self.host} {command}")

    def on_routers(self, command: str) -> str:
        return self._sh(f"ip netns exec {self.routers} {command}")

    def route_get(self, arguments: str) -> str:
        """The kernel's choice in words; its refusal where there is none."""
        done = subprocess.run(["ip", "-n", self.host, "route", "get", *arguments.split()], capture_output=True,
                              text=True, check=False)
        return " ".join((done.stdout or done.stderr).split())

    def snapshot(self) -> dict[str, str]:
        """What ``remove`` and ``clean_up`` must bring back."""
        names = ("rule", "-6 rule", "route show table all", "-6 route show table all", "addr")
        resolv = self.etc / "resolv.conf"
        status = resolv.lstat()
        return {**{name: _timeless(self.ip(name)) for name in names}, "nft": self.on_host("nft list ruleset"),
                "sysctl": self.on_host("sysctl -n net.ipv4.conf.all.src_valid_mark"),
                "resolv.conf": repr((os.readlink(resolv) if resolv.is_symlink() else resolv.read_bytes(),
                                     status.st_mode, status.st_uid, status.st_gid)),
                "etc": repr(sorted(path.name for path in self.etc.iterdir()))}

    def close(self) -> None:
        for driver in self.drivers:
            if driver.process.poll() is None:
                driver.kill()
            elif not driver.process.stdin.closed:
                driver.close()
        for namespace in (self.host, self.routers):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        shutil.rmtree(self.folder)

    @staticmethod
    def _sh(command: str) -> str:
        done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


def _timeless(text: str) -> str:
    """Without what changes by itself: lifetimes and interface states during set-up."""
    return "\n".join(sorted(" ".join(line.split("expires")[0].split()) for line in text.splitlines()))
