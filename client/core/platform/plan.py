"""From a HostConfig to the routes and rules that make it true. Pure: no system calls.

One block of rules per family, in this order (offsets into the connection's block of priorities):

    0        Rove's own traffic (any mark of ours): leave the block
    1        ``exclude``, and IPv6 link-local: leave the block
    2        ``lan``: what the main table has more precisely than the tunnel does
    3 …      selectors with protocol and ports: the table that has only a default route
    254      the tunnel's table
    255      where "leave the block" leads

"Leave" is a goto and not "lookup main": where main has no default route, a lookup there finds nothing and the
gateway's packets would fall into their own tunnel; and the host's other rules keep their say.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from client.core.platform.config import HostConfig, IpAddress, IpNetwork, RemoteNetwork
from client.core.platform.conventions import (
    MARK_BASE,
    MARK_MASK,
    PRIORITIES,
    first_priority,
    selected_table,
    table,
)
from client.core.platform.routes import (
    GOTO,
    MAIN_TABLE,
    NOP,
    RTN_UNICAST,
    RTN_UNREACHABLE,
    TO_TABLE,
    Route,
    Rule,
)
from client.model.cause import Cause, RoveError

METRIC = 1024                 # IPv6 has no metric 0, so IPv4 does not use it either
_LEAVE, _LAN, _SELECTED, _TABLE, _END = 1, 2, 3, PRIORITIES - 2, PRIORITIES - 1
# DHCP option 121 and RAs can hang 0.0.0.0/1 or 2000::/3 into the main table: a default route in disguise, no LAN.
_WIDEST_LAN = 8
_LINK_LOCAL = IPv6Network("fe80::/10")
_EVERYTHING: dict[int, IpNetwork] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}
# Whose flows carry port numbers that a routing rule can see: TCP, UDP, DCCP, SCTP, UDP-Lite.
_WITH_PORTS = frozenset((6, 17, 33, 132, 136))
_MAX_ROUTES = 4096


@dataclass(frozen=True)
class Plan:
    addresses: tuple[IpAddress, ...]
    routes: tuple[Route, ...]
    rules: tuple[Rule, ...]


def make_plan(config: HostConfig, interface: int, versions: tuple[int, ...] = (4, 6)) -> Plan:
    """``interface`` is the interface index of ``roveN``; ``versions`` are the IP versions that the host has.

    Raises RoveError(HOST_SETUP) where the gateway granted more selectors than routing rules can follow.
    """
    addresses = tuple(dict.fromkeys(entry.ip for entry in config.addresses if entry.version in versions))
    routes: list[Route] = []
    rules: list[Rule] = []
    full = _is_full(config)
    for version in versions:
        block = _Block(config, version, full, interface, addresses)
        routes += block.routes
        rules += block.rules
    if len(routes) > _MAX_ROUTES:
        raise RoveError(Cause.HOST_SETUP, f"{len(routes)} networks for the tunnel, at most {_MAX_ROUTES} are followed")
    return Plan(addresses, tuple(routes), tuple(rules))


def _is_full(config: HostConfig) -> bool:
    return any(network.prefixlen == 0 for version in (4, 6) for network in _plain(config, version))


class _Block:
    """Routes and rules of one connection and IP version."""

    def __init__(self, config: HostConfig, version: int, full: bool, interface: int,
                 addresses: tuple[IpAddress, ...]) -> None:
        self.routes: list[Route] = []
        self.rules: list[Rule] = []
        self._config = config
        self._version = version
        self._first = first_priority(config.index, full)
        self._interface = interface
        self._source = next((address for address in addresses if address.version == version), None)
        # Without any virtual address (transport-like set-ups) the host's own are the tunnel's; with one of the other
        # IP version only, nothing of this one can be carried, and it must not leave in clear either.
        self._carries = self._source is not None or not addresses
        plain = _plain(config, version)
        everything = _EVERYTHING[version]
        selected = [entry for entry in config.remote if entry.network.version == version and entry.protocol]
        if full and everything not in plain:
            self._route(table(config.index), everything, carried=False)
        for network in plain:
            self._route(table(config.index), network, self._carries)
        if selected:
            self._route(selected_table(config.index), everything, self._carries)
        if self.routes:
            self._add_rules(plain, selected, everything if full else None)

    def _route(self, number: int, network: IpNetwork, carried: bool) -> None:
        self.routes.append(Route(
            table=number, destination=network, kind=RTN_UNICAST if carried else RTN_UNREACHABLE,
            interface=self._interface if carried else 0, source=self._source if carried else None, metric=METRIC))

    def _add_rules(self, plain: list[IpNetwork], selected: list[RemoteNetwork], all_of_it: IpNetwork | None) -> None:
        self._rule(0, GOTO, mark=(MARK_BASE, MARK_MASK), goto=self._first + _END)
        excluded = [network for network in self._config.exclude if network.version == self._version]
        if self._version == 6:
            excluded.append(_LINK_LOCAL)
        for network in _collapse(excluded):
            self._rule(_LEAVE, GOTO, to=network, goto=self._first + _END)
        if self._config.lan:
            tunnelled = [*plain, *(entry.network for entry in selected), *([all_of_it] if all_of_it else [])]
            for network in _collapse(tunnelled):
                self._rule(_LAN, TO_TABLE, to=network, number=MAIN_TABLE,
                           suppress=max(network.prefixlen, _WIDEST_LAN - 1))
        has_table = bool(plain or all_of_it)
        self._add_selected(selected, self._first + (_TABLE if has_table else _END))
        if has_table:
            self._rule(_TABLE, TO_TABLE, number=table(self._config.index))
        self._rule(_END, NOP)

    def _add_selected(self, selected: list[RemoteNetwork], behind: int) -> None:
        number = selected_table(self._config.index)
        matches = list(dict.fromkeys((entry.network, entry.protocol, _ports(entry)) for entry in selected))
        at = _SELECTED
        for position, (network, protocol, ports) in enumerate(matches):
            last = position + 1 == len(matches)
            if at + 1 >= _TABLE:
                raise RoveError(Cause.HOST_SETUP, f"{len(matches)} selectors with protocol or ports are too many")
            if ports is not None and ports[1] == 65535:
                # A rule cannot say 65535: step over this selector's rule for the ports below its range.
                self._rule(at, GOTO, to=network, protocol=protocol, ports=(1, ports[0] - 1),
                           goto=behind if last else self._first + at + 2)
                at += 1
                ports = None
            self._rule(at, TO_TABLE, to=network, protocol=protocol, ports=ports, number=number)
            at += 1

    def _rule(self, offset: int, action: int, *, to: IpNetwork | None = None, number: int = 0, goto: int = 0,
              mark: tuple[int, int] | None = None, protocol: int = 0, ports: tuple[int, int] | None = None,
              suppress: int | None = None) -> None:
        self.rules.append(Rule(
            family=self._version, priority=self._first + offset, action=action, table=number, goto=goto,
            destination=to if to is not None and to.prefixlen else None, mark=mark, protocol=protocol, ports=ports,
            suppress=suppress))


def _plain(config: HostConfig, version: int) -> list[IpNetwork]:
    return _collapse([entry.network for entry in config.remote
                      if entry.network.version == version and not entry.protocol])


def _ports(entry: RemoteNetwork) -> tuple[int, int] | None:
    """None where every port goes. 0 is no port that anything is sent to."""
    start, end = max(entry.port_start, 1), entry.port_end
    if entry.protocol not in _WITH_PORTS or (start == 1 and end == 65535) or entry.port_start > entry.port_end:
        return None
    if end == 0:
        return None
    return start, end


def _collapse(networks: list[IpNetwork]) -> list[IpNetwork]:
    version4 = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    version6 = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return [*version4, *version6]
