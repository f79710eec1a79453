"""Host.apply, remove and clean_up on a real kernel, in a namespace with two uplinks."""

import pytest

pytestmark = pytest.mark.interop

SET_UP = """
    from ipaddress import ip_address, ip_interface, ip_network
    from client.core.platform.cleanup import clean_up
    from client.core.platform.conventions import interface_name, mark
    from client.core.platform.host import Host, HostConfig, RemoteNetwork
    from client.core.platform.tun import open_tun
    host = Host()
    tuns = [open_tun(interface_name(n)) for n in range(2)]

    def config(index=0, addresses=("10.9.0.2/24", "fd00:9::2/64"), remote=("0.0.0.0/0", "::/0"), **more):
        return HostConfig(index=index, mtu=1400, addresses=tuple(map(ip_interface, addresses)),
                          remote=tuple(RemoteNetwork(ip_network(entry)) if isinstance(entry, str)
                                       else RemoteNetwork(ip_network(entry[0]), *entry[1:]) for entry in remote),
                          **more)
    result = mark(0)
"""
MARK = 0x524F0000


@pytest.fixture
def before(lab):
    return lab.snapshot()


@pytest.fixture
def host(lab, before):
    driver = lab.driver()
    assert driver.run(SET_UP) == MARK
    return driver


def test_full_tunnel_takes_everything_but_the_gateway_and_the_lan(lab, before, host):
    host.run("await host.apply(config())")
    assert "dev rove0 table 51900 src 10.9.0.2" in lab.route_get("203.0.113.1")
    assert "dev rove0 table 51900 proto 82 src fd00:9::2" in lab.route_get("2001:db8:ffff::1")
    assert "via 192.0.2.1 dev wifi" in lab.route_get(f"203.0.113.1 mark {MARK}")
    assert "via 2001:db8:2::1 dev wifi" in lab.route_get(f"2001:db8:ffff::1 mark {MARK}")
    assert "dev wifi src 192.0.2.2" in lab.route_get("192.0.2.9")
    assert "dev wifi" in lab.route_get("2001:db8:2::9")
    addresses = lab.ip("addr show dev rove0")
    assert "10.9.0.2/32" in addresses
    assert "fd00:9::2/128" in addresses
    assert "fe80" not in addresses
    assert "mtu 1400" in addresses
    host.run("await host.remove(0)")
    host.run("import os; [os.close(tun) for tun in tuns]")
    assert lab.snapshot() == before


def test_the_gateway_never_loops_into_the_tunnel_when_there_is_no_other_route(lab, host):
    host.run("await host.apply(config())")
    lab.ip("link set wifi down")
    lab.ip("link set lte down")
    assert "unreachable" in lab.route_get(f"203.0.113.1 mark {MARK}")
    assert "unreachable" in lab.route_get(f"2001:db8:ffff::1 mark {MARK}")
    assert "dev rove0" in lab.route_get("203.0.113.1")


def test_lan_blocked(lab, host):
    host.run("await host.apply(config(lan=False))")
    assert "dev rove0" in lab.route_get("192.0.2.9")
    assert "dev rove0" in lab.route_get("2001:db8:2::9")
    assert "via 192.0.2.1 dev wifi" in lab.route_get(f"203.0.113.1 mark {MARK}")
    assert "dev wifi" in lab.route_get("fe80::1 oif wifi")


def test_a_default_route_in_disguise_is_no_lan(lab, host):
    # TunnelVision: a DHCP server pushes two halves of the Internet as classless static routes.
    host.run("await host.apply(config())")
    lab.ip("route add 0.0.0.0/1 via 192.0.2.1")
    lab.ip("route add 128.0.0.0/1 via 192.0.2.1")
    lab.ip("-6 route add 2000::/3 via 2001:db8:2::1")
    assert "dev rove0" in lab.route_get("203.0.113.1")
    assert "dev rove0" in lab.route_get("2001:db8:ffff::1")


@pytest.mark.parametrize(("addresses", "remote", "carried", "dead"), [
    (("10.9.0.2/32",), ("0.0.0.0/0",), "203.0.113.1", "2001:db8:ffff::1"),
    (("10.9.0.2/32",), ("0.0.0.0/0", "::/0"), "203.0.113.1", "2001:db8:ffff::1"),
    (("fd00:9::2/128",), ("::/0",), "2001:db8:ffff::1", "203.0.113.1"),
    (("fd00:9::2/128",), ("::/1", "8000::/1"), "2001:db8:ffff::1", "203.0.113.1"),
])
def test_the_other_ip_version_does_not_leak_around_a_full_tunnel(lab, before, host, addresses, remote, carried, dead):
    host.run(f"await host.apply(config(addresses={addresses!r}, remote={remote!r}))")
    assert "dev rove0" in lab.route_get(carried)
    assert "No route to host" in lab.route_get(dead)
    assert "dev wifi" in lab.route_get(f"{dead} mark {MARK}")
    assert "dev wifi" in lab.route_get("192.0.2.9")
    assert "dev wifi" in lab.route_get("2001:db8:2::9")
    assert "dev wifi" in lab.route_get("fe80::1 oif wifi")
    assert "dev lo" in lab.route_get("::1")
    # Neighbour discovery still works: the router's link answers.
    lab.on_host("ping -c1 -W2 2001:db8:2::1")
    host.run("import os; await host.remove(0); [os.close(tun) for tun in tuns]")
    assert lab.snapshot() == before


def test_split_tunnel_leaves_the_rest_alone(lab, host):
    host.run("await host.apply(config(remote=('10.0.0.0/8', 'fd00:1::/32')))")
    assert "dev rove0 table 51900 src 10.9.0.2" in lab.route_get("10.1.2.3")
    assert "dev rove0" in lab.route_get("fd00:1::5")
    assert "dev wifi" in lab.route_get("203.0.113.1")
    assert "dev wifi" in lab.route_get("2001:db8:ffff::1")
    # A part of the tunnel's network that is nearer stays near; one that is wider does not take the tunnel's.
    lab.ip("route add 10.5.0.0/16 via 192.0.2.7")
    lab.ip("route add 10.0.0.0/7 via 192.0.2.8")
    assert "via 192.0.2.7" in lab.route_get("10.5.1.1")
    assert "dev rove0" in lab.route_get("10.6.1.1")


def test_excluded_networks_bypass(lab, host):
    host.run("await host.apply(config(exclude=(ip_network('203.0.113.0/24'), ip_network('2001:db8:ee::/48'))))")
    assert "dev wifi" in lab.route_get("203.0.113.1")
    assert "dev wifi" in lab.route_get("2001:db8:ee::1")
    assert "dev rove0" in lab.route_get("203.0.114.1")


def test_selectors_with_protocol_and_ports_are_followed_exactly(lab, host):
    host.run("""await host.apply(config(remote=(
        ('10.1.0.0/16', 6, 443, 443), ('10.1.0.0/16', 6, 8000, 65535), ('10.2.0.0/16', 17), ('10.3.0.0/16', 1),
        ('10.4.0.0/16', 17, 0, 1023), 'fd00:1::/32', ('fd00:2::/32', 6, 1024, 65535))))""")
    inside = ("10.1.0.1 ipproto 6 dport 443", "10.1.0.1 ipproto 6 dport 8000", "10.1.0.1 ipproto 6 dport 65535",
              "10.2.0.1 ipproto 17 dport 9", "10.3.0.1 ipproto 1", "10.4.0.1 ipproto 17 dport 1023",
              "fd00:1::1", "fd00:2::1 ipproto 6 dport 65535")
    outside = ("10.1.0.1 ipproto 6 dport 444", "10.1.0.1 ipproto 17 dport 443", "10.1.0.1 ipproto 6 dport 7999",
               "10.1.0.1 ipproto 1", "10.2.0.1 ipproto 6 dport 9", "10.4.0.1 ipproto 17 dport 1024",
               "fd00:2::1 ipproto 6 dport 1023", "fd00:2::1 ipproto 17 dport 2000",
               f"10.1.0.1 ipproto 6 dport 443 mark {MARK}")
    for flow in inside:
        assert "dev rove0" in lab.route_get(flow), flow
    for flow in outside:
        assert "dev wifi" in lab.route_get(flow), flow


def test_too_many_selectors_are_refused_and_nothing_stays(lab, host):
    clean = lab.snapshot()
    assert host.run("""
        from client.model.cause import RoveError
        try:
            await host.apply(config(remote=tuple(('10.1.0.0/16', 6, port, port) for port in range(1, 400))))
        except RoveError as error:
            result = error.cause.code
    """) == "host-setup"
    assert lab.snapshot() == clean


def test_applying_twice_changes_nothing(lab, host):
    host.run("""
        one = config(remote=('0.0.0.0/0', '::/0', ('10.1.0.0/16', 6, 443, 65535)), exclude=(ip_network('10.7.0.0/16'),),
                     dns_servers=(ip_address('10.9.0.53'),), dns_full=True)
        await host.apply(one)
        import socket
        watch = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        watch.bind((0, 0))
        for group in (1, 5, 7, 8, 9, 11, 19):
            watch.setsockopt(270, 1, group)
        watch.setblocking(False)
    """)
    rules, resolv = lab.on_host("nft -a list ruleset"), (lab.etc / "resolv.conf").stat()
    host.run("await host.apply(one)")
    assert host.run("""
        try:
            result = watch.recv(65536).hex()
        except BlockingIOError:
            result = 'silence'
    """) == "silence"
    assert lab.on_host("nft -a list ruleset") == rules
    after = (lab.etc / "resolv.conf").stat()
    assert (after.st_ino, after.st_mtime_ns) == (resolv.st_ino, resolv.st_mtime_ns)
    # And the watcher would have seen a change.
    assert host.run("await host.apply(config()); result = len(watch.recv(65536))") > 0


def test_a_new_virtual_address_and_narrower_selectors(lab, before, host):
    host.run("await host.apply(config())")
    host.run("await host.apply(config(addresses=('10.9.0.77/32',), remote=('10.0.0.0/8',)))")
    assert "src 10.9.0.77" in lab.route_get("10.1.1.1")
    assert "dev wifi" in lab.route_get("203.0.113.1")
    assert "dev wifi" in lab.route_get("2001:db8:ffff::1")
    assert lab.ip("-6 route show table 51900 proto 82") == ""
    addresses = lab.ip("addr show dev rove0")
    assert "10.9.0.2/" not in addresses
    assert "fd00:9" not in addresses
    assert "10.9.0.77" in lab.on_host("nft list ruleset")
    assert "10.9.0.2 " not in lab.on_host("nft list ruleset")
    host.run("import os; await host.remove(0); [os.close(tun) for tun in tuns]")
    assert lab.snapshot() == before


def test_somebody_elses_damage_is_mended(lab, host):
    host.run("await host.apply(config())")
    whole = lab.snapshot()
    lab.ip("rule flush")
    lab.ip("rule add priority 32766 table main")
    lab.ip("rule add priority 32767 table default")
    lab.ip("route flush table 51900")
    host.run("await host.apply(config())")
    assert lab.snapshot() == whole


def test_two_connections_the_narrower_before_the_full_one(lab, before, host):
    host.run("await host.apply(config())")
    host.run("await host.apply(config(1, addresses=('10.8.0.2/32',), remote=('172.16.0.0/12',)))")
    assert "dev rove1 table 51901 src 10.8.0.2" in lab.route_get("172.20.1.1")
    assert "dev rove0" in lab.route_get("203.0.113.1")
    assert "dev wifi" in lab.route_get(f"172.20.1.1 mark {MARK + 1}")
    host.run("await host.remove(1)")
    assert "dev rove0" in lab.route_get("172.20.1.1")
    assert lab.on_host("sysctl -n net.ipv4.conf.all.src_valid_mark").strip() == "1"
    host.run("import os; await host.remove(0); [os.close(tun) for tun in tuns]")
    assert lab.snapshot() == before


def test_all_or_nothing(lab, host):
    clean = lab.snapshot()
    nft = lab.etc / "bin" / "nft"
    nft.write_text("#!/bin/sh\necho 'no such thing' >&2\nexit 1\n")
    nft.chmod(0o755)
    attempt = """
        from client.model.cause import RoveError
        try:
            await host.apply(config(addresses=('10.9.0.9/32',), dns_servers=(ip_address('10.9.0.53'),), dns_full=True))
        except RoveError as error:
            result = str(error)
    """
    assert host.run(attempt) == "host-setup: nft: no such thing"
    left = lab.snapshot()
    del clean["addr"], left["addr"]
    assert left == clean
    assert "state DOWN" in lab.ip("addr show dev rove0")     # the interface is roved's to close
    assert "inet" not in lab.ip("addr show dev rove0")
    # A refused change leaves the old configuration, whole.
    nft.rename(nft.with_name("nft.away"))
    host.run("await host.apply(config())")
    whole = lab.snapshot()
    nft.with_name("nft.away").rename(nft)
    assert host.run(attempt) == "host-setup: nft: no such thing"
    nft.rename(nft.with_name("nft.away"))
    assert lab.snapshot() == whole


def test_without_its_interface_apply_says_so(host):
    assert host.run("""
        from client.model.cause import RoveError
        try:
            await host.apply(config(5))
        except RoveError as error:
            result = str(error)
    """) == "host-setup: there is no interface rove5"


def test_kill_and_clean_up(lab, before, host):
    host.run("""await host.apply(config(remote=('0.0.0.0/0', ('10.1.0.0/16', 6, 443, 443)), addresses=('10.9.0.2/32',),
                                        dns_servers=(ip_address('10.9.0.53'),), dns_full=True))""")
    assert "10.9.0.53" in (lab.etc / "resolv.conf").read_text()
    host.kill()
    assert lab.snapshot() != before
    other = lab.driver()
    removed = other.run("from client.core.platform.cleanup import clean_up; result = clean_up(False)")
    assert any("rules" in line for line in removed)
    assert any("nftables" in line for line in removed)
    assert any("resolv.conf" in line for line in removed)
    assert any("src_valid_mark" in line for line in removed)
    assert lab.snapshot() == before
    assert other.run("result = clean_up(False)") == []
    assert other.run("result = clean_up(True)") == []


def test_clean_up_removes_what_it_knows_by_its_numbers_and_nothing_else(lab):
    lab.ip("rule add priority 20500 fwmark 7 table 99")          # in our range, but not ours
    lab.ip("route add 10.44.0.0/16 via 192.0.2.1 table 51900")   # in our table, but not ours
    before = lab.snapshot()
    lab.ip("tuntap add rove3 mode tun")
    lab.ip("link set rove3 up")
    lab.ip("rule add priority 20501 to 10.45.0.0/16 table 51903 protocol 82")
    lab.ip("-6 route add unreachable default table 51903 proto 82")
    lab.on_host("nft add table inet rove")
    removed = lab.driver().run("from client.core.platform.cleanup import clean_up; result = clean_up(False)")
    assert "interface rove3" in removed
    assert lab.snapshot() == before


def test_replies_survive_a_strict_reverse_path_filter(lab, host):
    # Without the mark, replies from the gateway look as if they came the wrong way: their source is in the tunnel.
    lab.on_routers("ip addr add 203.0.113.1/32 dev lo")
    for name in ("all", "wifi", "lte"):
        lab.on_host(f"sysctl -qw net.ipv4.conf.{name}.rp_filter=1")
    host.run("""
        from client.core.platform.sockets import open_ike_sockets
        import socket
        sockets = open_ike_sockets(mark(0))
        await host.apply(config())
        async def ask():
            sockets.nat[0].sendto(b'ping', ('203.0.113.1', 4500))
            return (await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sockets.nat[0], 100), 2)).decode()
    """)
    gateway = lab.driver(lab.routers)
    gateway.run("""
        import socket
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(('203.0.113.1', 4500))
        async def echo():
            loop = asyncio.get_running_loop()
            while True:
                data, sender = await loop.sock_recvfrom(sock, 100)
                await loop.sock_sendto(sock, data, sender)
        task = asyncio.create_task(echo())
    """)
    assert host.run("result = await ask()") == "ping"
    lab.on_host("nft flush table inet rove")
    assert "TimeoutError" in host.run("""
        try:
            result = await ask()
        except TimeoutError as error:
            result = repr(error)
    """)


def test_nobody_else_talks_to_the_virtual_address(lab, host):
    host.run("""
        import socket
        await host.apply(config())
        victim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        victim.bind(('10.9.0.2', 7777))
    """)
    lab.on_routers("ip route add 10.9.0.2/32 via 192.0.2.2")
    neighbour = lab.driver(lab.routers)
    hear = """
        try:
            result = (await asyncio.wait_for(asyncio.get_running_loop().sock_recv(victim, 100), 0.5)).decode()
        except TimeoutError:
            result = 'nothing'
    """
    neighbour.run("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)")
    neighbour.run("s.sendto(b'spoof', ('10.9.0.2', 7777))")
    assert host.run(hear) == "nothing"
    lab.on_host("nft flush table inet rove")
    neighbour.run("s.sendto(b'spoof', ('10.9.0.2', 7777))")
    assert host.run(hear) == "spoof"
