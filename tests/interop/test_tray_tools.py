"""Pause, editor and report by the real window and panel, against a real roved."""

import time

from client.gui.prompts import GRACE
from tests.gui.display import Display
from tests.gui.session import Panel, answer, mute, press, read_aloud
from tests.interop.rovetest import imported, status
from tests.interop.test_tray import USER, there
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab
from tests.lab.measure import wait_until
from tests.lab.shell import run


def test_paused_by_the_panel_changed_by_the_window_and_reported(lab: Lab, display: Display) -> None:
    imported(lab, "mschap", name="work")
    panel = Panel(display)
    display.tray("--background")
    assert panel("registered")
    wait_until(there(panel, "Connect work"), "the menu has the profile", 10)
    panel.click("Connect work")
    answer(display, "Password for work", PASSWORD)
    wait_until(there(panel, "work: connected"), "it is connected", 15)

    panel.click("15 min")                       # of "Pause work for"
    wait_until(lambda: any(line.startswith("work: paused, connects again in 14 min") for line in panel.menu),
               "the menu says so", 10)
    assert lab.gateway.sas() == []
    assert status(lab, "work")["findings"][0]["code"] == "paused"

    panel.click("Open Rove")
    display.wait_for_window("^Rove$")
    press(display, "Rove", "Edit …")
    window = display.wait_for_window("Edit work")
    nodes = read_aloud(display, "Edit work")
    assert mute(nodes) == []
    assert {"Gateway", "Must prove to be", "User name", "Networks"} <= {node["name"] for node in nodes}
    display.picture("editor")
    display.focus(window)
    display.keys("alt+d", "Down")               # DNS: from automatic to all names
    display.keys("Return")
    display.wait_gone("Edit work")
    assert 'mode = "full"' in lab.rove("show", "work").stdout

    display.focus(display.wait_for_window("^Rove$"))
    display.keys("alt+r", "r")
    display.wait_for_window("Report for support")
    nodes = read_aloud(display, "Report for support")
    assert mute(nodes) == []
    display.picture("report")
    display.keys("Escape")
    display.wait_gone("Report for support")

    # A pause that ends brings the question, as the password was forgotten with the connection
    run(*lab.host.enter("dbus-send", "--system", "--print-reply", "--dest=org.rovevpn.Rove1", "/org/rovevpn/Rove1",
                        "org.rovevpn.Rove1.Pause", "string:work", "double:1", account=USER),
        env=lab.host.environment(USER))
    display.focus(display.wait_for_window("Password for work", 15))
    time.sleep(GRACE + 0.3)     # keys that were meant for another window are not taken
    display.type(PASSWORD)
    display.keys("Return")
    wait_until(there(panel, "work: connected"), "it came back by itself", 15)
