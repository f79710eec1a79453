"""The packet loop in Python: the reference data path, and the one that runs everywhere.

One thread, one epoll: TUN → seal → UDP, UDP → open → TUN, and the control channel in between. A stream (RFC 9329) or a
raw socket takes UDP's place where the path wants it; UDP is read all the same. Whatever arrives is taken in batches, so
that waiting, time-keeping and counting are paid once for many packets.
"""

import contextlib
import select
import socket
import struct
from collections.abc import Callable, Sequence

from client.core.datapath import oversize
from client.core.datapath.base import DataPathEndpoint
from client.core.datapath.held import HeldPackets, Replay
from client.core.datapath.messages import (
    AttachStream,
    DetachStream,
    HardExpired,
    IkeReceived,
    InstallInbound,
    InstallOutbound,
    Message,
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
    Unanswered,
)
from client.core.datapath.page import Header, Page
from client.core.datapath.patience import Patience
from client.core.datapath.raw import RawPort, is_raw
from client.core.datapath.sadb import InboundState, OutboundState, OutboundTable, SaState
from client.core.datapath.stream import StreamPort
from client.core.datapath.tun import open_device
from client.core.datapath.udp import (
    MAX_RUN,
    MAX_RUN_OCTETS,
    NON_ESP_MARKER,
    Ancillary,
    UdpPort,
    endpoint_of,
    prepare_socket,
)
from client.core.esp.packet import NEXT_IPV4, NEXT_IPV6, NEXT_NONE, EspError
from client.model.endpoint import Endpoint

BATCH = MAX_RUN        # packets from the TUN device, or receive calls on a socket, before looking elsewhere
KEEPALIVE = b"\xff"    # RFC 3948 §2.3
REFUSAL_INTERVAL = 1_000_000_000  # ns between two reports about the same destination
MAX_ANSWERS = 64       # ICMP messages into the tunnel in ANSWER_INTERVAL (RFC 1812 §4.3.2.8, RFC 4443 §2.4 f)
ANSWER_INTERVAL = 1_000_000_000
NO_LIMIT = 0x1_0000

_MIN_ESP = 8
_SPI_SEQ = struct.Struct(">4sI").unpack_from


class PacketLoop:
    """``tell`` gets the messages for roved; ``clock`` is CLOCK_BOOTTIME in nanoseconds.

    ``apply`` takes roved's messages; ``step`` waits for packets and carries them.
    """

    def __init__(
        self,
        tun_fd: int,
        sockets: Sequence[socket.socket],
        page: Page,
        tell: Callable[[Message], None],
        random: Callable[[int], bytes],
        clock: Callable[[], int],
    ) -> None:
        self._tun = open_device(tun_fd)
        for sock in sockets:
            prepare_socket(sock)
        self._ports = {sock.family: UdpPort(sock) for sock in sockets if not is_raw(sock)}
        self._raw = {sock.family: RawPort(sock) for sock in sockets if is_raw(sock)}
        self._by_fd: dict[int, UdpPort] = {port.sock.fileno(): port for port in self._ports.values()}
        self._by_fd.update((port.sock.fileno(), port) for port in self._raw.values())
        self._stream: StreamPort | None = None
        self._asking = True
        self._waiting = False       # for the stream to take what it has; the TUN device is not read meanwhile
        self._words = page.words
        self._page = page
        self._tell = tell
        self._random = random
        self._clock = clock
        self._inbound: dict[bytes, InboundState] = {}
        self._outbound = OutboundTable()
        self._held = HeldPackets()
        self._port: UdpPort | StreamPort | None = None
        self._transport = "udp"
        self._limit = NO_LIMIT
        self._answers = (0, 0)      # how many in the interval that began then
        self._identification = int.from_bytes(random(4), "big")
        self._remote: Endpoint | None = None
        self._keepalive = 0
        self._patience = Patience()
        self._last_sent = clock()
        self._told_refusals: dict[tuple[Endpoint, int], int] = {}
        self._epoll = select.epoll()
        self._epoll.register(tun_fd, select.EPOLLIN)
        for fd in self._by_fd:
            self._epoll.register(fd, select.EPOLLIN)

    def watch(self, fd: int) -> None:
        """Let ``step`` also wake up for ``fd``."""
        self._epoll.register(fd, select.EPOLLIN)

    def attach(self, message: AttachStream, sock: socket.socket) -> None:
        """In the place of the stream that was there."""
        self._detach()
        self._stream = StreamPort(sock, message.number, originator=message.originator)
        self._epoll.register(sock.fileno(), select.EPOLLIN)
        if self._transport == "tcp":
            self._port = self._stream
        self._mind_stream()

    def apply(self, message: Message) -> None:
        """Raises ValueError for keys, slots or messages that make no sense."""
        match message:
            case InstallInbound():
                self._inbound[message.sa.spi] = InboundState(message, self._page)
                self._carry_held(message.sa.spi)
            case InstallOutbound():
                self._outbound.add(OutboundState(message, self._page, self._random))
            case Remove():
                self._inbound.pop(message.spi, None)
                self._outbound.remove(message.spi)
            case Rebind():
                self._rebind(message.endpoint)
            case SetKeepalive():
                self._keepalive = message.milliseconds * 1_000_000
            case SetPatience():
                self._patience.set_limit(message.milliseconds * 1_000_000)
            case SetLimit():
                self._limit = message.octets or NO_LIMIT
                if isinstance(self._port, UdpPort):
                    self._port.segment_again()
            case DetachStream():
                self._detach()
            case SendStreamIke():
                if self._stream is not None and self._stream.send_ike(message.data):
                    self._count(Header.SEND_ERRORS)
                self._mind_stream()
            case _:
                raise ValueError("not a message for a data path")

    def step(self, timeout: float) -> list[int]:
        """Wait up to ``timeout`` seconds, carry what is there; returns the watched descriptors that are ready."""
        stream = self._stream
        ready = self._epoll.poll(0.0 if stream is not None and stream.ready else self._until_due(timeout))
        of_stream = stream.sock.fileno() if stream is not None else -1
        # What roved says comes first: an SA is installed before the packets that need it are judged.
        others = [fd for fd, _ in ready if fd not in (self._tun.fd, of_stream) and fd not in self._by_fd]
        if others:
            return others
        if stream is not None and (stream.ready or any(fd == of_stream for fd, _ in ready)):
            self._carry_stream(stream)
        for fd, events in ready:
            if fd == of_stream:
                continue
            if fd == self._tun.fd:
                self._carry_out()
                if events & select.EPOLLERR:  # the device was removed; IKE goes on
                    self._epoll.unregister(fd)
            else:
                port = self._by_fd[fd]
                if events & select.EPOLLERR:
                    self._report_refusals(port)
                self._carry_in(port)
        self._send_keepalive()
        if self._patience.deadline and self._patience.is_exhausted(self._clock()):
            self._tell(Unanswered())
        self._mind_stream()
        return others

    def _carry_out(self) -> None:
        """TUN → UDP. Packets of one size leave together; a shorter one ends the run."""
        port, words, table, read = self._port, self._words, self._outbound, self._tun.read
        carrier = table.carrier
        sa, length, head, addresses = None, -1, b"", b""
        pieces: list[bytes] = []
        size = octets = 0
        touched: OutboundState | None = None
        limit = self._limit
        for _ in range(BATCH):
            if port is not None and port.blocked:
                break
            try:
                packet = read()
            except OSError:  # nothing left, or the device is down
                break
            # An IPv4 packet of the same size and addresses as the one before: the same answer, without asking.
            if len(packet) != length or packet[:4] != head or packet[12:20] != addresses:
                sa, length = carrier(packet)
                head = packet[:4] if table.plain and packet[:1] == b"\x45" else b""
                addresses = packet[12:20]
            if sa is None or port is None:
                self._count(Header.MALFORMED_DROPS if length < 0 else Header.NO_SA_DROPS)
                continue
            if length > limit:
                self._oversize(sa, port, packet[:length])
                continue
            seq = sa.seq + 1
            if seq >= sa.threshold and not self._lives(sa, seq):
                continue
            sa.seq = seq
            words[sa.word] = seq  # before the packet leaves: see page.py
            sealed = sa.seal(packet, NEXT_IPV6 if packet[0] >> 4 == 6 else NEXT_IPV4, seq)
            sa.packets += 1
            sa.bytes += length
            if sa is not touched:
                if touched is not None:
                    touched.publish(words)
                touched = sa
            datagram = len(sealed[0]) + len(sealed[1])
            if pieces and (datagram > size or octets + datagram > MAX_RUN_OCTETS):
                self._send(port, pieces, size)
                pieces = []
            if not pieces:
                size, octets = datagram, 0
            pieces += sealed
            octets += datagram
            if datagram < size:
                self._send(port, pieces, size)
                pieces = []
        if pieces and port is not None:
            self._send(port, pieces, size)
        if touched is not None:
            touched.publish(words)
            self._last_sent = words[Header.LAST_OUTBOUND] = self._clock()
            self._patience.sent(self._last_sent)

    def _oversize(self, sa: OutboundState, port: UdpPort | StreamPort, packet: bytes) -> None:
        """Carry it in pieces, or say how large it may be."""
        self._identification = (self._identification + 1) & 0xFFFF_FFFF
        pieces = oversize.pieces(packet, self._limit, self._identification)
        for piece in pieces:
            seq = sa.seq + 1
            if seq >= sa.threshold and not self._lives(sa, seq):
                return
            sa.seq = self._words[sa.word] = seq
            sealed = sa.seal(piece, NEXT_IPV6 if piece[0] >> 4 == 6 else NEXT_IPV4, seq)
            sa.packets += 1
            sa.bytes += len(piece)
            self._send(port, list(sealed), len(sealed[0]) + len(sealed[1]))
        if pieces:
            sa.publish(self._words)
            self._last_sent = self._words[Header.LAST_OUTBOUND] = self._clock()
            return
        now = self._clock()
        count, since = self._answers
        if now - since >= ANSWER_INTERVAL:
            count, since = 0, now
        self._answers = count + 1, since
        reply = oversize.answer(packet, self._limit) if count < MAX_ANSWERS else b""
        if reply:
            self._tun.write(reply, None)
            self._tun.flush()

    def _carry_stream(self, stream: StreamPort) -> None:
        stream.flush()
        self._carry_in(stream)
        self._mind_stream()

    def _mind_stream(self) -> None:
        """What changes with the stream's state: who is woken by it, whether packets are asked for, its end."""
        stream = self._stream
        if stream is not None and stream.lost is not None and not stream.ready:
            self._tell(StreamLost(stream.number, stream.lost))
            self._detach()
            stream = None
        waiting = stream is not None and stream.blocked
        if waiting == self._waiting:
            return
        self._waiting = waiting
        if stream is not None:
            self._epoll.modify(stream.sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if waiting else 0))
        self._ask_for_packets()

    def _ask_for_packets(self) -> None:
        """Not while nobody takes them: they wait in the device's queue."""
        wanted = not (self._waiting and self._port is self._stream)
        if wanted != self._asking:
            self._asking = wanted
            with contextlib.suppress(OSError):      # the device is gone
                self._epoll.modify(self._tun.fd, select.EPOLLIN if wanted else 0)

    def _detach(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            if self._port is stream:
                self._port = None
            self._epoll.unregister(stream.sock.fileno())
            stream.close()
            self._waiting = False
            self._ask_for_packets()

    def _carry_held(self, spi: bytes) -> None:
        """What came before its SA comes now."""
        held = self._held.take(spi, self._clock())
        if held:
            self._words[Header.NO_SA_DROPS] -= len(held)
            self._carry_in(held)

    def _carry_in(self, port: UdpPort | StreamPort | Replay) -> None:
        """UDP → TUN, and IKE messages to roved (RFC 3948 §2.2)."""
        words, tun, inbound = self._words, self._tun, self._inbound
        authenticated = False
        touched: InboundState | None = None
        for _ in range(BATCH):
            received = port.receive()
            if received is None:
                break
            data, size, ancillary, sender = received
            for at in range(0, len(data), size):
                packet = data[at : at + size]
                if len(packet) < _MIN_ESP:
                    continue  # a keepalive (RFC 3948 §2.3), or nothing at all
                spi, seq = _SPI_SEQ(packet)
                sa = inbound.get(spi)
                if sa is None:
                    self._not_esp(packet, port, ancillary, sender)
                    continue
                if sa is not touched:
                    if touched is not None:
                        touched.publish(words)
                    touched = sa
                window = sa.window
                if sa.esn:
                    seq = window.whole(seq)
                if seq <= window.highest and not window.is_new(seq):
                    sa.replays += 1
                    continue
                try:
                    plaintext, length, next_header = sa.open(packet, seq)
                except EspError:
                    sa.auth_failures += 1
                    continue
                authenticated = True
                if seq >= sa.threshold and not self._lives(sa, seq):
                    continue
                window.accept(seq)
                words[sa.word] = window.highest  # before the packet is delivered: see page.py
                # The next segment of a flow that was let pass a moment ago needs no second judgement.
                if (
                    next_header == tun.next_header and tun.extend(plaintext, length, sa)
                ) or self._deliver(sa, plaintext[:length], next_header):
                    sa.packets += 1
                    sa.bytes += length
        if touched is not None:
            touched.publish(words)
            tun.flush()
            if tun.errors:  # the device is down, or the kernel dislikes a packet
                words[Header.SEND_ERRORS] += tun.errors
                tun.errors = 0
        if authenticated:
            words[Header.LAST_INBOUND] = self._clock()
            self._patience.answered()

    def _deliver(self, sa: InboundState, payload: bytes, next_header: int) -> bool:
        """Judge an authentic payload, and write it to the TUN device if it may pass."""
        if next_header == NEXT_NONE:
            return False
        length = sa.allowed_length(payload)
        if length == 0:
            sa.selector_drops += 1
            return False
        if length < 0 or next_header != (NEXT_IPV4 if payload[0] >> 4 == 4 else NEXT_IPV6):
            self._count(Header.MALFORMED_DROPS)
            return False
        self._tun.write(payload[:length], sa)
        return True

    def _not_esp(
        self, packet: memoryview, port: UdpPort | StreamPort | Replay, ancillary: Ancillary, sender: tuple[str, int]
    ) -> None:
        if isinstance(port, RawPort):
            self._held.keep(packet[:4].tobytes(), packet, self._clock())    # unless it is another program's
        elif packet[:4] == NON_ESP_MARKER and isinstance(port, StreamPort):
            self._tell(StreamIke(packet[4:].tobytes()))
        elif packet[:4] == NON_ESP_MARKER:
            self._tell(IkeReceived(port.local(ancillary), endpoint_of(sender), packet[4:].tobytes()))
        else:
            self._count(Header.NO_SA_DROPS)     # unless its SA comes in a moment
            self._held.keep(packet[:4].tobytes(), packet, self._clock())

    def _lives(self, sa: SaState, seq: int) -> bool:
        """A threshold is reached: tell, and say whether ``seq`` may still be used (RFC 4303 §3.3.3: never wrap)."""
        if sa.threshold < sa.hard:
            self._tell(SoftExpired(sa.spi))
            sa.threshold = sa.hard
        if seq < sa.hard:
            return True
        if sa.hard_told:
            return False
        sa.hard_told = True
        self._tell(HardExpired(sa.spi))
        return False

    def _rebind(self, endpoint: DataPathEndpoint) -> None:
        family = socket.AF_INET6 if ":" in endpoint.remote.address else socket.AF_INET
        self._transport = endpoint.transport
        if endpoint.transport == "tcp":
            self._port = self._stream
        else:
            self._port = (self._raw if endpoint.transport == "esp" else self._ports).get(family)
        self._remote = endpoint.remote
        self._patience.begin_anew()
        self._ask_for_packets()
        if self._port is not None:
            self._port.rebind(endpoint)

    def _send(self, port: UdpPort | StreamPort, pieces: list[bytes], size: int) -> None:
        refusal = port.send(pieces, size)
        if refusal:
            self._count(Header.SEND_ERRORS)
            if self._remote is not None and isinstance(port, UdpPort):
                self._report(self._remote, refusal)

    def _report_refusals(self, port: UdpPort) -> None:
        for remote, refusal in port.refusals():
            self._report(remote, refusal)

    def _report(self, remote: Endpoint, refusal: int) -> None:
        now = self._clock()
        if now - self._told_refusals.get((remote, refusal), -REFUSAL_INTERVAL) >= REFUSAL_INTERVAL:
            if len(self._told_refusals) > 64:
                self._told_refusals.clear()
            self._told_refusals[remote, refusal] = now
            self._tell(SendRefused(remote, refusal))

    def _until_due(self, timeout: float) -> float:
        """To the next keepalive, or the end of our patience."""
        due = [self._patience.deadline] if self._patience.deadline else []
        if self._keepalive and self._transport == "udp" and self._port is not None:
            due.append(max(self._last_sent, self._words[Header.LAST_IKE]) + self._keepalive)
        return min(timeout, max(0.0, (min(due) - self._clock()) / 1e9)) if due else timeout

    def _send_keepalive(self) -> None:
        if not self._keepalive or self._transport != "udp" or self._port is None:
            return
        now = self._clock()
        if max(self._last_sent, self._words[Header.LAST_IKE]) + self._keepalive <= now:
            self._last_sent = now
            self._send(self._port, [KEEPALIVE], 1)

    def _count(self, counter: Header) -> None:
        self._words[counter] += 1
