"""agent: after an upgrade the installed program takes over. A copy of Python plays the old one, a script the new."""

import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.bus import FakeRoved, private_bus

REPO = Path(__file__).parents[2]
PROGRAM = """
import sys
from client.cli.main import main
sys.frozen = True
sys.exit(main(["agent"]))
"""


@pytest.fixture
def bus(tmp_path):
    with private_bus(tmp_path) as address:
        yield address


@pytest.fixture
def program(tmp_path):
    """Where the running program is installed."""
    path = tmp_path / "rove"
    shutil.copy(os.path.realpath(sys.executable), path)
    return path


def agent(program, bus):
    """Its first line has been said."""
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus, "PYTHONHOME": sys.base_prefix,
                   "PYTHONPATH": os.pathsep.join([str(REPO), *site.getsitepackages()])}
    process = subprocess.Popen([program, "-uc", PROGRAM, "the", "arguments"], env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    assert "Ready" in process.stdout.readline()
    return process


@pytest.mark.parametrize("upgraded", [True, False])
def test_the_installed_program_takes_over_when_roved_is_back(bus, program, tmp_path, upgraded):
    with FakeRoved(bus):
        process = agent(program, bus)
        if upgraded:
            new = tmp_path / "new"
            new.write_text("#!/bin/sh\necho new: $$ \"$@\"\n")
            new.chmod(0o755)
            new.rename(program)
    assert "waiting" in process.stdout.readline()
    with FakeRoved(bus):
        if upgraded:
            said, _ = process.communicate(timeout=20)
            assert said == f"Rove was upgraded: the new agent takes over.\nnew: {process.pid} the arguments\n"
        else:
            assert "roved is back" in process.stdout.readline()
            process.terminate()
            said, _ = process.communicate(timeout=20)
            assert said == ""
    assert process.returncode == 0


def test_who_ends_the_agent_after_an_upgrade_starts_none(bus, program):
    with FakeRoved(bus):
        process = agent(program, bus)
        program.unlink()
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "")
