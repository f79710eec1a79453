"""ESP packets that overtook their SA: the gateway sends on a new SA before we have judged the message that made it.

RFC 7296 §2.8 lets it. A rekeying installs in time; with IKE_AUTH a certificate or a person's agent is asked first,
which takes some milliseconds. What comes meanwhile is kept for a moment, and judged like any other packet then.
"""

from collections import deque
from typing import Never

from client.core.datapath.udp import Ancillary

PATIENCE = 500_000_000   # ns
MAX_HELD = 64            # packets, of all SPIs together: anybody can send some
MAX_OCTETS = 128 * 1024

_Received = tuple[memoryview, int, Ancillary, tuple[str, int]]


class HeldPackets:
    """The newest are kept. ``now`` in nanoseconds of one clock."""

    def __init__(self) -> None:
        self._packets: deque[tuple[int, bytes, bytearray]] = deque()
        self._octets = 0

    def __len__(self) -> int:
        return len(self._packets)

    def keep(self, spi: bytes, packet: memoryview, now: int) -> None:
        self._packets.append((now, spi, bytearray(packet)))
        self._octets += len(packet)
        while len(self._packets) > MAX_HELD or self._octets > MAX_OCTETS or self._packets[0][0] < now - PATIENCE:
            self._octets -= len(self._packets.popleft()[2])
            if not self._packets:
                return

    def take(self, spi: bytes, now: int) -> "Replay":
        """Those of this SPI, in the order in which they came; they are kept no longer."""
        mine = [packet for at, of, packet in self._packets if of == spi and at >= now - PATIENCE]
        self._packets = deque(entry for entry in self._packets if entry[1] != spi)
        self._octets = sum(len(packet) for _, _, packet in self._packets)
        return Replay(mine)


class Replay:
    """Receives as a ``UdpPort`` does: first what was held."""

    def __init__(self, packets: list[bytearray]) -> None:
        self._packets = deque(packets)

    def __len__(self) -> int:
        return len(self._packets)

    def receive(self) -> _Received | None:
        if not self._packets:
            return None
        packet = self._packets.popleft()
        return memoryview(packet), len(packet), [], ("", 0)

    def local(self, _ancillary: Ancillary) -> Never:
        raise AssertionError("what was held is ESP")
