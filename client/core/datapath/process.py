"""The data path in a process of its own, without privileges: roved's side.

It dies with roved, and roved starts it again, with its SAs, when it dies. What has to outlive it (sequence numbers,
counters) is in the shared page. Its packets are judged there; what it says here is bounded and names only our SAs.
"""

import asyncio
import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from client.core.datapath.base import (
    DataPathEndpoint,
    DataPathListener,
    DataPathStats,
    InboundSa,
    OutboundSa,
    SaStats,
)
from client.core.datapath.child_process import ChildProcess, Nursery
from client.core.datapath.control import ControlError, encode
from client.core.datapath.early import EarlyIke
from client.core.datapath.messages import (
    AttachStream,
    Checkpoint,
    DetachStream,
    HardExpired,
    IkeReceived,
    InstallInbound,
    InstallOutbound,
    Message,
    Reached,
    Ready,
    Rebind,
    Remove,
    SendRefused,
    SendStreamIke,
    SetKeepalive,
    SetLimit,
    SetPatience,
    SoftExpired,
    StreamIke,
    StreamLost,
    Together,
    Unanswered,
)
from client.core.datapath.page import MAX_SAS, Header, Page, Sa, create_page
from client.core.datapath.udp import prepare_socket, send_marked_ike
from client.core.esp.packet import MAX_ESN, MAX_SEQ
from client.model.cause import Cause, RoveError

MAX_RESTARTS = 5          # within RESTART_WINDOW seconds
RESTART_WINDOW = 60.0
READY_TIMEOUT = 5.0
CLOSE_TIMEOUT = 1.0
SEQ_MARGIN = 64           # skipped after a restart, over and above the numbers known to be used

_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_SOCKET_BUFFER = 4 << 20  # a burst of 30 ms at 1 Gbit/s, while the other direction has its turn


class ProcessDataPath:
    """``sockets`` are bound to port 4500 or its stand-in, at most one IPv4 and one IPv6; ``raw`` are for plain ESP,
    where that is wanted. They and ``tun_fd`` stay the caller's to close, after ``close``."""

    def __init__(
        self,
        tun_fd: int,
        sockets: Sequence[socket.socket],
        listener: DataPathListener,
        loop: asyncio.AbstractEventLoop | None = None,
        nursery: Nursery | None = None,
        raw: Sequence[socket.socket] = (),
    ) -> None:
        self._tun = tun_fd
        self._raw = tuple(raw)
        self._stream = 0            # number of the stream that the child has, 0 for none
        self._streams = 0
        self._limit = 0
        self._sockets = {sock.family: sock for sock in sockets}
        self._listener = listener
        self._loop = loop
        self._nursery = nursery or Nursery()
        self._inbound: dict[bytes, tuple[int, InboundSa]] = {}
        self._outbound: dict[bytes, tuple[int, OutboundSa]] = {}
        self._free = deque(range(MAX_SAS))  # a slot rests as long as possible before it is used again
        self._told: set[Message] = set()
        self._unsettled: deque[tuple[int, Callable[[], None]]] = deque()
        self._checkpoints = 0
        self._endpoint: DataPathEndpoint | None = None
        self._keepalive = 0
        self._patience = 0
        self._epoch = 0
        self._deaths: deque[float] = deque(maxlen=MAX_RESTARTS)
        self._child: ChildProcess | None = None
        self._ready_timer: asyncio.TimerHandle | None = None
        self._ready: asyncio.Future[None] | None = None
        self._early: EarlyIke | None = None
        self._gone = asyncio.Event()
        self._closing = False
        self._together: list[Message] | None = None     # what is to be said at once
        self._page_fd = create_page()
        self._page = Page(self._page_fd)
        for sock in (*sockets, *self._raw):
            _enlarge_buffers(sock)
            prepare_socket(sock)

    @property
    def pid(self) -> int | None:
        """The child's, while there is one."""
        return self._child.pid if self._child else None

    async def start(self) -> None:
        """Returns when packets are read; IKE is heard at once. Raises RoveError."""
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._spawn()
        self._early = EarlyIke(self._sockets.values(), self._listener, self._loop)
        await self._ready

    def install_inbound(self, sa: InboundSa) -> None:
        """Raises RoveError when there are too many, ControlError when it cannot be said."""
        encode(InstallInbound(0, 0, sa))  # judged before anything changes
        self._leave_to_child()
        slot = self._take_slot(self._inbound.pop(sa.spi, None))
        self._inbound[sa.spi] = (slot, sa)
        self._say(InstallInbound(slot, 0, sa))

    def install_outbound(self, sa: OutboundSa) -> None:
        """The newest whose selectors match carries a packet. Errors as for ``install_inbound``."""
        encode(InstallOutbound(0, 0, 0, sa))
        slot = self._take_slot(self._outbound.pop(sa.spi, None))
        self._outbound[sa.spi] = (slot, sa)
        self._say(InstallOutbound(slot, 1, self._epoch, sa))

    def remove(self, spi: bytes) -> None:
        """Both SAs of this SPI, if any."""
        found = [entry for entry in (self._inbound.pop(spi, None), self._outbound.pop(spi, None)) if entry]
        if found:
            self._free.extend(slot for slot, _ in found)
            self._told -= {SoftExpired(spi), HardExpired(spi)}
            self._say(Remove(spi))

    def rebind(self, endpoint: DataPathEndpoint) -> None:
        self._say(Rebind(endpoint))
        self._endpoint = endpoint

    def set_keepalive(self, interval: float) -> None:
        self._keepalive = round(interval * 1000)
        self._say(SetKeepalive(self._keepalive))

    def set_patience(self, seconds: float) -> None:
        patience = round(seconds * 1000)
        if patience != self._patience:
            self._patience = patience
            self._say(SetPatience(patience))

    def set_limit(self, octets: int) -> None:
        self._limit = octets
        self._say(SetLimit(octets))

    def attach_stream(self, sock: socket.socket, *, originator: bool = True) -> int:
        """The child's alone from now on: it goes with the child, and what was sent by halves with it."""
        if self._together:      # a descriptor comes alone
            self._say_together()
        self._streams += 1
        self._stream = self._streams
        if self._child is not None:
            self._child.send(AttachStream(self._stream, originator), sock.fileno())
        else:
            self._lose_stream()
        sock.close()
        return self._streams

    def detach_stream(self) -> None:
        if self._stream:
            self._stream = 0
            self._say(DetachStream())

    def send_stream_ike(self, data: bytes) -> None:
        if self._stream:
            self._say(SendStreamIke(data))

    def send_ike(self, data: bytes, endpoint: DataPathEndpoint, *, whole: bool = False) -> None:
        """Send at once, from here: the socket is shared, only reading it is the child's."""
        family = socket.AF_INET6 if ":" in endpoint.remote.address else socket.AF_INET
        sock = self._sockets.get(family)
        refusal = send_marked_ike(sock, data, endpoint, whole=whole) if sock else _NO_SOCKET
        if not refusal:
            self._page.words[Header.LAST_IKE] = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        elif self._loop is not None:
            self._loop.call_soon(self._listener.send_refused, endpoint.remote, refusal)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What changes meanwhile does so between two packets: no packet goes by an SA to where that SA is not known."""
        if self._together is not None:
            yield
            return
        self._together = []
        try:
            yield
        finally:
            self._say_together()

    def when_settled(self, then: Callable[[], None]) -> None:
        """Calls ``then`` once everything said so far is in force, or the child that was to answer has died."""
        if self._child is None:
            then()
            return
        self._checkpoints = (self._checkpoints + 1) & 0xFFFF_FFFF
        self._unsettled.append((self._checkpoints, then))
        self._say(Checkpoint(self._checkpoints))

    def stats(self) -> DataPathStats:
        words = self._page.words
        return DataPathStats(
            inbound=tuple(self._sa_stats(spi, slot) for spi, (slot, _) in self._inbound.items()),
            outbound=tuple(self._sa_stats(spi, slot) for spi, (slot, _) in self._outbound.items()),
            last_inbound=words[Header.LAST_INBOUND] / 1e9,
            last_outbound=words[Header.LAST_OUTBOUND] / 1e9,
            no_sa_drops=words[Header.NO_SA_DROPS],
            malformed_drops=words[Header.MALFORMED_DROPS],
            send_errors=words[Header.SEND_ERRORS],
        )

    async def close(self) -> None:
        """End the child and forget the keys. ``stats`` must not be asked any more."""
        if self._closing:
            return
        self._closing = True
        self._leave_to_child()
        if self._child is not None:
            self._child.hang_up()
            try:
                await asyncio.wait_for(self._gone.wait(), CLOSE_TIMEOUT)
            except TimeoutError:
                self._child.kill("it does not end")
                await self._gone.wait()
        self._inbound.clear()
        self._outbound.clear()
        self._page.close()
        os.close(self._page_fd)

    def _spawn(self) -> None:
        assert self._loop is not None
        descriptors = (self._tun, self._page_fd, [sock.fileno() for sock in (*self._sockets.values(), *self._raw)])
        self._child = self._nursery.begin(self._loop, descriptors, self._on_message, self._on_exit)
        self._ready_timer = self._loop.call_later(READY_TIMEOUT, self._child.kill, "it was not ready in time")
        for slot, inbound in self._inbound.values():
            self._say(InstallInbound(slot, min(self._seq(slot), _last_seq(inbound)), inbound))
        for slot, outbound in self._outbound.values():
            next_seq = 1 if not self._epoch else min(self._seq(slot) + 1 + SEQ_MARGIN, _last_seq(outbound))
            self._say(InstallOutbound(slot, next_seq, self._epoch, outbound))
        if self._endpoint:
            self._say(Rebind(self._endpoint))
        if self._keepalive:
            self._say(SetKeepalive(self._keepalive))
        if self._patience:
            self._say(SetPatience(self._patience))
        if self._limit:
            self._say(SetLimit(self._limit))

    def _lose_stream(self) -> None:
        if self._stream and self._loop is not None:
            self._loop.call_soon(self._listener.stream_lost, self._stream, 0)
        self._stream = 0

    def _on_message(self, message: Message) -> None:
        match message:
            case Ready():
                self._on_ready()
            case IkeReceived():
                self._listener.ike_datagram(message.data, message.local, message.remote)
            case SendRefused():
                self._listener.send_refused(message.remote, message.errno)
            case SoftExpired() | HardExpired():
                self._on_expired(message)
            case Unanswered():
                self._listener.unanswered()
            case StreamIke():
                self._listener.stream_ike(message.data)
            case StreamLost():
                if message.number == self._stream:
                    self._stream = 0
                    self._listener.stream_lost(message.number, message.errno)
            case Reached() if self._unsettled and message.number == self._unsettled[0][0]:
                self._unsettled.popleft()[1]()
            case _:
                assert self._child is not None
                self._child.kill("it said what only we say")

    def _leave_to_child(self) -> None:
        if self._early is not None:
            self._early.stop()
            self._early = None

    def _on_ready(self) -> None:
        self._leave_to_child()
        if self._ready_timer:
            self._ready_timer.cancel()
        if self._ready and not self._ready.done():
            self._ready.set_result(None)
        elif self._epoch:
            self._listener.data_path_restarted()

    def _on_expired(self, message: SoftExpired | HardExpired) -> None:
        """Said once per SA, although a restarted child finds out again."""
        if message in self._told or not (message.spi in self._inbound or message.spi in self._outbound):
            return
        self._told.add(message)
        if isinstance(message, SoftExpired):
            self._listener.soft_expired(message.spi)
        else:
            self._listener.hard_expired(message.spi)

    def _on_exit(self, reason: str) -> None:
        assert self._loop is not None
        self._child = None
        self._gone.set()
        if not self._closing:
            self._lose_stream()
        self._leave_to_child()
        while self._unsettled:
            self._unsettled.popleft()[1]()
        if self._ready_timer:
            self._ready_timer.cancel()
        if self._closing:
            return
        starting = self._ready is not None and not self._ready.done()
        if starting and self._deaths:   # the first may have died unseen while it was a spare
            self._fail(f"the data path did not start: {reason}")
            return
        now = self._loop.time()
        if len(self._deaths) == MAX_RESTARTS and now - self._deaths[0] < RESTART_WINDOW:
            self._fail(reason)
            return
        self._deaths.append(now)
        self._epoch += 1
        self._gone.clear()
        try:
            self._spawn()
        except RoveError as error:
            self._fail(error.detail)

    def _fail(self, reason: str) -> None:
        """``start`` says it, or, once that is over, the listener hears it."""
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(RoveError(Cause.HOST_SETUP, reason))
        else:
            self._listener.data_path_failed(reason)

    def _say(self, message: Message) -> None:
        """Without a child nothing is lost: ``_spawn`` says it all."""
        if self._together is not None:
            self._together.append(message)
        elif self._child is not None:
            self._child.send(message)
        else:
            encode(message)

    def _say_together(self) -> None:
        said, self._together = self._together or [], None
        try:
            if len(said) > 1:
                self._say(Together(tuple(said)))
                return
        except ControlError:        # too much for one message
            pass
        for message in said:
            self._say(message)

    def _take_slot(self, previous: tuple[int, InboundSa | OutboundSa] | None) -> int:
        if previous:
            self._free.append(previous[0])
        if not self._free:
            raise RoveError(Cause.INTERNAL, "more ESP SAs than the data path has room for")
        slot = self._free.popleft()
        self._page.clear_sa(slot)
        return slot

    def _seq(self, slot: int) -> int:
        return int(self._page.words[self._page.sa(slot) + Sa.SEQ])

    def _sa_stats(self, spi: bytes, slot: int) -> SaStats:
        start = self._page.sa(slot)
        counters = self._page.words[start : start + len(Sa)].tolist()
        return SaStats(
            spi,
            bytes=counters[Sa.BYTES],
            packets=counters[Sa.PACKETS],
            replays=counters[Sa.REPLAYS],
            auth_failures=counters[Sa.AUTH_FAILURES],
            selector_drops=counters[Sa.SELECTOR_DROPS],
        )


def _last_seq(sa: InboundSa | OutboundSa) -> int:
    return MAX_ESN if sa.esn else MAX_SEQ


def _enlarge_buffers(sock: socket.socket) -> None:
    for forced, plain in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, plain, _SOCKET_BUFFER)
        with contextlib.suppress(OSError):  # beyond the system's limit: needs CAP_NET_ADMIN
            sock.setsockopt(socket.SOL_SOCKET, forced, _SOCKET_BUFFER)


_NO_SOCKET = 97  # EAFNOSUPPORT
