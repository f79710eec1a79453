"""A raw socket of the data path: ESP in IP and nothing between (RFC 4303 §3.1.1), where no NAT is in the way.

The kernel shows it every ESP packet of this host. What has no SPI of ours is another program's, and passed over.
"""

import socket
from dataclasses import replace

from client.core.datapath.base import DataPathEndpoint
from client.core.datapath.udp import Ancillary, UdpPort
from client.model.endpoint import Endpoint

_SHORTEST_HEADER = 20


class RawPort(UdpPort):
    """Sends and receives as a ``UdpPort``, one packet at a time; IPv4 comes with its header, IPv6 without."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, port=0)
        self._may_segment = False

    def rebind(self, endpoint: DataPathEndpoint) -> None:
        """IPv6 takes a port for the number of a protocol (raw(7))."""
        super().rebind(replace(endpoint, remote=Endpoint(endpoint.remote.address, 0)))

    def segment_again(self) -> None:
        """A raw socket knows no runs."""

    def receive(self) -> tuple[memoryview, int, Ancillary, tuple[str, int]] | None:
        received = super().receive()
        if received is None:
            return None
        packet, _, ancillary, sender = received
        if self.sock.family == socket.AF_INET:
            header = (packet[0] & 15) * 4 if len(packet) >= _SHORTEST_HEADER else len(packet)
            packet = packet[header:]
        return packet, max(1, len(packet)), ancillary, sender

    def refusals(self) -> list[tuple[Endpoint, int]]:
        """Ports mean nothing here."""
        return [(Endpoint(remote.address, 0), number) for remote, number in super().refusals()]


def is_raw(sock: socket.socket) -> bool:
    return sock.type == socket.SOCK_RAW

