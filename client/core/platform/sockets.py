"""The marked UDP sockets of a connection: IKE on port 500, and NAT traversal on 4500 (RFC 7296 §2.23).

They are bound to the wildcard address, so that they outlive every roam; sender and receiver name the address of
each datagram by IP_PKTINFO.
"""

import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from client.model.cause import Cause, RoveError
from client.model.endpoint import Endpoint

IKE_PORT = 500
NAT_PORT = 4500
MAX_DATAGRAM = 65535

_BUFFER = 4 << 20
_READS = 64               # datagrams per turn of the loop
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_IP_PKTINFO, _IP_MTU_DISCOVER, _IP_RECVERR = 8, 10, 11
_IPV6_MTU_DISCOVER, _IPV6_RECVERR = 23, 25
_PMTUDISC_DONT = 0
_ANCILLARY = 256
# An ICMP error about an earlier datagram is handed to the next call, which then has sent nothing.
_PENDING = frozenset((errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPROTO, errno.EACCES))
_NO_IPV6 = frozenset((errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.ENOPROTOOPT))
_TAKEN = frozenset((errno.EADDRINUSE, errno.EACCES))


@dataclass(frozen=True)
class IkeSockets:
    """IPv4 first, then IPv6 where the host has it."""

    ike: tuple[socket.socket, ...]
    nat: tuple[socket.socket, ...]

    def ports(self, version: int) -> tuple[int, int]:
        """The local ports (IKE, NAT traversal) for IP version 4 or 6; (0, 0) where there is no such socket."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        return _port(self.ike, family), _port(self.nat, family)

    def close(self) -> None:
        for sock in (*self.ike, *self.nat):
            sock.close()


def open_ike_sockets(mark: int, prefer_ports: bool = True) -> IkeSockets:
    """Non-blocking; ports 500 and 4500 where they are free (another IKE daemon may have them), else ephemeral ones.

    Raises RoveError(HOST_SETUP).
    """
    opened: list[socket.socket] = []
    try:
        for port in (IKE_PORT, NAT_PORT):
            for family in (socket.AF_INET, socket.AF_INET6):
                try:
                    opened.append(_open(family, mark, port if prefer_ports else 0))
                except OSError as error:
                    if family == socket.AF_INET or error.errno not in _NO_IPV6:
                        raise
    except OSError as error:
        for sock in opened:
            sock.close()
        raise RoveError(Cause.HOST_SETUP, f"UDP sockets: {error.strerror or error}") from error
    half = len(opened) // 2
    return IkeSockets(tuple(opened[:half]), tuple(opened[half:]))


def open_esp_sockets(mark: int) -> tuple[socket.socket, ...]:
    """Raw ones for ESP without UDP, IPv4 first, then IPv6 where the host has it. Raises RoveError(HOST_SETUP)."""
    opened: list[socket.socket] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            opened.append(marked_socket(family, socket.SOCK_RAW, mark, socket.IPPROTO_ESP))
        except OSError as error:
            if family == socket.AF_INET6 and error.errno in _NO_IPV6:
                continue
            for sock in opened:
                sock.close()
            raise RoveError(Cause.HOST_SETUP, f"raw sockets: {error.strerror or error}") from error
    return tuple(opened)


def marked_socket(family: int, kind: int, mark: int, protocol: int = 0) -> socket.socket:
    """Non-blocking, with SO_MARK. Raises OSError."""
    sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    except OSError:
        sock.close()
        raise
    return sock


def send_to(sockets: IkeSockets, data: bytes, local: Endpoint, remote: Endpoint, interface: int = 0) -> int:
    """Send one IKE message from ``local.address``, without the non-ESP marker. 0, or the errno of the refusal.

    ``interface`` is the index of the one to leave by, 0 for the kernel's choice. For IPv6 it implies the source, which
    the kernel chooses by it (see datapath.udp.source_ancillary).
    """
    family = socket.AF_INET6 if ":" in remote.address else socket.AF_INET
    sock = next((sock for sock in sockets.ike if sock.family == family), None)
    if sock is None:
        return errno.EAFNOSUPPORT
    try:
        source = _source(family, local.address, interface)
        for _ in range(2):
            try:
                sock.sendmsg((data,), source, 0, (remote.address, remote.port))
            except OSError as error:
                refusal = error.errno or errno.EIO
                if refusal not in _PENDING:
                    return refusal
            else:
                return 0
    except OSError as error:       # local.address is no address
        return error.errno or errno.EINVAL
    return refusal


def receive_from(sock: socket.socket) -> Iterator[tuple[bytes, Endpoint, Endpoint]]:
    """What has arrived: (data, our address, sender). Ends when there is no more, and after 64."""
    port = int(sock.getsockname()[1])
    for _ in range(_READS):
        try:
            data, ancillary, _, sender = sock.recvmsg(MAX_DATAGRAM, _ANCILLARY)
        except OSError as error:
            if error.errno in _PENDING:
                continue            # the error queue has it too
            return
        yield data, Endpoint(_destination(ancillary), port), _endpoint(sender)


def drain_errors(sock: socket.socket) -> list[tuple[Endpoint, int]]:
    """The ICMP errors that came: where our datagram was going, and the errno it means. Unauthenticated hints."""
    found: list[tuple[Endpoint, int]] = []
    for _ in range(_READS):
        try:
            _, ancillary, _, remote = sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
        except OSError:
            break
        for level, kind, data in ancillary:
            known = (level, kind) in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR))
            if known and len(data) >= 4 and remote:
                found.append((_endpoint(remote), int.from_bytes(data[:4], sys.byteorder)))
    return found


def _open(family: socket.AddressFamily, mark: int, port: int) -> socket.socket:
    sock = marked_socket(family, socket.SOCK_DGRAM, mark)
    try:
        if family == socket.AF_INET6:
            for option in (socket.IPV6_V6ONLY, socket.IPV6_RECVPKTINFO, _IPV6_RECVERR):
                sock.setsockopt(socket.IPPROTO_IPV6, option, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DONT)
        else:
            for option in (_IP_PKTINFO, _IP_RECVERR):
                sock.setsockopt(socket.IPPROTO_IP, option, 1)
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DONT)
        for option in (_SO_RCVBUFFORCE, _SO_SNDBUFFORCE):
            with contextlib.suppress(PermissionError):   # without CAP_NET_ADMIN the default has to do
                sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        wildcard = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104  a roaming client has no one address
        try:
            sock.bind((wildcard, port))
        except OSError as error:
            if not port or error.errno not in _TAKEN:
                raise
            sock.bind((wildcard, 0))
    except OSError:
        sock.close()
        raise
    return sock


def _source(family: int, address: str, interface: int) -> list[tuple[int, int, bytes]]:
    if not address:
        return []
    packed = socket.inet_pton(family, address)
    if family == socket.AF_INET6:
        info = struct.pack("=16sI", bytes(16) if interface else packed, interface)
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info)]
    return [(socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=I4s4s", interface, packed, bytes(4)))]


def _destination(ancillary: list[tuple[int, int, bytes]]) -> str:
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == _IP_PKTINFO and len(data) >= 12:
            return socket.inet_ntop(socket.AF_INET, data[8:12])
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO and len(data) >= 16:
            return socket.inet_ntop(socket.AF_INET6, data[:16])
    return ""


def _endpoint(address: tuple[str, int]) -> Endpoint:
    """From Python's socket address, without the zone."""
    return Endpoint(address[0].partition("%")[0], address[1])


def _port(sockets: tuple[socket.socket, ...], family: int) -> int:
    return next((int(sock.getsockname()[1]) for sock in sockets if sock.family == family), 0)
