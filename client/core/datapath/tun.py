"""The TUN device as the packet loop sees it: whole packets in and out, whichever way it was opened."""

import fcntl
import os
import struct

from client.core.datapath.coalesce import PLAIN, VNET_HEADER, Run

READ = 0x1_0000

_TUNGETIFF = 0x8004_54D2
_TUNSETVNETHDRSZ = 0x4004_54D8
_IFF_VNET_HDR = 0x4000


class Tun:
    """A device without headers: one packet per call. OSError from ``read`` says that there is none."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.errors = 0  # packets that the kernel did not take

    def read(self) -> bytes:
        return os.read(self.fd, READ)

    def write(self, packet: memoryview) -> None:
        try:
            os.write(self.fd, packet)
        except OSError:
            self.errors += 1

    def flush(self) -> None:
        """Write what was held back."""


class OffloadTun(Tun):
    """Opened with IFF_VNET_HDR: what comes from the host is as always, TCP towards it goes in large packets."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        fcntl.ioctl(fd, _TUNSETVNETHDRSZ, struct.pack("=i", VNET_HEADER))
        self._run = Run()

    def read(self) -> bytes:
        return os.read(self.fd, READ)[VNET_HEADER:]

    def write(self, packet: memoryview) -> None:
        run = self._run
        if run.add(packet):
            if run.full:
                self.flush()
            return
        self.flush()
        if run.add(packet):
            if run.full:
                self.flush()
            return
        try:
            os.writev(self.fd, (PLAIN, packet))
        except OSError:
            self.errors += 1

    def flush(self) -> None:
        if self._run:
            super().write(self._run.take())


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
