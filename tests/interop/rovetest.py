"""What the interop tests have in common: Rove brought to a connection by its own commands."""

import json
from typing import Any

from client.bus.interface import BUS_NAME, INTERFACE, OBJECT_PATH
from tests.lab import profiles
from tests.lab.accounts import ACCOUNTS
from tests.lab.lab import Lab
from tests.lab.rove import Done
from tests.lab.shell import run


def imported(lab: Lab, connection: str, user: str = "rovetest1", **changes: Any) -> str:
    """``rove import`` of the profile for a connection of ``gateways``; starts roved where none runs → the name."""
    if lab.roved.process is None:
        lab.roved.start(fresh=True)
    done = lab.rove("import", str(lab.profile(connection, **changes)), user=user)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(changes.get("name", connection))


def connect(lab: Lab, name: str, connection: str = "", timeout: float = 20, **options: Any) -> Done:
    """``rove connect`` to its end, well or not; ``connection`` says whose secrets, where the name does not."""
    options.setdefault("secrets", profiles.secrets(connection or name))
    return lab.rove("connect", name, "--timeout", f"{timeout:g}", **options)


def connected(lab: Lab, connection: str, user: str = "rovetest1", timeout: float = 20, **changes: Any
              ) -> dict[str, Any]:
    """Import with ``changes`` (see ``lab.profile``) and connect → the connection in ``rove status --json``."""
    name = imported(lab, connection, user, **changes)
    done = connect(lab, name, connection, timeout, user=user)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = status(lab, name, user)
    assert shown["state"] == "connected"
    return shown


def status(lab: Lab, name: str, user: str = "rovetest1") -> dict[str, Any]:
    """The one connection of ``rove status NAME --json``, from roved itself: many tests wait for what it says, and an
    interpreter's start takes ten times as long as the answer."""
    account = ACCOUNTS[user]
    done = run(*lab.host.enter("dbus-send", "--system", "--print-reply=literal", f"--dest={BUS_NAME}", OBJECT_PATH,
                               f"{INTERFACE}.Status", f"string:{name}", account=account, folder="/"),
               env=lab.host.environment(account))
    (connection,) = json.loads(done.stdout)["connections"]
    assert isinstance(connection, dict)
    return connection


def state(lab: Lab, name: str, user: str = "rovetest1") -> str:
    return str(status(lab, name, user)["state"])


def connect_through_loss(lab: Lab, connection: str, seed: int, permille: int = 300, timeout: float = 30) -> Done:
    """One connect of an imported profile while ``permille`` of the packets are lost each way, and its end without."""
    lab.loss("wifi", permille, seed=seed)
    try:
        return connect(lab, connection, timeout=timeout)
    finally:
        lab.loss("wifi", 0)
        lab.rove("disconnect", connection)
