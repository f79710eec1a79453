"""One connection as a succession of IKE_SAs: make before break (RFC 7296 §2.8.3, RFC 4478, RFC 5685).

Each authenticated IKE_SA, with those that it is rekeyed into, is an ``Ikev2Engine``. The next one is made beside the
present one, which carries traffic and follows every roam until the next one does; then the old one is deleted. What
goes wrong with the next one does not touch the present one. The seam is the engine's own, and a little more.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from client.core.crypto.provider import LIBRARY, CryptoProvider
from client.core.ikev2 import reauth
from client.core.ikev2.engine import AWAKE, Ikev2Engine
from client.core.ikev2.events import (
    AuthLifetime,
    ChildInstalled,
    ChildRemoved,
    ChildSaInfo,
    Closed,
    Configured,
    Datagram,
    EapReceived,
    EapReply,
    Elsewhere,
    EngineConfig,
    Established,
    Event,
    Failed,
    GatewayAddresses,
    GatewayHeard,
    GatewaySilent,
    IkeRekeyed,
    IpInterface,
    Path,
    PeerAuth,
    PeerVerdict,
    PpkNeeded,
    Progress,
    Random,
    Reauthenticated,
    ReauthenticationAt,
    ReauthenticationDue,
    ReauthenticationFailed,
    Redirected,
    SignatureNeeded,
)
from client.core.ikev2.ike_sa import IKE_EXPIRE, LINGER
from client.core.ikev2.reauth import Due
from client.core.ikev2.redirect import RedirectLimit
from client.core.ikev2.timers import Timer, TimerTable
from client.model.cause import Cause

SETTLE = 10.0            # s that the next IKE_SA has for the rest of its children before the old one goes
CIRCLE = "the gateways send us in a circle"
SILENT = "silent"        # the reason of a new IKE_SA for which nobody is asked
_NEXT = b"next"
_QUESTIONS = (PeerAuth, SignatureNeeded, EapReceived, PpkNeeded)


class Succession:
    """One connection as its initiator. All times are seconds of the caller's clock."""

    def __init__(self, config: EngineConfig, random: Random, crypto: CryptoProvider = LIBRARY) -> None:
        self._config = self._next_config = config
        self._random = random
        self._crypto = crypto
        self._present = Ikev2Engine(config, self._unused, crypto)
        self._next: Ikev2Engine | None = None
        self._old: list[tuple[Ikev2Engine, dict[bytes, ChildSaInfo]]] = []
        self._children: dict[bytes, ChildSaInfo] = {}       # of the present one, by our inbound SPI
        self._arrived: Established | None = None            # of the next one, which has no children yet
        self._established: float | None = None              # when the present one was
        self._addresses: tuple[IpInterface, ...] = ()       # virtual, of the present one
        self._host_moves = False                            # to other ones: the old IKE_SA carries what it has
        self._due: dict[str, Due] = {}                      # by reason
        self._ends: dict[bytes, Due] = {}                   # of the present SAs: by inbound SPI, b"" is the IKE_SA
        self._asking: Due | None = None                     # what is being done
        self._told: float | None = None
        self._blocked = False                               # only the user can help: no tries by ourselves
        self._withheld = False                              # by the user: what the next one needs
        self._lost: Failed | None = None                    # the present one ended while the next one is in the making
        self._limit = RedirectLimit()
        self._timers = TimerTable()
        self._events: deque[Event] = deque()
        self._outbox: list[Datagram] = []                   # last words of engines that are gone
        self._questions: dict[int, tuple[Ikev2Engine, int]] = {}
        self._numbers = 0
        self._next_addresses = GatewayAddresses(())         # of the next one
        self._lingering: dict[bytes, tuple[ChildSaInfo, ...]] = {}
        self._paths: tuple[Path, ...] = ()
        self._next_paths: tuple[Path, ...] | None = None    # None: to the present gateway
        self._finished = False

    # --- inputs, as the engine's ---

    def start(self, paths: Sequence[Path], now: float) -> None:
        self._paths = tuple(paths)
        self._present.start(paths, now)
        self._collect(now)

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        for engine in list(self._engines()):
            engine.receive_datagram(data, path, now)
        self._collect(now)

    def handle_timeout(self, now: float) -> None:
        for timer, owner in self._timers.due(now):
            self._expired(timer, owner, now)
        for engine in list(self._engines()):
            due = engine.next_timeout()
            if due is not None and due <= now:
                engine.handle_timeout(now)
        self._collect(now)

    def set_paths(self, paths: Sequence[Path], now: float, next_paths: Sequence[Path] | None = None) -> None:
        """``next_paths``: the ways to the gateway of the IKE_SA in the making, where that is another one."""
        self._paths = tuple(paths)
        self._next_paths = None if next_paths is None else tuple(next_paths)
        self._present.set_paths(self._paths, now)
        if self._next is not None:
            self._next.set_paths(self._ways(), now)
        for engine, _ in self._old:
            last = engine.path
            if last is not None:
                engine.set_paths([replace(path, remote=last.remote) for path in self._paths
                                  if (":" in path.local.address) == (":" in last.remote.address)], now)
        self._collect(now)

    def udp_refused(self, detail: str, now: float) -> None:
        self._present.udp_refused(detail, now)
        self._collect(now)

    def probe(self, now: float) -> None:
        """The machine woke up, or the path is in doubt: is everything still as it was?"""
        for engine in list(self._engines()):
            engine.probe(now)
        self._collect(now)

    def again(self, now: float) -> None:
        for engine in list(self._engines()):
            engine.again(now)
        self._collect(now)

    def late(self, now: float) -> None:
        """Nothing could be done for a while: the machine slept, or had no network. A new authentication takes the place
        of renewed keys only if they cannot be renewed now, too."""
        for engine in list(self._engines()):
            engine.late(now)
        for spi, due in self._ends.items():
            if due.at < now + AWAKE:
                self._ends[spi] = reauth.by_end(now, max(due.deadline, now + AWAKE))
        self._set_timer(now)

    def woke(self, now: float) -> None:
        """The machine has slept."""
        self.late(now)
        for engine in list(self._engines()):
            engine.woke(now)
        self._collect(now)

    def probe_way(self, path: Path, now: float) -> bool:
        """From the present IKE_SA."""
        asked = self._present.probe_way(path, now)
        self._collect(now)
        return asked

    def probe_mtu(self, octets: int, now: float) -> bool:
        """Of the present IKE_SA's path."""
        asked = self._present.probe_mtu(octets, now)
        self._collect(now)
        return asked

    def traffic_seen(self, at: float) -> None:
        self._present.traffic_seen(at)

    def suspect(self, now: float) -> None:
        """Traffic goes out, and nothing comes back."""
        self._present.suspect(now)
        self._collect(now)

    @property
    def patience(self) -> float:
        """Seconds for which traffic may go without an answer before it is suspicious."""
        return self._present.patience

    def rekey_child(self, spi: bytes, now: float) -> None:
        self._present.rekey_child(spi, now)
        self._collect(now)

    def rekey_ike(self, now: float) -> None:
        """While another IKE_SA is in the making this one's rekeying waits."""
        self._present.rekey_ike(now)
        self._collect(now)

    def close(self, now: float) -> None:
        """Says goodbye everywhere; ``Closed`` comes in any case."""
        if self._lost is not None:
            self._lost = None
            self._end(Closed())
        self._drop_next(now)
        self._retire(now)
        self._timers.clear()
        self._present.close(now)
        self._collect(now)

    def provide_signature(self, request_id: int, signature: bytes, now: float) -> None:
        engine, number = self._questions.pop(request_id, (self._present, 0))
        engine.provide_signature(number, signature, now)
        self._collect(now)

    def provide_peer_verdict(self, request_id: int, verdict: PeerVerdict, now: float) -> None:
        engine, number = self._questions.pop(request_id, (self._present, 0))
        engine.provide_peer_verdict(number, verdict, now)
        self._collect(now)

    def provide_eap(self, request_id: int, reply: EapReply, now: float) -> None:
        engine, number = self._questions.pop(request_id, (self._present, 0))
        engine.provide_eap(number, reply, now)
        self._collect(now)

    def provide_ppk(self, request_id: int, keys: tuple[bytes, bytes, bytes], now: float) -> None:
        engine, number = self._questions.pop(request_id, (self._present, 0))
        engine.provide_ppk(number, keys, now)
        self._collect(now)

    def decline(self, request_id: int, cause: Cause, detail: str, now: float) -> None:
        engine, number = self._questions.pop(request_id, (self._present, 0))
        engine.decline(number, cause, detail, now)
        self._collect(now)

    # --- inputs of its own ---

    def ask_reauthentication(self, now: float) -> None:
        """The user wants it now: ``ReauthenticationDue`` follows, unless one is under way."""
        if self._established is not None:
            self._ask(Due("asked", now, min((now + reauth.GRACE, *(due.deadline for due in self._due.values())))))
            self._collect(now)

    def reauthenticate(self, config: EngineConfig, now: float, paths: Sequence[Path] | None = None) -> None:
        """Makes another IKE_SA with this config; ``paths`` where they lead to another gateway."""
        if self._finished or self._asking is None or self._next is not None:
            return
        config = replace(config, initial_contact=False)     # the old one is alive (RFC 7296 §2.4)
        self._next_config = config
        self._next_addresses = GatewayAddresses(())
        self._next_paths = None if paths is None else tuple(paths)
        self._next = Ikev2Engine(config, self._unused, self._crypto)
        self._present.hold_rekey_ike = True
        self._next.start(self._ways(), now)
        self._collect(now)

    def postpone_reauthentication(self, cause: Cause, detail: str, now: float) -> None:
        """What it needs is not to be had: nobody answers, the name is not found."""
        if self._asking is not None and self._next is None:
            self._failed(cause, detail, now)

    def host_moved(self, now: float) -> None:
        """The computer uses the virtual addresses of the present IKE_SA: one with others is not needed any more."""
        self._host_moves = False
        self._collect(now)

    def follow(self, config: EngineConfig, paths: Sequence[Path], now: float) -> None:
        """After ``Redirected``, where there is no IKE_SA yet: begins anew at the other gateway."""
        self._config = config
        self._present = Ikev2Engine(config, self._unused, self._crypto)
        self.start(paths, now)

    # --- outputs, as the engine's ---

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        last, self._outbox = self._outbox, []
        return last + [datagram for engine in self._engines() for datagram in engine.datagrams_to_send(now)]

    def next_event(self) -> Event | None:
        return self._events.popleft() if self._events else None

    def next_timeout(self) -> float | None:
        times = [self._timers.next(), *(engine.next_timeout() for engine in self._engines())]
        return min((at for at in times if at is not None), default=None)

    # --- the engines and what they tell ---

    def _engines(self) -> Iterator[Ikev2Engine]:
        yield self._present
        if self._next is not None:
            yield self._next
        for engine, _ in self._old:
            yield engine

    def _unused(self, length: int) -> bytes:
        """Random octets; what could be an SPI of ESP is not one that another engine of ours receives on."""
        made = self._random(length)
        while length == 4 and any(engine.uses_spi(made) for engine in self._engines()):
            made = self._random(length)
        return made

    def _collect(self, now: float) -> None:
        for engine in list(self._engines()):
            while (event := engine.next_event()) is not None:
                self._take(engine, event, now)
        self._retire_settled(now)

    def _take(self, engine: Ikev2Engine, event: Event, now: float) -> None:
        if isinstance(event, _QUESTIONS):
            self._numbers += 1
            self._questions[self._numbers] = engine, event.request_id
            self._events.append(replace(event, request_id=self._numbers))
        elif engine is self._present:
            self._of_present(event, now)
        elif engine is self._next:
            self._of_next(event, now)
        else:
            self._of_old(engine, event, now)

    def _of_present(self, event: Event, now: float) -> None:
        match event:
            case Established():
                self._addresses = event.virtual_ips.addresses
                self._events.append(event)
                self._schedule_anew(event, now)
                return
            case Configured():
                self._addresses = event.virtual_ips.addresses
            case ChildInstalled():
                self._children[event.child.spi_in] = event.child
                self._ends.pop(event.rekeyed_spi or b"-", None)
                self._ends[event.child.spi_in] = reauth.by_end(event.child.rekey_at, event.child.expire_at)
                self._set_timer(now)
            case ChildRemoved():
                self._children.pop(event.child.spi_in, None)
                self._ends.pop(event.child.spi_in, None)
                self._set_timer(now)
            case IkeRekeyed():
                self._ike_ends(event.rekey_at)
                self._set_timer(now)
            case AuthLifetime():
                self._set_due(reauth.by_gateway(now if self._established is None else self._established, now,
                                                event.seconds), now)
                return
            case Redirected():
                self._redirected(event, now)
                return
            case GatewaySilent():
                self._ask(Due(SILENT, now, now + reauth.GRACE))
            case GatewayHeard():
                self._heard_again(now)
            case Elsewhere():
                self._ask(Due("moved", now, now + reauth.GRACE))
                return
            case Failed() | Closed():
                if self._next is not None and isinstance(event, Failed):
                    self._lost = event      # a gateway may close the old one as soon as it hears of the new one
                elif not self._finished and isinstance(event, Failed) and self._logged_out(event.cause, now):
                    self._end(Failed(Cause.LOGIN_EXPIRED, event.detail))
                elif not self._finished:
                    self._end(event)
                return
        self._events.append(event)

    def _of_next(self, event: Event, now: float) -> None:
        match event:
            case Established():
                self._arrived = event
                self._timers.set(Timer.SETTLE, _NEXT, now + SETTLE)
            case Configured() if self._arrived is not None:
                self._arrived = replace(self._arrived, virtual_ips=event.virtual_ips)
            case GatewayAddresses():
                self._next_addresses = event
            case ChildInstalled() if self._arrived is not None:
                self._hand_over(event, now)
            case Failed():
                self._drop_next(now)
                self._failed(event.cause, event.detail, now)
            case Redirected():
                self._drop_next(now)
                self._redirected(replace(event, live=True), now)
            case Progress():
                self._events.append(event)

    def _of_old(self, engine: Ikev2Engine, event: Event, now: float) -> None:
        for index, (one, children) in enumerate(self._old):
            if one is engine and isinstance(event, ChildRemoved):
                children.pop(event.child.spi_in, None)
                self._events.append(event)
            elif one is engine and isinstance(event, Closed | Failed):
                del self._old[index]
                self._outbox += engine.datagrams_to_send(now)
                self._linger(children, now)
                return

    # --- one after the other ---

    def _heard_again(self, now: float) -> None:
        """The present one was not forgotten: it needs no successor, unless that stands already."""
        self._due.pop(SILENT, None)
        if self._asking is not None and self._asking.reason == SILENT and self._arrived is None and self._lost is None:
            self._drop_next(now)
            self._asking = None
        self._set_timer(now)

    def _logged_out(self, cause: Cause, now: float) -> bool:
        """Has the present one ended because it was time, and nobody has logged in again?"""
        deadline = min((due.deadline for due in self._due.values()), default=None)
        return (cause is Cause.GATEWAY_CLOSED and deadline is not None and now >= deadline - reauth.CLOSE_TO_THE_END
                and (self._withheld or self._asking is not None))

    def _hand_over(self, first: ChildInstalled, now: float) -> None:
        """The next one has its tunnel: it is the present one from now on."""
        assert self._next is not None
        assert self._arrived is not None
        assert self._asking is not None
        old, children = self._present, self._children
        self._present, self._next, self._children = self._next, None, {}
        arrived, self._arrived = self._arrived, None
        reason, self._asking = self._asking.reason, None
        self._paths, self._next_paths = self._paths if self._next_paths is None else self._next_paths, None
        self._config = self._next_config
        self._due, self._ends, self._blocked, self._withheld = {}, {}, False, False
        self._events.append(Reauthenticated(arrived, reason))
        self._events.append(self._next_addresses)
        self._host_moves = arrived.virtual_ips.addresses != self._addresses
        self._addresses = arrived.virtual_ips.addresses
        self._schedule_anew(arrived, now)
        self._of_present(first, now)
        self._timers.cancel(Timer.SETTLE, _NEXT)
        if self._lost is not None:
            self._lost = None
            self._outbox += old.datagrams_to_send(now)
            self._linger(children, now)
        else:
            self._old.append((old, children))
            self._timers.set(Timer.SETTLE, b"", now + SETTLE)

    def _retire_settled(self, now: float) -> None:
        """The old one goes once its successor has all children, or will not have them."""
        if self._timers.get(Timer.SETTLE, b"") is not None and self._present.settled and not self._host_moves:
            self._retire(now)

    def _retire(self, now: float) -> None:
        self._timers.cancel(Timer.SETTLE, b"")
        for engine, _ in list(self._old):
            engine.close(now)
            while (event := engine.next_event()) is not None:
                self._take(engine, event, now)

    def _linger(self, children: dict[bytes, ChildSaInfo], now: float) -> None:
        """What was in flight when the gateway deleted them is still taken."""
        self._numbers += 1
        owner = self._numbers.to_bytes(8, "big")
        self._lingering[owner] = tuple(children.values())
        self._timers.set(Timer.LINGER_OLD, owner, now + LINGER)

    def _ways(self) -> list[Path]:
        """For the next one. To the same gateway on the ports that carry the connection already (RFC 7296 §2.23): their
        NAT mappings and ways through firewalls are there."""
        return [path.natt() for path in self._paths] if self._next_paths is None else list(self._next_paths)

    def _drop_next(self, now: float) -> None:
        """Not to be: the gateway is told where there is something to tell, once."""
        self._timers.cancel(Timer.SETTLE, _NEXT)
        if self._next is not None:
            self._next.close(now)
            self._outbox += self._next.datagrams_to_send(now)
            self._next = self._arrived = None
        self._present.hold_rekey_ike = False

    def _end(self, event: Event) -> None:
        self._finished = True
        self._timers.clear()
        self._events.append(event)

    # --- when ---

    def _schedule_anew(self, established: Established, now: float) -> None:
        self._established = now
        self._ike_ends(established.rekey_at)
        if self._config.reauth is not None:
            self._set_due(reauth.by_policy(now, self._config.reauth), now)
        else:
            self._set_timer(now)

    def _set_due(self, due: Due, now: float) -> None:
        self._due[due.reason] = due
        if due.hard:
            self._timers.set(Timer.REAUTH_END, b"", due.deadline)
        self._set_timer(now)

    def _ike_ends(self, rekey_at: float) -> None:
        self._ends[b""] = reauth.by_end(rekey_at, rekey_at + (IKE_EXPIRE - 1) * self._config.ike_rekey)

    def _first_due(self) -> Due | None:
        return min((*self._due.values(), *self._ends.values()), key=lambda due: due.at, default=None)

    def _set_timer(self, now: float) -> None:
        """To the first of all reasons, unless one is acted on already."""
        first = self._first_due()
        told = min((due.at for due in self._due.values() if due.reason != SILENT), default=None)
        if told != self._told:
            self._told = told
            self._events.append(ReauthenticationAt(told))
        if first is None or self._asking is not None or self._blocked or self._established is None:
            self._timers.cancel(Timer.REAUTH, b"")
        else:
            self._timers.set(Timer.REAUTH, b"", first.at)

    def _expired(self, timer: Timer, owner: bytes, now: float) -> None:
        match timer:
            case Timer.REAUTH:
                due = self._first_due()
                if due is not None:
                    self._ask(due)
            case Timer.REAUTH_END if self._next is None or self._lost is not None:
                asking = self._asking is not None and self._next is None
                self._drop_next(now)
                self._present.close(now)
                self._end(Failed(Cause.LOGIN_EXPIRED if self._withheld or asking else Cause.LIFETIME_EXPIRED, ""))
            case Timer.REAUTH_END:      # it is in the making: what it comes to is known soon
                self._timers.set(Timer.REAUTH_END, b"", now + reauth.LEAST_RETRY)
            case Timer.SETTLE if owner == _NEXT:
                self._drop_next(now)
                self._failed(Cause.CHILD_FAILED, "the new IKE_SA got no tunnel", now)
            case Timer.SETTLE:
                self._retire(now)
            case Timer.LINGER_OLD:
                self._events.extend(ChildRemoved(child) for child in self._lingering.pop(owner, ()))

    def _ask(self, due: Due) -> None:
        if self._asking is None and not self._finished:
            self._asking = due
            self._timers.cancel(Timer.REAUTH, b"")
            self._events.append(ReauthenticationDue(due.reason, due.deadline, due.gateway))

    def _failed(self, cause: Cause, detail: str, now: float) -> None:
        """The old one carries on; again within its deadline, where that makes sense."""
        due, self._asking = self._asking, None
        self._arrived = None
        self._present.hold_rekey_ike = False
        if self._lost is not None:
            lost, self._lost = self._lost, None
            self._end(lost)
            return
        assert due is not None
        if due.reason == SILENT:        # nobody knows of it, and nothing is lost
            self._due[SILENT] = replace(due, at=now + reauth.LEAST_RETRY, deadline=now + reauth.GRACE)
            self._events.append(Progress("silent-retry", detail or cause.code))
            self._set_timer(now)
            return
        deadline = min(other.deadline for other in (due, *self._due.values())
                       if other.reason != SILENT)
        again = reauth.retry_at(cause, now, due.deadline)
        self._events.append(ReauthenticationFailed(cause, detail, deadline, again))
        self._blocked, self._withheld = again is None, cause in reauth.WITHHELD
        if again is not None:
            self._due[due.reason] = replace(due, at=again)
        self._set_timer(now)

    def _redirected(self, event: Redirected, now: float) -> None:
        """To another gateway: from a live IKE_SA make before break, else from the start."""
        if not self._limit.allows(now):
            if not event.live:
                self._leave(now)
                self._end(Failed(Cause.PROTOCOL_ERROR, CIRCLE))
            elif self._asking is not None:      # where the next one was sent on
                self._failed(Cause.PROTOCOL_ERROR, CIRCLE, now)
        elif not event.live:
            self._leave(now)
            self._events.append(event)
        else:
            self._drop_next(now)        # what was to be there is not wanted any more
            self._asking = None
            self._ask(Due("redirect", now, now + reauth.GRACE, gateway=event.gateway))

    def _leave(self, now: float) -> None:
        """The present one has nothing more to say but goodbye."""
        self._outbox += self._present.datagrams_to_send(now)
        self._present = Ikev2Engine(self._config, self._unused, self._crypto)
