"""Where secrets are not: in roved's memory, in the bus's, in a log, and before the user's other programs."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.interop.rovetest import connected
from tests.interop.terminal import USER, Terminal
from tests.lab import memory, profiles
from tests.lab.accounts import ROOT
from tests.lab.gateways import PASSWORD, PSK
from tests.lab.lab import Lab
from tests.lab.pki import directory

KEY = directory() / "client-rsa.key"
FORMS = {**{f"PSK {form}": octets for form, octets in memory.forms(PSK).items()},
         **{f"password {form}": octets for form, octets in memory.forms(PASSWORD).items()},
         **{f"key {form}": octets for form, octets in memory.key_forms(KEY).items()}}


def found(image: bytes) -> set[str]:
    return {name for name, octets in FORMS.items() if octets in image}


def test_no_users_secret_is_in_roveds_memory_or_its_log(lab: Lab, tmp_path: Path) -> None:
    """After logging in by PSK, MSCHAPv2 and certificate, and again, with ``roved --debug``: gcore, as root."""
    lab.roved.start(fresh=True, options=("--debug",))
    assert lab.roved.process is not None
    for name in ("psk", "mschap", "cert"):
        connected(lab, name)
        done = lab.rove("reauth", name, "--timeout", "20", secrets=profiles.secrets(name))
        assert done.returncode == 0, done.stdout + done.stderr
        assert found((done.stdout + done.stderr).encode()) == set()
    image = memory.image(lab.roved.process.pid, tmp_path)
    assert b"org.rovevpn.Rove1" in image
    assert b"mschap.gw.lab.test" in image
    assert found(image) == set()
    assert found(memory.image(lab.host.bus_pid, tmp_path)) == set()
    assert found(lab.roved.log().encode()) == set()
    for name in ("psk", "mschap", "cert"):
        lab.rove("disconnect", name)


def test_the_search_finds_what_is_there(lab: Lab, tmp_path: Path) -> None:
    """Of system profiles, whose secrets roved has to have: else the test above would prove nothing."""
    lab.roved.start(fresh=True)
    for name in ("mschap", "cert"):
        done = lab.rove("import", "--system", str(lab.profile(name)), user=ROOT, secrets=profiles.secrets(name))
        assert done.returncode == 0, done.stdout + done.stderr
        assert lab.rove("connect", name, "--timeout", "20", user=ROOT).returncode == 0
    assert lab.roved.process is not None
    there = found(memory.image(lab.roved.process.pid, tmp_path))
    assert "password text" in there
    assert {name for name in there if name.startswith("key ")}


def limits(pid: int) -> str:
    return next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file size" in line)


def dumpable(pid: int) -> int:
    """prctl(PR_GET_DUMPABLE), asked in the process itself."""
    asked = "print ((int (*)(int, ...)) prctl)(3, 0, 0, 0, 0)"
    done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(pid), "-ex", asked], capture_output=True, text=True,
                          timeout=60, check=False)
    (answer,) = [line for line in done.stdout.splitlines() if line.startswith("$1 = ")]
    return int(answer.removeprefix("$1 = "))


def test_nobody_may_dump_or_read_what_holds_secrets_or_keys(lab: Lab) -> None:
    """The agent, roved and the data path; as the same user, and by what the kernel says."""
    lab.roved.start(fresh=True)
    terminal = Terminal(lab)
    plain = lab.host.enter("sleep", "60", account=USER, folder="/")
    other = subprocess.Popen(plain, stdout=subprocess.DEVNULL)
    try:
        terminal.wait("Ready")
        connected(lab, "psk")
        assert lab.roved.process is not None
        (data_path,) = [pid for pid in children(lab.roved.process.pid) if carrying(pid)]
        for pid in (terminal.process.pid, lab.roved.process.pid, data_path):
            assert dumpable(pid) == 0
            assert limits(pid).split()[4:6] == ["0", "0"]
        assert dumpable(other.pid) == 1
        for file in ("environ", "maps", "mem", "fd"):
            assert not readable(lab, terminal.process.pid, file)
        assert readable(lab, other.pid, "environ")
    finally:
        other.kill()
        other.wait()
        terminal.close()


def readable(lab: Lab, pid: int, file: str) -> bool:
    """By the agent's own user."""
    done = subprocess.run(lab.host.enter("sh", "-c", f"ls /proc/{pid}/{file}/ || head -c1 /proc/{pid}/{file}",
                                         account=USER, folder="/"), capture_output=True, check=False)
    assert os.path.exists(f"/proc/{pid}")
    return done.returncode == 0


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def carrying(pid: int) -> bool:
    """The nursery's has no TUN device yet."""
    return any(os.readlink(link) == "/dev/net/tun" for link in Path(f"/proc/{pid}/fd").iterdir())


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    for program in ("gcore", "gdb"):
        assert any((Path(folder) / program).exists() for folder in os.environ["PATH"].split(":")), "tools/setup: gdb"
