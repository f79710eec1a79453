"""A TCP connection as the packet loop sees it: a port that carries ESP packets and IKE messages in frames (RFC 9329).

What the kernel does not take stays here, and meanwhile no packet is asked for: they wait in the TUN device's queue,
which is bounded and whose senders notice. A frame that was begun is always ended, or the stream is lost.
"""

import errno
import socket
from collections import deque

from client.core.datapath.base import DataPathEndpoint
from client.core.datapath.framing import MAX_FRAME, STREAM_PREFIX, FrameReader, StreamError, frame_header, frames
from client.core.datapath.udp import NON_ESP_MARKER, Ancillary
from client.model.endpoint import Endpoint

MAX_PENDING = 512 * 1024     # octets that the kernel has not taken; IKE beyond it is lost
READ = 0x1_0000

_AGAIN = frozenset((errno.EAGAIN, errno.EINTR))


class StreamPort:
    """``number`` is roved's name for this connection. ``lost`` is the errno of its end, None while it lives."""

    def __init__(self, sock: socket.socket, number: int, *, originator: bool) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.number = number
        self.lost: int | None = None
        self._reader = FrameReader()
        self._arrived: deque[memoryview] = deque()
        self._pending = bytearray()
        if originator:
            self._write([STREAM_PREFIX])

    @property
    def blocked(self) -> bool:
        """Something waits for the kernel: ``flush`` when the socket is writable."""
        return bool(self._pending) and self.lost is None

    @property
    def ready(self) -> bool:
        """Whole messages wait in here, about which no descriptor wakes anybody."""
        return bool(self._arrived)

    def rebind(self, endpoint: DataPathEndpoint) -> None:
        """Where a stream goes was settled when it was made."""

    def send(self, pieces: list[bytes], size: int) -> int:
        """ESP packets in two pieces each; 0, or the errno of the loss. A keepalive (one piece) has no use here."""
        if len(pieces) < 2:
            return 0
        return self._write(frames(pieces))

    def send_ike(self, data: bytes) -> int:
        """Behind the non-ESP marker (RFC 9329 §4.1); EMSGSIZE or ENOBUFS where it cannot be taken."""
        length = len(NON_ESP_MARKER) + len(data)
        if length > MAX_FRAME:
            return errno.EMSGSIZE
        if len(self._pending) + length > MAX_PENDING:
            return errno.ENOBUFS
        return self._write([frame_header(length), NON_ESP_MARKER, data])

    def flush(self) -> None:
        """Write what waits, as far as the kernel takes it."""
        while self._pending and self.lost is None:
            try:
                sent = self.sock.send(self._pending)
            except OSError as error:
                self._failed(error)
                return
            del self._pending[:sent]

    def receive(self) -> tuple[memoryview, int, Ancillary, tuple[str, int]] | None:
        """One message, as a ``UdpPort`` gives a datagram; None when there is no whole one."""
        while not self._arrived:
            if self.lost is not None:
                return None
            try:
                data = self.sock.recv(READ)
            except OSError as error:
                self._failed(error)
                return None
            if not data:
                self.lost = 0
                return None
            try:
                self._arrived.extend(self._reader.feed(data))
            except StreamError:
                self.lost = errno.EPROTO
        message = self._arrived.popleft()
        return message, len(message), [], ("", 0)

    def local(self, ancillary: Ancillary) -> Endpoint:
        return Endpoint("", 0)

    def close(self) -> None:
        self._arrived.clear()
        self.sock.close()

    def _write(self, pieces: list[bytes]) -> int:
        if self.lost is not None:
            return self.lost or errno.EPIPE
        if self._pending:
            self._pending += b"".join(pieces)
            return 0
        sent = 0
        try:
            sent = self.sock.sendmsg(pieces)
        except OSError as error:
            self._failed(error)
            if self.lost is not None:
                return self.lost
        if sent < sum(map(len, pieces)):
            self._pending += b"".join(pieces)[sent:]
        return 0

    def _failed(self, error: OSError) -> None:
        if error.errno not in _AGAIN:
            self.lost = error.errno or errno.EIO

