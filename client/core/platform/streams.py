"""The marked TCP connection to a gateway (RFC 9329): made here, because making it takes privileges."""

import asyncio
import contextlib
import socket

from client.core.platform.sockets import marked_socket

SEND_BUFFER = 1 << 18        # octets: what waits in the kernel waits behind everything before it
_UNSENT = 1 << 15            # octets not yet sent at which the kernel asks for more
_UNACKNOWLEDGED = 20_000     # ms after which a connection that is not acknowledged is lost
_IDLE, _INTERVAL, _PROBES = 120, 20, 3      # s, s, times: for the NATs on the way (RFC 9329 §7.6)
_TCP_NOTSENT_LOWAT, _IP_BIND_ADDRESS_NO_PORT = 25, 24


async def connect_stream(mark: int, local: str, interface: str, remote: tuple[str, int]) -> socket.socket:
    """From ``local``, by ``interface`` whatever the routes say: it lasts as long as this uplink. Raises OSError.

    Waits for as long as the kernel tries; whoever cancels it leaves nothing behind.
    """
    family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
    sock = marked_socket(family, socket.SOCK_STREAM, mark)
    try:
        for option, value in ((socket.TCP_NODELAY, 1), (socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED),
                              (socket.TCP_KEEPIDLE, _IDLE), (socket.TCP_KEEPINTVL, _INTERVAL),
                              (socket.TCP_KEEPCNT, _PROBES), (_TCP_NOTSENT_LOWAT, _UNSENT)):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if interface:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        if local:
            sock.bind((local, 0))
        await asyncio.get_running_loop().sock_connect(sock, remote)
    except BaseException:
        sock.close()
        raise
    return sock
