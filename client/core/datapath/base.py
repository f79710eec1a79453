"""The DataPath protocol: what roved asks of whatever carries packets.

One data path serves one connection: one TUN device, one pair of UDP sockets (IPv4 and IPv6), some ESP SAs.
It owns reading those sockets and splits IKE from ESP by the non-ESP marker (RFC 3948 §2.2).
"""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from client.model.endpoint import Endpoint


@dataclass(frozen=True)
class Selector:
    """A traffic selector as the packet filter wants it: inclusive ranges of packed addresses and ports."""

    family: int          # 4 | 6
    protocol: int        # 0 = any
    start: bytes
    end: bytes
    port_start: int
    port_end: int


@dataclass(frozen=True)
class InboundSa:
    spi: bytes
    suite: str           # crypto.suites.ESP_SUITES key, e.g. "aes256gcm16", "aes256-sha256", "chacha20poly1305"
    encr_key: bytes = field(repr=False)
    integ_key: bytes = field(repr=False)
    local_ts: tuple[Selector, ...]
    remote_ts: tuple[Selector, ...]
    hard_packets: int = 0xFFFF_F000   # HardExpired; SoftExpired comes at 3/4 of it
    esn: bool = False    # extended sequence numbers (RFC 4303 §2.2.1)


@dataclass(frozen=True)
class OutboundSa:
    spi: bytes
    suite: str
    encr_key: bytes = field(repr=False)
    integ_key: bytes = field(repr=False)
    local_ts: tuple[Selector, ...]
    remote_ts: tuple[Selector, ...]
    hard_packets: int = 0xFFFF_F000
    esn: bool = False


@dataclass(frozen=True)
class DataPathEndpoint:
    """Where ESP goes: from ``local`` (its address picks the source) to ``remote``.

    ``interface`` is the index of the one to leave by, 0 for the kernel's choice: a link whose carrier is lost keeps
    its routes, and they are still the best there are. In what: "udp", "esp" (nothing between IP and ESP, the ports mean
    nothing) or "tcp" (the stream that was attached).
    """

    local: Endpoint
    remote: Endpoint
    interface: int = 0
    transport: str = "udp"


@dataclass(frozen=True)
class SaStats:
    spi: bytes
    bytes: int
    packets: int
    replays: int
    auth_failures: int
    selector_drops: int


@dataclass(frozen=True)
class DataPathStats:
    inbound: tuple[SaStats, ...]
    outbound: tuple[SaStats, ...]
    last_inbound: float      # CLOCK_BOOTTIME of the last authenticated ESP packet, 0.0 before
    last_outbound: float
    no_sa_drops: int         # out: no SA's selectors match; in: no SA has this SPI
    malformed_drops: int = 0  # inner packets that contradict themselves
    send_errors: int = 0     # the kernel or an ICMP message refused


class DataPathListener(Protocol):
    """Called in roved's event loop."""

    def ike_datagram(self, data: bytes, local: Endpoint, remote: Endpoint) -> None: ...
    def soft_expired(self, spi: bytes) -> None: ...
    def hard_expired(self, spi: bytes) -> None: ...
    def send_refused(self, remote: Endpoint, errno: int) -> None:
        """ICMP said no (ECONNREFUSED, EHOSTUNREACH …): a hint, never proof (it is not authenticated). EMSGSIZE: ESP
        does not fit the path."""
    def unanswered(self) -> None:
        """ESP goes out, and for longer than ``set_patience`` said nothing comes back. Said more and more rarely."""
    def stream_ike(self, data: bytes) -> None:
        """An IKE message came by the stream."""
    def stream_lost(self, number: int, errno: int) -> None:
        """It has ended, and its SAs have not: 0 is the peer's end of it (RFC 9329 §7.1)."""
    def data_path_restarted(self) -> None: ...
    def data_path_failed(self, detail: str) -> None:
        """It died too often and stays dead: no packet is carried any more. Only ``close`` makes sense now."""


class DataPath(Protocol):
    async def start(self) -> None: ...
    def install_inbound(self, sa: InboundSa) -> None: ...
    def install_outbound(self, sa: OutboundSa) -> None:
        """The newest outbound SA whose selectors match a packet carries it."""
    def remove(self, spi: bytes) -> None:
        """Both the inbound and the outbound SA of this SPI, if any."""
    def rebind(self, endpoint: DataPathEndpoint) -> None: ...
    def set_keepalive(self, interval: float) -> None:
        """NAT keepalives (one 0xFF octet, RFC 3948 §2.3) after ``interval`` s without ESP or IKE; 0 = none."""
    def set_patience(self, seconds: float) -> None:
        """How long ESP may stay without any answer before ``unanswered`` says so; 0 = for ever."""
    def set_limit(self, octets: int) -> None:
        """Inner packets larger than this do not fit the path (0: there is no such size)."""
    def send_ike(self, data: bytes, endpoint: DataPathEndpoint, *, whole: bool = False) -> None:
        """``whole``: it may not be fragmented on its way (a probe of the path's MTU)."""
    def attach_stream(self, sock: socket.socket, *, originator: bool = True) -> int:
        """Takes a connected TCP socket over (RFC 9329) in the place of the one before; its number."""
    def detach_stream(self) -> None: ...
    def send_stream_ike(self, data: bytes) -> None: ...
    def together(self) -> AbstractContextManager[None]:
        """What changes meanwhile changes between two packets."""
    def when_settled(self, then: Callable[[], None]) -> None:
        """Calls ``then`` once everything said so far is in force: SAs carry packets, removed ones do not."""
    def stats(self) -> DataPathStats: ...
    async def close(self) -> None: ...
