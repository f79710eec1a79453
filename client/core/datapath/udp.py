"""One UDP socket of the data path: runs of ESP packets in one system call, source addresses, and refusals.

UDP_SEGMENT sends a run of equal datagrams (only the last may be shorter) with one trip through the kernel's stack;
UDP_GRO brings such runs back. Where the way out cannot do it, packets go one by one.
"""

import contextlib
import errno
import select
import socket
import struct
import sys

from client.core.datapath.base import DataPathEndpoint
from client.model.endpoint import Endpoint

MAX_RUN = 64            # datagrams; kernels before 6.9 refuse more
MAX_RUN_OCTETS = 60_000
NON_ESP_MARKER = bytes(4)  # RFC 3948 §2.2
RECEIVE = 0x1_0000

Ancillary = list[tuple[int, int, bytes]]

_SOL_UDP = 17
_IP_PKTINFO = 8
_UDP_SEGMENT = 103
_UDP_GRO = 104
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_IP_MTU_DISCOVER = 10
_IPV6_MTU_DISCOVER = 23
_PMTUDISC_DONT, _PMTUDISC_PROBE = 0, 3
_NEVER_TOO_LARGE = 1200     # octets of an IKE message that fits any path, whatever the kernel says of fragments
_ANCILLARY_SPACE = 128
_WAIT_MS = 5
_SEGMENT_REFUSALS = frozenset((errno.EINVAL, errno.EMSGSIZE, errno.EIO, errno.EOPNOTSUPP, errno.ENOPROTOOPT))
# An ICMP message for an earlier packet is reported by the next call, which then has not sent anything.
_PENDING = frozenset((
    errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPROTO, errno.EACCES, errno.EMSGSIZE,
))  # fmt: skip


def prepare_socket(sock: socket.socket) -> None:
    """Set what receiving, refusals and fragmentation need; needs no privilege.

    ESP is never fragmented outside: its packets say so (DF), and what the kernel believes about the path does not
    count, since any ICMP message could have told it.
    """
    sock.setblocking(False)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    let_fragment(sock, yes=False)
    with contextlib.suppress(OSError):  # kernels before 5.0: then every datagram comes alone
        sock.setsockopt(_SOL_UDP, _UDP_GRO, 1)


def let_fragment(sock: socket.socket, *, yes: bool) -> None:
    """May what is sent from now on travel in fragments?"""
    mode = _PMTUDISC_DONT if yes else _PMTUDISC_PROBE
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, mode)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, mode)


def source_ancillary(local: Endpoint, interface: int = 0) -> Ancillary:
    """Makes sendmsg use ``local.address`` as the source; an empty or wildcard address leaves it to routing.

    ``interface``: by which it leaves, where that is not the kernel's to choose. For IPv6 it chooses the source there
    by itself, the same one: with a source given Linux takes an interface for a wish, and a better metric for an order.
    """
    if local.address in ("", "0.0.0.0", "::"):  # noqa: S104  compared, not bound
        return []
    if ":" in local.address:
        info = struct.pack("=16sI", bytes(16) if interface else socket.inet_pton(socket.AF_INET6, local.address),
                           interface)
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info)]
    info = struct.pack("=I4s4s", interface, socket.inet_pton(socket.AF_INET, local.address), bytes(4))
    return [(socket.IPPROTO_IP, _IP_PKTINFO, info)]


def send_marked_ike(sock: socket.socket, data: bytes, endpoint: DataPathEndpoint, *, whole: bool = False) -> int:
    """Send an IKE message behind the non-ESP marker (RFC 3948 §2.2); 0 or the errno.

    Unless it has to stay ``whole`` a large one may be fragmented: not every gateway knows RFC 7383. The setting is the
    socket's, so an ESP packet that the data path sends in this moment might be as well; nothing depends on it.
    """
    if whole or len(data) <= _NEVER_TOO_LARGE:
        return _send_marked(sock, data, endpoint)
    let_fragment(sock, yes=True)
    try:
        return _send_marked(sock, data, endpoint)
    finally:
        let_fragment(sock, yes=False)


def _send_marked(sock: socket.socket, data: bytes, endpoint: DataPathEndpoint) -> int:
    ancillary = source_ancillary(endpoint.local, endpoint.interface)
    remote = (endpoint.remote.address, endpoint.remote.port)
    for attempt in (1, 2):
        try:
            sock.sendmsg((NON_ESP_MARKER, data), ancillary, 0, remote)
        except OSError as error:
            if attempt == 2 or error.errno not in _PENDING:
                return error.errno or errno.EIO
        else:
            return 0
    return 0


class UdpPort:
    """The data path's view of one socket. ``rebind`` says where ``send`` sends."""

    blocked = False         # a datagram is taken or lost; streams wait

    def __init__(self, sock: socket.socket, port: int | None = None) -> None:
        self.sock = sock
        self.port: int = sock.getsockname()[1] if port is None else port
        self._buffer = memoryview(bytearray(RECEIVE))
        self._remote: tuple[str, int] = ("", 0)
        self._source: Ancillary = []
        self._runs: dict[int, Ancillary] = {}
        self._may_segment = True

    def rebind(self, endpoint: DataPathEndpoint) -> None:
        self._remote = (endpoint.remote.address, endpoint.remote.port)
        self._source = source_ancillary(endpoint.local, endpoint.interface)
        self._runs.clear()
        self.segment_again()

    def segment_again(self) -> None:
        """Packets have another size, or another way: what was refused may be taken now."""
        self._may_segment = True

    def send(self, pieces: list[bytes], size: int) -> int:
        """Send datagrams of ``size`` octets each, the last perhaps shorter, each in two pieces.

        0, or the errno of what was refused.
        """
        if len(pieces) <= 2:
            return self._send(pieces, self._source)
        if self._may_segment:
            refusal = self._send(pieces, self._run_ancillary(size))
            if refusal not in _SEGMENT_REFUSALS:
                return refusal
            # Larger than the MTU (it will be fragmented), or an interface without checksum offload.
            self._may_segment = False
        refusal = 0
        for at in range(0, len(pieces), 2):
            refusal = self._send(pieces[at : at + 2], self._source) or refusal
        return refusal

    def receive(self) -> tuple[memoryview, int, Ancillary, tuple[str, int]] | None:
        """(datagrams, the size of each but the last, ancillary data, their sender); None when there is none.

        The datagrams are valid until the next call.
        """
        try:
            length, ancillary, _, sender = self.sock.recvmsg_into((self._buffer,), _ANCILLARY_SPACE)
        except OSError:  # nothing there, or an ICMP message, which the error queue has too
            return None
        size = length
        for level, kind, data in ancillary:
            if kind == _UDP_GRO and level == _SOL_UDP:
                size = int.from_bytes(data[:4], sys.byteorder)
        return self._buffer[:length], max(1, size), ancillary, sender  # an empty datagram has no size to step by

    def local(self, ancillary: Ancillary) -> Endpoint:
        """Which of our addresses a datagram came to."""
        for level, kind, data in ancillary:
            if level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(data) >= 12:
                return Endpoint(socket.inet_ntop(socket.AF_INET, data[8:12]), self.port)
            if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO and len(data) >= 16:
                return Endpoint(socket.inet_ntop(socket.AF_INET6, data[:16]), self.port)
        return Endpoint("", self.port)

    def refusals(self) -> list[tuple[Endpoint, int]]:
        """Empty the error queue: where a packet of ours was going, and the errno its ICMP answer means."""
        found: list[tuple[Endpoint, int]] = []
        for _ in range(MAX_RUN):
            try:
                _, ancillary, _, remote = self.sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            for level, kind, data in ancillary:
                ip = level == socket.IPPROTO_IP and kind == _IP_RECVERR
                ipv6 = level == socket.IPPROTO_IPV6 and kind == _IPV6_RECVERR
                if (ip or ipv6) and len(data) >= 4 and remote:
                    found.append((endpoint_of(remote), int.from_bytes(data[:4], sys.byteorder)))
        return found

    def _send(self, pieces: list[bytes], ancillary: Ancillary) -> int:
        for attempt in (1, 2):
            try:
                self.sock.sendmsg(pieces, ancillary, 0, self._remote)
            except BlockingIOError:
                # The interface's queue is full. Packets wait in the TUN device's queue meanwhile, which is its job.
                poll = select.poll()
                poll.register(self.sock, select.POLLOUT)
                poll.poll(_WAIT_MS)
                if attempt == 2:
                    return errno.EAGAIN
            except OSError as error:
                if attempt == 2 or error.errno not in _PENDING:
                    return error.errno or errno.EIO
            else:
                return 0
        return 0

    def _run_ancillary(self, size: int) -> Ancillary:
        ancillary = self._runs.get(size)
        if ancillary is None:
            if len(self._runs) > 256:
                self._runs.clear()
            ancillary = self._runs[size] = [*self._source, (_SOL_UDP, _UDP_SEGMENT, struct.pack("=H", size))]
        return ancillary


def endpoint_of(address: tuple[str, int]) -> Endpoint:
    """From Python's socket address, without the zone."""
    return Endpoint(address[0].partition("%")[0], address[1])
