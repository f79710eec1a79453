"""disconnect, rekey."""

import argparse
import asyncio

from client.bus.client import VpnClient
from client.cli.screen import Screen


def run_disconnect(options: argparse.Namespace) -> int:
    """Returns when the host is as it was."""
    async def work() -> int:
        async with VpnClient() as client:
            await client.disconnect(options.name or "")
        Screen().line(f"Disconnected {options.name}." if options.name else "Disconnected.")
        return 0
    return asyncio.run(work())


def run_rekey(options: argparse.Namespace) -> int:
    async def work() -> int:
        async with VpnClient() as client:
            await client.rekey(options.name, "ike" if options.ike else "child")
        Screen().line(f"Renewing the {'IKE SA' if options.ike else 'keys'} of {options.name}.")
        return 0
    return asyncio.run(work())
