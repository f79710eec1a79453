"""disconnect, pause, rekey, reauth."""

import argparse
import asyncio

from client.bus.client import VpnClient
from client.cli.screen import Screen
from client.cli.session import hosted_agent, prompter_for
from client.model.cause import Cause, ExitCode
from client.model.state import State
from client.model.units import duration
from client.texts import error_text


def run_disconnect(options: argparse.Namespace) -> int:
    """Returns when the host is as it was."""
    async def work() -> int:
        async with VpnClient() as client:
            await client.disconnect(options.name or "")
        Screen().line(f"Disconnected {options.name}." if options.name else "Disconnected.")
        return 0
    return asyncio.run(work())


def run_pause(options: argparse.Namespace) -> int:
    """Returns when the host is as it was; roved connects again."""
    async def work() -> int:
        async with VpnClient() as client:
            await client.pause("", options.seconds)
        Screen().line(f"Paused for {duration(options.seconds)}. “rove connect NAME” ends it earlier.")
        return 0
    return asyncio.run(work())


def run_rekey(options: argparse.Namespace) -> int:
    async def work() -> int:
        async with VpnClient() as client:
            await client.rekey(options.name, "ike" if options.ike else "child")
        Screen().line(f"Renewing the {'IKE SA' if options.ike else 'keys'} of {options.name}.")
        return 0
    return asyncio.run(work())


def run_reauth(options: argparse.Namespace) -> int:
    """Hosts an agent until the new login has taken over, or has failed."""
    from client.agent.harden import harden_process
    harden_process()

    async def work() -> int:
        prompter = prompter_for(options.password_fd, options.pin_fd)
        async with VpnClient() as client, hosted_agent(client, "cli", prompter):
            await client.subscribe()
            await client.reauthenticate(options.name)
            try:
                async with asyncio.timeout(options.timeout or None):
                    return await _reauthenticated(client, options.name)
            except TimeoutError:
                text = error_text(Cause.TIMEOUT)
                Screen().error(text.message, text.advice)
                return ExitCode.TIMEOUT.value
    return asyncio.run(work())


async def _reauthenticated(client: VpnClient, name: str) -> int:
    async for event in client.events():
        fields = event.fields
        if event.connection != name:
            continue
        if event.kind == "step" and fields.get("step") == "reauthenticated":
            Screen().line(f"Logged in to {name} again.")
            return ExitCode.DONE.value
        if event.kind == "error":
            Screen().error(str(fields.get("message", "")), str(fields.get("advice", "")))
            code = fields.get("exit_code")
            return code if isinstance(code, int) and 0 < code < 128 else ExitCode.FAILED.value
        state = fields.get("state")
        if event.kind == "state" and isinstance(state, dict) and state.get("state") == State.DISCONNECTED.value:
            Screen().error(f"{name} was disconnected meanwhile.")
            return ExitCode.FAILED.value
    return ExitCode.FAILED.value
