"""Which network is this? Told by the router's link-layer address, where the kernel knows it already."""

import socket
import struct
from ipaddress import ip_address

from client.core.platform.netlink import Netlink, NetlinkError, attribute, attributes

_RTM_NEWNEIGH, _RTM_GETNEIGH = 28, 30
_NDA_DST, _NDA_LLADDR = 1, 2
_HEADER = struct.Struct("=BxxxiHBB")     # linux/neighbour.h: struct ndmsg


def network_fingerprint(interface: str, router: str, local: str) -> str:
    """Equal for the same network, mostly: a wrong guess costs its user some seconds, so more is not asked.

    Without a router (a link that has no neighbours, or a gateway on it) it is our own address that tells.
    """
    if not router:
        return f"{interface}|{local}"
    return f"{interface}|{router}|{_link_address(interface, router)}"


def _link_address(interface: str, router: str) -> str:
    """Empty where the kernel has not asked for it yet."""
    try:
        address, index = ip_address(router), socket.if_nametoindex(interface)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with Netlink() as netlink:
            reply = netlink.request(_RTM_GETNEIGH, _HEADER.pack(family, index, 0, 0, 0)
                                    + attribute(_NDA_DST, address.packed), 0)
    except (NetlinkError, OSError, ValueError):
        return ""
    if reply is None or reply.kind != _RTM_NEWNEIGH or len(reply.body) < _HEADER.size:
        return ""
    return attributes(reply.body[_HEADER.size:]).get(_NDA_LLADDR, b"")[:32].hex()
