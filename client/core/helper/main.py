"""roved: the privileged helper. Owns the bus name, runs the tunnels, leaves the host as it found it."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from client.agent.harden import harden_process
from client.bus.interface import BUS_NAME
from client.core.helper.compose import Roved, connect_bus
from client.core.helper.log import LogBook, set_up_logging
from client.core.helper.machine_settings import read_settings
from client.core.helper.protocols import ConnectionManager, ManagerFactory, OnEvent
from client.model.cause import RoveError

CleanUp = Callable[[bool], Iterable[str]]     # (also what is meant to stay?) → what was removed

_logger = logging.getLogger("rove.main")


def main(argv: Sequence[str] | None = None, manager_factory: ManagerFactory | None = None,
         clean_up: CleanUp | None = None) -> int:
    """Entry point of ``roved``; the factory and ``clean_up`` default to the real ones. Returns the exit status."""
    arguments = _parser().parse_args(argv)
    harden_process()
    set_up_logging(arguments.debug)
    os.umask(0o077)
    if arguments.all and not arguments.cleanup:
        _parser().error("--all goes with --cleanup")
    try:
        if arguments.cleanup:
            _clean_up(clean_up or _clean_host, arguments.all)
            return 0
        return asyncio.run(_serve(manager_factory or _tunnels, clean_up or _clean_host))
    except RoveError as error:
        _logger.error("%s", error)
        return 1


def _tunnels(log: LogBook, on_event: OnEvent) -> ConnectionManager:
    from client.core.helper.manager import Manager  # pulls in the engine: not for --cleanup
    from client.core.platform.host import Host
    return Manager(Host(), log, on_event, read_settings(_directory("CONFIG", "/etc/rove")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="roved", description="Rove's privileged helper: serves the system bus.")
    parser.add_argument("--cleanup", action="store_true",
                        help="remove what a roved that crashed left on this host, and exit; needs no D-Bus")
    parser.add_argument("--all", action="store_true", help="with --cleanup: also what is meant to stay (uninstall)")
    parser.add_argument("--debug", action="store_true", help="log more")
    parser.add_argument("--version", action="version", version=f"roved {_version()}")
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version
    try:
        return version("rove-vpn")
    except PackageNotFoundError:
        return "(not installed)"


def _clean_host(everything: bool) -> Iterable[str]:
    from client.core.platform.cleanup import clean_up
    return clean_up(everything)


def _clean_up(clean_up: CleanUp, everything: bool) -> None:
    for line in clean_up(everything):
        _logger.info("removed: %s", line)


async def _serve(manager_factory: ManagerFactory, clean_up: CleanUp) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        bus = await connect_bus()
    except (OSError, ValueError, EOFError) as error:       # dbus-fast's own errors are ValueErrors
        _logger.error("the system bus cannot be reached: %s", error)
        return 1
    roved = Roved(bus, manager_factory, _directory("CONFIG", "/etc/rove"), _directory("STATE", "/var/lib/rove"),
                  _directory("RUN", "/run/rove"))
    if not await roved.start():
        _logger.error("%s is taken: another roved is running", BUS_NAME)
        bus.disconnect()
        return 1
    _clean_up(clean_up, everything=False)  # what a predecessor that crashed has left
    await roved.open()
    _notify("READY=1")
    _logger.info("roved %s serves %s", _version(), BUS_NAME)
    alive = asyncio.ensure_future(_watchdog())
    lost = asyncio.ensure_future(bus.wait_for_disconnect())  # type: ignore[no-untyped-call]  # dbus-fast
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait((lost, stopped), return_when=asyncio.FIRST_COMPLETED)
    _notify("STOPPING=1")
    started = time.monotonic()
    await roved.stop()
    stopped.cancel()
    alive.cancel()
    _logger.info("stopped in %.2f s", time.monotonic() - started)
    if stop.is_set():
        return 0
    _logger.error("the system bus is gone")
    return 1


def _directory(name: str, default: str) -> Path:
    return Path(os.environ.get(f"ROVE_{name}_DIR") or default)


async def _watchdog() -> None:
    """sd_watchdog_enabled(3): as long as the event loop turns, the service manager hears so in time."""
    patience = os.environ.get("WATCHDOG_USEC", "")
    while patience.isascii() and patience.isdecimal() and int(patience):
        _notify("WATCHDOG=1")
        await asyncio.sleep(int(patience) / 2e6)


def _notify(state: str) -> None:
    """sd_notify(3), if somebody wants it."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        try:
            notify.sendto(state.encode(), "\0" + path[1:] if path[0] == "@" else path)
        except OSError as error:
            _logger.warning("the service manager cannot be told %s: %s", state, error)


if __name__ == "__main__":
    sys.exit(main())
