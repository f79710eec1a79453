"""The TUN device of a connection."""

import errno
import fcntl
import os
import struct

from client.model.cause import Cause, RoveError

# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_IFF_VNET_HDR = 0x4000   # lets the data path hand over joined TCP segments: half the CPU time per byte
_NAME_LENGTH = 15


def open_tun(name: str) -> int:
    """A non-blocking descriptor that reads and writes IP packets, each behind a virtio_net_hdr of 10 octets.

    The device is not persistent: it goes, with its addresses and routes, when the last process that holds the
    descriptor does. Raises RoveError(HOST_SETUP) where the device cannot be made or somebody else holds it.
    """
    encoded = name.encode("ascii", "replace")
    if not 0 < len(encoded) <= _NAME_LENGTH:
        raise ValueError(f"no interface name: {name!r}")
    try:
        descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise RoveError(Cause.HOST_SETUP, f"/dev/net/tun: {error.strerror}") from error
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", encoded, _IFF_TUN | _IFF_NO_PI | _IFF_VNET_HDR))
    except OSError as error:
        os.close(descriptor)
        reason = "another process holds it" if error.errno == errno.EBUSY else str(error.strerror)
        raise RoveError(Cause.HOST_SETUP, f"TUN device {name}: {reason}") from error
    return descriptor
