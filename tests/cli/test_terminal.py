"""On a real terminal and in a process of its own: prompts without echo, colours, pipes, what is imported."""

import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest

from client.model.cause import Cause
from tests.cli import samples
from tests.cli.test_connect import CONNECTED, asking, then

# The new session's controlling terminal is what /dev/tty leads to.
_TAKE_TERMINAL = ("import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
                  "os.execv(sys.executable, [sys.executable, '-m', 'client.cli.main', *sys.argv[1:]])")


class Terminal:
    """rove on a terminal of its own. ``answers``: what to type once a text appeared."""

    def __init__(self, *argv, **env):
        self.fd, follower = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *argv], stdin=follower, stdout=follower, stderr=follower,
            start_new_session=True, env={**os.environ, "TERM": "xterm", **env})
        os.close(follower)
        self.shown = ""

    def wait_for(self, text):
        ends = time.monotonic() + 10
        while text not in self.shown:
            assert time.monotonic() < ends, self.shown
            assert self._read(), self.shown
        return self

    def type(self, text):
        time.sleep(0.05)        # the echo is off by the time the question is there, but the flush is not ours
        os.write(self.fd, text.encode())
        return self

    def end(self):
        """→ exit code; ``shown`` is complete then."""
        while self._read():
            pass
        os.close(self.fd)
        return self.process.wait(10)

    def _read(self):
        if not select.select([self.fd], [], [], 10)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:         # the other end was closed
            return False
        self.shown += data.decode().replace("\r\n", "\n")
        return bool(data)


@pytest.fixture
def terminal():
    """terminal("status") → Terminal; nothing outlives the test."""
    begun = []

    def begin(*argv, **env):
        begun.append(Terminal(*argv, **env))
        return begun[-1]
    yield begin
    for one in begun:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def as_root():
    assert os.geteuid() == 0, "the agent obeys only a roved that is root: run these tests as root"


def test_the_password_is_asked_for_without_echo(terminal, roved, as_root):
    outcome = []
    roved.after["Connect"] = asking(outcome)
    rove = terminal("connect", "work")
    rove.wait_for("Password of alice for work: ").type("geheim\n")
    assert rove.end() == 0
    assert "geheim" not in rove.shown
    assert "Connecting to work …\n" in rove.shown
    assert "\x1b[32mConnected to work\x1b[0m: 10.99.0.10" in rove.shown
    assert bytes(outcome[1][0]).endswith(b"alice")


def test_ctrl_c_at_the_prompt(terminal, roved, as_root):
    roved.after["Connect"] = asking([])
    rove = terminal("connect", "work")
    rove.wait_for("Password of alice for work: ").type("\x03")
    assert rove.end() == 1
    assert "Cancelled; work is not connected." in rove.shown
    assert roved.called("Disconnect") == [["work"]]


def test_ctrl_d_at_the_prompt(terminal, roved, as_root):
    roved.after["Connect"] = asking([])
    rove = terminal("connect", "work")
    rove.wait_for("Password of alice for work: ").type("\x04")
    assert rove.end() == 7


def test_colours_are_for_terminals_that_want_them(terminal, roved):
    roved.answers["Status"] = samples.status(samples.connected())
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        rove = terminal("status", **env)
        assert rove.end() == 0
        assert ("\x1b[" in rove.shown) is coloured


def test_delete_asks_first(terminal, roved):
    for answer, code, called in (("n\n", 1, 0), ("\x04", 1, 0), ("y\n", 0, 1)):
        rove = terminal("delete", "work")
        rove.wait_for("[y/N]").type(answer)
        assert rove.end() == code
        assert len(roved.called("DeleteProfile")) == called


def test_import_asks_for_the_users_name(terminal, roved, tmp_path):
    roved.answers["ImportProfile"] = "office"
    (tmp_path / "office.toml").write_text('name = "office"\n[gateway]\naddress = "b"\n[user]\nauth = "psk"\n')
    rove = terminal("import", str(tmp_path / "office.toml"))
    rove.wait_for("Your user name for this connection:").type("alice\n")
    assert rove.end() == 0
    assert 'identity = "alice"' in roved.called("ImportProfile")[0][0]


def run(*argv, **options):
    return subprocess.run([sys.executable, "-m", "client.cli.main", *argv], capture_output=True, text=True, timeout=20,
                          **options)


def test_a_reader_that_had_enough(roved):
    roved.answers["ListProfiles"] = [{"name": f"p{n}", "auth": "psk"} for n in range(5000)]
    shell = f"{sys.executable} -m client.cli.main list | head -n 1"
    result = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True, timeout=20)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("NAME")


def test_errors_alone_go_to_stderr(roved, as_root):
    roved.after["Connect"] = then(samples.error(Cause.GATEWAY_REFUSES_UDP, "No UDP.", final=False), *CONNECTED)
    result = run("connect", "work", "--password-fd", "0", stdin=subprocess.DEVNULL)
    assert (result.returncode, result.stderr) == (0, "")
    assert "\x1b" not in result.stdout


HEAVY = {"cryptography", "tomlkit", "dns", "client.agent.service", "client.importers"}


@pytest.mark.parametrize(("argv", "unwanted"), [
    (["--help"], HEAVY | {"dbus_fast", "asyncio"}),
    (["--version"], HEAVY | {"dbus_fast", "asyncio"}),
    (["connect"], HEAVY | {"dbus_fast", "asyncio"}),
    (["status"], HEAVY),
])
def test_little_is_imported(argv, unwanted, tmp_path):
    """Start-up time without a stopwatch: what costs it is not loaded."""
    script = ("import json, sys\nfrom client.cli.main import main\ntry: main(sys.argv[1:])\n"
              "except SystemExit: pass\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)")
    result = subprocess.run([sys.executable, "-c", script, *argv], capture_output=True, text=True, timeout=20,
                            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"})
    assert not unwanted & set(json.loads(result.stderr.splitlines()[-1]))
