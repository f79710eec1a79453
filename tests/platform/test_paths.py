"""Which ways lead to a gateway, on a real kernel."""

import pytest

pytestmark = pytest.mark.interop

MARK = 0x524F0000


@pytest.fixture
def paths(lab):
    driver = lab.driver()
    driver.run("""
        import time
        from client.core.platform.paths import candidate_paths
        def ways(*gateways, mark=0x524f0000):
            return [[way.interface, way.local, way.gateway] for way in candidate_paths(gateways, mark)]
    """)
    return driver


def test_the_kernels_choice_first_then_by_metric(lab, paths):
    assert paths.run("result = ways('203.0.113.1')") == [
        ["wifi", "192.0.2.2", "203.0.113.1"], ["lte", "198.51.100.2", "203.0.113.1"]]
    assert paths.run("result = ways('2001:db8:ffff::1', '203.0.113.1')") == [
        ["wifi", "2001:db8:2::2", "2001:db8:ffff::1"], ["wifi", "192.0.2.2", "203.0.113.1"],
        ["lte", "2001:db8:51::2", "2001:db8:ffff::1"], ["lte", "198.51.100.2", "203.0.113.1"]]
    lab.ip("route add 203.0.113.0/24 via 198.51.100.1")
    assert paths.run("result = ways('203.0.113.1')")[0] == ["lte", "198.51.100.2", "203.0.113.1"]


def test_an_uplink_without_a_route_does_not_count(lab, paths):
    lab.ip("route del default dev lte")
    assert paths.run("result = ways('203.0.113.1')") == [["wifi", "192.0.2.2", "203.0.113.1"]]


def test_an_uplink_without_carrier_does_not_count(lab, paths):
    lab.on_routers("ip link set wifi down")
    assert paths.run("result = ways('203.0.113.1', '2001:db8:ffff::1')") == [
        ["lte", "198.51.100.2", "203.0.113.1"], ["lte", "2001:db8:51::2", "2001:db8:ffff::1"]]
    lab.ip("link set lte down")
    assert paths.run("result = ways('203.0.113.1', '2001:db8:ffff::1')") == []


def test_a_tunnels_routes_never_count(lab, paths):
    paths.run("""
        from ipaddress import ip_interface, ip_network
        from client.core.platform.host import Host, HostConfig, RemoteNetwork
        from client.core.platform.tun import open_tun
        tun = open_tun('rove0')
        await Host().apply(HostConfig(0, 1400, (ip_interface('10.9.0.2/32'), ip_interface('fd00:9::2/128')),
                                      (RemoteNetwork(ip_network('0.0.0.0/0')), RemoteNetwork(ip_network('::/0')))))
    """)
    assert "dev rove0" in lab.route_get("203.0.113.1")
    assert paths.run("result = ways('203.0.113.1', '2001:db8:ffff::1')") == [
        ["wifi", "192.0.2.2", "203.0.113.1"], ["wifi", "2001:db8:2::2", "2001:db8:ffff::1"],
        ["lte", "198.51.100.2", "203.0.113.1"], ["lte", "2001:db8:51::2", "2001:db8:ffff::1"]]
    # Nor when there is nothing else.
    lab.ip("link set wifi down")
    lab.ip("link set lte down")
    assert paths.run("result = ways('203.0.113.1', '2001:db8:ffff::1')") == []


def test_tentative_addresses_do_not_count(lab, paths):
    lab.ip("-6 addr del 2001:db8:2::2/64 dev wifi")
    lab.on_host("sysctl -qw net.ipv6.conf.wifi.accept_dad=1 net.ipv6.conf.wifi.dad_transmits=20")
    lab.ip("-6 addr add 2001:db8:2::7/64 dev wifi")
    assert all(way[0] != "wifi" for way in paths.run("result = ways('2001:db8:ffff::1')"))


def test_what_is_no_gateway_address_has_no_path(paths):
    assert paths.run("result = ways('', 'nonsense', '0.0.0.0', '::', 'ff02::1', 'fe80::1', '224.0.0.1')") == []


def test_it_is_fast(paths):
    # On the roaming path; two uplinks, four routes to look up.
    assert paths.run("""
        ways('203.0.113.1', '2001:db8:ffff::1')
        times = []
        for _ in range(50):
            started = time.perf_counter()
            ways('203.0.113.1', '2001:db8:ffff::1')
            times.append(time.perf_counter() - started)
        result = sorted(times)[25]
    """) < 0.005
