"""Switch an interface's transmit offloads off, so that a user-space relay sees real packets with real checksums."""

import array
import fcntl
import socket
import struct

SIOCETHTOOL = 0x8946
_SETTINGS = (0x17, 0x19, 0x1F, 0x24, 0x2C)  # ETHTOOL_STXCSUM, SSG, STSO, SGSO, SGRO (linux/ethtool.h)


def offload_off(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _SETTINGS:
            value = array.array("B", struct.pack("II", command, 0))
            request = struct.pack("16sP", interface.encode(), value.buffer_info()[0])
            fcntl.ioctl(control, SIOCETHTOOL, request)
