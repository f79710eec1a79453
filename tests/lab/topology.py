"""Builds the namespaces and links of ``plan``."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.lab import netns, plan
from tests.lab.announce import announce
from tests.lab.offload import offload_off
from tests.lab.plan import CLIENT, CORP, GW, INET, MID, UPLINKS, Uplink
from tests.lab.shell import run

_QUIET = {"ipv6/conf/all/accept_dad": 0, "ipv6/conf/default/accept_dad": 0,   # addresses are usable at once
          "ipv6/conf/all/router_solicitations": 0, "ipv6/conf/default/router_solicitations": 0,
          "ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0}
_ROUTING = {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}


def names(prefix: str, relay: bool) -> dict[str, str]:
    """role → name of its network namespace."""
    roles = [CLIENT, *UPLINKS, INET, GW, CORP] + ([MID] if relay else [])
    return {role: f"{prefix}-{role}" for role in roles}


def build(spaces: dict[str, str], v6: bool) -> None:
    """Make the namespaces, join them and give the fixed addresses; the uplinks' client ends stay bare."""
    netns.add(spaces.values())
    for role, space in spaces.items():
        netns.sysctl(space, _QUIET | ({} if role in (CLIENT, CORP, MID) else _ROUTING))
    for role, lines in _links(spaces):
        netns.ip_batch(spaces[role], lines)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda row: netns.ip_batch(spaces[row[0]], row[1]), list(_addresses(spaces, v6))))
    if MID in spaces:
        for role, interface in [(name, "ext0") for name in UPLINKS] + [(INET, f"{name}x") for name in UPLINKS]:
            netns.inside(spaces[role], lambda interface=interface: offload_off(interface))  # type: ignore[misc]


def attach(space: str, uplink: Uplink, v6: bool) -> None:
    """In the client: what NetworkManager does after carrier and DHCP."""
    dev, by = uplink.interface, f"dev {uplink.interface} metric {uplink.metric}"
    netns.ip_batch(space, [f"link set {dev} up", f"addr replace {uplink.client}/24 dev {dev}",
                           *([f"addr replace {uplink.client6}/64 dev {dev} nodad"] if v6 else [])])
    # else a router that asked for us while the link was down goes on asking once a second, and drops what it has
    netns.inside(space, lambda: announce(dev, uplink.client))
    netns.ip_batch(space, [f"route replace default via {uplink.router} {by}",
                           *([f"route replace default via {uplink.router6} {by}"] if v6 else [])])


def router_up(uplink: Uplink, v6: bool) -> list[str]:
    """ip commands in the router: carrier for the client (an IPv6 address does not survive link down)."""
    return ["link set lan0 up"] + ([f"addr replace {uplink.router6}/64 dev lan0 nodad"] if v6 else [])


def scrub(space: str) -> None:
    """Take away what a crashed program left in the client: rules, routes of other tables, firewall, devices."""
    for version in ("-4", "-6"):
        routes = run("ip", "-netns", space, version, "route", "show", "table", "all").stdout
        for table in set(re.findall(r" table (\S+)", routes)) - {"local"}:
            run("ip", "-netns", space, version, "route", "flush", "table", table)
        run("ip", "-netns", space, version, "rule", "flush")
        for table, priority in (("main", "32766"), *([("default", "32767")] if version == "-4" else [])):
            run("ip", "-netns", space, version, "rule", "add", "from", "all", "lookup", table, "priority", priority)
    run(*netns.command(space), "nft", "flush", "ruleset")
    devices = re.findall(r"^\d+: ([^:@]+)", run("ip", "-netns", space, "-o", "link").stdout, re.MULTILINE)
    for device in set(devices) - {"lo", *(uplink.interface for uplink in UPLINKS.values())}:
        run("ip", "-netns", space, "link", "delete", device)


def _links(spaces: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    def veth(name: str, role: str, peer: str, mtu: int = 1500) -> str:
        return f"link add {name} mtu {mtu} type veth peer name {peer} mtu {mtu} netns {spaces[role]}"
    yield CLIENT, ["link set lo up"] + [veth(up.interface, up.name, "lan0", up.mtu) for up in UPLINKS.values()]
    for name in UPLINKS:
        outside = veth("ext0", MID, f"{name}a") if MID in spaces else veth("ext0", INET, f"{name}x")
        yield name, ["link set lo up", outside]
    relayed = [veth(f"{name}x", MID, f"{name}b") for name in UPLINKS] if MID in spaces else []
    yield INET, ["link set lo up", veth("gwx", GW, "ext0"), *relayed]
    yield GW, ["link set lo up", veth("lan0", CORP, "eth0"), veth("lan1", CORP, "eth1")]


def _addresses(spaces: dict[str, str], v6: bool) -> Iterator[tuple[str, list[str]]]:
    inet = ["link set gwx up", "addr add 192.0.2.254/24 dev gwx", f"addr add {plan.INET_DNS}/32 dev gwx"]
    for name, up in UPLINKS.items():
        lines = [f"addr add {up.router}/24 dev lan0", f"addr add {up.outside}/24 dev ext0",
                 f"addr add {up.outside_second}/24 dev ext0", "link set ext0 up", f"route add default via {up.beyond}"]
        inet += [f"link set {name}x up", f"addr add {up.beyond}/24 dev {name}x",
                 f"route add {up.lan} via {up.outside}"]  # used only where NAT is off
        if v6:
            lines += [f"addr add {up.outside6}/64 dev ext0 nodad", f"route add default via {up.beyond6}"]
            inet += [f"addr add {up.beyond6}/64 dev {name}x nodad", f"route add {up.lan6} via {up.outside6}"]
        yield name, lines
    gateway = ["link set ext0 up", "link set lan0 up", "link set lan1 up"]
    gateway += [f"addr add {a}/24 dev ext0" for a in (plan.GATEWAY, plan.GATEWAY_WRONG_NAME, plan.GATEWAY_WEAK,
                                                      plan.GATEWAY_NO_FRAGMENTATION, plan.GATEWAY_SECOND)]
    gateway += ["addr add 10.10.0.1/24 dev lan0", "addr add 10.20.0.1/24 dev lan1",
                "addr add fd10::1/64 dev lan0 nodad", "addr add fd10:0:0:1::1/64 dev lan1 nodad",
                "route add default via 192.0.2.254"]
    if v6:
        inet += ["addr add 2001:db8:c0::fe/64 dev gwx nodad"]
        gateway += [f"addr add {plan.GATEWAY6}/64 dev ext0 nodad", "route add default via 2001:db8:c0::fe"]
    yield INET, inet
    yield GW, gateway
    yield CORP, ["link set lo up", "link set eth0 up", "link set eth1 up", f"addr add {plan.CORP_HOST}/24 dev eth0",
                 f"addr add {plan.CORP_DNS}/24 dev eth0", f"addr add {plan.CORP_HOST_B}/24 dev eth1",
                 f"addr add {plan.CORP_HOST6}/64 dev eth0 nodad", f"addr add {plan.CORP_DNS6}/64 dev eth0 nodad",
                 "addr add fd10:0:0:1::80/64 dev eth1 nodad", "route add default via 10.10.0.1",
                 "route add default via fd10::1"]
    if MID in spaces:
        yield MID, [f"link set {name}{end} up" for name in UPLINKS for end in "ab"]
