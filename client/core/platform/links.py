"""Interfaces and their addresses by rtnetlink (rtnetlink(7), linux/if_link.h, linux/if_addr.h)."""

import contextlib
import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from client.core.platform.config import IpAddress
from client.core.platform.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Message,
    Netlink,
    NetlinkError,
    attribute,
    attributes,
    number,
    text,
    u32,
)

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22

IFLA_IFNAME, IFLA_WIRELESS = 3, 11
IFF_UP, IFF_LOOPBACK, IFF_LOWER_UP = 0x1, 0x8, 0x1_0000

_IFLA_MTU, _IFLA_OPERSTATE, _IFLA_LINKINFO, _IFLA_AF_SPEC, _IFLA_EXT_MASK = 4, 16, 18, 26, 29
_IFLA_INFO_KIND = 1
_IFLA_INET6_ADDR_GEN_MODE, _ADDR_GEN_NONE = 8, 1
_RTEXT_FILTER_SKIP_STATS = 8
_OPERATIONAL = frozenset((0, 6))      # RFC 2863: unknown (TUN and some drivers), up
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_IFA_F_NODAD, _IFA_F_DADFAILED, _IFA_F_TENTATIVE, _IFA_F_OPTIMISTIC = 0x02, 0x08, 0x40, 0x04
_IFA_F_NOPREFIXROUTE = 0x200
_SCOPE_LINK = 253

LINK_HEADER = struct.Struct("=BxHiII")
ADDRESS_HEADER = struct.Struct("=BBBBi")


@dataclass(frozen=True)
class Link:
    """``carrier``: up, with a cable or an association, and (802.1X) let in."""

    index: int
    name: str
    up: bool
    carrier: bool
    loopback: bool
    mtu: int
    kind: str            # "tun", "veth", …; "" for hardware


@dataclass(frozen=True)
class LinkAddress:
    """``usable``: not being checked for duplicates, and none was found (RFC 4862 §5.4)."""

    index: int
    address: IpAddress
    prefix: int
    usable: bool
    link_scope: bool     # link-local or host


def list_links(netlink: Netlink) -> list[Link]:
    body = LINK_HEADER.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + u32(_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)
    return [link for message in netlink.dump(RTM_GETLINK, body) if (link := parse_link(message)) is not None]


def find_link(netlink: Netlink, name: str) -> Link | None:
    body = LINK_HEADER.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + u32(_IFLA_EXT_MASK, _RTEXT_FILTER_SKIP_STATS)
    try:
        message = netlink.request(RTM_GETLINK, body + attribute(IFLA_IFNAME, name.encode() + b"\0"), flags=0)
    except NetlinkError as error:
        if error.errno == errno.ENODEV:
            return None
        raise
    return None if message is None else parse_link(message)


def set_link_up(netlink: Netlink, index: int, mtu: int) -> None:
    """Without link-local addresses: nobody answers router solicitations in a tunnel."""
    no_link_local = attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_ADDR_GEN_NONE]))
    header = LINK_HEADER.pack(socket.AF_UNSPEC, 0, index, 0, 0)
    with_ipv6 = attribute(_IFLA_AF_SPEC, attribute(socket.AF_INET6, no_link_local))
    with contextlib.suppress(NetlinkError):   # IPv6 is off here, and so are its link-local addresses
        netlink.request(RTM_SETLINK, header + with_ipv6)
    netlink.request(RTM_SETLINK, LINK_HEADER.pack(socket.AF_UNSPEC, 0, index, IFF_UP, IFF_UP) + u32(_IFLA_MTU, mtu))


def set_link_down(netlink: Netlink, index: int) -> None:
    netlink.request(RTM_SETLINK, LINK_HEADER.pack(socket.AF_UNSPEC, 0, index, 0, IFF_UP))


def delete_link(netlink: Netlink, index: int) -> None:
    netlink.request(RTM_DELLINK, LINK_HEADER.pack(socket.AF_UNSPEC, 0, index, 0, 0))


def list_addresses(netlink: Netlink, index: int = 0) -> list[LinkAddress]:
    """Of one interface, or (0) of all."""
    found = netlink.dump(RTM_GETADDR, ADDRESS_HEADER.pack(socket.AF_UNSPEC, 0, 0, 0, index))
    return [address for message in found if (address := _parse_address(message)) is not None]


def add_address(netlink: Netlink, index: int, address: IpAddress) -> None:
    """As a host address: what goes into the tunnel is for our routes to say."""
    netlink.request(RTM_NEWADDR, _address_body(index, address), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)


def delete_address(netlink: Netlink, index: int, address: LinkAddress) -> None:
    family = _family(address.address)
    netlink.request(RTM_DELADDR, ADDRESS_HEADER.pack(family, address.prefix, 0, 0, index)
                    + attribute(_IFA_LOCAL, address.address.packed))


def parse_link(message: Message) -> Link | None:
    if message.kind not in (RTM_NEWLINK, RTM_DELLINK) or len(message.body) < LINK_HEADER.size:
        return None
    _, _, index, flags, _ = LINK_HEADER.unpack_from(message.body)
    found = attributes(message.body[LINK_HEADER.size :])
    operational = number(found, _IFLA_OPERSTATE) in _OPERATIONAL
    return Link(index=index, name=text(found, IFLA_IFNAME), up=bool(flags & IFF_UP),
                carrier=bool(flags & IFF_LOWER_UP and flags & IFF_UP) and operational,
                loopback=bool(flags & IFF_LOOPBACK), mtu=number(found, _IFLA_MTU),
                kind=text(attributes(found.get(_IFLA_LINKINFO, b"")), _IFLA_INFO_KIND))


def _parse_address(message: Message) -> LinkAddress | None:
    if message.kind != RTM_NEWADDR or len(message.body) < ADDRESS_HEADER.size:
        return None
    family, prefix, flags, scope, index = ADDRESS_HEADER.unpack_from(message.body)
    found = attributes(message.body[ADDRESS_HEADER.size :])
    flags = number(found, _IFA_FLAGS, flags)
    packed = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS, b"")
    if family not in (socket.AF_INET, socket.AF_INET6) or len(packed) not in (4, 16):
        return None
    checked = not flags & _IFA_F_TENTATIVE or bool(flags & _IFA_F_OPTIMISTIC)
    return LinkAddress(index, ip_address(packed), prefix, checked and not flags & _IFA_F_DADFAILED,
                       scope >= _SCOPE_LINK)


def _address_body(index: int, address: IpAddress) -> bytes:
    prefix = ip_network(address).prefixlen
    flags = _IFA_F_NOPREFIXROUTE | (_IFA_F_NODAD if address.version == 6 else 0)
    return (ADDRESS_HEADER.pack(_family(address), prefix, flags & 0xFF, 0, index)
            + attribute(_IFA_LOCAL, address.packed) + attribute(_IFA_ADDRESS, address.packed)
            + u32(_IFA_FLAGS, flags))


def _family(address: IpAddress) -> int:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6
