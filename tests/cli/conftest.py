import os
from dataclasses import dataclass

import pytest

from client.cli import session
from client.cli.main import main
from tests.cli.bus import FakeRoved, private_bus


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def bus_address(tmp_path_factory):
    with private_bus(tmp_path_factory.mktemp("bus")) as address:
        yield address


@pytest.fixture
def on_bus(bus_address, tmp_path, monkeypatch):
    """This process talks to the private bus and keeps its credentials in a temporary folder."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus_address)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(session, "ROVED_UID", os.getuid())      # the fake runs as whoever runs the tests
    return bus_address


@pytest.fixture
def roved(on_bus):
    with FakeRoved(on_bus) as fake:
        yield fake


@pytest.fixture
def rove(on_bus, capfd, monkeypatch):
    """rove("status", "--json") → Result, in this process."""
    # The command line hardens its process for good: not the tests'.
    monkeypatch.setattr("client.agent.harden.harden_process", lambda: None)

    def run(*argv):
        try:
            code = main(argv)
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        return Result(code, out, err)
    return run
