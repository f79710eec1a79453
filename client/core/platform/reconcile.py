"""Make the kernel's addresses, routes and rules what a Plan says: the difference only, additions first."""

import contextlib
import errno
from collections.abc import Callable, Iterable
from functools import partial

from client.core.platform.config import HostConfig
from client.core.platform.conventions import interface_index, interface_name, priority_owner, table_owner
from client.core.platform.links import (
    Link,
    add_address,
    delete_address,
    delete_link,
    find_link,
    list_addresses,
    list_links,
    set_link_down,
    set_link_up,
)
from client.core.platform.netlink import Netlink, NetlinkError
from client.core.platform.plan import Plan, make_plan
from client.core.platform.routes import (
    NOP,
    Rule,
    add_rule,
    delete_route,
    delete_rule,
    list_own_routes,
    list_own_rules,
    put_route,
)
from client.core.platform.sysctl import allow_ipv6, ip_versions
from client.model.cause import Cause, RoveError

# What was to be removed went by itself meanwhile: with its interface, its address, or by somebody else's hand.
_GONE = frozenset((errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.EADDRNOTAVAIL))


IPV6_MIN_MTU = 1280


def find_interface(netlink: Netlink, index: int) -> Link | None:
    return find_link(netlink, interface_name(index))


def establish(netlink: Netlink, config: HostConfig) -> int:
    """Bring the host to ``config``; the interface index of ``roveN``. Raises NetlinkError, OSError, RoveError."""
    link = find_interface(netlink, config.index)
    if link is None:
        raise RoveError(Cause.HOST_SETUP, f"there is no interface {interface_name(config.index)}")
    plan = make_plan(config, link.index, ip_versions())
    if any(address.version == 6 for address in plan.addresses):
        allow_ipv6(link.name)
    # Below the least MTU of IPv6 (RFC 8200 §5) the kernel would take IPv6 away: there the data path has to cut.
    mtu = max(config.mtu, IPV6_MIN_MTU)
    if not link.up or link.mtu != mtu:
        set_link_up(netlink, link.index, mtu)
    _follow(netlink, config.index, link.index, plan)
    return link.index


def withdraw(netlink: Netlink, index: int) -> None:
    """Remove what connection N has but its interface, which goes with its holder and is down until then.

    Everything is tried; the first refusal is raised at the end (NetlinkError).
    """
    rules = [rule for rule in list_own_rules(netlink) if priority_owner(rule.priority) == index]
    routes = [route for route in list_own_routes(netlink) if table_owner(route.table) == index]
    steps: list[Callable[[], None]] = _removals(netlink, rules)
    steps += [partial(delete_route, netlink, route) for route in routes]
    link = find_interface(netlink, index)
    if link is not None:
        steps += [partial(delete_address, netlink, link.index, address)
                  for address in list_addresses(netlink, link.index) if address.index == link.index]
        steps.append(partial(set_link_down, netlink, link.index))
    _try_all(steps)


def withdraw_unknown(netlink: Netlink) -> list[str]:
    """Everything that carries our numbers, of whatever connection, interfaces included."""
    removed: list[str] = []
    rules, routes = list_own_rules(netlink), list_own_routes(netlink)
    _try_all([*_removals(netlink, rules), *(partial(delete_route, netlink, route) for route in routes)])
    if rules:
        removed.append(f"{len(rules)} routing rules")
    if routes:
        removed.append(f"{len(routes)} routes")
    for link in list_links(netlink):
        if interface_index(link.name) is not None and link.kind == "tun":
            with contextlib.suppress(NetlinkError):  # its holder died this moment
                delete_link(netlink, link.index)
            removed.append(f"interface {link.name}")
    return removed


def _follow(netlink: Netlink, index: int, interface: int, plan: Plan) -> None:
    # Additions before removals, addresses before the routes that name them as source: no moment without either.
    there = [entry for entry in list_addresses(netlink, interface) if entry.index == interface]
    for address in plan.addresses:
        if address not in {entry.address for entry in there}:
            add_address(netlink, interface, address)
    old_routes = {route.place: route for route in list_own_routes(netlink) if table_owner(route.table) == index}
    new_routes = {route.place: route for route in plan.routes}
    for place, route in new_routes.items():
        if old_routes.get(place) != route:
            put_route(netlink, route)
    old_rules = [rule for rule in list_own_rules(netlink) if priority_owner(rule.priority) == index]
    there_already, wanted = set(old_rules), set(plan.rules)
    for rule in sorted((rule for rule in plan.rules if rule not in there_already), key=_build_order):
        add_rule(netlink, rule)
    stale_routes = [route for place, route in old_routes.items() if place not in new_routes]
    stale_addresses = [entry for entry in there if entry.address not in plan.addresses]
    _try_all([*_removals(netlink, [rule for rule in old_rules if rule not in wanted]),
              *(partial(delete_route, netlink, route) for route in stale_routes),
              *(partial(delete_address, netlink, interface, entry) for entry in stale_addresses)])


def _build_order(rule: Rule) -> tuple[bool, int]:
    """A goto without its target lets packets fall through, the gateway's own included: targets first."""
    return rule.action != NOP, rule.priority


def _removals(netlink: Netlink, rules: Iterable[Rule]) -> list[Callable[[], None]]:
    return [partial(delete_rule, netlink, rule) for rule in sorted(rules, key=_build_order, reverse=True)]


def _try_all(steps: Iterable[Callable[[], None]]) -> None:
    """Raises the first NetlinkError, when all have been tried."""
    first = None
    for step in steps:
        try:
            step()
        except NetlinkError as error:
            if error.errno not in _GONE:
                first = first or error
    if first is not None:
        raise first


