"""What goes into the tunnel and what does not: narrowed selectors, the full tunnel, IPv6, the LAN, names."""

import contextlib
import socket
import sys

import pytest

from tests.interop.rovetest import connected
from tests.lab import gateways, netns, plan
from tests.lab.lab import Lab

WIFI = plan.UPLINKS["wifi"]
TUN = "rove0"
SERVER = "import socket; s = socket.create_server(('{}', {})); print('ready', flush=True); s.accept()[0].close()"
# not of the link itself: neighbour discovery and what it brings along (RFC 4861, RFC 3810)
REAL_IPV6 = "ipv6 && !(icmpv6.type >= 133 && icmpv6.type <= 137) && !(icmpv6.type == 143)"


def send(lab: Lab, address: str, port: int = 9, kind: socket.SocketKind = socket.SOCK_DGRAM) -> None:
    """One UDP packet, or the first of a TCP connection, as any program of the client's sends it."""
    def attempt() -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, kind) as opened, contextlib.suppress(OSError):
            opened.settimeout(0.2)
            opened.connect((address, port))
            if kind == socket.SOCK_DGRAM:
                opened.send(b"clear text")
    netns.inside(lab.spaces["client"], attempt)


def look_up(lab: Lab, name: str) -> list[str]:
    """What a program of the client's gets for a name, by libc."""
    found = lab.exec("client", "getent", "ahostsv4", name, check=False).stdout
    return sorted({line.split()[0] for line in found.splitlines()})


# --- selectors


def test_narrowed_selectors_are_followed_exactly(lab: Lab) -> None:
    """Everything was asked for; 10.10.0.0/25 and TCP port 8080 of 10.20.0.0/25 were granted."""
    shown = connected(lab, "narrow")
    assert shown["children"][0]["remote_ts"] == ["10.10.0.0/25", "10.20.0.0/25[tcp/8080]"]
    server = lab.popen("corp", sys.executable, "-c", SERVER.format(plan.CORP_HOST_B, 8080), stdout=-1)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    with lab.capture("client", TUN) as inside:
        assert lab.ping("client", plan.CORP_HOST)
        send(lab, plan.CORP_HOST_B, 8080, socket.SOCK_STREAM)
        assert server.wait(5) == 0      # somebody came through
        assert not lab.ping("client", plan.CORP_HOST_B, timeout=0.1)
        assert not lab.ping("client", plan.CORP_HOST6, timeout=0.1)
        send(lab, plan.CORP_HOST_B, 8080)
        send(lab, plan.CORP_HOST_B, 8081, socket.SOCK_STREAM)
        send(lab, "10.20.0.200", 8080, socket.SOCK_STREAM)
        send(lab, "10.10.0.200")
        send(lab, plan.INET_DNS)
    assert inside.count(f"ip.dst == {plan.CORP_HOST}") >= 1
    assert inside.count(f"ip.dst == {plan.CORP_HOST_B} && tcp.dstport == 8080") >= 3
    assert inside.count(f"!(ip.addr == 10.10.0.0/25) && !(ip.addr == {plan.CORP_HOST_B} && tcp.port == 8080)") == 0


# --- the full tunnel


@pytest.mark.parametrize("lan", ["allow", "block"])
def test_full_tunnel_takes_everything_but_the_lan(lab: Lab, lan: str) -> None:
    connected(lab, "full", tunnel={"lan": lan})
    with lab.capture("client", WIFI.interface) as outside, lab.capture("client", TUN) as inside:
        assert lab.ping("client", WIFI.router, timeout=0.2) == (lan == "allow")
        send(lab, plan.INET_DNS)
        send(lab, plan.GATEWAY)         # itself: only Rove's own packets to it go outside
        send(lab, plan.GATEWAY, 4500)
        assert lab.ping("client", plan.CORP_HOST)
    ours = f"udp.port == 4500 && ip.addr == {plan.GATEWAY} && !(frame contains \"clear text\")"
    assert inside.count(f"udp && !icmp && (ip.dst == {plan.INET_DNS} || ip.dst == {plan.GATEWAY})") == 3
    assert outside.count(ours) >= 2
    assert outside.count(f"(ip || ipv6) && !({ours}) && !(ip.addr == {WIFI.router}) && !icmpv6") == 0
    assert (outside.count(f"ip.addr == {WIFI.router}") > 0) == (lan == "allow")


@pytest.mark.parametrize("outer", [plan.GATEWAY, plan.GATEWAY6])
def test_ipv6_does_not_leak_around_an_ipv4_full_tunnel(lab6: Lab, outer: str) -> None:
    assert lab6.ping("client", plan.GATEWAY6)       # there is IPv6 to leak by
    shown = connected(lab6, "full4", gateway={"address": [outer]})
    assert shown["children"][0]["remote_ts"] == ["0.0.0.0/0"]
    assert [":" in address for address in shown["virtual_ips"]] == [False]
    with lab6.capture("client", WIFI.interface) as outside:
        assert not lab6.ping("client", plan.GATEWAY6, timeout=0.1)
        assert not lab6.ping("client", WIFI.beyond6, timeout=0.1)
        for address in (plan.GATEWAY6, WIFI.beyond6):
            send(lab6, address)
            send(lab6, address, 443, socket.SOCK_STREAM)
        assert lab6.ping("client", plan.CORP_HOST)
    ours = f"udp.port == 4500 && ipv6.addr == {plan.GATEWAY6}" if ":" in outer else "ip"
    assert outside.count(f"{REAL_IPV6} && !({ours})") == 0
    assert outside.count("udp.port == 4500") >= 2
    assert lab6.rove("disconnect").returncode == 0
    assert lab6.ping("client", plan.GATEWAY6)


# --- names


def test_full_dns_asks_the_tunnels_servers_only(lab: Lab) -> None:
    before = lab.host.read("/etc/resolv.conf")
    assert look_up(lab, "public.example") == [plan.INET_DNS]
    shown = connected(lab, "mschap")
    assert shown["dns"] == {"servers": [plan.CORP_DNS, "10.10.0.54", plan.CORP_DNS6], "domains": []}
    lab.dns["inet"].queries.clear()
    assert look_up(lab, "host.corp.lab.test") == [plan.CORP_HOST]
    assert look_up(lab, "public.example") == [plan.CORP_HOST]       # the company's answer
    assert lab.dns["inet"].queries == []
    assert lab.rove("disconnect").returncode == 0
    assert lab.host.read("/etc/resolv.conf") == before
    assert look_up(lab, "public.example") == [plan.INET_DNS]


def test_split_dns_without_a_resolver_that_can_changes_nothing_and_says_so(lab: Lab) -> None:
    """This host has no systemd-resolved; tests/platform has what is told to one."""
    before = lab.host.read("/etc/resolv.conf")
    shown = connected(lab, "split")
    assert shown["dns"]["domains"] == list(gateways.SPLIT_DOMAINS)
    assert plan.CORP_DNS in shown["dns"]["servers"]
    assert [finding["code"] for finding in shown["findings"]] == ["dns-split-unavailable"]
    assert lab.host.read("/etc/resolv.conf") == before
    assert look_up(lab, "public.example") == [plan.INET_DNS]
    assert look_up(lab, "host.corp.lab.test") == []


def test_dns_off_leaves_the_resolver_alone(lab: Lab) -> None:
    before = lab.host.read("/etc/resolv.conf")
    assert connected(lab, "mschap", dns={"mode": "off"})["dns"] == {"servers": [], "domains": []}
    assert lab.host.read("/etc/resolv.conf") == before
