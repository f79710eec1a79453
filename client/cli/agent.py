"""agent: stays, and asks on this terminal whenever a connection needs a secret."""

import argparse
import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any

from client.agent.upgrade import is_upgraded, run_anew
from client.bus.client import RovedNotRunning, VpnClient
from client.cli.screen import Screen
from client.cli.session import hosted_agent, prompter_for
from client.model.cause import ExitCode
from client.texts import plain

if TYPE_CHECKING:
    from client.agent.token_policy import TokenPolicy


def run_agent(options: argparse.Namespace) -> int:
    """Until interrupted or ended. A roved that is started anew is served again, after an upgrade by the new agent."""
    from client.agent.harden import harden_process
    harden_process()
    try:
        if asyncio.run(_serve(options.cache_pin)):
            run_anew(sys.argv[1:])
    except KeyboardInterrupt:
        pass
    return ExitCode.DONE.value


async def _serve(cache_pin: float) -> bool:
    """Until we are told to end, or (True) are no longer the agent that is installed."""
    from client.agent.smartcard import Smartcards
    from client.agent.token_policy import TokenPolicy
    screen, cards = Screen(), Smartcards(cache_pin)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with VpnClient() as client:
        first = True
        while True:
            try:
                async with hosted_agent(client, "agent", prompter_for(None), cards):
                    await client.subscribe()
                    screen.line("Ready to be asked. Ctrl-C ends it." if first else "roved is back.")
                    first = False
                    policy = TokenPolicy(client, cards, lambda _, words: screen.line(plain(words)))
                    if await _until_gone(client, ended, policy):
                        return False
            except RovedNotRunning:
                if first:
                    raise
            screen.line("roved ended; waiting for it to come back.")
            back = asyncio.ensure_future(client.wait_for_roved())
            stop = asyncio.ensure_future(ended.wait())
            await asyncio.wait((back, stop), return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                back.cancel()
                return False
            stop.cancel()
            back.result()
            if is_upgraded():
                screen.line("Rove was upgraded: the new agent takes over.")
                return True


async def _until_gone(client: VpnClient, ended: asyncio.Event, policy: "TokenPolicy") -> bool:
    """True: we were told to end. Raises RovedNotRunning."""
    async def listen() -> None:
        async for event in client.events():
            policy.heard(event)     # connections report to their own front ends

    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(listen()), asyncio.create_task(policy.run()),
                                      asyncio.create_task(ended.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[-1].done():
            return True
        for task in tasks:
            if task.done():
                task.result()
        return False
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
