"""One connection: runs the effects that the engine asks for, attempt after attempt, until the user ends it.

The engine decides, this obeys: datagrams to the transport, questions to the agent, SAs to the data path, the
tunnel's addresses and routes to the host. What may be retried says the Cause, nothing here.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from errno import EMSGSIZE
from typing import Any

from client.core.helper.agents import AgentSession, Prepared
from client.core.helper.answers import EAP_TIMEOUT, Answer, Answers
from client.core.helper.attachment import Attachment
from client.core.helper.climb import Climb
from client.core.helper.expiry import CODES, refusal
from client.core.helper.expiry_watch import ExpiryWatch
from client.core.helper.fetch_rules import Reply
from client.core.helper.gateways import Gateways
from client.core.helper.monitor import SILENCE, BackOff
from client.core.helper.portal import PortalWatch
from client.core.helper.resume import Resume
from client.core.helper.revocation import Uplink
from client.core.helper.settings import engine_config, inbound_sa, outbound_sa
from client.core.helper.sizing import Sizing
from client.core.helper.status_check import StatusCheck
from client.core.helper.surroundings import Surroundings
from client.core.helper.telling import Telling
from client.core.helper.transport import Callbacks, Transport
from client.core.helper.tunnel import Tunnel
from client.core.ikev2 import events as ike
from client.core.ikev2.reauth import FORGEABLE
from client.core.ikev2.succession import SILENT, Succession
from client.core.platform.host import HostConfig
from client.core.platform.netmon import NetworkChange
from client.core.platform.paths import any_uplink, candidate_paths
from client.model.cause import Cause, Finding, Retry, RoveError
from client.model.endpoint import Endpoint
from client.model.profile import Profile
from client.model.state import DnsState, State, TunnelState
from client.texts import finding_text

PREPARE_DEADLINE = 300.0          # s that a person has for a first prompt
REAUTH_DEADLINE = 600.0           # s, while the present IKE_SA carries the traffic
LASTING = 60.0                    # s: a connection that held so long begins the waits between attempts anew
SILENCE_BEFORE_THE_NEXT = 8.0     # s, where the gateway has several addresses
# The gateway may use a new SA the moment it hears of it, and forget an old one: ours must be in force by then.
_BEFORE_IT_IS_SAID = (ike.ChildInstalled, ike.ChildOutbound)
_ANSWERED = ("ike-sa-init", "resuming")    # IKE_SA_INIT, or what takes its place
_REFUSALS = (Cause.USER_REFUSED, Cause.PPK_REFUSED)
_ONLINE = (State.CONNECTING, State.CONNECTED, State.ROAMING, State.RECONNECTING)
_BETTER_THAN_TIMEOUT = (Cause.NO_NETWORK, Cause.NAME_NOT_FOUND)


class Connection:
    """``run`` is its life; ``disconnect`` ends it and returns when the host is clean."""

    def __init__(self, profile: Profile, agent: AgentSession, timeout: float, around: Surroundings) -> None:
        self._profile = profile
        self._agent = agent
        self._around = around
        self._tell = Telling(
            Tunnel(profile.name, profile.gateway.identity, State.CONNECTING, time.time()), around.event, around.log,
            around.clock, lambda: self._transport.stats() if self._transport is not None else None)
        self._gateways = Gateways(profile.gateway.address, around.mark, around.log)
        self._status = StatusCheck(
            profile.gateway.revocation, around.revocation,
            lambda: Uplink(around.mark, self._tell.tunnel.virtual_ips.dns), self._tell.found, self._tell.without,
            self._finish)
        self._answers = Answers(profile, agent, self._tell.found, self._status)
        self._expiry = ExpiryWatch(self._certificates_expire, self._log_in_anew, self._certificate_over)
        self._timeout = timeout
        self._transport: Transport | None = None
        self._engine: Succession | None = None
        self._config: ike.EngineConfig | None = None
        self._resume = Resume()
        self._timer: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[None] | None = None      # of the attempt under way
        self._questions: set[asyncio.Task[None]] = set()
        self._jobs: set[asyncio.Task[None]] = set()         # that outlive an attempt
        self._nobody_there = False                          # to be asked, when it was time to log in again
        self._renewal: asyncio.Task[None] | None = None     # somebody is asked what a new authentication needs
        self._renewing = ""                                 # why
        self._back_off = BackOff(around.random)
        self._portal = PortalWatch(
            around.settings.portal.check, (*profile.gateway.address, profile.gateway.identity), self._ask_the_web,
            self._portal_found, self._portal_opened, lambda line: around.log("info", line))
        self._climb = Climb(profile.roaming, around.memory, self._follow, self.probe, self._probe_way,
                            self._tell.step)
        self._sizing = Sizing(
            around.clock, self._probe_mtu,
            lambda: self._transport.stats().last_outbound if self._transport is not None else 0.0, self._resize,
            lambda: around.memory.of(*self._climb.network()).mtu,
            lambda mtu: around.memory.learn(*self._climb.network(), mtu=mtu))
        self._attached = Attachment(profile, around, self._sizing)
        self._search: asyncio.Task[None] | None = None      # for an address that can be reached from here
        self._was_connected = False
        self._accepted = False                              # the user, by the gateway: nothing to ask him again
        self._connected_at: float | None = None
        self._cut_off = False                               # no uplink leads to the gateway
        self._childless = False                             # the gateway takes no CHILD_SA in IKE_AUTH (RFC 6023)
        self._closing = False
        self._cleaning = False
        self._hint: RoveError | None = None                 # the best-known reason, for --timeout
        self._broken: RoveError | None = None               # why there is no data path any more
        self._network_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # --- for the manager ---

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def state(self) -> TunnelState:
        return self._tell.state()

    @property
    def active(self) -> bool:
        return self._task is not None and not self._task.done()

    def network_changed(self, change: NetworkChange) -> None:
        """New paths for the engine; a wait for the network ends."""
        self._network_changed.set()
        self._expiry.look()         # after a sleep, too
        if self._engine is not None and self._transport is not None and self._gateways.now:
            self._follow()
            if self._cut_off and self._search is None and self._has_uplink():
                self._search = self._do(self._look_elsewhere(self._engine))

    def network_stirs(self) -> bool:
        """A change has begun. Where the path in use is gone already there is nothing to lose by not waiting for the
        end of it. True while there is no path at all."""
        if self._engine is None or self._transport is None or self._tell.tunnel.path is None:
            return False
        paths = self._paths(everywhere=False)
        if not paths:       # of the same IP version: its routes are just coming, or going
            versions = {":" in gateway for gateway in self._gateways.now}
            paths = [path for path in self._paths() if (":" in path.remote.address) not in versions]
        if self._cut_off or not any(path.same_way(self._tell.tunnel.path) for path in paths):
            self._follow(paths)
        return self._cut_off

    def probe(self) -> None:
        """The way to the gateway is in doubt."""
        self._steer(lambda engine, now: engine.probe(now))

    def _unanswered(self) -> None:
        """The data path sends, and nothing comes back."""
        self._steer(lambda engine, now: engine.suspect(now))

    def woke(self, slept: float) -> None:
        """The machine has slept for so many seconds: the network may be another, the NAT may have forgotten us and the
        gateway too. The event loop's timers stood still meanwhile, the engine's did not."""
        self._around.log("info", f"awake after {slept:.0f} s")
        self.network_changed(NetworkChange(frozenset()))

        def woke(engine: Succession, now: float) -> None:
            self._tell_of_traffic(engine)
            engine.woke(now)            # before everything that has become due
            engine.handle_timeout(now)
        self._steer(woke)

    def _follow(self, paths: list[ike.Path] | None = None) -> None:
        """These are the paths now, or (None) others than before may be. Without any nothing is wound up and nothing
        sent (``_drive``): on the first one what is late is done."""
        if self._engine is None or self._transport is None:
            return
        paths = self._paths() if paths is None else paths
        back = self._cut_off and bool(paths)
        if self._cut_off is not (not paths):
            self._transport.keep_alive(bool(paths) and self._tell.tunnel.nat)
        self._cut_off = not paths
        if paths and self._portal.captive:
            self._portal.now_on(paths[0].interface)
            if not self._portal.captive:
                self._portal_gone()
                self._trying()

        def follow(engine: Succession, now: float) -> None:
            if back:
                engine.late(now)
            engine.set_paths(paths, now, self._paths(self._gateways.next) if self._gateways.next else None)
            if back:
                engine.handle_timeout(now)
        self._steer(follow)
        if self._cut_off and self._tell.tunnel.state in _ONLINE:
            self._tell.to(State.OFFLINE)
        elif not self._cut_off and self._tell.tunnel.state is State.OFFLINE and not self._tell.tunnel.spis[0]:
            self._trying()

    async def _look_elsewhere(self, engine: Succession) -> None:
        """There is a network, and none of the addresses we know can be reached from it: of another IP version, say.
        What its name servers say now may lead on. They come to be known a little after the network itself."""
        waits = BackOff(self._around.random)
        try:
            while self._cut_off and engine is self._engine:
                try:
                    found = await self._gateways.look_up(self._tell.tunnel.virtual_ips.dns)
                except RoveError:
                    found = ()
                if self._cut_off and engine is self._engine and (paths := self._paths(found)):
                    self._gateways.now = found
                    self._follow(paths)
                    return
                if not self._has_uplink():
                    return          # the next notification begins this anew
                await asyncio.sleep(waits.wait(Cause.NAME_NOT_FOUND, self._around.clock()))
        finally:
            self._search = None

    def rekey(self, what: str) -> None:
        """Raises RoveError(NOT_CONNECTED) where there is nothing to renew."""
        if self._engine is None or not self._tell.tunnel.children:
            raise RoveError(Cause.NOT_CONNECTED, f"it is {self._tell.tunnel.state.value}")

        def rekey(engine: Succession, now: float) -> None:
            if what == "ike":
                engine.rekey_ike(now)
            else:
                for info, _ in self._tell.tunnel.children:
                    engine.rekey_child(info.spi_in, now)
        self._steer(rekey)

    def reauthenticate(self, sender: str) -> None:
        """Log in again now, beside the IKE_SA that is in use; ``sender`` wants it."""
        if self._engine is not None:
            self._agent.prefer(sender)
            self._log_in_anew()

    def _log_in_anew(self) -> None:
        self._steer(lambda engine, now: engine.ask_reauthentication(now))

    @property
    def asks(self) -> int | None:
        """Whose agents."""
        return self._agent.uid

    def agent_came(self) -> None:
        """Where nobody could be asked to log in again somebody can be now."""
        if self._nobody_there:
            self._log_in_anew()

    async def disconnect(self) -> None:
        self._closing = True
        if self._engine is not None:
            self._engine.close(self._around.clock())
            self._drive()
            if self._over is not None:
                await asyncio.wait([self._over], timeout=4.0)
        if self._task is not None:
            # Whoever has come to cleaning up by himself must not be torn out of it.
            if not self._cleaning:
                self._task.cancel()
            await asyncio.wait([self._task])

    # --- attempts ---

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(self._timeout or None) as self._deadline:
                await self._attempts()
            self._tell.disconnected()
        except TimeoutError:
            hint = self._hint or RoveError(Cause.TIMEOUT)
            better = hint.cause.exit_code is Cause.TIMEOUT.exit_code or hint.cause in _BETTER_THAN_TIMEOUT
            self._tell.failed(hint if better else RoveError(Cause.TIMEOUT, hint.detail))
        except RoveError as error:
            self._tell.failed(error)
        except asyncio.CancelledError:
            self._tell.disconnected()
        except Exception as error:
            self._around.log("error", f"internal error: {error!r}")
            self._tell.failed(RoveError(Cause.INTERNAL, repr(error)))
            raise
        finally:
            self._cleaning = True
            await asyncio.shield(self._clean_up())

    async def _attempts(self) -> None:
        """Until disconnected, or a cause that only a person can mend."""
        while not self._closing:
            self._connected_at = None
            childless = self._childless
            try:
                # A gateway that accepted the user and takes no CHILD_SA in IKE_AUTH is asked without one, at once.
                await self._attempt("reconnect" if self._accepted or childless else "connect")
            except RoveError as error:
                log_in = self._resume.ended(error.cause)
                if (log_in or (self._childless and not childless)) and not self._closing:
                    continue
                # Nobody has signed an answer to IKE_SA_INIT: with settings that have worked it is no reason to end
                # (RFC 7296 §2.21.1).
                forged = self._was_connected and error.cause in FORGEABLE
                if (error.cause.retry is not Retry.BACK_OFF and not forged) or self._closing:
                    raise
                if not (self._portal.captive and error.cause in SILENCE):
                    self._hint = error
                    self._tell.error(error)
                await self._pause(error.cause)

    async def _pause(self, cause: Cause) -> None:
        """Until the next attempt makes sense: when something changes on this host, or, where that would not be seen
        from here, after a while."""
        now = self._around.clock()
        if self._connected_at is not None and now - self._connected_at >= LASTING:
            self._back_off.begin_anew()
        offline = cause in SILENCE and not self._has_uplink()
        self._tell.set(spis=(b"", b""), children=())
        if offline:
            self._tell.to(State.OFFLINE)
        else:
            self._trying()
            self._suspect_portal(cause)
        if cause is not Cause.NO_NETWORK:       # else what has changed since is not known to be of no help
            self._network_changed.clear()
        wait = None if offline else self._back_off.wait(cause, now)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._network_changed.wait()
            self._back_off.begin_anew()

    def _trying(self) -> None:
        trying = State.RECONNECTING if self._was_connected else State.CONNECTING
        if self._tell.tunnel.spis[0]:        # an IKE_SA stands and is on its way
            trying = State.ROAMING
        self._tell.to(State.BLOCKED if self._portal.captive else trying)

    def _has_uplink(self) -> bool:
        return any_uplink(self._gateways.now or self._profile.gateway.address, self._around.mark)

    async def _attempt(self, reason: str) -> None:
        """One IKE_SA from nothing to its end. Raises RoveError with why it ended; returns when closed by us."""
        if self._tell.tunnel.state is not State.OFFLINE:     # until there is a way
            self._trying()
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        self._cut_off = False
        self._network_changed.clear()
        if self._broken is not None:
            raise self._broken
        self._open_transport()
        gateways = await self._gateways.look_up(self._tell.tunnel.virtual_ips.dns)
        if not self._paths(gateways):
            raise RoveError(Cause.NO_NETWORK, "no uplink has a route to the gateway")
        self._trying()
        previous = self._tell.tunnel.virtual_ips.addresses
        config = self._resume.config(previous, self._around.clock())
        if config is None:      # nobody is asked for what could not be used, or is not needed
            prepared = await self._prepare(reason)
            config = engine_config(self._profile, prepared, self._around.random, previous, alone=self._around.alone())
        self._gateways.begin(gateways)
        assert self._transport is not None
        candidates = candidate_paths(self._gateways.now, self._around.mark)
        if not candidates:
            raise RoveError(Cause.NO_NETWORK, "no uplink has a route to the gateway")
        patience = config.connect_give_up if len(gateways) == 1 else SILENCE_BEFORE_THE_NEXT
        config = replace(config, childless=self._childless,
                         connect_give_up=self._back_off.give_up(self._around.clock(), patience))
        self._config = config
        self._climb.begin(self._transport, candidates)
        self._engine = Succession(config, self._around.random)
        self._around.log("info", f"initiating IKE_SA to {candidates[0].gateway} via {candidates[0].interface}")
        try:
            self._engine.start(self._climb.paths(candidates), self._around.clock())
            self._drive()
            await self._over
        except RoveError as error:
            self._gateways.ended(error.cause)
            self._tell_refusal(error.cause)
            raise
        finally:
            self._say_goodbye(self._engine)
            self._engine = None
            self._climb.end()
            self._sizing.end()
            self._answers.forget()
            self._forget_children()
            if self._timer is not None:
                self._timer.cancel()
            for question in self._questions:
                question.cancel()

    def _tell_refusal(self, cause: Cause) -> None:
        """What was given is not given again unasked."""
        if cause in _REFUSALS and not self._resume.under_way:
            self._agent.outcome(accepted=False)

    def _say_goodbye(self, engine: Succession) -> None:
        """Once, where it was not the engine that ended: the gateway need not keep what we could not use."""
        now = self._around.clock()
        if self._transport is not None:
            engine.close(now)
            self._transport.send(*engine.datagrams_to_send(now))

    def _forget_children(self) -> None:
        """Their IKE_SA is gone: what is meant for them waits, or is dropped, in the tunnel."""
        if self._transport is not None:
            for info, _ in self._tell.tunnel.children:
                self._transport.data_path.remove(info.spi_in)
                self._transport.data_path.remove(info.spi_out)

    async def _prepare(self, reason: str) -> Prepared:
        """The agent asks for what is missing before IKE_SA_INIT: gateways drop half-open SAs."""
        async with self._at_the_users_leisure(PREPARE_DEADLINE):
            prepared = await self._agent.prepare(reason, PREPARE_DEADLINE)
        self._tell.begin()
        return prepared

    async def _answer_eap(self, event: ike.EapReceived) -> Answer:
        """A method may ask the user for what only the gateway's words tell him: a token's code, a new password."""
        async with self._at_the_users_leisure(EAP_TIMEOUT):
            return await self._answers.eap(event)

    @contextlib.asynccontextmanager
    async def _at_the_users_leisure(self, patience: float) -> AsyncIterator[None]:
        """A person's time does not count against --timeout: it is for the gateway, and for all attempts together."""
        loop = asyncio.get_running_loop()
        asked = loop.call_later(0.5, self._tell.waiting, patience)
        began, due = loop.time(), self._deadline.when()
        try:
            self._deadline.reschedule(None)
            yield
        finally:
            asked.cancel()
            self._tell.answered()
            if due is not None and self._deadline.when() is None:
                self._deadline.reschedule(due + loop.time() - began)
        if self._tell.tunnel.state is State.WAITING_FOR_USER:
            self._trying()

    def _open_transport(self) -> None:
        """The data path comes up while people type and IKE travels, which is heard meanwhile; ESP waits for it."""
        if self._transport is not None:
            return
        self._transport = Transport(self._around.interface, self._around.mark, Callbacks(
            self._datagram, self._refused, self._expired,
            lambda: self._around.log("warning", "the data path died and was restarted with its SAs"),
            lambda reason: self._break(RoveError(Cause.INTERNAL, f"data path: {reason}")), self._unanswered,
            self._climb.stream_lost),
            self._around.nursery, plain_esp="esp" in self._profile.roaming.transports)
        task = asyncio.get_running_loop().create_task(self._transport.start())
        self._jobs.add(task)
        task.add_done_callback(self._started_or_not)

    def _started_or_not(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._break(error if isinstance(error, RoveError) else RoveError(Cause.INTERNAL, repr(error)))

    def _break(self, error: RoveError) -> None:
        """The data path will not come back: neither this attempt nor, where none is under way, the next can work."""
        self._broken = error
        self._network_changed.set()
        self._finish(error)

    def _paths(self, gateways: tuple[str, ...] | None = None, *, everywhere: bool = True) -> list[ike.Path]:
        """To the gateway in use (None) by whatever the ladder has come to; to another one by UDP, to begin with.

        ``everywhere``: to the other addresses of the gateway as well. Each costs time that a roam has not."""
        assert self._transport is not None
        gateways = self._gateways.now if gateways is None else gateways
        present = self._engine is not None and gateways == self._gateways.now
        if everywhere and present:
            gateways = self._gateways.everywhere(self._attached.inside())
        candidates = candidate_paths(gateways, self._around.mark)
        if present:
            return self._climb.paths(candidates)
        return [self._transport.path(candidate.interface, candidate.local, candidate.gateway, candidate.mtu,
                                     candidate.index) for candidate in candidates]

    def _probe_way(self, path: ike.Path) -> bool:
        return bool(self._steer(lambda engine, now: engine.probe_way(path, now)))

    def _probe_mtu(self, octets: int) -> bool:
        return bool(self._steer(lambda engine, now: engine.probe_mtu(octets, now)))

    # --- another IKE_SA beside the present one, or at another gateway ---

    def _renew(self, due: ike.ReauthenticationDue) -> None:
        """The last reason counts: what was asked for another one is not needed."""
        self._nobody_there = False
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal, self._renewing = self._do(self._prepare_again(due)), due.reason

    async def _prepare_again(self, due: ike.ReauthenticationDue) -> None:
        """The agent asks while the present IKE_SA carries the traffic; then the engine makes another."""
        engine, present = self._engine, self._tell.tunnel.path
        patience = min(max(due.deadline - self._around.clock(), 1.0), REAUTH_DEADLINE)
        silent = due.reason == SILENT
        self._tell.step("reauth-due", due.gateway or due.reason)
        asked = asyncio.get_running_loop().call_later(0.5, self._tell.asked, "again", patience)
        if silent:
            asked.cancel()
        try:
            prepared = await self._agent.prepare("silent" if silent else "reauth", patience)
            gateways = await self._gateways.named(due.gateway, self._tell.tunnel.virtual_ips.dns)
            config = replace(engine_config(self._profile, prepared, self._around.random,
                                           self._tell.tunnel.virtual_ips.addresses), childless=self._childless)
        except RoveError as error:
            if engine is not None and engine is self._engine:
                engine.postpone_reauthentication(error.cause, error.detail, self._around.clock())
                self._drive()
            return
        finally:
            asked.cancel()
            self._tell.answered()
        if engine is None or engine is not self._engine:
            return
        self._gateways.next, self._config = gateways, config
        if gateways and present is not None:
            config = replace(config, redirected_from=present.remote.address)
        engine.reauthenticate(config, self._around.clock(), self._paths(gateways) if gateways else None)
        self._drive()

    async def _go_to(self, gateway: str) -> None:
        """Before there is an IKE_SA: the gateway asked sends us to another one (RFC 5685)."""
        engine, config, sent_by = self._engine, self._config, self._gateways.now[0]
        gateways = await self._gateways.named(gateway, self._tell.tunnel.virtual_ips.dns)
        paths = self._paths(gateways)
        if not paths:
            raise RoveError(Cause.NO_NETWORK, "no uplink has a route to the gateway that the other one names")
        if engine is not None and engine is self._engine and config is not None:
            self._gateways.now = gateways
            engine.follow(replace(config, redirected_from=sent_by), paths, self._around.clock())
            self._drive()

    def _do(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """It ends with the attempt at the latest, and what goes wrong ends the attempt."""
        task = asyncio.get_running_loop().create_task(job)
        self._questions.add(task)
        task.add_done_callback(self._answered)
        return task

    def _reauthentication_failed(self, event: ike.ReauthenticationFailed, offset: float) -> None:
        self._gateways.next = ()
        self._nobody_there = event.cause is Cause.NO_AGENT
        if event.cause is Cause.GATEWAY_REVOKED:    # so is the one that the connection is with
            self._finish(RoveError(event.cause, event.detail))
            return
        self._tell_refusal(event.cause)
        self._tell.renewal_failed(event.cause, event.detail, event.deadline + offset)

    # --- the engine's loop ---

    def _datagram(self, data: bytes, path: ike.Path) -> None:
        self._steer(lambda engine, now: engine.receive_datagram(data, path, now))

    def _timeout_due(self) -> None:
        def due(engine: Succession, now: float) -> None:
            self._tell_of_traffic(engine)
            engine.handle_timeout(now)
        self._steer(due)

    def _tell_of_traffic(self, engine: Succession) -> None:
        if self._transport is not None:
            engine.traffic_seen(self._transport.stats().last_inbound)

    def _steer(self, act: Callable[[Succession, float], object]) -> object:
        """The engine hears of something at this time, and what it wants is done → what ``act`` returns. An error there
        would be nobody's, and the attempt would hang without a timer: it ends the attempt. None without an engine."""
        said = None
        if self._engine is not None:
            try:
                said = act(self._engine, self._around.clock())
                self._drive()
            except RoveError as error:
                self._finish(error)
            except Exception as error:
                self._around.log("error", f"internal error: {error!r}")
                self._finish(RoveError(Cause.INTERNAL, repr(error)))
        return said

    def _drive(self) -> None:
        """After every input: send, obey, set the one timer."""
        engine, transport = self._engine, self._transport
        if engine is None or transport is None:
            return
        now = self._around.clock()
        datagrams, obeyed = engine.datagrams_to_send(now), list(iter(engine.next_event, None))
        if datagrams and any(isinstance(event, _BEFORE_IT_IS_SAID) for event in obeyed):
            self._obey_all(obeyed)
            transport.when_settled(lambda: transport.send(*datagrams))
        else:
            transport.send(*datagrams)
            self._obey_all(obeyed)
        if self._timer is not None:
            self._timer.cancel()
        transport.set_patience(engine.patience)
        due = engine.next_timeout()
        if due is not None and not self._cut_off:
            self._timer = asyncio.get_running_loop().call_later(max(due - now, 0.0), self._timeout_due)

    def _obey_all(self, events: list[ike.Event]) -> None:
        assert self._transport is not None
        with self._transport.data_path.together():      # a way and the SA that goes by it
            for event in events:
                self._obey(event)

    def _obey(self, event: ike.Event) -> None:
        transport = self._transport
        assert transport is not None
        offset = time.time() - self._around.clock()
        self._tell.take(event, offset)
        match event:
            case ike.PeerAuth():
                self._ask(event.request_id, self._answers.judge(event))
            case ike.SignatureNeeded():
                self._ask(event.request_id, self._answers.sign(event))
            case ike.EapReceived():
                self._ask(event.request_id, self._answer_eap(event))
            case ike.PpkNeeded():
                self._ask(event.request_id, self._answers.mix_ppk(event))
            case ike.Progress():
                if event.step in _ANSWERED:
                    self._climb.answered()
                self._childless |= event.step == "childless-only"
                self._tell.step(event.step, event.detail)
            case ike.Established():
                self._portal_gone()
                self._accepted = True
                self._gateways.let_in()
                if not self._resume.under_way and self._config is not None:
                    self._agent.outcome(accepted=True)
                    self._logged_in(self._config)
                self._tell.step("established", ", ".join(str(a.ip) for a in event.virtual_ips.addresses))
                self._climb.established(event.path)
                self._use(event.path, event.nat)
            case ike.ChildInstalled():
                transport.data_path.install_inbound(inbound_sa(event.child))
                if event.outbound:
                    transport.data_path.install_outbound(outbound_sa(event.child))
                self._around.log("info", f"CHILD_SA {event.child.spi_in.hex()} installed")
                known = self._attached.install(event.child)
                if event.rekeyed_spi is None or known is None or known.remote_ts != event.child.remote_ts:
                    self._apply_host()
                elif known.proposal != event.child.proposal:
                    self._resize()
            case ike.ChildOutbound():
                transport.data_path.install_outbound(outbound_sa(event.child))
            case ike.ChildRemoved():
                transport.data_path.remove(event.child.spi_in)
                transport.data_path.remove(event.child.spi_out)
            case ike.PathChanged():
                if event.confirmed:
                    self._portal_gone()
                self._climb.moved(event.path, confirmed=event.confirmed)
                self._use(event.path, event.nat, confirmed=event.confirmed)
                self._tell.step("roamed" if event.confirmed else "roaming",
                           f"{event.path.interface} {event.path.local.address}")
                self._tell.tell()
            case ike.GatewaySilent():
                self._gateway_silent(RoveError(Cause.DEAD_PEER, event.detail))
            case ike.GatewayHeard():
                self._gateway_heard()
            case ike.GatewayAddresses():
                if self._gateways.also_at(event.addresses):
                    asyncio.get_running_loop().call_soon(self._ways_changed)
            case ike.NatPatience():
                transport.set_nat_patience(event.seconds)
            case ike.IkeRekeyed():
                self._tell.step("ike-rekeyed")
            case ike.ReauthenticationDue():
                self._renew(event)
            case ike.TicketReceived():
                self._resume.received(event.ticket)
            case ike.Reauthenticated():
                if self._config is not None:
                    self._logged_in(self._config)
                self._gateways.replaced()
                self._climb.established(event.established.path)
                self._agent.outcome(accepted=True)
                self._tell.step("reauthenticated", event.reason)
                # Last: what leaves by the old CHILD_SA is nobody's at another gateway, and the new one comes next.
                self._use(event.established.path, event.established.nat)
            case ike.ReauthenticationFailed():
                self._reauthentication_failed(event, offset)
            case ike.Redirected() if self._resume.under_way:     # what another gateway wants was not prepared
                self._finish(RoveError(Cause.GATEWAY_CLOSED, "redirected"))
            case ike.Redirected():
                self._tell.step("redirected", event.gateway)
                self._do(self._go_to(event.gateway))
            case ike.WayAnswers():
                self._climb.way_answers(event.path)
            case ike.MtuProbed():
                self._sizing.probed(event)
            case ike.Unreachable():
                self._climb.silent()
                if not self._tell.tunnel.spis[0]:        # else GatewaySilent says so, in its time
                    self._unreachable(RoveError(event.cause, event.detail))
            case ike.Failed():
                self._finish(RoveError(event.cause, self._why(event.cause, event.detail)))
            case ike.Closed():
                self._finish(None)

    def _gateway_silent(self, seen: RoveError) -> None:
        """It may be back any moment, and the IKE_SA with it; meanwhile nothing passes, and that is what is said."""
        self._hint = seen
        if self._tell.tunnel.state in (State.CONNECTED, State.ROAMING):
            self._tell.to(State.RECONNECTING)
            if not self._portal.captive:
                self._tell.error(seen)
                self._suspect_portal(Cause.GATEWAY_SILENT)

    def _gateway_heard(self) -> None:
        self._portal_gone()
        self._climb.heard()
        if self._renewal is not None and self._renewing == SILENT:
            self._renewal.cancel()
        if self._tell.tunnel.state is State.RECONNECTING and self._tell.tunnel.spis[0]:
            self._tell.to(State.CONNECTED)

    def _ways_changed(self) -> None:
        if self._tell.tunnel.spis[0]:
            self._follow()

    def _logged_in(self, config: ike.EngineConfig) -> None:
        self._resume.logged_in(config, self._around.clock())
        self._expiry.logged_in(config.certificates if any(each.auth == "certificate" for each in config.rounds) else (),
                               self._answers.path)

    def _certificates_expire(self, findings: tuple[Finding, ...]) -> None:
        self._tell.without(*CODES.values())
        self._tell.found(*findings)
        for finding in findings:
            self._tell.step("certificate-expires", finding.message)
        if self._tell.tunnel.state is State.CONNECTED:
            self._tell.tell()

    def _certificate_over(self, error: RoveError) -> None:
        """Neither renewed keys nor a ticket keep what no certificate stands for any more."""
        self._resume.forget()
        self._finish(error)

    def _why(self, cause: Cause, detail: str) -> str:
        """What else speaks for a refusal, where it is the user's."""
        known = refusal(self._config.certificates, datetime.now(UTC)) if self._config is not None else ""
        return f"{detail}; {known}" if cause is Cause.USER_REFUSED and known else detail

    def _use(self, path: ike.Path, nat: bool, *, confirmed: bool = True) -> None:
        """ESP goes by this path. Whether a NAT is on a new one is not known before the gateway has said so."""
        if self._transport is not None:
            self._sizing.on(path, nat or not confirmed)
            self._transport.rebind(path, nat or not confirmed)

    def _finish(self, error: RoveError | None) -> None:
        if self._over is not None and not self._over.done():
            if error is None:
                self._over.set_result(None)
            else:
                self._over.set_exception(error)

    def _refused(self, remote: Endpoint, errno: int) -> None:
        """By this host, whose network may just be going, or by somebody on the way: a hint at most."""
        if errno == EMSGSIZE:
            self._sizing.refused()
        elif self._engine is not None and self._transport is not None:
            if self._tell.tunnel.spis[0] and not any(path.same_way(self._tell.tunnel.path) for path in
                                                self._paths()):
                self._follow()     # the path is gone, that is why
                return
            self._climb.refused(remote.port, errno)
            self._engine.udp_refused(f"{remote.address} UDP {remote.port}: {os.strerror(errno)}", self._around.clock())
            if self._tell.tunnel.spis[0]:
                self._drive()
                return      # the IKE_SA stands: whether the gateway answers decides
            self._hint = RoveError(Cause.GATEWAY_REFUSES_UDP, f"{remote.address} port {remote.port}: "
                                   f"{os.strerror(errno)}")
            self._drive()

    def _unreachable(self, seen: RoveError) -> None:
        if self._portal.captive:
            return      # that is why
        hint = self._hint
        if hint is None or hint.cause is not Cause.GATEWAY_REFUSES_UDP:
            hint = seen
        self._hint = hint
        if self._tell.tunnel.state is not State.CONNECTED:
            self._tell.error(hint)
            self._suspect_portal(seen.cause)

    # --- a captive portal ---

    async def _ask_the_web(self, url: str, *, limit: int, interface: str, accept: str = "*/*",
                           announced: bool = False) -> Reply:
        return await self._around.fetcher.ask(url, self._around.mark, limit, self._tell.tunnel.virtual_ips.dns,
                                              accept=accept, interface=interface, announced=announced)

    def _suspect_portal(self, cause: Cause) -> None:
        paths = self._paths() if self._transport is not None and cause in SILENCE else []
        if paths:
            self._portal.suspect(paths[0].interface, paths[0].remote.address)

    def _portal_found(self, url: str) -> None:
        code = "captive-portal" if url else "captive-portal-unnamed"
        self._tell.found(Finding(code, finding_text(code, url=url)))
        self._hint = RoveError(Cause.CAPTIVE_PORTAL, url)
        self._tell.error(self._hint)
        self._trying()

    def _portal_gone(self) -> None:
        self._portal.dismiss()
        self._tell.without("captive-portal", "captive-portal-unnamed")

    def _portal_opened(self) -> None:
        """What was sent in vain is sent again at once."""
        self._portal_gone()
        self._tell.step("portal-open")
        self._trying()
        self._network_changed.set()
        self._steer(lambda engine, now: engine.again(now))

    def _expired(self, spi: bytes, hard: bool) -> None:
        if self._engine is not None:
            self._around.log("info", f"ESP SA {spi.hex()}: {'hard' if hard else 'soft'} packet limit")
            for info, _ in self._tell.tunnel.children:
                if spi in (info.spi_in, info.spi_out):
                    self._engine.rekey_child(info.spi_in, self._around.clock())
            self._drive()

    # --- questions to people and to the certificate store ---

    def _ask(self, request_id: int, answer: Coroutine[Any, Any, Answer]) -> None:
        engine = self._engine

        async def run() -> None:
            try:
                give = await answer
            except RoveError as error:
                cause, detail = error.cause, error.detail

                def give(to: Succession, now: float) -> None:
                    to.decline(request_id, cause, detail, now)
            if engine is not None and engine is self._engine:
                give(engine, self._around.clock())
                self._drive()

        task = asyncio.get_running_loop().create_task(run())
        self._questions.add(task)
        task.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._questions.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._finish(error if isinstance(error, RoveError) else RoveError(Cause.INTERNAL, repr(error)))

    # --- the host ---

    def _apply_host(self) -> None:
        config = self._attached.config(self._tell.tunnel.virtual_ips, self._transport)
        self._tell.set(dns=DnsState(tuple(map(str, config.dns_servers)), config.dns_domains))
        self._do(self._apply(config))

    def _resize(self) -> None:
        """The path carries more, or less."""
        if self._attached.resizable and self._engine is not None:
            self._do(self._attached.resize(self._attached.config(self._tell.tunnel.virtual_ips, self._transport)))

    async def _apply(self, config: HostConfig) -> None:
        findings = await self._attached.apply(config)       # what goes wrong ends the attempt
        self._was_connected = True
        self._connected_at = self._connected_at or self._around.clock()
        self._deadline.reschedule(None)
        further = self._tell.tunnel.state is State.CONNECTED     # another CHILD_SA of a tunnel that is up
        self._tell.found(*findings)
        self._tell.to(State.OFFLINE if self._cut_off else State.CONNECTED)
        if self._engine is not None:
            self._engine.host_moved(self._around.clock())
            self._drive()
        if not further:
            self._tell.step("connected")

    async def _clean_up(self) -> None:
        self._portal.dismiss()
        self._status.close()
        self._expiry.stop()
        self._agent.cancel()
        await self._attached.remove()
        if self._transport is not None:
            transport, self._transport = self._transport, None
            await transport.close()
