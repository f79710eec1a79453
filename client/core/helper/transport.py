"""What a connection sends and receives with: TUN device, UDP and raw sockets, a stream, the data path.

roved reads port 500 itself; everything else is the data path's.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from client.core.datapath.base import DataPathEndpoint, DataPathStats
from client.core.datapath.child_process import Nursery
from client.core.datapath.process import ProcessDataPath
from client.core.helper.tunnel import carried_in
from client.core.ikev2.events import Datagram, Path
from client.core.platform.sockets import (
    IKE_PORT,
    NAT_PORT,
    IkeSockets,
    drain_errors,
    open_esp_sockets,
    open_ike_sockets,
    receive_from,
    send_to,
)
from client.core.platform.streams import connect_stream
from client.core.platform.tun import open_tun
from client.model.endpoint import Endpoint

NAT_KEEPALIVE = 20.0     # s (RFC 3948 §4)
LEFT_TO_IKE = 3.0        # s more until the data path sends one itself: in silence a liveness check comes first
SPARE_AFTER = 2.0        # s: the next connection's data path is made ready when this one's log-in is over


@dataclass(frozen=True)
class Callbacks:
    """Into the connection, in roved's loop."""

    datagram: Callable[[bytes, Path], None]
    refused: Callable[[Endpoint, int], None]
    expired: Callable[[bytes, bool], None]       # SPI, hard?
    restarted: Callable[[], None]
    failed: Callable[[str], None]
    unanswered: Callable[[], None]               # ESP goes out, and nothing comes back
    stream_lost: Callable[[int], None]           # errno, 0: the gateway has closed it


class Transport:
    """Opened for one connection; ``close`` gives everything back."""

    def __init__(self, interface: str, mark: int, callbacks: Callbacks, nursery: Nursery, *, plain_esp: bool = False
                 ) -> None:
        self._mark = mark
        self._stream: tuple[int, Path] | None = None        # what the data path calls it, and where it goes
        self._raw: tuple[socket.socket, ...] = ()
        self._loop = asyncio.get_running_loop()
        self._callbacks = callbacks
        self._closed = False
        self._nat, self._nat_patience = False, NAT_KEEPALIVE
        self._tun = open_tun(interface)
        try:
            self._sockets: IkeSockets = open_ike_sockets(mark)
            self._raw = open_esp_sockets(mark) if plain_esp else ()
        except BaseException:
            os.close(self._tun)
            raise
        self.data_path = ProcessDataPath(self._tun, self._sockets.nat, self, nursery=nursery, raw=self._raw)
        self._nursery = nursery
        for sock in self._sockets.ike:
            self._loop.add_reader(sock.fileno(), self._readable, sock)

    async def start(self) -> None:
        """Raises RoveError when the data path does not come up."""
        await self.data_path.start()
        self._loop.call_later(SPARE_AFTER, self._nursery.prepare, self._loop)

    def path(self, interface: str, local: str, gateway: str, mtu: int = 1500, index: int = 0) -> Path:
        """The path of an uplink, with the ports that our sockets really have."""
        ike_port, nat_port = self._sockets.ports(6 if ":" in local else 4)
        return Path(Endpoint(local, ike_port), Endpoint(gateway, IKE_PORT), interface, (nat_port, NAT_PORT), mtu=mtu,
                    index=index, transport="esp" if self._raw else "udp")

    async def open_stream(self, way: Path, port: int) -> Path:
        """A TCP connection on the same way, in the place of the one before; raises OSError. The path that it makes."""
        sock = await connect_stream(self._mark, way.local.address, way.interface, (way.remote.address, port))
        if self._closed:
            sock.close()
            raise ConnectionAbortedError
        path = replace(way, local=Endpoint(way.local.address, sock.getsockname()[1]),
                       remote=Endpoint(way.remote.address, port), transport="tcp")
        self._stream = self.data_path.attach_stream(sock), path
        return path

    def close_stream(self) -> None:
        self._stream = None
        self.data_path.detach_stream()

    def send(self, *datagrams: Datagram) -> None:
        for datagram in datagrams:
            path = datagram.path
            if path.transport == "tcp":
                self.data_path.send_stream_ike(datagram.data)
            elif path.remote.port == IKE_PORT:
                refusal = send_to(self._sockets, datagram.data, path.local, path.remote, path.index)
                if refusal:
                    self._callbacks.refused(path.remote, refusal)
            else:
                self.data_path.send_ike(datagram.data, DataPathEndpoint(path.local, path.remote, path.index),
                                        whole=datagram.whole)

    def when_settled(self, then: Callable[[], None]) -> None:
        """Once the data path does what it was told; never after ``close``."""
        self.data_path.when_settled(lambda: None if self._closed else then())

    def rebind(self, path: Path, nat: bool) -> None:
        self.data_path.rebind(DataPathEndpoint(path.local, path.remote, path.index, carried_in(path, nat)))
        self.keep_alive(nat)

    def keep_alive(self, nat: bool) -> None:
        """For a NAT's sake, which a way that is no more has not."""
        self._nat = nat
        self.data_path.set_keepalive(self._nat_patience + LEFT_TO_IKE if nat else 0.0)

    def set_nat_patience(self, seconds: float) -> None:
        """A NAT on the way forgets us after so long."""
        self._nat_patience = seconds
        self.keep_alive(self._nat)

    def set_patience(self, seconds: float) -> None:
        self.data_path.set_patience(seconds)

    def stats(self) -> DataPathStats:
        return self.data_path.stats()

    async def close(self) -> None:
        self._closed = True
        for sock in self._sockets.ike:
            self._loop.remove_reader(sock.fileno())
        await self.data_path.close()
        self._sockets.close()
        for sock in self._raw:
            sock.close()
        with contextlib.suppress(OSError):
            os.close(self._tun)

    def _readable(self, sock: socket.socket) -> None:
        for remote, errno in drain_errors(sock):
            self._callbacks.refused(remote, errno)
        for data, local, remote in receive_from(sock):
            self._callbacks.datagram(data, Path(local, remote))

    # --- DataPathListener ---

    def ike_datagram(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        self._callbacks.datagram(data, Path(local, remote))

    def soft_expired(self, spi: bytes) -> None:
        self._callbacks.expired(spi, False)

    def hard_expired(self, spi: bytes) -> None:
        self._callbacks.expired(spi, True)

    def send_refused(self, remote: Endpoint, errno: int) -> None:
        self._callbacks.refused(remote, errno)

    def unanswered(self) -> None:
        self._callbacks.unanswered()

    def stream_ike(self, data: bytes) -> None:
        if self._stream is not None:
            path = self._stream[1]
            self._callbacks.datagram(data, Path(path.local, path.remote, transport="tcp"))

    def stream_lost(self, number: int, errno: int) -> None:
        if self._stream is not None and self._stream[0] == number:
            self._stream = None
            self._callbacks.stream_lost(errno)

    def data_path_restarted(self) -> None:
        self._callbacks.restarted()

    def data_path_failed(self, detail: str) -> None:
        self._callbacks.failed(detail)
