"""Gateway names, asked for at a name server of our own behind the uplink."""

import pytest

pytestmark = pytest.mark.interop

ZONE = {
    ("vpn.example.", "A"): ["203.0.113.1", "203.0.113.2"], ("vpn.example.", "AAAA"): ["2001:db8:ffff::1"],
    ("four.example.", "A"): ["203.0.113.4"], ("other.example.", "CNAME"): ["vpn.example."],
    ("loop.example.", "CNAME"): ["loop.example."], ("empty.example.", "TXT"): ["nothing"],
    ("bad.example.", "A"): ["0.0.0.0", "224.0.0.1"],
    ("many.example.", "A"): [f"203.0.113.{n}" for n in range(1, 101)],
}


@pytest.fixture
def server(lab):
    lab.on_routers("ip addr add 192.0.2.53/24 dev wifi")
    lab.on_routers("ip addr add 192.0.2.54/24 dev wifi")
    driver = lab.driver(lab.routers)
    driver.run(f"""
        from tests.platform.nameserver import NameServer
        first, second = NameServer('192.0.2.53', {ZONE!r}), NameServer('192.0.2.54', {ZONE!r})
        await first.start()
        await second.start()
    """)
    return driver


@pytest.fixture
def client(lab, server):
    driver = lab.driver()
    driver.run("""
        import time
        from ipaddress import ip_address
        from client.core.platform.resolver import resolve
        from client.model.cause import RoveError
        async def look_up(*names, **more):
            started = time.monotonic()
            try:
                return list(await resolve(names, 0x524f0000, **more))
            except RoveError as error:
                assert time.monotonic() - started < 5.5
                return error.cause.code
    """)
    return driver


def test_names_and_literals(client, server):
    # IPv6 and IPv4 in turn; the order among equals is the name server's.
    vpn = client.run("result = await look_up('vpn.example')")
    assert (vpn[0], sorted(vpn[1:])) == ("2001:db8:ffff::1", ["203.0.113.1", "203.0.113.2"])
    assert client.run("result = await look_up('four.example.', '198.51.100.7', '2001:db8::7')") == [
        "203.0.113.4", "198.51.100.7", "2001:db8::7"]
    assert sorted(client.run("result = await look_up('Other.EXAMPLE')")) == sorted(vpn)
    assert client.run("result = len(await look_up('many.example'))") == 16


def test_hosts_file_first(client, server):
    assert client.run("result = await look_up('listed.example', 'alias.EXAMPLE.')") == ["192.0.2.77"]
    assert server.run("result = first.asked") == []


def test_what_has_no_address(client):
    for name in ("nowhere.example", "empty.example", "loop.example", "bad.example", "a..b", "x" * 300, "", "b\x00d"):
        assert client.run(f"result = await look_up({name!r})") == "name-not-found", name
    assert client.run("result = await look_up()") == "name-not-found"
    # One good name is enough.
    assert client.run("result = await look_up('nowhere.example', 'four.example')") == ["203.0.113.4"]


def test_truncated_answers_are_asked_for_by_tcp(client, server):
    server.run("first.mode = 'truncate'")
    assert client.run("result = await look_up('four.example')") == ["203.0.113.4"]
    assert server.run("result = ('tcp', 'four.example.', 'A') in first.asked") is True


def test_forged_answers_are_passed_over(client, server):
    server.run("first.mode = 'forge'")
    assert client.run("result = await look_up('four.example')") == ["203.0.113.4"]


@pytest.mark.parametrize("mode", ["servfail", "garbage", "silent"])
def test_the_next_server_is_asked(lab, client, server, mode):
    (lab.etc / "resolv.conf").write_text("nameserver 192.0.2.53\nnameserver 192.0.2.54\n")
    server.run(f"first.mode = {mode!r}")
    assert client.run("result = await look_up('four.example')") == ["203.0.113.4"]


def test_a_tunnels_servers_are_not_asked(lab, client, server):
    (lab.etc / "resolv.conf").write_text("nameserver 192.0.2.53\nnameserver 192.0.2.54\n")
    assert client.run("result = await look_up('four.example', skip=[ip_address('192.0.2.53')])") == ["203.0.113.4"]
    assert server.run("result = [first.asked, len(second.asked)]") == [[], 2]


def test_silence_ends_in_time(client, server):
    server.run("first.mode = 'silent'")
    assert client.run("result = await look_up('four.example')") == "name-not-found"


def test_without_network(lab, client):
    lab.ip("link set wifi down")
    lab.ip("link set lte down")
    assert client.run("result = await look_up('four.example')") == "no-network"
    (lab.etc / "resolv.conf").unlink()
    assert client.run("result = await look_up('four.example')") == "no-network"
    assert client.run("result = await look_up('192.0.2.1')") == ["192.0.2.1"]


def test_in_a_full_tunnel_the_uplinks_server_is_asked_outside_of_it(lab, client, server):
    client.run("""
        from ipaddress import ip_interface, ip_network
        from client.core.platform.host import Host, HostConfig, RemoteNetwork
        from client.core.platform.tun import open_tun
        tun = open_tun('rove0')
        everything = RemoteNetwork(ip_network('0.0.0.0/0'))
        await Host().apply(HostConfig(0, 1400, (ip_interface('10.9.0.2/32'),), (everything,),
                                      lan=False, dns_servers=(ip_address('10.9.0.53'),), dns_full=True))
    """)
    assert "10.9.0.53" in (lab.etc / "resolv.conf").read_text()
    assert "dev rove0" in lab.route_get("192.0.2.53")
    assert client.run("result = await look_up('four.example')") == ["203.0.113.4"]
