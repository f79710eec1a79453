"""The TUN device as the packet loop sees it: whole packets in and out, whichever way it was opened."""

import fcntl
import os
import struct

from client.core.datapath.coalesce import PLAIN, VNET_HEADER, Run
from client.core.esp.packet import NEXT_IPV4, NEXT_IPV6

_TUNGETIFF = 0x8004_54D2
_TUNSETVNETHDRSZ = 0x4004_54D8
_IFF_VNET_HDR = 0x4000


_READ, _MAX_READ = 2048, 0x1_0000


class Tun:
    """A device without headers: one packet per call.

    ``owner`` is whoever decided that a packet may pass: the SA it came with.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.errors = 0  # packets that the kernel did not take
        self.next_header = -1  # of the packets that ``extend`` could continue
        self._size = _READ

    def read(self) -> bytes:
        """OSError: there is none."""
        packet = os.read(self.fd, self._size)
        if len(packet) == self._size:  # cut off: allocating for the largest there is each time would be slow
            self._size = _MAX_READ
        return packet

    def extend(self, packet: bytes, length: int, owner: object) -> bool:
        """Is it the next segment of what ``owner`` wrote last, and therefore written already?"""
        return False

    def write(self, packet: bytes, owner: object) -> None:
        self._write((packet,))

    def flush(self) -> None:
        """Write what was held back."""

    def _write(self, pieces: tuple[bytes | memoryview, ...]) -> None:
        try:
            os.writev(self.fd, pieces)
        except OSError:
            self.errors += 1


class OffloadTun(Tun):
    """Opened with IFF_VNET_HDR: what comes from the host is as always, TCP towards it goes in large packets."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        fcntl.ioctl(fd, _TUNSETVNETHDRSZ, struct.pack("=i", VNET_HEADER))
        self._run = Run()
        self._owner: object = None

    def read(self) -> bytes:
        packet = os.read(self.fd, self._size)
        if len(packet) == self._size:
            self._size = _MAX_READ
        return packet[VNET_HEADER:]

    def extend(self, packet: bytes, length: int, owner: object) -> bool:
        run = self._run
        if owner is not self._owner or not run.extend(packet, length):
            return False
        if run.full:
            self.flush()
        return True

    def write(self, packet: bytes, owner: object) -> None:
        self.flush()
        if self._run.begin(packet):
            self._owner = owner
            self.next_header = NEXT_IPV4 if packet[0] == 0x45 else NEXT_IPV6
            if self._run.full:
                self.flush()
        else:
            self._write((PLAIN, packet))

    def flush(self) -> None:
        if self._run:
            self._write((self._run.take(),))
        self._owner = None
        self.next_header = -1


def open_device(fd: int) -> Tun:
    """Made non-blocking, and seen for what it is."""
    os.set_blocking(fd, False)
    request = bytearray(40)
    try:
        fcntl.ioctl(fd, _TUNGETIFF, request)
    except OSError:  # a stand-in
        return Tun(fd)
    (flags,) = struct.unpack_from("=H", request, 16)
    return OffloadTun(fd) if flags & _IFF_VNET_HDR else Tun(fd)
