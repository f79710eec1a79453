"""A gateway that lacks nothing but trust names its key; pinned, it is accepted."""

import re
import time

from tests.gui.display import Display, wait_until
from tests.gui.session import Panel, answer, mute, press, read_aloud
from tests.interop.rovetest import connect, imported, state
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab


def test_the_key_of_a_refused_gateway_can_be_pinned(lab: Lab) -> None:
    lab.roved.start(fresh=True)
    imported(lab, "bad-rogue")
    refused = connect(lab, "bad-rogue", secrets={"--password-fd": PASSWORD})
    assert refused.returncode == 5
    key = re.search(r"; it has proved to have the key (sha256:[0-9a-f]{64})\)\.?\n", refused.stderr)
    assert key, refused.stderr
    path = lab.profile("bad-rogue", name="pinned", gateway={"pin": key[1]})
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("trust")))
    assert lab.rove("import", str(path)).returncode == 0
    done = connect(lab, "pinned", "bad-rogue", secrets={"--password-fd": PASSWORD})
    assert done.returncode == 0, done.stderr
    assert state(lab, "pinned") == "connected"


def test_it_is_pinned_in_the_window(lab: Lab, display: Display) -> None:
    """By the keyboard, once a screen reader has read the fingerprint."""
    imported(lab, "bad-rogue", name="branch")
    panel = Panel(display)
    display.tray("--background")
    assert panel("registered")

    def connect_and_answer(entry: str) -> None:
        wait_until(lambda: entry in panel.menu, f"the menu has {entry!r}", 10)
        panel.click(entry)
        answer(display, "Password for branch", PASSWORD)
    connect_and_answer("Connect branch")
    wait_until(lambda: "Connect branch again" in panel.menu, "it is refused", 10)
    panel.click("Open Rove")
    display.wait_for_window("^Rove$")
    press(display, "Rove", "Look at its key …")
    window = display.wait_for_window("Is this the gateway?")
    nodes = read_aloud(display, "Is this the gateway?")
    assert mute(nodes) == []
    assert any(re.fullmatch(r"Fingerprint \(SHA-256\): ([0-9A-F]{4} ?){16}", node["name"]) for node in nodes)
    display.picture("trust")
    display.focus(window)
    display.keys("alt+p")           # not yet: nobody has compared
    assert 'pin = "' not in lab.rove("show", "branch").stdout
    display.keys("alt+h")
    time.sleep(0.3)                 # Qt shows the press of a key for a tenth of a second before it counts
    display.keys("alt+p")
    display.wait_gone("Is this the gateway?")
    assert 'pin = "sha256:' in lab.rove("show", "branch").stdout
    connect_and_answer("Connect branch again")
    wait_until(lambda: "branch: connected" in panel.menu, "it is connected", 15)
