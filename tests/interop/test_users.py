"""Another unprivileged user can neither see nor use the first one's profile and connection, nor learn that they are."""

import signal
import subprocess

from tests.interop.rovetest import connect, connected, imported, status
from tests.lab import plan, profiles
from tests.lab.accounts import ACCOUNTS
from tests.lab.lab import Lab
from tests.lab.shell import start

OTHER = "rovetest2"
COMMANDS = [("show",), ("status",), ("status", "--json"), ("connect", "--timeout", "5"), ("rekey",), ("rekey", "--ike"),
            ("delete", "--yes"), ("disconnect",)]
REVEALING = ("psk", "psk.gw.lab.test", "alice@lab.test", plan.GATEWAY, "10.99.0.")


def as_other(lab: Lab, *arguments: str) -> tuple[int, str, str]:
    """The exit code and what the second user read."""
    secrets = profiles.secrets("psk") if arguments[0] == "connect" else None
    done = lab.rove(*arguments, user=OTHER, secrets=secrets, stdin="y\n")
    return done.returncode, done.stdout, done.stderr


def test_a_name_of_the_first_user_is_as_none(lab: Lab) -> None:
    """Connected ("psk") or not ("mschap"), the answer is the one about a name that nobody has."""
    before = connected(lab, "psk")
    imported(lab, "mschap")
    for verb, *options in COMMANDS:
        code, out, err = as_other(lab, verb, "nobodys", *options)
        assert code == 10
        assert "There is no such profile" in out + err
        for name in ("psk", "mschap"):
            assert as_other(lab, verb, name, *options) == (
                code, out.replace("nobodys", name), err.replace("nobodys", name))
    after = status(lab, "psk")
    assert (after["state"], after["ike"], after["counters"]) == (before["state"], before["ike"], before["counters"])
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.rove("show", "mschap").returncode == 0


def test_lists_status_log_watch_and_the_bus_tell_nothing(lab: Lab) -> None:
    """``watch`` and a bus monitor of the second user listen to a whole connection of the first."""
    imported(lab, "psk")
    watch = lab.rove_popen("watch", "--json", user=OTHER)
    monitor = start(lab.host.enter("dbus-monitor", "--system", account=ACCOUNTS[OTHER]), stdout=subprocess.PIPE,
                    env=lab.host.environment(ACCOUNTS[OTHER]))
    try:
        assert connect(lab, "psk").returncode == 0
        said = [as_other(lab, *command) for command in (
            ("list",), ("list", "--json"), ("status",), ("status", "--json"), ("log",), ("log", "--json"),
            ("disconnect",))]
        assert status(lab, "psk")["state"] == "connected"
        assert lab.rove("disconnect", "psk").returncode == 0
    finally:
        watch.send_signal(signal.SIGINT)
        monitor.terminate()
        told, heard = watch.communicate(timeout=10), monitor.communicate(timeout=10)[0]
    assert (watch.returncode, told) == (0, ("", ""))
    assert "NameOwnerChanged" in heard       # it did hear what everybody may
    assert [code for code, _, _ in said] == [0] * len(said)
    assert said[1][1].split() == ["[]"]
    assert [word for word in REVEALING if word in repr(said) + heard] == []


def test_the_same_name_is_another_profile(lab: Lab) -> None:
    first = connected(lab, "psk")
    imported(lab, "psk", user=OTHER, ike={"dpd": "77s"})
    assert "77s" in lab.rove("show", "psk", user=OTHER).stdout
    assert "77s" not in lab.rove("show", "psk").stdout
    assert status(lab, "psk", OTHER)["state"] == "disconnected"
    assert as_other(lab, "disconnect", "psk")[0] == 0
    assert as_other(lab, "delete", "psk", "--yes")[0] == 0
    assert status(lab, "psk")["ike"] == first["ike"]
    assert lab.ping("client", plan.CORP_HOST)
