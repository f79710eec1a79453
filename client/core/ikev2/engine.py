"""The engine: a function of bytes and time, with two human-speed inputs (signatures and EAP).

Feed it datagrams and time; take datagrams, events and the next deadline from it. It never reads a clock, a
socket or a random source of its own. One engine is one connection: an IKE_SA, its successors, its children.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from client.core.crypto.provider import LIBRARY, CryptoProvider
from client.core.ikev2 import children
from client.core.ikev2 import events as ike
from client.core.ikev2.answer_child import answer_rekey_child
from client.core.ikev2.child_sa import ChildState
from client.core.ikev2.constants import ExchangeType, NotifyType, ProtocolId
from client.core.ikev2.create_child_sa import CreateChild
from client.core.ikev2.errors import IntegrityError, InvalidSyntax, ProtocolError
from client.core.ikev2.events import (
    ChildRemoved,
    Closed,
    Datagram,
    EapReply,
    EngineConfig,
    Event,
    GatewayHeard,
    GatewaySilent,
    Path,
    PeerVerdict,
    Random,
    Redirected,
    Unreachable,
)
from client.core.ikev2.exchange import (
    AUTH_INTERVAL,
    GROWTH,
    LONGEST_AUTH_INTERVAL,
    LONGEST_INIT_INTERVAL,
    LONGEST_INTERVAL,
    MAX_MESSAGE_ID,
    Outstanding,
    Task,
)
from client.core.ikev2.first_exchange import FirstExchange
from client.core.ikev2.fragment import Reassembly
from client.core.ikev2.ike_auth import IkeAuth
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.ike_sa_init import INIT_CAUSES, IkeSaInit
from client.core.ikev2.informational import DeleteChild, DeleteIke, Liveness, answer_informational
from client.core.ikev2.intermediate import IntAuth, Intermediate, answer_follow_up
from client.core.ikev2.message import (
    Header,
    Message,
    check_rules,
    parse_header,
    parse_plain,
    parse_protected,
)
from client.core.ikev2.mobike import NatLiveness, UpdateAddresses, tell_new_address
from client.core.ikev2.mtu_probe import MtuProbe
from client.core.ikev2.payloads import SA, Delete, Notify, Payload
from client.core.ikev2.proposal import proposal_name
from client.core.ikev2.protection import is_first
from client.core.ikev2.redirect import RedirectedAway
from client.core.ikev2.rekey_ike import RekeyIke, answer_rekey_ike
from client.core.ikev2.resumption import SessionResume, TicketRefused, usable
from client.core.ikev2.roaming import Roaming
from client.core.ikev2.timers import Timer
from client.core.ikev2.way_probe import TRIES as WAY_TRIES
from client.core.ikev2.way_probe import WayProbe
from client.model.cause import Cause

KE_SILENCE = 6.0         # s without any answer before another group is tried
CLOSE_GIVE_UP = 2.0      # s: a DELETE that nobody answers does not hold the user up
REKEY_HELD = 5.0         # s between looks whether a rekeying may go on
CLOCK_STEP = 0.001       # s: deadlines closer than this are the same
UNREACHABLE_AFTER = 3    # transmissions without an answer before it is said
AWAKE = 120.0            # s, least, that SAs have after a sleep: the network comes back first
SILENT_TRAFFIC = 2.0     # s without an answer on any way, while there is traffic, before the gateway counts as silent
SILENT_IDLE = 10.0       # and without
IMPATIENT = 2.0          # s between transmissions, at most, while there is traffic
PATIENCE_STEP = 0.05     # s
HINT_INTERVAL = 10.0     # s between liveness checks that hints of anybody bring about

_LONGEST = {IkeState.INIT: LONGEST_INIT_INTERVAL, IkeState.AUTH: LONGEST_AUTH_INTERVAL}
_FIRST = (ExchangeType.IKE_SA_INIT, ExchangeType.IKE_SESSION_RESUME)
_TALKING = (IkeState.ESTABLISHED, IkeState.RIVAL, IkeState.REKEYED, IkeState.DELETING)


class Ikev2Engine:
    """One connection as its initiator. All times are seconds of the caller's clock."""

    def __init__(self, config: EngineConfig, random: Random, crypto: CryptoProvider = LIBRARY) -> None:
        self._ctx = Context(config, random, crypto)
        self._roaming = self._ctx.roaming = Roaming(self._ctx, self._again, self._pump)
        self._init: FirstExchange | None = None
        self._said_unreachable = False
        self._initiated = 0.0
        self._silent_since: float | None = None     # and the outside knows
        self._last_hint: float | None = None
        self.hold_rekey_ike = False         # another IKE_SA is in the making: this one is rekeyed only if that fails

    # --- inputs ---

    def start(self, paths: Sequence[Path], now: float) -> None:
        """Sends IKE_SA_INIT on the first path; later answers move on by themselves."""
        self._ctx.ways.replace(paths)
        self._ctx.path = self._ctx.ways.best()
        self._ctx.last_heard = now
        if self._ctx.path is not None:
            self._initiate(None, now)

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        """An IKE message without non-ESP marker. Whatever does not belong here is dropped without a trace."""
        if self._ctx.finished:
            return
        self._ctx.arrived = path
        try:
            header = parse_header(data)
        except ProtocolError:
            return
        if header.exchange not in _FIRST and not header.protected:
            self._unprotected(data, path, now)
            return
        sa = self._ctx.sas.get(header.spi_r if header.initiator else header.spi_i)
        if sa is None or header.initiator == sa.initiator:
            return
        if sa.state is IkeState.INIT and self._ctx.path is None:
            return      # no network to go on with; a late answer will come again
        if sa.state is IkeState.INIT:
            self._init_response(sa, header, data, path, now)
        elif header.response:
            self._response(sa, header, data, path, now)
        elif sa.state in _TALKING:
            self._ctx.came_on = self._by(path)
            self._request(sa, header, data, self._ctx.came_on, now)
        self._pump(now)

    def handle_timeout(self, now: float) -> None:
        for timer, owner in self._ctx.timers.due(now):
            if self._ctx.finished:
                return
            self._expired(timer, owner, now)
        self._pump(now)

    def set_paths(self, paths: Sequence[Path], now: float) -> None:
        """The usable ways now, best first. A way that is gone is left at once, a worse one once the better answers."""
        ctx = self._ctx
        ctx.ways.replace(paths)
        if ctx.finished:
            return
        sa, best = ctx.current(), ctx.ways.best()
        if best is None:
            ctx.path = None
            return
        initial = not ctx.sas or (sa is not None and sa.state is IkeState.INIT)
        if best.same_way(ctx.path) and not (initial and ctx.path is not None and best.remote != ctx.path.remote):
            if best.transport == "tcp":
                ctx.path = best         # another connection, from another port
            self._roaming.addresses_changed(now)
        elif initial:
            # Another port or transport needs another IKE_SA_INIT (RFC 9329 §6.1), but it is no other network.
            anew = ctx.path is None or best.local.address != ctx.path.local.address \
                or best.interface != ctx.path.interface
            ctx.path = best
            self._initiate(None, now, anew=anew)
        else:
            self._roaming.follow(best, now)
            self._roaming.addresses_changed(now)
            self._pump(now)

    def udp_refused(self, detail: str, now: float) -> None:
        """ICMP says that the gateway's port is closed: a hint that is told, never proof."""
        sa = self._ctx.current()
        if not self._said_unreachable and (sa is None or sa.state is not IkeState.ESTABLISHED):
            self._said_unreachable = True
            self._ctx.emit(Unreachable(detail))
        self._hint(now)

    def probe(self, now: float) -> None:
        """Is the gateway still there, from here? Asked at once, on all ways: the machine was asleep, maybe."""
        self._roaming.ask_around(now, fresh=True)

    def suspect(self, now: float) -> None:
        """Traffic goes out, and nothing comes back."""
        self._roaming.ask_around(now, suspicious=True)
        sa = self._ctx.current()
        asked = sa.window.outstanding if sa is not None and sa.state is IkeState.ESTABLISHED else None
        if asked is not None:
            self._ctx.timers.set(Timer.SILENT, b"", max(asked.first_sent + SILENT_TRAFFIC, now + CLOCK_STEP))

    def probe_way(self, path: Path, now: float) -> bool:
        """Asks whether this path would lead to the gateway too: ``WayAnswers`` if it does. False: it cannot be asked
        now, or without MOBIKE, since the gateway might follow."""
        ctx, sa = self._ctx, self._ctx.current()
        if ctx.finished or ctx.path is None or sa is None or sa.state is not IkeState.ESTABLISHED \
                or not (ctx.peer.mobike and ctx.config.mobike) or sa.window.outstanding is not None or sa.window.queue:
            return False
        ctx.enqueue(sa, WayProbe(ctx, path))
        self._pump(now)
        return True

    def probe_mtu(self, octets: int, now: float) -> bool:
        """Asks whether an IP packet of so many octets arrives: ``MtuProbed``, unless the IKE_SA changes meanwhile.
        False: it cannot be asked now, another exchange is under way; or there is only a stream."""
        ctx, sa = self._ctx, self._ctx.current()
        if ctx.finished or ctx.path is None or ctx.path.transport == "tcp" or sa is None \
                or sa.state is not IkeState.ESTABLISHED or sa.window.outstanding is not None or sa.window.queue:
            return False
        ctx.enqueue(sa, MtuProbe(ctx, sa, ctx.path, octets))
        self._pump(now)
        return True

    def again(self, now: float) -> None:
        """What waits for an answer is sent again at once: what was in its way is gone."""
        for sa in list(self._ctx.sas.values()):
            self._retransmit(sa, now, fresh=True)

    def late(self, now: float) -> None:
        """Nothing could be done for a while. What could not be renewed has not been used either: it does not end before
        it could be renewed now."""
        self._ctx.timers.postpone((Timer.EXPIRE_IKE, Timer.EXPIRE_CHILD), now + AWAKE)

    def woke(self, now: float) -> None:
        """The machine has slept."""
        ctx, sa = self._ctx, self._ctx.current()
        if ctx.nat and ctx.path is not None and sa is not None and sa.state is IkeState.ESTABLISHED:
            tell_new_address(ctx, sa)       # a NAT has forgotten us meanwhile, in all likelihood
        self.probe(now)

    def traffic_seen(self, at: float) -> None:
        """When the data path last opened an ESP packet: the gateway is alive (RFC 7296 §2.4)."""
        ctx = self._ctx
        if at > ctx.last_traffic:
            ctx.last_traffic, ctx.last_heard = at, max(ctx.last_heard, at)
            ctx.last_addressed = max(ctx.last_addressed, at)
            self._roaming.traffic_came()
            if self._silent_since is not None and at > self._silent_since:
                self._not_silent()

    def rekey_child(self, spi: bytes, now: float) -> None:
        """Replaces the CHILD_SA with this inbound SPI; nothing happens when there is none."""
        found = self._ctx.find_child(spi)
        if found is not None and found[0].state is IkeState.ESTABLISHED:
            self._ctx.enqueue(found[0], CreateChild(self._ctx, *found))
            self._pump(now)

    def rekey_ike(self, now: float) -> None:
        sa = self._ctx.current()
        if sa is not None and sa.state is IkeState.ESTABLISHED and self.hold_rekey_ike:
            self._ctx.timers.set(Timer.REKEY_IKE, sa.own_spi, now + REKEY_HELD)
        elif sa is not None and sa.state is IkeState.ESTABLISHED:
            self._ctx.enqueue(sa, RekeyIke(self._ctx, sa))
            self._pump(now)

    def close(self, now: float) -> None:
        """Says goodbye where there is someone to say it to; ``Closed`` comes in any case."""
        sa = self._ctx.current()
        if self._ctx.finished:
            return
        if sa is None or sa.state is not IkeState.ESTABLISHED or self._ctx.path is None:
            self._ctx.emit(Closed())
            self._ctx.finish()
            return
        sa.window.queue.clear()
        self._ctx.timers.cancel(Timer.QUEUE, sa.own_spi)
        self._ctx.enqueue(sa, DeleteIke(self._ctx, sa, last=True))
        if sa.window.outstanding is not None:
            sa.window.outstanding.first_sent = now
        sa.state = IkeState.DELETING
        self._pump(now)

    def provide_signature(self, request_id: int, signature: bytes, now: float) -> None:
        self._provide(request_id, signature, now)

    def provide_peer_verdict(self, request_id: int, verdict: PeerVerdict, now: float) -> None:
        self._provide(request_id, verdict, now)

    def provide_eap(self, request_id: int, reply: EapReply, now: float) -> None:
        self._provide(request_id, reply, now)

    def provide_ppk(self, request_id: int, keys: tuple[bytes, bytes, bytes], now: float) -> None:
        """SK_d, SK_pi and SK_pr with the PPK in them."""
        self._provide(request_id, keys, now)

    def decline(self, request_id: int, cause: Cause, detail: str, now: float) -> None:
        """The human-speed input will not come: the attempt ends with ``cause``."""
        if self._ctx.is_asked(request_id):
            self._ctx.fail(cause, detail)

    # --- outputs ---

    def datagrams_to_send(self, now: float) -> list[Datagram]:
        datagrams = list(self._ctx.outbox)
        self._ctx.outbox.clear()
        return datagrams

    def next_event(self) -> Event | None:
        return self._ctx.events.popleft() if self._ctx.events else None

    def next_timeout(self) -> float | None:
        return self._ctx.timers.next()

    # --- for a succession of IKE_SAs ---

    @property
    def path(self) -> Path | None:
        """Where the conversation goes now; None while there is no network."""
        return self._ctx.path

    @property
    def patience(self) -> float:
        """Seconds for which ESP may go without an answer: two round trips and one more second."""
        return 1.0 + 2 * math.ceil((self._ctx.rtt.smoothed or 0.0) / PATIENCE_STEP) * PATIENCE_STEP

    @property
    def settled(self) -> bool:
        """Established, no exchange of ours waits or is under way, and each wanted CHILD_SA stands or was refused."""
        ctx, sa = self._ctx, self._ctx.current()
        return (sa is not None and sa.state is IkeState.ESTABLISHED and sa.window.outstanding is None
                and not sa.window.queue
                and all(wanted.name in ctx.refusals or children.stands(ctx, wanted) for wanted in ctx.wanted))

    def uses_spi(self, spi: bytes) -> bool:
        """Is this an inbound SPI of ours, of a CHILD_SA that lives or lingers?"""
        return self._ctx.find_child(spi) is not None or spi in self._ctx.lingering

    # --- IKE_SA_INIT ---

    def _initiate(self, group: int | None, now: float, *, anew: bool = True) -> None:
        """``anew``: there is a reason to wait as long for an answer as before."""
        ctx = self._ctx
        if anew:
            self._initiated = now
        for sa in list(ctx.sas.values()):
            ctx.remove_sa(sa)
        sa = IkeSa(ctx.random(8), bytes(8), initiator=True)
        ctx.add_sa(sa)
        ticket = ctx.config.ticket
        self._init = (SessionResume(ctx, sa, ticket) if ticket is not None and usable(ticket, now)
                      else IkeSaInit(ctx, sa, group))
        self._send_init(sa, now)
        if self._init.fallback_group() is not None:
            ctx.timers.set(Timer.KE_SILENCE, sa.own_spi, now + KE_SILENCE)

    def _send_init(self, sa: IkeSa, now: float) -> None:
        assert self._init is not None
        self._track(sa, 0, [self._init.request], None, now)

    def _init_response(self, sa: IkeSa, header: Header, data: bytes, path: Path, now: float) -> None:
        ctx, init, outstanding = self._ctx, self._init, sa.window.outstanding
        if (init is None or outstanding is None or not header.response or header.message_id != 0
                or header.exchange != init.exchange):
            return
        try:
            message = parse_plain(data)
            check_rules(message)
            self._heard(outstanding, now)
            way = ctx.ways.find(path)
            if way is not None and not way.same_way(ctx.path):
                ctx.path = way          # it was asked for on several
            ready = init.process_response(message, data, now)
        except TicketRefused:
            ctx.emit(ike.TicketRefused())
            ctx.fail(Cause.PROTOCOL_ERROR, "the gateway does not take the ticket")
            return
        except RedirectedAway as away:
            if away.gateway is not None:
                ctx.emit(Redirected(away.gateway))
                ctx.finish()
            return
        except ProtocolError as error:
            offered = ", ".join(proposal_name(p) for p in ctx.config.ike_proposals)
            cause = INIT_CAUSES.get(error.notify, Cause.PROTOCOL_ERROR)
            ctx.fail(cause, f"offered: {offered}" if cause is Cause.NO_COMMON_PROPOSAL else str(error))
            return
        self._answered(sa)
        ctx.timers.cancel(Timer.KE_SILENCE, sa.own_spi)
        if not ready:
            self._send_init(sa, now)
            return
        sa.window.next_request_id = 1

        def authenticate(int_auth: IntAuth, now: float) -> None:
            IkeAuth(ctx, sa, init, int_auth.octets(sa.window.next_request_id)).start(now)

        if sa.require()[0].additional:
            ctx.enqueue(sa, Intermediate(ctx, sa, (init.nonce_i, init.nonce_r), authenticate))
        else:
            authenticate(IntAuth(), now)

    # --- protected messages ---

    def _unprotected(self, data: bytes, path: Path, now: float) -> None:
        """A gateway that knows our SPIs no more, or somebody who pretends to be it (RFC 7296 §1.5, §2.21.4)."""
        if self._ctx.path is None or path.remote.address != self._ctx.path.remote.address:
            return      # another gateway, which was asked whether it is this one
        try:
            message = parse_plain(data)
        except ProtocolError:
            return
        if message.notify(NotifyType.INVALID_IKE_SPI) or message.notify(NotifyType.INVALID_SPI):
            self._hint(now)

    def _hint(self, now: float) -> None:
        """Something may be wrong: a liveness check finds out, and not often (§2.4)."""
        sa = self._ctx.current()
        if sa is None or sa.state is not IkeState.ESTABLISHED or (
                self._last_hint is not None and now < self._last_hint + HINT_INTERVAL):
            return
        self._last_hint = now
        if sa.window.outstanding is None:
            self._roaming.ask_around(now)

    def _response(self, sa: IkeSa, header: Header, data: bytes, path: Path, now: float) -> None:
        ctx, outstanding = self._ctx, sa.window.outstanding
        if header.message_id == sa.window.next_request_id - 1 and self._roaming.doubt is not None \
                and sa is ctx.current() and self._is_authentic(sa, data):
            self._roaming.heard(path, None, now)        # the same answer, on another way
        if outstanding is None or outstanding.task is None or header.message_id != outstanding.message_id \
                or header.exchange != outstanding.task.exchange:
            return
        try:
            message = self._open(sa, data)
            if message is None:
                return
            self._heard(outstanding, now)
            self._answered(sa)
            sa.window.next_request_id += 1
            self._roaming.heard(path, outstanding, now)
            check_rules(message)
            outstanding.task.process_response(message, now)
        except ProtocolError as error:
            # A response cannot be answered (RFC 7296 §2.21.3): the IKE_SA is of no use any more.
            ctx.close_with(sa, Cause.PROTOCOL_ERROR, str(error), now)

    def _request(self, sa: IkeSa, header: Header, data: bytes, path: Path, now: float) -> None:
        ctx, window = self._ctx, sa.window
        if window.cached_reply and header.message_id == window.next_peer_id - 1:
            if is_first(header, data) and self._is_authentic(sa, data):     # RFC 7383 §2.6.1
                ctx.send(window.cached_reply, path)
            return
        if header.message_id != window.next_peer_id:
            return
        try:
            message = self._open(sa, data)
            if message is None:
                return
            check_rules(message)
            payloads = self._answer(sa, message, now)
        except ProtocolError as error:
            detail = str(error)
            payloads = [Notify.of(error.notify, error.data, protocol=error.protocol, spi=error.spi)]
            if isinstance(error, InvalidSyntax):    # §2.21.3: the peer's code cannot be trusted further
                ctx.after_reply = lambda: ctx.close_with(sa, Cause.PROTOCOL_ERROR, detail, now)
        ctx.last_heard = ctx.last_addressed = now
        self._not_silent()
        window.cached_reply = ctx.encode(sa, header.exchange, payloads, header.message_id, response=True)
        window.next_peer_id += 1
        ctx.send(window.cached_reply, path)
        after, ctx.after_reply = ctx.after_reply, None
        if after is not None:
            after()

    def _answer(self, sa: IkeSa, message: Message, now: float) -> list[Payload]:
        ctx = self._ctx
        if sa.state is IkeState.RIVAL and not any(d.protocol == ProtocolId.IKE for d in message.all(Delete)):
            # The gateway uses it, so it has decided (§2.8.2); its answer to our own rekeying is on the way.
            old = next((other for other in ctx.sas.values() if other.peer_successor is sa), None)
            if old is not None:
                ctx.replace_sa(old, sa, now)
        if message.exchange == ExchangeType.INFORMATIONAL:
            return answer_informational(ctx, sa, message, now)
        if message.exchange == ExchangeType.IKE_FOLLOWUP_KE:
            return answer_follow_up(ctx, sa, message, now)
        if message.exchange != ExchangeType.CREATE_CHILD_SA:
            raise InvalidSyntax(f"exchange {message.exchange} is not for an established IKE_SA")
        if sa.state is not IkeState.ESTABLISHED:
            raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "this IKE_SA is being closed")    # §2.25.2
        rekey = message.notify(NotifyType.REKEY_SA)
        if rekey is not None:
            if sa.rekeying:
                raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "this IKE_SA is being rekeyed")
            return answer_rekey_child(ctx, sa, message, rekey, now)
        if any(len(p.spi) == 8 for p in message.require(SA).proposals):
            return answer_rekey_ike(ctx, sa, message, now)
        raise ProtocolError(NotifyType.NO_ADDITIONAL_SAS, "a client takes no further tunnels")

    def _by(self, path: Path) -> Path:
        """The answer leaves where the request came in."""
        way = self._ctx.ways.find(path)
        return path if way is None else replace(path, interface=way.interface, index=way.index)

    def _open(self, sa: IkeSa, data: bytes) -> Message | None:
        """None: not authentic, or a fragment of what is not whole yet. Raises ProtocolError."""
        assert sa.cipher_in is not None
        try:
            return parse_protected(data, sa.cipher_in, sa.reassembly if self._ctx.peer.fragmentation else None)
        except IntegrityError:
            return None

    def _is_authentic(self, sa: IkeSa, data: bytes) -> bool:
        assert sa.cipher_in is not None
        try:
            parse_protected(data, sa.cipher_in, Reassembly())
        except IntegrityError:
            return False
        except ProtocolError:
            return True
        return True

    # --- sending ---

    def _pump(self, now: float) -> None:
        """Starts what waits, wherever a window is free."""
        for sa in list(self._ctx.sas.values()):
            window = sa.window
            while window.outstanding is None and not self._ctx.finished \
                    and self._ctx.timers.get(Timer.QUEUE, sa.own_spi) is None:
                # The gateway's own key exchanges come before new ones of ours, but not before all else.
                task = next((one for one in window.queue
                             if sa.follow_up is None or one.exchange != ExchangeType.CREATE_CHILD_SA), None)
                if task is None:
                    break
                window.queue.remove(task)
                payloads = task.build_request(now)
                if payloads is not None:
                    probe = task if isinstance(task, MtuProbe) else None
                    datagrams = self._ctx.encode(sa, task.exchange, payloads, window.next_request_id, response=False,
                                                 whole=probe is not None)
                    other = None
                    if probe is not None:
                        probe.sent_as(datagrams[0])
                        other = self._ctx.encode(sa, task.exchange, probe.without_padding(), window.next_request_id,
                                                 response=False)
                    self._track(sa, window.next_request_id, datagrams, task, now, other)

    def _track(self, sa: IkeSa, message_id: int, datagrams: list[bytes], task: Task | None, now: float,
               other: list[bytes] | None = None) -> None:
        interval = self._first_interval(sa)
        outstanding = Outstanding(message_id, datagrams, task, now, now, interval, other=other)
        way = task.path if isinstance(task, UpdateAddresses | NatLiveness | WayProbe) else None
        if way is not None and not way.same_way(self._ctx.path):
            outstanding.path = way
        sa.window.outstanding = outstanding
        self._ctx.timers.set(Timer.RETRANSMIT, sa.own_spi, now + interval)
        self._ctx.send(datagrams, outstanding.path, whole=other is not None)

    def _retransmit(self, sa: IkeSa, now: float, *, fresh: bool = False) -> None:
        """The same bytes again; ``fresh`` on a new path, where the interval starts over."""
        outstanding = sa.window.outstanding
        if outstanding is None:
            return
        there = outstanding.path        # another way, which does not answer
        if fresh and self._ctx.path is not None and (there is None or not there.same_way(self._ctx.path)):
            outstanding.spread = True
        if fresh or outstanding.transmissions >= WAY_TRIES:
            outstanding.path = None
        if outstanding.other is not None:
            outstanding.datagrams, outstanding.other = outstanding.other, outstanding.datagrams
            if isinstance(outstanding.task, MtuProbe):
                outstanding.task.small = True
        targets = self._roaming.targets(sa, outstanding)
        for each in targets:
            # A stream loses nothing (RFC 9329 §7.2): what it has been given is not given again.
            if fresh or there is not outstanding.path or each.transport != "tcp":
                self._ctx.send(outstanding.datagrams, each, whole=outstanding.other is not None)
        outstanding.spread |= len(targets) > 1
        outstanding.last_sent = now
        outstanding.transmissions += 1
        if fresh:
            outstanding.first_sent, outstanding.interval = now, self._first_interval(sa)
        else:
            longest = _LONGEST.get(sa.state, IMPATIENT if self._roaming.suspicious else LONGEST_INTERVAL)
            outstanding.interval = min(outstanding.interval * GROWTH, longest)
        self._ctx.timers.set(Timer.RETRANSMIT, sa.own_spi, now + outstanding.interval)

    def _first_interval(self, sa: IkeSa) -> float:
        interval = self._ctx.rtt.first_interval
        return max(interval, AUTH_INTERVAL) if sa.state is IkeState.AUTH else interval

    def _heard(self, outstanding: Outstanding, now: float) -> None:
        self._ctx.last_heard = now
        self._said_unreachable = False
        self._not_silent()
        if outstanding.transmissions == 1:      # Karn: only what was sent once is measured
            self._ctx.rtt.sample(now - outstanding.first_sent)
        else:
            self._ctx.rtt.ambiguous(now - outstanding.first_sent)

    def _again(self, sa: IkeSa, now: float, fresh: bool) -> None:
        self._retransmit(sa, now, fresh=fresh)

    def _not_silent(self) -> None:
        if self._silent_since is not None:
            self._silent_since = None
            self._ctx.emit(GatewayHeard())

    def _answered(self, sa: IkeSa) -> None:
        sa.window.outstanding = None
        self._ctx.timers.cancel(Timer.RETRANSMIT, sa.own_spi)

    def _provide(self, request_id: int, value: object, now: float) -> None:
        try:
            self._ctx.answer(request_id, value, now)
        except ProtocolError as error:
            sa = self._ctx.current()
            if sa is not None:
                self._ctx.close_with(sa, Cause.PROTOCOL_ERROR, str(error), now)
        self._pump(now)

    # --- time ---

    def _expired(self, timer: Timer, owner: bytes, now: float) -> None:
        ctx, sa = self._ctx, self._ctx.sas.get(owner)
        match timer:
            case Timer.RETRANSMIT if sa is not None:
                self._silence(sa, now)
            case Timer.KE_SILENCE if sa is not None and self._init is not None and ctx.path is not None:
                self._initiate(self._init.fallback_group(), now, anew=False)
            case Timer.DPD:
                self._liveness(now)
            case Timer.BASELINE | Timer.VERDICT | Timer.RETURN | Timer.ADDRESSES | Timer.FOLLOWS:
                self._roaming.expired(timer, now)
            case Timer.SILENT if (current := ctx.current()) is not None and current.state is IkeState.ESTABLISHED:
                asked = current.window.outstanding
                if asked is not None and ctx.path is not None:
                    self._say_silent(now - asked.first_sent, asked.transmissions, now)
            case Timer.FOLLOW_UP if sa is not None:
                sa.follow_up = None
            case Timer.REKEY_IKE:
                self.rekey_ike(now)
            case Timer.EXPIRE_IKE if sa is not None:
                if ctx.current() is sa:
                    ctx.close_with(sa, Cause.LIFETIME_EXPIRED, "the IKE_SA could not be renewed in time", now)
                else:
                    ctx.remove_sa(sa)
            case Timer.REKEY_CHILD:
                self.rekey_child(owner, now)
            case Timer.CREATE_CHILD:
                self._make_child(owner)
            case Timer.EXPIRE_CHILD:
                self._child_expired(owner, now)
            case Timer.LINGER_CHILD:
                info = ctx.lingering.pop(owner, None)
                if info is not None:
                    ctx.emit(ChildRemoved(info))
            case _:
                pass    # QUEUE: the pump goes on by itself

    def _silence(self, sa: IkeSa, now: float) -> None:
        """Nothing came back in time: again, or the end."""
        ctx, outstanding = self._ctx, sa.window.outstanding
        if outstanding is None:
            return
        if ctx.path is None and ctx.current() is not None:
            return      # no network: the clock of giving up stands still until set_paths sends again
        overslept = now - outstanding.last_sent - outstanding.interval
        if overslept > LONGEST_INTERVAL:    # the machine was suspended: that was no silence of the gateway's
            outstanding.first_sent += overslept
            self._initiated += overslept
        waited = now - (self._initiated if sa.state is IkeState.INIT else outstanding.first_sent)
        if sa.state is IkeState.DELETING and waited >= CLOSE_GIVE_UP and ctx.current() is None:
            ctx.remove_sa(sa)
            ctx.emit(Closed())
            ctx.finish()
        elif waited >= self._give_up(sa) and ctx.current() not in (sa, None):
            ctx.remove_sa(sa)       # replaced long ago: nobody misses it
        elif waited >= self._give_up(sa):
            cause, why = self._silence_means(sa)
            ctx.fail(cause, f"no answer for {waited:.0f} s after {outstanding.transmissions} transmissions{why}")
        else:
            if sa.state is IkeState.ESTABLISHED and ctx.current() is sa:
                self._say_silent(waited, outstanding.transmissions, now)
                if outstanding.path is None and self._roaming.may_doubt(now):
                    self._roaming.begin_doubt(now)
            if outstanding.transmissions >= UNREACHABLE_AFTER and not self._said_unreachable:
                self._said_unreachable = True
                cause, why = self._silence_means(sa)
                ctx.emit(Unreachable(f"no answer to {outstanding.transmissions} transmissions{why}", cause))
            self._retransmit(sa, now)

    def _say_silent(self, waited: float, transmissions: int, now: float) -> None:
        patience = SILENT_TRAFFIC - CLOCK_STEP if self._roaming.suspicious else SILENT_IDLE
        if self._silent_since is None and waited >= patience:
            self._silent_since = now
            self._ctx.emit(GatewaySilent(f"no answer to {transmissions} transmissions"))

    def _silence_means(self, sa: IkeSa) -> tuple[Cause, str]:
        """A cause, and what to add to its detail."""
        if sa.state is not IkeState.AUTH:
            return (Cause.DEAD_PEER if sa.state is IkeState.ESTABLISHED else Cause.GATEWAY_SILENT), ""
        if self._ctx.peer.fragmentation:
            return Cause.LOGIN_UNANSWERED, ""
        # Certificates then travel in IP fragments, which many networks drop (RFC 7383 §1).
        who = "the gateway does not offer it" if self._ctx.config.fragmentation else "the profile turns it off"
        return Cause.LOGIN_UNANSWERED, f"; without IKE fragmentation: {who}"

    def _give_up(self, sa: IkeSa) -> float:
        config = self._ctx.config
        return config.connect_give_up if sa.state in (IkeState.INIT, IkeState.AUTH) else config.retransmit_give_up

    def _liveness(self, now: float) -> None:
        ctx, sa = self._ctx, self._ctx.current()
        if sa is None or sa.state is not IkeState.ESTABLISHED:
            return
        if sa.window.next_request_id >= MAX_MESSAGE_ID:
            self.rekey_ike(now)
        # An answer comes to where its request came from. Behind a NAT that proves nothing of where the rest goes.
        nat = ctx.nat and ctx.mobike and self._roaming.watches
        quiet_since = now - (max(ctx.last_addressed, ctx.roaming.looked_at) if nat else ctx.last_heard)
        if quiet_since >= ctx.liveness_interval - CLOCK_STEP:
            if self._roaming.watches and (nat or sa.window.outstanding is None):
                self._roaming.look(sa)      # behind a NAT that is due however much else is being said
            elif sa.window.outstanding is None and not sa.window.queue:
                ctx.enqueue(sa, Liveness())
            quiet_since = 0.0
        ctx.timers.set(Timer.DPD, b"", now + ctx.liveness_interval - quiet_since)

    def _make_child(self, owner: bytes) -> None:
        ctx, sa, wanted = self._ctx, self._ctx.current(), children.find_wanted(self._ctx, owner)
        if sa is None or sa.state is not IkeState.ESTABLISHED or wanted is None:
            return
        outstanding = sa.window.outstanding
        tasks = (outstanding.task if outstanding is not None else None, *sa.window.queue)
        if not any(isinstance(task, CreateChild) and task.wanted.name == wanted.name for task in tasks):
            ctx.enqueue(sa, CreateChild(ctx, sa, None, wanted=wanted))

    def _child_expired(self, spi_in: bytes, now: float) -> None:
        """A hard lifetime ends: the CHILD_SA goes, and with the last one the connection."""
        ctx = self._ctx
        found = ctx.find_child(spi_in)
        if found is None:
            return
        sa, child = found
        if len(sa.children) == 1:       # nothing is left to be renewed either
            ctx.close_with(sa, Cause.LIFETIME_EXPIRED, "the CHILD_SA could not be renewed in time", now)
            return
        ctx.use_successor(sa, child)        # replaced by the gateway, which never deleted it
        if sa.state is IkeState.ESTABLISHED and child.state is not ChildState.DELETING:
            ctx.enqueue(sa, DeleteChild(ctx, sa, child))
        else:
            ctx.drop_child(sa, child, now)
        if sa.state is IkeState.ESTABLISHED:
            children.lost(ctx, sa, child, Cause.LIFETIME_EXPIRED, "it could not be renewed in time", now)
