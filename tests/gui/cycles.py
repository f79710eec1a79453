"""``python -m tests.gui.cycles [--times 1000]``: connect and disconnect through the menu, and watch what grows.

In this process: the application as rove-tray makes it, offscreen, window open, a fake roved on a private bus which
tells the states as roved does. After a warm-up neither Python's objects, nor Qt's, nor memory may grow. Minutes.
"""

import argparse
import asyncio
import collections
import gc
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.cli import samples
from tests.cli.bus import FakeRoved, private_bus

WARM_UP = 210           # until the histories are full: they are bounded
REST = 190.0            # s before counting: qasync keeps a cancelled time-out until it would have ended (180 s)
MAX_OBJECTS = 400       # more than before, of 60,000: the last minutes' 300 samples, and caches that fill late
MAX_MEMORY = 3.0        # MB


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1000)
    options = parser.parse_args(argv)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
    with tempfile.TemporaryDirectory() as folder, private_bus(Path(folder)) as bus, FakeRoved(bus) as roved:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus
        os.environ["XDG_RUNTIME_DIR"] = folder
        return run(roved, options.times)


def run(roved: FakeRoved, times: int) -> int:
    import qasync
    from PySide6.QtWidgets import QApplication

    from client.agent import harden
    from client.gui import icons
    from client.gui.app import App
    from client.gui.tray import Tray
    harden.harden_process = lambda: None    # this process reads its own memory's figures
    up, down = samples.connected(), samples.connected()
    object.__setattr__(down, "state", "disconnected")
    now = [down]
    roved.answers |= {
        "ListProfiles": [{"name": "work", "system": False, "auth": "psk", "gateway": "vpn.example.org", "state": ""}],
        "Status": lambda *_: samples.status(now[0]), "GetProfile": "version = 1\n", "Log": [], "Connect": "",
        "Disconnect": ""}

    async def tell(fake: FakeRoved, _sender: str, *_: Any, state: Any) -> None:
        now[0] = state
        await fake.emit(samples.step("ike-sa-init", 0.1), samples.state_event(state))

    roved.after |= {"Connect": lambda fake, *rest: tell(fake, *rest, state=up),
                    "Disconnect": lambda fake, *rest: tell(fake, *rest, state=down)}
    application = QApplication(["rove-tray"])
    application.setQuitOnLastWindowClosed(False)
    icons.use_theme()
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    app = App(Tray(), background=False, roved_uid=os.getuid())
    with loop:
        return int(loop.run_until_complete(cycles(app, roved, times)))


async def cycles(app: Any, roved: FakeRoved, times: int) -> int:
    running = asyncio.ensure_future(app.run([], "open"))
    await click(app, "Connect work")
    await click(app, "Disconnect work")
    before = None
    for number in range(times + WARM_UP):
        if number == WARM_UP:
            await asyncio.sleep(REST)
            roved.calls.clear()     # the fake's own memory
            before = figures()
        await click(app, "Connect work")
        await click(app, "Disconnect work")
    await asyncio.sleep(REST)
    roved.calls.clear()
    after = figures()
    app.quit()
    await running
    assert before is not None
    grown = after["objects"] - before["objects"]
    widgets = after["widgets"] - before["widgets"]
    memory = after["memory"] - before["memory"]
    print(f"{times} cycles: Python objects {grown:+d} of {before['objects']}, widgets {widgets:+d} of "
          f"{before['widgets']}, memory {memory:+.1f} MB of {before['memory']:.1f}")
    for name, count in (after["types"] - before["types"]).most_common(8):
        print(f"  {count:+d} {name}")
    return int(grown > MAX_OBJECTS or widgets > 0 or memory > MAX_MEMORY)


async def click(app: Any, text: str) -> None:
    """The menu's action, once it is there."""
    for _ in range(1000):
        for action in app._tray._menu.actions():
            if action.text() == text:
                action.trigger()
                await asyncio.sleep(0)
                return
        await asyncio.sleep(0.005)
    raise AssertionError(f"the menu never had {text!r}: {[action.text() for action in app._tray._menu.actions()]}")


def figures() -> dict[str, Any]:
    from PySide6.QtWidgets import QApplication
    gc.collect()
    types = collections.Counter(type(one).__name__ for one in gc.get_objects())
    # anonymous pages are ours alone; PSS moves with whoever else maps Qt's libraries at the moment
    status = Path("/proc/self/status").read_text().splitlines()
    memory = next(int(line.split()[1]) for line in status if line.startswith("RssAnon:")) * 1024 / 1e6
    return {"objects": sum(types.values()), "types": types, "widgets": len(QApplication.allWidgets()), "memory": memory}


if __name__ == "__main__":
    sys.exit(main())
