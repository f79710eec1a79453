"""A machine's D-Bus as roved meets it: dbus-daemon with the stock system.conf and our policy, a real polkitd with
our actions, faked logind session files (polkit reads those by way of libsystemd), users who are only a uid.

Both daemons run in mount namespaces of their own; nothing of the machine is touched but a cgroup per session.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.lab.host import hidden, needed, uncover

REPO = Path(__file__).parents[2]
STOCK = Path("/usr/share/dbus-1/system.conf")
POLKITD = Path("/usr/lib/polkit-1/polkitd")
UIDS = {"root": 0, "alice": 4721, "bob": 4722, "carol": 4723}   # carol has no session
_OWN_BUSINESS = re.compile(
    r"<(type|user|pidfile|listen|servicehelper|auth)>[^<]*</\1>|<(fork|syslog|standard_system_servicedirs)/>"
    r"|<include[^>]*>[^<]*</include>|<includedir>[^<]*</includedir>|</busconfig>")


class World:
    def __init__(self):
        for program in (STOCK, POLKITD, Path("/usr/bin/dbus-daemon")):
            if not program.exists():
                raise RuntimeError(f"{program} is missing: apt-get install dbus polkitd")
        if os.geteuid():
            raise RuntimeError("other users are played here: run as root")
        self.dir = Path(tempfile.mkdtemp(prefix="rove-helper-"))
        self.dir.chmod(0o755)
        self.tag = self.dir.name.replace("-", "").replace("_", "x")
        self.record_file = self.dir / "record"
        self.processes = []
        self.cgroups = []
        self.address = f"unix:path={self.dir}/bus"
        self.env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address, "PYTHONPATH": str(REPO),
                    "ROVE_CONFIG_DIR": f"{self.dir}/etc", "ROVE_STATE_DIR": f"{self.dir}/state",
                    "ROVE_RUN_DIR": f"{self.dir}/run", "RECORD": str(self.record_file)}
        self.env.pop("JOURNAL_STREAM", None)

    def up(self):
        self._bus()
        self._polkit()
        return self

    def down(self):
        for process in reversed(self.processes):
            end(process)
        for cgroup in self.cgroups:
            for _ in range(50):             # empty once its processes are reaped
                with suppress(OSError):
                    cgroup.rmdir()
                    break
                time.sleep(0.02)
            with suppress(OSError):
                cgroup.parent.rmdir()
        shutil.rmtree(self.dir)

    def _bus(self):
        ours = self.dir / "system.d"
        ours.mkdir()
        shutil.copy(REPO / "packaging/dbus/org.rovevpn.Rove1.conf", ours)
        (ours / "login1.conf").write_text(      # the test's logind; the stock file comes with systemd
            '<busconfig><policy user="root"><allow own="org.freedesktop.login1"/></policy>'
            '<policy context="default"><allow send_destination="org.freedesktop.login1"/></policy></busconfig>')
        stock = _OWN_BUSINESS.sub("", STOCK.read_text())
        config = self.dir / "bus.conf"
        config.write_text(f"{stock}<type>system</type><auth>EXTERNAL</auth><listen>{self.address}</listen>"
                          f"<includedir>/usr/share/dbus-1/system.d</includedir><includedir>{ours}</includedir>"
                          "</busconfig>")
        passwd = self.dir / "passwd"        # both daemons look users up
        passwd.write_text(Path("/etc/passwd").read_text() + "".join(
            f"{name}:x:{uid}:{uid}::/nonexistent:/bin/false\n" for name, uid in UIDS.items() if uid))
        self.private("bus", {passwd: "/etc/passwd"}, "dbus-daemon", f"--config-file={config}", "--nofork",
                     "--nopidfile", "--nosyslog")
        wait_for((self.dir / "bus").exists)
        (self.dir / "bus").chmod(0o666)

    def _polkit(self):
        actions = self.dir / "actions"
        shutil.copytree("/usr/share/polkit-1/actions", actions)
        shutil.copy(REPO / "packaging/polkit/org.rovevpn.rove.policy", actions)
        logind = self.dir / "systemd"
        for part in ("sessions", "users", "seats", "machines"):
            (logind / part).mkdir(parents=True)
        for number, user in enumerate(("alice", "bob")):
            uid, session = UIDS[user], self.session(user)
            (logind / "sessions" / session).write_text(
                f"UID={uid}\nUSER={user}\nACTIVE=1\nIS_DISPLAY=1\nSTATE=active\nREMOTE=0\nTYPE=x11\nCLASS=user\n"
                f"SEAT=seat{number}\n")
            (logind / "users" / str(uid)).write_text(
                f"NAME={user}\nSTATE=active\nSESSIONS={session}\nACTIVE_SESSIONS={session}\nDISPLAY={session}\n")
            (logind / "seats" / f"seat{number}").write_text(
                f"ACTIVE={session}\nACTIVE_UID={uid}\nSESSIONS={session}\nUIDS={uid}\n")
            cgroup = Path(f"/sys/fs/cgroup/unified/user.slice/user-{uid}.slice/session-{session}.scope")
            cgroup = cgroup if Path("/sys/fs/cgroup/unified").is_dir() else Path(str(cgroup).replace("unified/", ""))
            cgroup.mkdir(parents=True, exist_ok=True)
            self.cgroups.append(cgroup)
        for path in (self.dir, *logind.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        rules = self.dir / "rules"
        rules.mkdir()
        rules.chmod(0o755)
        self.private("polkitd", {self.dir / "passwd": "/etc/passwd", actions: "/usr/share/polkit-1/actions",
                                 rules: "/etc/polkit-1/rules.d", logind: "/run/systemd"}, POLKITD, "--no-debug")
        root = self.user("root")
        wait_for(lambda: root.ask(op="call", destination="org.freedesktop.DBus", path="/org/freedesktop/DBus",
                                  interface="org.freedesktop.DBus", member="NameHasOwner", signature="s",
                                  body=["org.freedesktop.PolicyKit1"])["body"] == [True])

    def session(self, user):
        return f"{self.tag}{user[0]}"

    def private(self, name, mounts, *command):
        """With these bind mounts, which nobody else sees."""
        # A machine that never ran systemd has no /run/systemd.
        binds = "".join(f"{{ [ -e {there} ] || mkdir -p {there}; }} && mount --bind {here} {there} && "
                        for here, there in mounts.items())
        self.start(["unshare", "-m", "sh", "-c", f'mount --make-rprivate / && {binds}exec "$@"', "sh",
                    *map(str, command)], name)

    def start(self, command, name, **more):
        with open(self.dir / f"{name}.log", "ab") as log:
            process = subprocess.Popen(command, env=self.env, stderr=log, **{"stdout": log, **more})
        self.processes.append(process)
        return process

    def roved(self, *arguments, env=None):
        """Runs when this returns (it said READY=1)."""
        self.env.update(env or {})
        process = self.start([sys.executable, "-m", "tests.helper.recording", *arguments], "roved", cwd=REPO)
        wait_for(lambda: process.poll() is not None or b"serves org.rovevpn" in self.log("roved"))
        assert process.poll() is None, self.log("roved").decode()
        return process

    def log(self, name):
        return (self.dir / f"{name}.log").read_bytes()

    def user(self, name):
        return User(self, name)

    def record(self, **wanted):
        """What the manager was told, oldest first, of the lines that have these values."""
        lines = self.record_file.read_text().splitlines() if self.record_file.exists() else []
        return [line for line in map(json.loads, lines) if wanted.items() <= line.items()]

    def recorded(self, **wanted):
        """The newest such line, waited for."""
        wait_for(lambda: self.record(**wanted))
        return self.record(**wanted)[-1]


class User:
    """One process of a user: see ``caller``."""

    def __init__(self, world, name):
        uid = UIDS[name]
        command = [sys.executable, str(REPO / "tests/helper/caller.py")]
        if uid:
            command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *command]
            if hidden():        # a clone below /root, say: these users see it all the same
                stage = world.dir / f"stage-{name}"
                stage.mkdir(exist_ok=True)
                lines = ["set -e", "mount --make-rprivate /", f"S={stage}"]
                for folder in hidden():
                    lines += uncover(folder, [path for path in needed() if path.is_relative_to(folder)])
                command = ["unshare", "-m", "sh", "-c", "\n".join([*lines, f"cd {REPO}", 'exec "$@"']), "sh", *command]
        if name in ("alice", "bob"):
            cgroup = world.cgroups[("alice", "bob").index(name)]
            command = ["sh", "-c", f'echo $$ > {cgroup}/cgroup.procs && exec "$@"', "sh", *command]
        self.process = world.start(command, name, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.name = json.loads(self.process.stdout.readline())["name"]

    def ask(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def call(self, member, signature="", *body, **more):
        """The result, or the short name of the error."""
        reply = self.ask(op="call", member=member, signature=signature, body=list(body), **more)
        if reply["error"]:
            return reply["error"].removeprefix("org.rovevpn.Rove1.").removeprefix("org.freedesktop.DBus.")
        return reply["body"][0] if reply["body"] else None

    def leave(self):
        end(self.process)


def end(process):
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition, seconds=5.0):
    end_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end_at, "waited in vain"
        time.sleep(0.02)


def profile(name, **more):
    """A profile's TOML that roved takes."""
    trust = f"trust = [{json.dumps(more['trust'])}]\n" if "trust" in more else ""
    return (f'name = "{name}"\n[gateway]\naddress = "vpn.example.org"\n{trust}'
            f'[user]\nauth = "psk"\nidentity = "alice"\n')
