"""``python -m tests.gui.screenshots``: the pictures of README and docs/tray.md, from the real app against the lab.

Root and the lab's packages, as the interop tests. ``--language de --dark`` shows them otherwise, in another --folder.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.gui.display import Display
from tests.gui.session import Panel, press
from tests.lab import plan
from tests.lab.accounts import ACCOUNTS
from tests.lab.gateways import PASSWORD
from tests.lab.lab import Lab
from tests.lab.measure import wait_until

USER = ACCOUNTS["rovetest1"]
FOLDER = Path(__file__).parents[2] / "docs/images"
GERMAN = {"Password for work": "Passwort für work", "Connect work": "work verbinden", "Open Rove": "Rove öffnen",
          "History": "Verlauf", "Security": "Sicherheit", "Import a connection": "Verbindung importieren",
          "work: connected": "work: verbunden", "Report for support": "Bericht für den Support",
          "Disconnect work": "work trennen", "Edit …": "Bearbeiten …", "Edit work": "work bearbeiten",
          "Connect branch": "branch verbinden", "Password for branch": "Passwort für branch",
          "Connect branch again": "branch erneut verbinden", "Look at its key …": "Seinen Schlüssel ansehen …",
          "Is this the gateway?": "Ist das das Gateway?"}

BREEZE_DARK = """[Colors:Window]
BackgroundNormal=42,46,50
ForegroundNormal=252,252,252
[Colors:View]
BackgroundNormal=27,30,32
ForegroundNormal=252,252,252
[Colors:Button]
BackgroundNormal=49,54,59
ForegroundNormal=252,252,252
[General]
ColorScheme=BreezeDark
"""


class Show:
    def __init__(self, lab: Lab, folder: Path, language: str, dark: bool) -> None:
        self._lab, self._folder, self._german, self._dark = lab, folder, language == "de", dark

    def run(self) -> None:
        lab = self._lab
        lab.gateway.start()
        lab.roved.start(fresh=True)

        def enter(*argv: str) -> list[str]:
            return lab.host.enter(*argv, account=USER)
        env = lab.host.environment(USER) | {"LANG": "de_DE.UTF-8" if self._german else "C.UTF-8",
                                            "LANGUAGE": "de" if self._german else ""}
        with tempfile.TemporaryDirectory() as name:
            Path(name).chmod(0o755)
            if self._dark:
                env |= {"XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "5", "XDG_CONFIG_HOME": name}
                (Path(name) / "kdeglobals").write_text(BREEZE_DARK)
            with Display(Path(name) / "session", enter, env) as display:
                self._display, self._panel = display, Panel(display)
                self._pictures()

    def _pictures(self) -> None:
        display, panel, lab = self._display, self._panel, self._lab
        display.tray("--background")
        panel("registered")
        wait_until(lambda: self._say("Open Rove") in panel.menu, "the tray is there", 10)
        panel.click(self._say("Open Rove"))
        self._keep("first-run", "^Rove$")
        profile = lab.profile("mschap", name="work")
        display.tray(str(profile), name="second")
        self._keep("import", self._say("Import a connection"))
        display.focus(display.wait_for_window(self._say("Import a connection")))
        display.keys("Return")
        display.wait_gone(self._say("Import a connection"))
        wait_until(lambda: self._say("Connect work") in panel.menu, "it is imported", 10)
        panel.click(self._say("Connect work"))
        window = display.wait_for_window(self._say("Password for work"))
        display.focus(window)
        time.sleep(1)
        display.type(PASSWORD)
        self._keep("prompt", self._say("Password for work"))
        display.keys("Return")
        wait_until(lambda: self._say("work: connected") in panel.menu, "it is connected", 15)
        with lab.ping_stream("client", plan.CORP_HOST):
            lab.throughput(3.0, reverse=True)
            lab.roam("lte")
            time.sleep(4)
            lab.roam("wifi")
            time.sleep(4)
        self._keep("window", "^Rove$")
        press(display, "Rove", self._say("History"))
        self._keep("history", "^Rove$")
        press(display, "Rove", self._say("Security"))
        self._keep("security", "^Rove$")
        display.focus(display.wait_for_window("^Rove$"))
        display.keys("alt+r", "r")
        self._keep("report", self._say("Report for support"))
        display.keys("Escape")
        panel.click(self._say("Disconnect work"))
        wait_until(lambda: self._say("Connect work") in panel.menu, "it is disconnected", 15)
        press(display, "Rove", self._say("Edit …"))
        self._keep("edit", self._say("Edit work"))
        display.keys("Escape")
        display.wait_gone(self._say("Edit work"))
        self._refused_gateway()

    def _refused_gateway(self) -> None:
        """One that no authority vouches for."""
        display, panel, lab = self._display, self._panel, self._lab
        lab.rove("delete", "work", "--yes")
        lab.rove("import", str(lab.profile("bad-rogue", name="branch")))
        wait_until(lambda: self._say("Connect branch") in panel.menu, "it is imported", 10)
        panel.click(self._say("Connect branch"))
        display.focus(display.wait_for_window(self._say("Password for branch")))
        time.sleep(1)
        display.type(PASSWORD)
        display.keys("Return")
        wait_until(lambda: self._say("Connect branch again") in panel.menu, "it is refused", 15)
        press(display, "Rove", self._say("Look at its key …"))
        self._keep("trust", self._say("Is this the gateway?"))

    def _say(self, text: str) -> str:
        return GERMAN.get(text, text) if self._german else text

    def _keep(self, name: str, title: str) -> None:
        window = self._display.wait_for_window(title)
        time.sleep(1.2)
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._display.picture(name, window), self._folder / f"{name}.png")
        print(self._folder / f"{name}.png")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--language", choices=("en", "de"), default="en")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args(argv)
    with Lab("shots") as lab:
        Show(lab, options.folder, options.language, options.dark).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
