"""rtnetlink's notifications, folded: something about the host's network has changed, look again.

A roam is a burst of links, addresses and routes. One call follows it, soon after it has ended. Who cannot wait for
that is asked when it begins, and as long as it is urgent. What Rove does itself (its interfaces, its routes, its
rules) is no change.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass

from client.core.platform.conventions import ROUTE_PROTOCOL, interface_index, table_owner
from client.core.platform.links import (
    ADDRESS_HEADER,
    IFLA_IFNAME,
    IFLA_WIRELESS,
    LINK_HEADER,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_NEWADDR,
    RTM_NEWLINK,
    list_links,
)
from client.core.platform.netlink import Message, Netlink, attributes, messages, number, text
from client.core.platform.routes import (
    FRA_PROTOCOL,
    ROUTE_HEADER,
    RTA_OIF,
    RTA_TABLE,
    RTM_DELROUTE,
    RTM_DELRULE,
    RTM_NEWROUTE,
    RTM_NEWRULE,
    RULE_HEADER,
)

QUIET = 0.015    # s without a notification: the burst is over
LIMIT = 0.1      # s: a network that never rests is reported all the same

_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
# RTNLGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, IPV6_RULE
_GROUPS = (1, 5, 7, 8, 9, 11, 19)
_RECEIVE = 1 << 17
_BUFFER = 1 << 20
_READS = 64      # datagrams per turn of the loop
_CLONED = 0x200  # RTM_F_CLONED: a cached route, not one of the tables

_KINDS = {RTM_NEWLINK: "link", RTM_DELLINK: "link", RTM_NEWADDR: "address", RTM_DELADDR: "address",
          RTM_NEWROUTE: "route", RTM_DELROUTE: "route", RTM_NEWRULE: "rule", RTM_DELRULE: "rule"}


@dataclass(frozen=True)
class NetworkChange:
    """``kinds``: what moved, of "link", "address", "route", "rule". ``lost``: more than that, and the kernel could not
    keep all of it for us."""

    kinds: frozenset[str]
    lost: bool = False


class NetworkMonitor:
    """Calls ``on_change`` in the event loop where ``start`` ran. Sleeps until the kernel has something to say.

    ``on_stir`` hears of a burst that has just begun. While it answers True it is called after what follows, too.
    """

    def __init__(self, on_change: Callable[[NetworkChange], None], on_stir: Callable[[], bool] = lambda: False,
                 quiet: float = QUIET, limit: float = LIMIT) -> None:
        self._on_change = on_change
        self._on_stir = on_stir
        self._urgent = False
        self._quiet = quiet
        self._limit = limit
        self._sock: socket.socket | None = None
        self._own: set[int] = set()
        self._kinds: set[str] = set()
        self._lost = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Raises OSError."""
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
                             socket.NETLINK_ROUTE)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            sock.bind((0, 0))
            for group in _GROUPS:
                sock.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
        except OSError:
            sock.close()
            raise
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._learn_own()
        self._loop.add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sock is not None:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None

    def _learn_own(self) -> None:
        with Netlink() as netlink:
            self._own = {link.index for link in list_links(netlink) if interface_index(link.name) is not None}

    def _readable(self) -> None:
        calm = self._timer is None
        noted = self._drain()
        if noted and (calm or self._urgent):
            self._urgent = self._on_stir()

    def _drain(self) -> bool:
        """Take what the kernel says; is any of it worth a report?"""
        assert self._sock is not None
        noted = False
        for _ in range(_READS):
            try:
                data = self._sock.recv(_RECEIVE)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # Notifications were dropped, maybe those about our interfaces: ask anew, and report.
                self._lost = True
                self._learn_own()
                self._note("link")
                noted = True
                continue
            for message, _ in messages(data):
                kind = _KINDS.get(message.kind)
                if kind is not None and not self._is_noise(message):
                    self._note(kind)
                    noted = True
        return noted

    def _note(self, kind: str) -> None:
        now = self._loop.time()
        self._kinds.add(kind)
        if self._timer is None:
            self._deadline = now + self._limit
        else:
            self._timer.cancel()
        self._timer = self._loop.call_at(min(now + self._quiet, self._deadline), self._report)

    def _report(self) -> None:
        change = NetworkChange(frozenset(self._kinds), self._lost)
        self._kinds.clear()
        self._lost = False
        self._timer = None
        self._on_change(change)

    def _is_noise(self, message: Message) -> bool:
        """Ours, or no change of the tables at all."""
        body = message.body
        match _KINDS[message.kind]:
            case "link":
                return self._link_is_noise(body)
            case "address":
                return len(body) < ADDRESS_HEADER.size or ADDRESS_HEADER.unpack_from(body)[4] in self._own
            case "route":
                return self._route_is_noise(body)
            case _:
                found = attributes(body[RULE_HEADER.size :])
                return number(found, FRA_PROTOCOL) == ROUTE_PROTOCOL

    def _link_is_noise(self, body: bytes) -> bool:
        if len(body) < LINK_HEADER.size:
            return True
        index = LINK_HEADER.unpack_from(body)[2]
        found = attributes(body[LINK_HEADER.size :])
        if interface_index(text(found, IFLA_IFNAME)) is not None:
            # Kept when the link goes: notifications about its routes may follow. A new link of that index ends it.
            self._own.add(index)
            return True
        self._own.discard(index)
        return IFLA_WIRELESS in found    # a scan has results; the association itself changes carrier

    def _route_is_noise(self, body: bytes) -> bool:
        if len(body) < ROUTE_HEADER.size:
            return True
        _, _, _, _, table, protocol, _, _, flags = ROUTE_HEADER.unpack_from(body)
        found = attributes(body[ROUTE_HEADER.size :])
        return (protocol == ROUTE_PROTOCOL or bool(flags & _CLONED) or number(found, RTA_OIF) in self._own
                or table_owner(number(found, RTA_TABLE, table)) is not None)
