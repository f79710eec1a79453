"""roved as a process: one instance, a clean end, no polkit, no bus."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from client.core.helper.main import main
from tests.helper.world import REPO, World, profile, wait_for


@pytest.fixture
def own_world(monkeypatch):
    """A bus and roved of the test's own; no polkit."""
    own = World()
    try:
        own._bus()
        yield own
    finally:
        own.down()


def run(world, *arguments):
    return subprocess.run([sys.executable, "-m", "tests.helper.recording", *arguments], cwd=REPO, env=world.env,
                          capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.interop
def test_ready_then_down_in_order_at_sigterm(own_world):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(f"{own_world.dir}/notify")
        notify.settimeout(10)
        roved = own_world.roved(env={"NOTIFY_SOCKET": f"{own_world.dir}/notify"})
        assert notify.recv(100) == b"READY=1"
        limits = Path(f"/proc/{roved.pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0", limits)
        roved.send_signal(signal.SIGTERM)
        assert notify.recv(100) == b"STOPPING=1"
    assert roved.wait(10) == 0
    assert [line["what"] for line in own_world.record()] == ["clean_up", "start", "shutdown"]
    assert own_world.record(what="clean_up")[0]["everything"] is False
    assert b"removed: rove7" in own_world.log("roved")


@pytest.mark.interop
def test_the_service_manager_hears_that_the_loop_turns(own_world):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(f"{own_world.dir}/notify")
        notify.settimeout(10)
        own_world.roved(env={"NOTIFY_SOCKET": f"{own_world.dir}/notify", "WATCHDOG_USEC": "200000"})
        assert [notify.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]


@pytest.mark.interop
def test_a_second_roved_leaves_the_first_alone(own_world):
    own_world.roved()
    second = run(own_world)
    assert second.returncode == 1
    assert "another roved is running" in second.stderr
    assert len(own_world.record(what="clean_up")) == 1      # it has not torn down the first one's tunnels
    assert own_world.user("root").call("Status", "s", "") is not None


@pytest.mark.interop
def test_without_polkit_only_root_may(own_world):
    own_world.roved()
    reply = own_world.user("carol").ask(op="call", member="Status", signature="s", body=[""])
    assert reply["error"] == "org.rovevpn.Rove1.Error.not_authorised"
    assert "polkit cannot be asked" in reply["body"][0]
    root = own_world.user("root")
    assert root.call("ImportProfile", "sb", profile("work"), False) == "work"


@pytest.mark.interop
def test_a_bus_that_dies_ends_roved_with_its_tunnels_down(own_world):
    roved = own_world.roved()
    own_world.processes[0].terminate()
    assert roved.wait(10) == 1
    wait_for(lambda: own_world.record(what="shutdown"))


def test_without_a_bus_it_says_so(tmp_path, monkeypatch):
    world = type("Nowhere", (), {"env": {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPO), "RECORD": "/dev/null",
                                         "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/none"}})
    ended = run(world)
    assert ended.returncode == 1
    assert "the system bus cannot be reached" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("arguments", "everything"), [(["--cleanup"], False), (["--cleanup", "--all"], True)])
def test_cleanup_needs_no_bus(tmp_path, arguments, everything):
    record = tmp_path / "record"
    world = type("Nowhere", (), {"env": {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(REPO), "RECORD": str(record)}})
    ended = run(world, *arguments)
    assert ended.returncode == 0
    assert "removed: rove7" in ended.stderr
    assert f'"everything": {str(everything).lower()}' in record.read_text()


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["--help"], 0), (["--nonsense"], 2)])
def test_the_command_line(arguments, status, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == status
    assert "roved" in "".join(capsys.readouterr())
