"""connect: hosts an agent, shows the steps, returns when connected or when it is clear that it will not be."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from client.bus.client import VpnClient, VpnEvent
from client.cli.screen import Screen, is_terminal
from client.cli.session import hosted_agent, prompter_for
from client.model.cause import Cause, ExitCode, RoveError
from client.model.state import State
from client.texts import error_text, plain, step_text

GRACE = 20.0        # s beyond --timeout that roved has for saying so itself
LAST_WORDS = 1.0    # s for the event that belongs to a final state
GIVE_UP = 10.0      # s for cleaning up after Ctrl-C


def run_connect(options: argparse.Namespace) -> int:
    from client.agent.harden import harden_process
    harden_process()

    async def work() -> int:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        screen = Screen()
        prompter = prompter_for(options.password_fd, options.pin_fd, remember=options.remember)
        async with VpnClient() as client, hosted_agent(client, "cli", prompter):
            await client.subscribe()
            attempt = Attempt(screen, options.name, options.timeout)
            try:
                await client.connect(options.name, options.timeout)
                return await attempt.follow(client)
            except asyncio.CancelledError:
                screen.error(f"Cancelled; {options.name} is not connected.")
                await _give_up(client, options.name)
                return ExitCode.ERROR.value
    return asyncio.run(work())


class Attempt:
    """Follows one attempt's events to its end."""

    def __init__(self, screen: Screen, name: str, patience: float) -> None:
        self._screen = screen
        self._name = name
        self._patience = patience
        self._best_known: Mapping[str, Any] = {}    # the last error that was not final
        self._state: Mapping[str, Any] = {}
        self._elapsed = 0.0

    async def follow(self, client: VpnClient) -> int:
        """→ exit code. Raises RovedNotRunning."""
        if is_terminal(sys.stdout):
            self._screen.line(f"Connecting to {self._name} …")
        events = self._own(client)
        while True:
            patience = self._wait()
            try:
                event = await asyncio.wait_for(anext(events), patience)
            except TimeoutError:
                if self._over:
                    return self._result()
                await _give_up(client, self._name)
                return self._timed_out()
            code = self._take(event)
            if code is not None:
                return code

    async def _own(self, client: VpnClient) -> AsyncIterator[VpnEvent]:
        async for event in client.events():
            if event.connection == self._name:
                yield event

    @property
    def _over(self) -> bool:
        return self._state.get("state") in (State.CONNECTED.value, State.FAILED.value, State.DISCONNECTED.value)

    def _wait(self) -> float | None:
        """Seconds until we stop waiting for roved's next word: it keeps the time, not we."""
        if self._over:
            return LAST_WORDS
        # People take their time, and roved's deadline for them is its own.
        asking = self._state.get("state") == State.WAITING_FOR_USER.value
        return self._patience + GRACE if self._patience and not asking else None

    def _take(self, event: VpnEvent) -> int | None:
        fields = event.fields
        match event.kind:
            case "state" if isinstance(fields.get("state"), dict):
                self._state = fields["state"]
            case "step":
                self._step(fields)
                if fields.get("step") == "connected":
                    return self._connected()
            case "error" if fields.get("final"):
                return self._failed(fields)
            case "error":
                self._best_known = fields
                self._screen.line(f"{'':9}  {self._screen.paint(str(fields.get('message', '')), 'warn')}"
                                  " Still trying …")
        return None

    def _step(self, fields: Mapping[str, Any]) -> None:
        with contextlib.suppress(TypeError, ValueError):
            self._elapsed = float(fields.get("elapsed", 0.0))
        if fields.get("step") == "connected":
            return      # the last line says so, and more
        detail = plain(str(fields.get("detail", "")))
        self._screen.line(f"{self._screen.paint(f'{self._elapsed:7.2f} s', 'dim')}  "
                          f"{step_text(str(fields.get('step', '')))}{': ' + detail if detail else ''}")

    def _result(self) -> int:
        """A final state without the event that should have come with it."""
        if self._state.get("state") == State.CONNECTED.value:
            return self._connected()
        error = self._state.get("last_error")
        if isinstance(error, dict):
            return self._failed(error)
        self._screen.error(f"{self._name} was disconnected meanwhile.")
        return ExitCode.ERROR.value

    def _connected(self) -> int:
        self._screen.line(connected_text(self._screen, self._name, self._state, self._elapsed))
        return ExitCode.DONE.value

    def _failed(self, error: Mapping[str, Any]) -> int:
        self._screen.error(str(error.get("message", "")), str(error.get("advice", "")))
        code = error.get("exit_code")
        if not isinstance(code, int):
            try:
                code = Cause.from_code(str(error.get("code"))).exit_code.value
            except KeyError:
                code = ExitCode.FAILED.value
        return code if 0 < code < 128 else ExitCode.FAILED.value

    def _timed_out(self) -> int:
        shown = error_text(Cause.TIMEOUT)
        self._screen.error(str(self._best_known.get("message") or shown.message),
                           str(self._best_known.get("advice") or shown.advice))
        return ExitCode.TIMEOUT.value


def connected_text(screen: Screen, name: str, state: Mapping[str, Any], elapsed: float) -> str:
    """ "Connected to work: 10.99.0.10 via wifi0 (NAT), aes256gcm16-prfsha384-ecp256, in 0.21 s". """
    path, ike = state.get("path") or {}, state.get("ike") or {}
    addresses = ", ".join(str(address) for address in state.get("virtual_ips") or ())
    via = f" via {path['interface']}" if path.get("interface") else ""
    parts = [addresses + via + (" (NAT)" if path.get("nat") else ""), str(ike.get("proposal", ""))]
    shown = ", ".join(plain(part).strip() for part in parts if part.strip())
    return f"{screen.paint(f'Connected to {name}', 'good')}{': ' + shown if shown else ''}, in {elapsed:.2f} s"


async def _give_up(client: VpnClient, name: str) -> None:
    with contextlib.suppress(RoveError, ConnectionError, TimeoutError):
        await asyncio.wait_for(client.disconnect(name), GIVE_UP)
