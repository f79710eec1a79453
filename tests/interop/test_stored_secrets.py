"""Passwords kept in a real gnome-keyring, and what the gateway hears of a wrong one: it counts."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.rovetest import imported
from tests.lab import profiles
from tests.lab.accounts import ACCOUNTS
from tests.lab.gateways import PASSWORD, PSK
from tests.lab.lab import Lab
from tests.lab.rove import Done
from tests.lab.shell import start, stop

USER = ACCOUNTS["rovetest1"]
BUS = f"unix:path={USER.runtime}/bus"
WRONG = "wr0ng-one"
UNLOCK = "printf keyringpw | gnome-keyring-daemon --unlock --components=secrets >/dev/null; "


class Keyring:
    """The user's session bus with his keyring on it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.env = {"DBUS_SESSION_BUS_ADDRESS": BUS}
        self._service: subprocess.Popen[str] | None = None
        self.open()

    def open(self) -> None:
        self._bus = start(self.lab.host.enter("dbus-daemon", "--session", f"--address={BUS}", "--nofork", "--nopidfile",
                                              "--nosyslog", account=USER, folder="/"), env=self._environment())

    def unlock(self) -> None:
        command = f"{UNLOCK}exec sleep 600"
        self._service = start(self.lab.host.enter("sh", "-c", command, account=USER, folder="/"),
                              env=self._environment())
        until = time.monotonic() + 10
        while not self.ask("NameHasOwner"):
            assert time.monotonic() < until, "no keyring"
            time.sleep(0.05)

    def ask(self, member: str) -> bool:
        done = subprocess.run(self.lab.host.enter(
            "dbus-send", f"--bus={BUS}", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/",
            f"org.freedesktop.DBus.{member}", "string:org.freedesktop.secrets", account=USER, folder="/"),
            env=self._environment(), capture_output=True, text=True, check=False)
        return "true" in done.stdout

    def rove(self, *arguments: str, **options: Any) -> Done:
        return self.lab.rove(*arguments, env=self.env, **options)

    def close(self) -> None:
        for process in (self._bus, self._service):      # the keyring ends with its bus
            if process is not None:
                stop(process)

    def _environment(self) -> dict[str, str]:
        return self.lab.host.environment(USER) | self.env | {"PATH": os.environ["PATH"]}


@pytest.fixture
def keyring(lab: Lab) -> Iterator[Keyring]:
    lab.roved.start(fresh=True)
    made = Keyring(lab)
    yield made
    made.close()


def refusals(lab: Lab) -> int:
    """What a RADIUS server would count."""
    log = lab.gateway.log()
    return log.count("EAP method EAP_MSCHAPV2 failed") + log.count("but MAC mismatched")


@pytest.mark.parametrize(("name", "secret"), [("mschap", PASSWORD), ("psk", PSK)])
def test_kept_used_and_sent_once_when_it_is_wrong(lab: Lab, keyring: Keyring, name: str, secret: str) -> None:
    keyring.unlock()
    imported(lab, name)
    done = keyring.rove("connect", name, "--remember", "--timeout", "20", secrets=profiles.secrets(name))
    assert (done.returncode, "kept" in done.stdout) == (0, False), done.stdout + done.stderr
    keyring.rove("disconnect", name)
    done = keyring.rove("connect", name, "--timeout", "20")     # nobody could answer: there is no terminal
    assert done.returncode == 0, done.stdout + done.stderr
    keyring.rove("disconnect", name)
    for file in Path(f"{lab.host.root}{USER.home}").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()
    before = refusals(lab)
    with secrets_changed(lab, secret):
        done = keyring.rove("connect", name, "--timeout", "20")
        assert (done.returncode, refusals(lab) - before) == (6, 1), done.stdout + done.stderr
        assert "wrong" in done.stdout
        done = keyring.rove("connect", name, "--timeout", "20")
        assert (done.returncode, refusals(lab) - before) == (7, 1), done.stdout + done.stderr
    done = keyring.rove("connect", name, "--timeout", "20", secrets=profiles.secrets(name))
    assert (done.returncode, refusals(lab) - before) == (0, 1), done.stdout + done.stderr


def test_what_is_refused_is_not_kept_and_deleting_forgets(lab: Lab, keyring: Keyring) -> None:
    keyring.unlock()
    imported(lab, "psk")
    for secret, code in ((WRONG, 6), (PSK, 0)):
        done = keyring.rove("connect", "psk", "--remember", "--timeout", "20", secrets={"--password-fd": secret})
        assert done.returncode == code, done.stdout + done.stderr
        marks = Path(f"{lab.host.root}{USER.home}/.local/share/rove/kept/psk")
        assert marks.exists() == (code == 0)
    keyring.rove("disconnect", "psk")
    assert keyring.rove("delete", "psk", "--yes").returncode == 0
    assert not marks.exists()
    imported(lab, "psk")
    assert keyring.rove("connect", "psk", "--timeout", "20").returncode == 7


def test_while_the_keyring_is_locked_it_connects_and_says_so(lab: Lab, keyring: Keyring) -> None:
    """There is no display for its prompt."""
    imported(lab, "psk")
    keyring.unlock()        # makes one, for the next session
    keyring.close()
    keyring.open()
    done = keyring.rove("connect", "psk", "--remember", "--timeout", "20", secrets=profiles.secrets("psk"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "could not be kept: the keyring is locked" in done.stdout


class secrets_changed:
    """The gateway's administrator has given the user another one."""

    def __init__(self, lab: Lab, secret: str) -> None:
        self._lab, self._secret = lab, secret
        self._file = lab.gateway.folder / "swanctl/swanctl.conf"
        self._text = self._file.read_text()

    def __enter__(self) -> None:
        self._file.write_text(self._text.replace(f"secret = {self._secret}\n", "secret = another-one\n"))
        self._lab.gateway.reload()

    def __exit__(self, *_: object) -> None:
        self._file.write_text(self._text)
        self._lab.gateway.reload()
