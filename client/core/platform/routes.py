"""Routes and routing rules by rtnetlink (linux/rtnetlink.h, linux/fib_rules.h)."""

import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from client.core.platform.config import IpAddress, IpNetwork
from client.core.platform.conventions import ROUTE_PROTOCOL
from client.core.platform.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Attributes,
    Message,
    Netlink,
    attribute,
    attributes,
    number,
    u32,
)

RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34

RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_PREFSRC, RTA_TABLE, RTA_MARK = 1, 4, 5, 6, 7, 15, 16
RTN_UNICAST, RTN_LOCAL, RTN_UNREACHABLE = 1, 2, 7
MAIN_TABLE = 254

FRA_PROTOCOL = 21
_FRA_DST, _FRA_GOTO, _FRA_PRIORITY, _FRA_FWMARK, _FRA_SUPPRESS_PREFIXLEN = 1, 4, 6, 10, 14
_FRA_TABLE, _FRA_FWMASK, _FRA_IP_PROTO, _FRA_DPORT_RANGE = 15, 16, 22, 24
TO_TABLE, GOTO, NOP = 1, 2, 3            # FR_ACT_…

ROUTE_HEADER = struct.Struct("=BBBBBBBBI")
RULE_HEADER = ROUTE_HEADER               # struct fib_rule_hdr has the same layout
_SCOPE_UNIVERSE, _SCOPE_LINK, _SCOPE_NOWHERE = 0, 253, 255


@dataclass(frozen=True)
class Route:
    """``interface`` is an interface index, 0 with RTN_UNREACHABLE."""

    table: int
    destination: IpNetwork
    kind: int
    interface: int
    source: IpAddress | None
    metric: int

    @property
    def place(self) -> tuple[int, IpNetwork, int]:
        """Two routes of one place exclude each other."""
        return self.table, self.destination, self.metric


@dataclass(frozen=True)
class Rule:
    """Everything that is not None must match; then ``action``. ``goto`` and ``suppress`` belong to actions."""

    family: int                             # 4 | 6
    priority: int
    action: int
    table: int = 0
    goto: int = 0
    destination: IpNetwork | None = None
    mark: tuple[int, int] | None = None     # value, mask
    protocol: int = 0
    ports: tuple[int, int] | None = None    # destination ports; the kernel wants 1 ≤ first ≤ last ≤ 65534
    suppress: int | None = None             # ignore routes whose prefix is this long or shorter


def list_own_routes(netlink: Netlink) -> list[Route]:
    """Every route with our protocol number, whatever its table."""
    found: list[Route] = []
    for family in _families():
        filtered = ROUTE_HEADER.pack(family, 0, 0, 0, 0, ROUTE_PROTOCOL, 0, 0, 0)
        found += [route for message in netlink.dump(RTM_GETROUTE, filtered)
                  if message.body[5:6] == bytes([ROUTE_PROTOCOL]) and (route := _parse_route(message)) is not None]
    return found


def put_route(netlink: Netlink, route: Route) -> None:
    """Takes the place of a route there."""
    netlink.request(RTM_NEWROUTE, _route_body(route), NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)


def delete_route(netlink: Netlink, route: Route) -> None:
    netlink.request(RTM_DELROUTE, _route_body(route))


def list_own_rules(netlink: Netlink) -> list[Rule]:
    """Every rule with our protocol number."""
    found: list[Rule] = []
    for family in _families():
        for message in netlink.dump(RTM_GETRULE, RULE_HEADER.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)):
            parsed = attributes(message.body[RULE_HEADER.size :])
            if message.kind == RTM_NEWRULE and number(parsed, FRA_PROTOCOL) == ROUTE_PROTOCOL:
                found.append(_parse_rule(message.body, parsed))
    return found


def add_rule(netlink: Netlink, rule: Rule) -> None:
    netlink.request(RTM_NEWRULE, _rule_body(rule), NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)


def delete_rule(netlink: Netlink, rule: Rule) -> None:
    netlink.request(RTM_DELRULE, _rule_body(rule))


def _families() -> tuple[int, ...]:
    return (socket.AF_INET, socket.AF_INET6)


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _route_body(route: Route) -> bytes:
    version = route.destination.version
    # A route without gateway reaches its network directly; IPv6 has no scopes.
    scope = _SCOPE_LINK if version == 4 and route.kind == RTN_UNICAST else _SCOPE_UNIVERSE
    body = ROUTE_HEADER.pack(_family(version), route.destination.prefixlen, 0, 0, 0, ROUTE_PROTOCOL, scope,
                             route.kind, 0)
    body += u32(RTA_TABLE, route.table) + u32(RTA_PRIORITY, route.metric)
    if route.destination.prefixlen:
        body += attribute(RTA_DST, route.destination.network_address.packed)
    if route.interface:
        body += u32(RTA_OIF, route.interface)
    if route.source is not None:
        body += attribute(RTA_PREFSRC, route.source.packed)
    return body


def _parse_route(message: Message) -> Route | None:
    if message.kind != RTM_NEWROUTE or len(message.body) < ROUTE_HEADER.size:
        return None
    family, length, _, _, table, _, _, kind, _ = ROUTE_HEADER.unpack_from(message.body)
    found = attributes(message.body[ROUTE_HEADER.size :])
    source = found.get(RTA_PREFSRC)
    return Route(table=number(found, RTA_TABLE, table), destination=_network(family, found.get(RTA_DST), length),
                 kind=kind, interface=number(found, RTA_OIF) if kind == RTN_UNICAST else 0,
                 source=ip_address(source) if source else None, metric=number(found, RTA_PRIORITY))


def _rule_body(rule: Rule) -> bytes:
    destination = rule.destination if rule.destination is not None and rule.destination.prefixlen else None
    body = RULE_HEADER.pack(_family(rule.family), destination.prefixlen if destination else 0, 0, 0, 0, 0, 0,
                            rule.action, 0)
    body += u32(_FRA_PRIORITY, rule.priority) + attribute(FRA_PROTOCOL, bytes([ROUTE_PROTOCOL]))
    if rule.table:
        body += u32(_FRA_TABLE, rule.table)
    if rule.goto:
        body += u32(_FRA_GOTO, rule.goto)
    if destination is not None:
        body += attribute(_FRA_DST, destination.network_address.packed)
    if rule.mark is not None:
        body += u32(_FRA_FWMARK, rule.mark[0]) + u32(_FRA_FWMASK, rule.mark[1])
    if rule.protocol:
        body += attribute(_FRA_IP_PROTO, bytes([rule.protocol]))
    if rule.ports is not None:
        body += attribute(_FRA_DPORT_RANGE, struct.pack("=HH", *rule.ports))
    if rule.suppress is not None:
        body += u32(_FRA_SUPPRESS_PREFIXLEN, rule.suppress)
    return body


def _parse_rule(body: bytes, found: Attributes) -> Rule:
    family, length, _, _, table, _, _, action, _ = RULE_HEADER.unpack_from(body)
    mask = number(found, _FRA_FWMASK)
    ports = found.get(_FRA_DPORT_RANGE)
    suppress = number(found, _FRA_SUPPRESS_PREFIXLEN, 0xFFFF_FFFF)
    return Rule(family=4 if family == socket.AF_INET else 6, priority=number(found, _FRA_PRIORITY), action=action,
                table=number(found, _FRA_TABLE, table) if action == TO_TABLE else 0, goto=number(found, _FRA_GOTO),
                destination=_network(family, found[_FRA_DST], length) if _FRA_DST in found else None,
                mark=(number(found, _FRA_FWMARK), mask) if mask else None, protocol=number(found, _FRA_IP_PROTO),
                ports=struct.unpack_from("=HH", ports) if ports and len(ports) >= 4 else None,
                suppress=None if suppress == 0xFFFF_FFFF else suppress)


def _network(family: int, packed: bytes | None, length: int) -> IpNetwork:
    if packed is None:
        return IPv4Network("0.0.0.0/0") if family == socket.AF_INET else IPv6Network("::/0")
    return ip_network((packed, length), strict=False)
