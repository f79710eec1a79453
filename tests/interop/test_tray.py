"""rove-tray as its user has it: a panel, a keyboard and a gateway, under Xvfb in the lab's client.

Pictures stay in .lab/pictures: look at them.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from client.gui.prompts import GRACE
from tests.gui.display import Display
from tests.gui.session import Panel, mute, press, read_aloud
from tests.interop.renewal import no_loss
from tests.interop.rovetest import imported, status
from tests.interop.test_secrecy import dumpable
from tests.lab import plan
from tests.lab.accounts import ACCOUNTS
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab
from tests.lab.measure import wait_until
from tests.lab.shell import run
from tests.lab.smartcard import PIN
from tests.soak.smartcard import new_card

USER = ACCOUNTS["rovetest1"]
REFUSALS = ("This session may look, but not connect", "You may not use the VPN service here")


def there(panel: Panel, text: str) -> Callable[[], bool]:
    return lambda: text in panel.menu


def test_connect_from_the_panel_type_the_password_and_see_each_state(lab: Lab, display: Display) -> None:
    imported(lab, "mschap", name="work")
    panel = Panel(display)
    tray = display.tray("--background")
    assert panel("registered")
    wait_until(there(panel, "Connect work"), "the menu has the profile", 10)
    assert dumpable(tray.pid) == 0      # secrets are typed into it
    idle = panel("props")
    panel.click("Connect work")
    window = display.wait_for_window("Password for work")
    wait_until(there(panel, "Answer for work …"), "the menu leads to the question", 5)
    nodes = read_aloud(display, "Password for work")
    assert mute(nodes) == []
    assert [node["name"] for node in nodes if node["role"] == "password text"] == ["Password"]
    display.focus(window)
    display.type("wr0ng")
    display.keys("Escape")      # cancelled from our side
    display.wait_gone("Password for work")
    wait_until(there(panel, "Connect work again"), "it says that it failed", 10)

    panel.click("Connect work again")
    display.focus(display.wait_for_window("Password for work"))
    display.type(PASSWORD)
    display.picture("prompt")
    display.keys("Return")
    wait_until(there(panel, "work: connected"), "it is connected", 15)
    assert lab.ping("client", plan.CORP_HOST)
    assert panel("props")["pixmaps"] != idle["pixmaps"]
    assert any(line.startswith("via wifi0") for line in panel.menu)
    assert any(line.startswith("Next log-in in 7 h") for line in panel.menu)
    assert PASSWORD not in display.log("tray")

    panel.click("Open Rove")
    display.wait_for_window("^Rove$")
    time.sleep(1.5)
    assert mute(read_aloud(display, "Rove")) == []
    display.picture("window")
    lab.roam("lte")
    wait_until(lambda: any(line.startswith("via lte0") for line in panel.menu), "the menu has the new way", 10)
    assert panel("notices") == []       # roaming is silent

    lab.roved.stop()
    wait_until(there(panel, "The VPN service is not running"), "it says that roved is gone", 10)
    display.picture("gone")
    lab.host.sessions.open(USER, active=False)
    lab.roved.start()
    wait_until(lambda: panel.menu[0] in REFUSALS, "it found roved again, and says that this session may not", 15)
    lab.host.sessions.open(USER)
    display.wait_for_window("Password for work", 30)        # roved takes up what stood, and may ask here again
    wait_until(there(panel, "Answer for work …"), "the menu leads to the question", 5)
    assert panel.menu[0] not in REFUSALS
    panel("leave")
    panel("return")
    assert panel("registered")          # a panel that was started anew has the icon again


def test_a_panel_of_the_old_kind_and_nobodys_keys_are_taken(lab: Lab, display: Display) -> None:
    """tint2 takes icons by XEmbed. A question that roved has by itself comes up without taking the focus."""
    imported(lab, "mschap", name="work")
    display.start("tint2", "tint2", "-c", str(Path(__file__).parents[1] / "gui/tint2rc"))
    wait_until(lambda: "systray started" in display.log("tint2"), "tint2 is up", 10)
    bare = display.picture("without").read_bytes()
    display.tray("--background")
    wait_until(lambda: display.picture("with").read_bytes() != bare, "the icon is in the panel", 10)
    display.start("editor", sys.executable, "-m", "tests.gui.editor")
    display.focus(display.wait_for_window("^Editor$"))
    display.type("before ")
    run(*lab.host.enter("dbus-send", "--system", "--print-reply", "--dest=org.rovevpn.Rove1", "/org/rovevpn/Rove1",
                        "org.rovevpn.Rove1.Connect", "string:work", "double:60", account=USER),
        env=lab.host.environment(USER))     # not by the tray, but the tray is the only one to ask
    display.wait_for_window("Password for work")
    display.type("typed while it came up")
    assert display.run("xdotool", "getactivewindow", "getwindowname") == "Editor\n"
    display.picture("focus")
    wait_until(lambda: "before typed while it came up" in display.log("editor"), "the editor has it all", 5)
    dismiss(display, "Password for work")


def test_a_smartcard_from_insertion_to_removal(lab: Lab, display: Display) -> None:
    """Token in, PIN, connected; another log-in under traffic; a wrong PIN, the final try, cancelled; token pulled."""
    with tempfile.TemporaryDirectory(prefix="rove-card-") as folder:
        card = new_card(Path(folder))
        user = {"auth": "smartcard", "certificate": "pkcs11:object=client-rsa", "key": ""}
        done = lab.rove("import", str(lab.profile("cert", name="work", user=user)))
        assert done.returncode == 0, done.stderr
        panel = Panel(display)
        display.tray("--background", env=card.environment)
        assert panel("registered")
        wait_until(there(panel, "Connect work"), "the menu has the profile", 10)
        panel.click("Connect work")
        answer(display, PIN)
        wait_until(there(panel, "work: connected"), "it is connected", 15)
        panel.click("Open Rove")
        display.wait_for_window("^Rove$")

        with no_loss(lab):
            press(display, "Rove", "Log in again now")
            answer(display, PIN)
            wait_until(lambda: status(lab, "work")["counters"]["reauths"] == 1, "it has logged in again", 15)

        card.tries(2)
        press(display, "Rove", "Log in again now")
        answer(display, "654321")
        display.wait_for_window("PIN for work")
        wait_until(lambda: any("This is the last try" in node["name"] for node in read_aloud(display, "PIN for work")),
                   "the final try is announced", 10)
        nodes = read_aloud(display, "PIN for work")
        assert mute(nodes) == []
        assert any("That PIN was wrong." in node["name"] for node in nodes)
        display.picture("final-try")
        dismiss(display, "PIN for work")
        wait_until(lambda: status(lab, "work")["findings"], "the cancelled log-in is a finding", 10)
        assert lab.ping("client", plan.CORP_HOST)       # the tunnel goes on until its deadline
        time.sleep(1.2)
        display.picture("cancelled")
        assert card.log.count("wrong") == 1

        card.turn_on("absent")
        wait_until(there(panel, "Connect work"), "the card is pulled: disconnected", 10)
        assert lab.gateway.sas() == []
        assert PIN not in display.log("tray")


def answer(display: Display, secret: str) -> None:
    """Into the dialog for the PIN, which goes away by that."""
    window = display.wait_for_window("PIN for work")
    display.focus(window)
    time.sleep(GRACE + 0.3)
    display.type(secret)
    display.keys("Return")
    until = time.monotonic() + 5
    while window in display.windows("PIN for work"):
        assert time.monotonic() < until, "the answer was not taken"
        time.sleep(0.1)


def dismiss(display: Display, title: str) -> None:
    display.focus(display.wait_for_window(title))
    time.sleep(GRACE + 0.3)     # in case it is new enough for keys to be somebody else's
    display.keys("Escape")
    display.wait_gone(title)
