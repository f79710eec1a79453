"""The session's keyring: a real gnome-keyring in a session bus of its own, locked, absent, and out of order."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from client.agent import keyring
from client.agent.keyring import KeyringVault
from client.agent.vault import VaultError
from client.model.profile import parse_profile
from tests.agent.material import PSK_PROFILE

PROFILE = parse_profile(PSK_PROFILE)
ELSEWHERE = parse_profile(PSK_PROFILE.replace("gw.lab.test", "evil.test"))
SECRET = "pässword-7f3a"
# A step is a method of the vault with the profile's gateway and the rest of its arguments, or "lock" or "unlock".
PROGRAM = """
import asyncio, json, sys
from client.agent.keyring import KeyringVault
from client.agent.vault import VaultError
from client.model.profile import parse_profile

def lock():
    import secretstorage
    collection = secretstorage.get_default_collection(secretstorage.dbus_init())
    collection.lock()
    return collection.is_locked()

async def step(method, *arguments):
    if method == "lock":
        return lock()
    if method == "forget_all":
        return await KeyringVault(10).forget_all(*arguments)
    toml, *rest = arguments
    return await getattr(KeyringVault(10), method)(parse_profile(toml), *rest)

async def main():
    for one in json.loads(sys.argv[1]):
        try:
            answer = await step(*one)
        except VaultError as error:
            answer = f"VaultError: {error}"
        print(json.dumps(answer), flush=True)

asyncio.run(main())
"""
UNLOCKED = "printf keyringpw | gnome-keyring-daemon --unlock --components=secrets >/dev/null; "


# Nothing is started by being asked for.
BARE = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>"""


def session(tmp_path: Path, *steps: Any, bus: bool = True, begin: str = UNLOCKED, **env: str) -> list[Any]:
    """What each step answers, in a session whose folders are all below ``tmp_path``."""
    (tmp_path / "bare.conf").write_text(BARE)
    for name in ("home", "run"):
        (tmp_path / name).mkdir(mode=0o700, exist_ok=True)
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run"),
           "PYTHONPATH": str(Path(__file__).parents[2]), "LANG": "C.UTF-8", **env}
    command = [sys.executable, "-c", PROGRAM, json.dumps(steps)]
    if bus:
        bare = [] if begin else [f"--config-file={tmp_path / 'bare.conf'}"]
        command = ["dbus-run-session", *bare, "--", "sh", "-c", f'{begin}exec "$@"', "sh", *command]
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(autouse=True)
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for program in ("dbus-run-session", "gnome-keyring-daemon"):
        assert shutil.which(program), f"{program} is missing: tools/setup"


def test_stored_read_and_forgotten(tmp_path: Path) -> None:
    elsewhere = PSK_PROFILE.replace("gw.lab.test", "evil.test")
    assert session(tmp_path, ["get", PSK_PROFILE, "0"], ["put", PSK_PROFILE, "0", SECRET], ["get", PSK_PROFILE, "0"],
                   ["get", PSK_PROFILE, "1"], ["get", elsewhere, "0"], ["forget", PSK_PROFILE, ["0"]],
                   ["get", PSK_PROFILE, "0"]) == [None, None, SECRET, None, None, None, None]


def test_it_is_there_in_another_session_and_only_encrypted(tmp_path: Path) -> None:
    assert session(tmp_path, ["put", PSK_PROFILE, "0", SECRET]) == [None]
    assert session(tmp_path, ["get", PSK_PROFILE, "0"], ["forget_all", "work"], ["get", PSK_PROFILE, "0"]) == [
        SECRET, None, None]
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()


def test_locked(tmp_path: Path) -> None:
    locked = "VaultError: the keyring is locked"
    assert session(tmp_path, ["put", PSK_PROFILE, "0", SECRET], ["lock"], ["get", PSK_PROFILE, "0"],
                   ["put", PSK_PROFILE, "0", "other"], ["get", PSK_PROFILE, "passphrase"]) == [
        None, True, locked, locked, None]     # nobody is asked to unlock what has nothing for us


def test_what_was_refused_is_gone_even_where_the_keyring_keeps_it(tmp_path: Path) -> None:
    assert session(tmp_path, ["put", PSK_PROFILE, "0", SECRET], ["lock"], ["forget", PSK_PROFILE, ["0"]],
                   ["get", PSK_PROFILE, "0"])[2:] == ["VaultError: the keyring is locked", None]
    assert session(tmp_path, ["get", PSK_PROFILE, "0"]) == [None]


@pytest.mark.parametrize("bus", [True, False])
def test_no_keyring(tmp_path: Path, bus: bool) -> None:
    """No file takes its place, whatever the keyring package is configured to use."""
    (tmp_path / "plain.py").write_text(
        "import keyring.backend\nclass Keyring(keyring.backend.KeyringBackend):\n    priority = 9\n"
        f"    def set_password(self, *what):\n        open({str(tmp_path / 'plain')!r}, 'w').write(repr(what))\n"
        "    def get_password(self, *what):\n        return 'plain'\n")
    (answer,) = session(tmp_path, ["put", PSK_PROFILE, "0", SECRET], bus=bus, begin="",
                        PYTHON_KEYRING_BACKEND="plain.Keyring", PYTHONPATH=f"{Path(__file__).parents[2]}:{tmp_path}")
    assert answer == "VaultError: this session has no keyring (Secret Service)"
    assert not (tmp_path / "plain").exists()
    assert not list(tmp_path.rglob("kept/*"))


def test_a_prompt_that_nobody_answers_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(keyring, "_secret_service", answered.wait)
    with pytest.raises(VaultError, match="in time"):
        asyncio.run(KeyringVault(0.05).put(PROFILE, "0", SECRET))
    answered.set()


def test_what_the_keyring_says_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        def set_password(self, *what: str) -> None:
            raise ValueError(repr(what))
    monkeypatch.setattr(keyring, "_secret_service", Odd)
    with pytest.raises(VaultError) as error:
        asyncio.run(KeyringVault(5).put(PROFILE, "0", SECRET))
    assert str(error.value) == "the keyring failed (ValueError)"
    assert error.value.__context__ is None


def test_another_gateway_gets_nothing_and_replaces_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[tuple[str, str], str] = {}

    class Memory:
        def set_password(self, service: str, name: str, secret: str) -> None:
            held[service, name] = secret

        def get_password(self, service: str, name: str) -> str | None:
            return held.get((service, name))

        def delete_password(self, service: str, name: str) -> None:
            del held[service, name]
    monkeypatch.setattr(keyring, "_secret_service", Memory)

    async def scenario() -> None:
        vault = KeyringVault(5)
        await vault.put(PROFILE, "0", "first")
        await vault.put(PROFILE, "ppk", "second")
        assert await vault.get(ELSEWHERE, "0") is None
        await vault.put(ELSEWHERE, "0", "third")
        assert [await vault.get(one, "0") for one in (PROFILE, ELSEWHERE)] == [None, "third"]
        await vault.forget_all("work")
        assert held == {}
    asyncio.run(scenario())
