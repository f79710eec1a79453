"""agent: stays, and asks on this terminal whenever a connection needs a secret."""

import argparse
import asyncio
import signal

from client.bus.client import RovedNotRunning, VpnClient
from client.cli.screen import Screen
from client.cli.session import hosted_agent, prompter_for
from client.model.cause import ExitCode


def run_agent(_options: argparse.Namespace) -> int:
    """Until interrupted or ended. A roved that is started anew is served again."""
    from client.agent.harden import harden_process
    harden_process()
    try:
        return asyncio.run(_serve())
    except KeyboardInterrupt:
        return ExitCode.DONE.value


async def _serve() -> int:
    screen = Screen()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with VpnClient() as client:
        first = True
        while True:
            try:
                async with hosted_agent(client, "agent", prompter_for(None)):
                    await client.subscribe()
                    screen.line("Ready to be asked. Ctrl-C ends it." if first else "roved is back.")
                    first = False
                    if await _until_gone(client, ended):
                        return ExitCode.DONE.value
            except RovedNotRunning:
                if first:
                    raise
            screen.line("roved ended; waiting for it to come back.")
            back = asyncio.ensure_future(client.wait_for_roved())
            stop = asyncio.ensure_future(ended.wait())
            await asyncio.wait((back, stop), return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                back.cancel()
                return ExitCode.DONE.value
            stop.cancel()
            back.result()


async def _until_gone(client: VpnClient, ended: asyncio.Event) -> bool:
    """True: we were told to end. Raises RovedNotRunning."""
    async def listen() -> None:
        async for _event in client.events():
            continue        # connections report to their own front ends

    listening, stop = asyncio.ensure_future(listen()), asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait((listening, stop), return_when=asyncio.FIRST_COMPLETED)
        if stop.done():
            return True
        listening.result()
        return False
    finally:
        listening.cancel()
        stop.cancel()
