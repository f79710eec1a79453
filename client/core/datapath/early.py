"""IKE in roved's own hands until the data path's process reads the sockets: IKE_AUTH need not wait for it to start."""

import asyncio
import socket
from collections.abc import Iterable

from client.core.datapath.base import DataPathListener
from client.core.datapath.udp import NON_ESP_MARKER, UdpPort, endpoint_of

_MAX_BATCH = 16


class EarlyIke:
    """From now until ``stop``, which comes before there is an inbound SA: until then ESP is nobody's, and dropped."""

    def __init__(self, sockets: Iterable[socket.socket], listener: DataPathListener,
                 loop: asyncio.AbstractEventLoop) -> None:
        self._listener = listener
        self._loop = loop
        self._ports = [UdpPort(sock) for sock in sockets]
        for port in self._ports:
            loop.add_reader(port.sock.fileno(), self._read, port)

    def stop(self) -> None:
        """The sockets are still open. Again does no harm."""
        while self._ports:
            self._loop.remove_reader(self._ports.pop().sock.fileno())

    def _read(self, port: UdpPort) -> None:
        for remote, refusal in port.refusals():
            self._listener.send_refused(remote, refusal)
        for _ in range(_MAX_BATCH):
            # stopped by what a datagram led to: the rest is the child's
            received = port.receive() if port in self._ports else None
            if received is None:
                return
            datagrams, size, ancillary, sender = received
            for at in range(0, len(datagrams), size):
                datagram = bytes(datagrams[at : at + size])
                if datagram.startswith(NON_ESP_MARKER):
                    data = datagram[len(NON_ESP_MARKER) :]
                    self._listener.ike_datagram(data, port.local(ancillary), endpoint_of(sender))
