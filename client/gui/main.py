"""``rove-tray``: the desktop application."""

import argparse
import fcntl
import io
import os
import signal
import sys
from collections.abc import Sequence

BREATH = 10     # ms
ACTIONS = ("import", "disconnect", "quit", "open")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 where there is no display or no PySide6, 2 on a usage error."""
    options = _parser().parse_args(argv)
    try:
        import PySide6.QtWidgets  # noqa: F401
    except ImportError as error:
        print(f"rove-tray: {error}. Install it with its libraries: pip install 'rove-vpn[gui]'.", file=sys.stderr)
        return 1
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM")):
        print("rove-tray: there is no display. On a terminal use rove; “rove agent” answers questions there.",
              file=sys.stderr)
        return 1
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    """The icon first: what comes after it takes as long as Qt itself."""
    from PySide6.QtWidgets import QApplication

    from client.gui import icons
    from client.gui.translate import use_language
    from client.gui.tray import Tray
    QApplication.setDesktopFileName(icons.APP)
    QApplication.setApplicationName("rove-tray")
    QApplication.setApplicationDisplayName("Rove")
    application = QApplication(sys.argv[:1])
    application.setQuitOnLastWindowClosed(False)
    icons.use_theme()
    tray = Tray()
    lock = _lock()
    if lock is not None:        # nobody is here before us; if the lock is taken the session bus has to tell
        tray.register(by_name=False)
        _breathe()
    use_language()
    import asyncio
    _breathe()

    import qasync
    _breathe()

    from client.gui.app import App
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    app = App(tray, options.background)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, app.quit)
    with loop:
        code = int(loop.run_until_complete(app.run(options.file, options.action)))
    if app.successor:
        from client.agent.upgrade import run_anew
        run_anew(app.successor)
    return code


def _breathe() -> None:
    """The panel asks for the icon it was told of, and is answered between two imports."""
    from PySide6.QtCore import QEventLoop, QTimer
    inner = QEventLoop()
    QTimer.singleShot(BREATH, inner.quit)
    inner.exec()


def _lock() -> io.TextIOWrapper | None:
    """Held until we end; None: another tray of this user has it, or there is no place for it."""
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    if not folder.startswith("/"):
        return None
    try:
        file = open(os.path.join(folder, "rove-tray.lock"), "w")  # noqa: SIM115 - open as long as we run
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return None
    return file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rove-tray", allow_abbrev=False,
        description="Rove on the desktop: an icon in the panel, a window, and the questions for PINs and passwords. "
                    "Where it runs already, the running one does what is asked.")
    parser.add_argument("--background", action="store_true", help="show no window (for the session's autostart)")
    parser.add_argument("--action", choices=ACTIONS, default="", help="do this once it runs")
    parser.add_argument("file", metavar="FILE", nargs="*", help="a profile to import")
    return parser


if __name__ == "__main__":
    sys.exit(main())
