"""Flush the connection tracking table of the current network namespace; stands in for ``conntrack -F``."""

import socket
import struct

NETLINK_NETFILTER = 12
CT_DELETE = 1 << 8 | 2        # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE; without a tuple: everything
REQUEST_ACK = 1 | 4           # NLM_F_REQUEST, NLM_F_ACK


def flush() -> None:
    """Raises OSError where the kernel refuses."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        for family in (socket.AF_INET, socket.AF_INET6):
            netlink.send(struct.pack("=IHHII", 20, CT_DELETE, REQUEST_ACK, 1, 0) + struct.pack("=BBH", family, 0, 0))
            (error,) = struct.unpack_from("=i", netlink.recv(4096), 16)
            if error:
                raise OSError(-error, "conntrack flush")
