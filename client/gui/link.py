"""The tray's line to roved: finds it, hosts the agent, keeps what is known up to date, and comes back by itself."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from client.agent.upgrade import is_upgraded
from client.bus.client import CallFailed, RovedNotRunning, VpnClient, VpnEvent
from client.gui.view.documents import is_active, profile_rows, tunnel_state, tunnel_states
from client.gui.view.history import History
from client.gui.view.known import Known, Reach, is_protected
from client.gui.view.prompt_view import deadline_of
from client.model.cause import Cause, Finding, RoveError
from client.model.state import ErrorState, State, TunnelState
from client.texts import error_text, plain

if TYPE_CHECKING:
    from client.agent.prompts import Prompter
    from client.agent.smartcard import Smartcards

log = logging.getLogger(__name__)

RETRY_FIRST, RETRY_MOST = 1.0, 30.0     # s, doubling: the bus is missing, or polkit said no
CLEANING = (0.1, 0.2, 0.5, 1.0, 2.0)    # s between the tries to connect while roved cleans up
OURS = 15.0                             # s for which what happens is the consequence of our own call


class Listener(Protocol):
    """Who is told. All calls come from the event loop's thread."""

    def known_changed(self) -> None: ...
    def tunnel_changed(self, before: TunnelState | None, after: TunnelState, ours: bool) -> None: ...
    def log_line(self, fields: dict[str, Any]) -> None: ...
    def trouble(self, profile: str, error: ErrorState) -> None: ...
    def lost(self, profile: str) -> None: ...
    def gateway_says(self, profile: str, words: str) -> None: ...
    def finding(self, profile: str, message: str) -> None: ...
    def upgraded(self) -> bool: ...         # is it all over here? Else it goes on, for the moment


class Link:
    """``run`` until cancelled, or another tray is installed. ``known`` and ``histories`` are for reading."""

    def __init__(self, listener: Listener, prompter: "Prompter", roved_uid: int = 0) -> None:
        self.known = Known()
        self.histories: dict[str, History] = {}
        self.deadlines: dict[str, float] = {}       # profile → until when roved waits for an answer, Unix time
        self._listener = listener
        self._prompter = prompter
        self._roved_uid = roved_uid
        self._client: VpnClient | None = None
        self._smartcards: Smartcards | None = None
        self._heard: dict[str, int] = {}            # profile → state events; an answer asked for before one is older
        self._asked: dict[str, float] = {}          # profile → when we asked for something, monotonic
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        wait = RETRY_FIRST
        while True:
            try:
                async with VpnClient() as client:
                    self._client = client
                    while True:
                        try:
                            wait = await self._serve(client, wait)
                        except RovedNotRunning as error:
                            self._cut_off(Reach.NOT_RUNNING, str(error))
                            await client.wait_for_roved()
                            if is_upgraded() and self._listener.upgraded():
                                return
                            wait = RETRY_FIRST
            except RovedNotRunning as error:
                self._cut_off(Reach.NOT_RUNNING, str(error))
            finally:
                self._client = None
            await asyncio.sleep(wait)
            wait = min(2 * wait, RETRY_MOST)

    # --- what people do ---

    def connect(self, name: str) -> None:
        """Right after a failure roved may still be cleaning up, though it has told of the end already."""
        async def connect(client: VpnClient) -> None:
            for wait in CLEANING:
                try:
                    await client.connect(name)
                    return
                except RoveError as error:
                    if error.cause is not Cause.ALREADY_ACTIVE or is_active(self.known.tunnel(name)):
                        raise
                await asyncio.sleep(wait)
            await client.connect(name)
        self._do(name, connect)

    def disconnect(self, name: str = "") -> None:
        self._do(name, lambda client: client.disconnect(name))

    def pause(self, name: str, seconds: float) -> None:
        self._do(name, lambda client: client.pause(name, seconds))

    def reauthenticate(self, name: str) -> None:
        self._do(name, lambda client: client.reauthenticate(name))

    def rekey(self, name: str) -> None:
        self._do(name, lambda client: client.rekey(name))

    def delete(self, name: str, *_: object) -> None:
        async def delete(client: VpnClient) -> None:
            from client.agent import credentials
            await client.delete_profile(name)
            credentials.remove(name)
            await self._load(client)
        self._do(name, delete)

    def refresh(self) -> None:
        """Profiles and states anew: another front end may have changed them, and no event tells."""
        if self.known.reach is Reach.READY:
            self._do("", self._load, "refresh")

    def sample(self) -> None:
        """The counters of what is up, for the throughput plot."""
        async def sample(client: VpnClient) -> None:
            heard = dict(self._heard)
            for tunnel in tunnel_states(await client.status()):
                if self._heard.get(tunnel.name) == heard.get(tunnel.name):
                    self.histories.setdefault(tunnel.name, History()).sample(tunnel, time.time())
                    self._set(tunnel)
        if self.known.reach is Reach.READY and not any(task.get_name() == "sample" for task in self._tasks):
            self._do("", sample, "sample")

    @property
    def client(self) -> VpnClient:
        """For a conversation of one's own. Raises RovedNotRunning."""
        if self._client is None or self.known.reach is not Reach.READY:
            raise RovedNotRunning("there is no connection to roved")
        return self._client

    def asking(self, name: str, open_: bool) -> None:
        """A question of this profile is open here, or no more."""
        self.known = self.known.with_asking(name, open_)
        if not open_:
            self.deadlines.pop(name, None)
        self._listener.known_changed()

    # --- one life of roved ---

    async def _serve(self, client: VpnClient, wait: float) -> float:
        """Until roved goes (RovedNotRunning), or it is time to ask polkit again → the next wait."""
        async with contextlib.AsyncExitStack() as stack:
            limited = False
            try:
                await stack.enter_async_context(self._agent(client))
            except RoveError as error:
                if error.cause is not Cause.NOT_AUTHORISED:
                    raise RovedNotRunning(str(error)) from error
                limited = True
            try:
                await client.subscribe()
                await self._load(client, limited)
            except RoveError as error:
                if error.cause is not Cause.NOT_AUTHORISED:
                    raise RovedNotRunning(str(error)) from error
                self._cut_off(Reach.NOT_AUTHORISED, error.detail)
                await asyncio.sleep(wait)
                return min(2 * wait, RETRY_MOST)
            try:
                async with asyncio.timeout(wait if limited else None):
                    await self._listen(client)
            except TimeoutError:
                return min(2 * wait, RETRY_MOST)
        return RETRY_FIRST

    def _agent(self, client: VpnClient) -> "contextlib.AbstractAsyncContextManager[None]":
        from client.agent.hosting import hosted
        from client.agent.smartcard import Smartcards
        self._smartcards = self._smartcards or Smartcards()     # of which a process has one only
        return hosted(client, "tray", self._prompter, self._notice, self._found, self._roved_uid, self._smartcards)

    async def _listen(self, client: VpnClient) -> None:
        from client.agent.token_policy import TokenPolicy
        assert self._smartcards is not None
        policy = TokenPolicy(client, self._smartcards, self._listener.finding)
        watching = asyncio.create_task(policy.run())
        try:
            async for event in client.events():
                policy.heard(event)
                try:
                    self._take(event)
                except Exception:       # a view's mistake must not deafen us
                    log.exception("an event of kind %r was not shown", event.kind)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def _take(self, event: VpnEvent) -> None:
        match event.kind:
            case "state":
                if tunnel := tunnel_state(event.fields.get("state")):
                    self._heard[tunnel.name] = self._heard.get(tunnel.name, 0) + 1
                    self._set(tunnel)
            case "step":
                self.histories.setdefault(event.connection, History()).note_step(str(event.fields.get("step", "")))
            case "prompt":
                if (deadline := deadline_of(str(event.fields.get("deadline", "")))) is not None:
                    self.deadlines[event.connection] = deadline
            case "log":
                self._listener.log_line(dict(event.fields))
            case "error":
                self._erred(event)

    def _erred(self, event: VpnEvent) -> None:
        """An attempt failed and the next one follows: the state's own last_error comes with its next change."""
        tunnel = self.known.tunnel(event.connection)
        if tunnel is not None:
            fields = event.fields
            error = ErrorState(*(plain(str(fields.get(key, ""))) for key in ("code", "stage", "message", "advice")))
            self.known = self.known.with_tunnel(replace(tunnel, last_error=error))
            self._listener.known_changed()

    async def _load(self, client: VpnClient, limited: bool | None = None) -> None:
        heard = dict(self._heard)
        rows = profile_rows(await client.list_profiles())
        answer = tunnel_states(await client.status())
        limited = self.known.limited if limited is None else limited
        newer = {name for name in self._heard if self._heard[name] != heard.get(name)}
        tunnels = [tunnel for tunnel in answer if tunnel.name not in newer]
        there = {tunnel.name for tunnel in answer} | newer
        self.known = replace(self.known, reach=Reach.READY, reach_detail="", limited=limited, profiles=rows,
                             tunnels={name: tunnel for name, tunnel in self.known.tunnels.items() if name in there})
        for tunnel in tunnels:
            self._set(tunnel)
        self._listener.known_changed()

    def _set(self, tunnel: TunnelState) -> None:
        before = self.known.tunnel(tunnel.name)
        self.known = self.known.with_tunnel(tunnel)
        self.histories.setdefault(tunnel.name, History()).note_state(tunnel, time.time())
        ours = time.monotonic() - self._asked.get(tunnel.name, self._asked.get("", -OURS)) < OURS
        self._listener.tunnel_changed(before, tunnel, ours)
        self._listener.known_changed()

    def _cut_off(self, reach: Reach, detail: str) -> None:
        for name, tunnel in self.known.tunnels.items():
            if is_protected(tunnel):
                self._listener.lost(name)
        self.known = self.known.cut_off(reach, plain(detail, 300))
        self.deadlines.clear()
        self._listener.known_changed()

    # --- plumbing ---

    def _do(self, name: str, work: Callable[[VpnClient], Awaitable[None]], label: str = "") -> None:
        """``label``: nobody asked for it, so its failure is told to nobody."""
        def failed(error: Exception, shown: ErrorState) -> None:
            if label:
                log.info("%s: %s", label, error)
            else:
                self._listener.trouble(name, shown)

        async def run() -> None:
            try:
                await work(self.client)
            except RovedNotRunning as error:
                failed(error, not_running())
            except CallFailed as error:     # a sentence of roved's
                failed(error, replace(error_text(error.cause), message=f"{plain(error.detail)}.", advice=""))
            except RoveError as error:
                failed(error, error_text(error.cause, error.detail))
            except OSError as error:
                failed(error, error_text(Cause.CREDENTIAL_UNUSABLE, error.strerror or ""))
        if not label:
            self._asked[name] = time.monotonic()
        task = asyncio.get_running_loop().create_task(run(), name=label or None)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _notice(self, profile: str, words: str) -> None:
        self._listener.gateway_says(profile, plain(words, 200))

    def _found(self, profile: str, finding: Finding) -> None:
        self._listener.finding(profile, plain(finding.message))


def not_running() -> ErrorState:
    from client.texts import translated as _
    return ErrorState("roved-not-running", "prepare", _("The VPN service is not running."),
                      _("Start it with “systemctl start roved”, or ask whoever runs this computer."))


def is_reauthentication(tunnel: TunnelState | None) -> bool:
    """Does a question now concern a tunnel that is up?"""
    return tunnel is not None and tunnel.state in (State.CONNECTED.value, State.ROAMING.value)
