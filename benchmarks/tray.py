"""``python -m benchmarks.tray``: rove-tray beside an empty PySide6 tray: start, memory, wake-ups while idle.

The session is Xvfb with a StatusNotifier host, roved a fake with one connected profile: nothing of the tray's own
work is left out, and nothing else is measured. Needs root for the memory (smaps of a process that is not dumpable).
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.cli import samples
from tests.cli.bus import FakeRoved, private_bus
from tests.gui.display import TRAY, Display
from tests.gui.session import Panel

EMPTY = """
import sys
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon
app = QApplication(sys.argv)
app.setQuitOnLastWindowClosed(False)
menu = QMenu()
menu.addAction("Quit")
icon = QSystemTrayIcon(QIcon({icon!r}))
icon.setContextMenu(menu)
icon.show()
app.exec()
"""
ICON = Path(__file__).parents[1] / "icons/hicolor/symbolic/status/rove-connected-symbolic.svg"
LIMITS = {"start s": 1.0, "start ratio": 1.6, "PSS MB": 90.0, "wake-ups/s": 1.0}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="starts of each, in alternation")
    parser.add_argument("--idle", type=float, default=30.0, help="seconds of watching the idle tray")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name, private_bus(Path(name)) as bus, FakeRoved(bus) as roved:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus
        roved.answers |= {
            "ListProfiles": [{"name": "work", "system": False, "auth": "psk", "gateway": "vpn.example.org",
                              "state": "connected"}],
            "Status": samples.status(samples.connected()), "GetProfile": "version = 1\n", "Log": []}
        with Display(Path(name) / "session") as display:
            figures = measure(display, options.runs, options.idle)
    for what, value in figures.items():
        limit = LIMITS.get(what)
        print(f"{what:22} {value:8.2f}" + (f"   at most {limit:g}" if limit else ""))
    return int(any(value > LIMITS.get(what, value) for what, value in figures.items()))


def measure(display: Display, runs: int, idle: float) -> dict[str, float]:
    panel = Panel(display)
    commands = {"empty": [sys.executable, "-c", EMPTY.format(icon=str(ICON))], "tray": [*TRAY, "--background"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    memory: dict[str, float] = {}
    for _ in range(runs):
        for name, command in commands.items():
            panel("forget")
            begin = time.monotonic()
            process = display.start(name, *command)
            panel("registered")
            panel("props")          # now the panel has its picture
            times[name].append(time.monotonic() - begin)
            time.sleep(1.5)         # what comes after the icon is memory too
            memory[name] = pss(process.pid)
            display.stop(process)
    process = display.start("idle", *commands["tray"])
    time.sleep(5)
    before = switches(process.pid)
    time.sleep(idle)
    wake_ups = (switches(process.pid) - before) / idle
    after = pss(process.pid)
    display.stop(process)
    start, empty = (statistics.median(times[name]) for name in ("tray", "empty"))
    return {"start s": start, "empty start s": empty, "start ratio": start / empty, "PSS MB": after,
            "empty PSS MB": memory["empty"], "wake-ups/s": wake_ups}


def pss(pid: int) -> float:
    """MB (10^6) of the process, shared pages divided among those who share them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


def switches(pid: int) -> int:
    """Voluntary context switches of all threads: how often it woke and went to sleep again."""
    return sum(int(line.split()[1]) for task in Path(f"/proc/{pid}/task").iterdir()
               for line in (task / "status").read_text().splitlines() if line.startswith("voluntary"))


if __name__ == "__main__":
    sys.exit(main())
