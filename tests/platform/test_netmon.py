"""Notifications of a real kernel, folded."""

import pytest

pytestmark = pytest.mark.interop

WATCH = """
    import time
    from client.core.platform.netmon import NetworkMonitor
    changes = []
    monitor = NetworkMonitor(lambda change: changes.append((time.monotonic(), change)))
    await monitor.start()
    async def settle(seconds=0.3):
        await asyncio.sleep(seconds)
        heard = [sorted(change.kinds) for _, change in changes]
        changes.clear()
        return heard
"""


@pytest.fixture
def watcher(lab):
    driver = lab.driver()
    driver.run(WATCH)
    assert driver.run("result = await settle()") == []
    return driver


def test_a_roam_is_one_change(lab, watcher):
    script = lab.folder / "burst"
    script.write_text("link set wifi down\nroute add 10.1.0.0/16 via 198.51.100.1\naddr add 198.51.100.9/24 dev lte\n"
                      "rule add priority 900 table 900\nroute add fd00:77::/48 via 2001:db8:51::1\n")
    lab.ip(f"-batch {script}")
    heard = watcher.run("result = await settle()")
    assert len(heard) == 1
    assert {"link", "address", "route", "rule"} == set(heard[0])


def test_it_is_reported_soon_and_silence_follows(lab, watcher):
    watcher.run("started = time.monotonic()")
    lab.ip("addr add 198.51.100.9/24 dev lte")
    watcher.run("""
        while not changes:
            await asyncio.sleep(0.001)
    """)
    assert watcher.run("result = changes[0][0] - started") < 0.5
    watcher.run("await settle()")
    assert watcher.run("result = await settle()") == []


def test_a_network_that_never_rests_is_reported_at_the_limit(lab, watcher):
    watcher.run("""
        import os
        from ipaddress import ip_address
        from client.core.platform.links import add_address, delete_address, list_addresses, list_links
        from client.core.platform.netlink import Netlink
        netlink = Netlink()
        lte = next(link.index for link in list_links(netlink) if link.name == 'lte')
        started = time.monotonic()
        number = 0
        while time.monotonic() - started < 0.5:
            number += 1
            add_address(netlink, lte, ip_address(f'198.51.100.{number % 200 + 20}'))
            await asyncio.sleep(0.005)
            for entry in list_addresses(netlink, lte):
                if entry.prefix == 32:
                    delete_address(netlink, lte, entry)
        ends = [at - started for at, _ in changes]
    """)
    ends = watcher.run("result = ends")
    assert 3 <= len(ends) <= 7
    assert ends[0] < 0.2


def test_our_own_doings_are_no_change(lab, watcher):
    watcher.run("""
        from ipaddress import ip_interface, ip_network
        from client.core.platform.host import Host, HostConfig, RemoteNetwork
        from client.core.platform.tun import open_tun
        tun = open_tun('rove0')
        host = Host()
        await host.apply(HostConfig(0, 1400, (ip_interface('10.9.0.2/32'), ip_interface('fd00:9::2/128')),
                                    (RemoteNetwork(ip_network('0.0.0.0/0')), RemoteNetwork(ip_network('::/0')))))
    """)
    assert watcher.run("result = await settle()") == []
    watcher.run("""
        import os
        await host.remove(0)
        os.close(tun)
    """)
    assert watcher.run("result = await settle()") == []
    lab.ip("link set wifi down")
    assert len(watcher.run("result = await settle()")) == 1


def test_a_flood_that_the_kernel_could_not_keep_is_told(watcher):
    # The loop is not running meanwhile, so the socket's buffer overflows.
    watcher.run("""
        from ipaddress import ip_network
        import socket
        from client.core.platform.netlink import Netlink
        from client.core.platform.routes import ROUTE_HEADER, RTA_DST, RTA_OIF
        from client.core.platform.netlink import attribute, u32
        from client.core.platform.links import list_links
        monitor._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        netlink = Netlink()
        lte = next(link.index for link in list_links(netlink) if link.name == 'lte')
        for number in range(2000):
            body = ROUTE_HEADER.pack(2, 32, 0, 0, 254, 4, 253, 1, 0)
            netlink.request(24, body + attribute(RTA_DST, bytes((10, 99, number >> 8, number & 255)))
                            + u32(RTA_OIF, lte), 0x404)
        await asyncio.sleep(0.3)
        result = [change.lost for _, change in changes]
    """)
    assert watcher.run("result = any(change.lost for _, change in changes)") is True
    watcher.run("changes.clear()")
    assert watcher.run("monitor.close(); result = await settle()") == []


def test_who_is_in_a_hurry_is_asked_at_once_and_again(lab, watcher):
    """At the beginning of a burst; after each part of it only while the answer is that it is urgent."""
    watcher.run("""
        urgent, stirs, order = True, [], []
        def stir():
            stirs.append(time.monotonic())
            order.append('stir')
            return urgent
        hasty = NetworkMonitor(lambda change: order.append('change'), stir)
        await hasty.start()
    """)
    for urgent, address in ((True, 9), (False, 29)):
        watcher.run(f"urgent = {urgent}; stirs.clear(); order.clear()")
        for number in range(3):
            lab.ip(f"addr add 198.51.100.{address + number}/24 dev lte")
            watcher.run("await asyncio.sleep(0.005)")
        watcher.run("await asyncio.sleep(0.3)")
        assert watcher.run("result = order[0]") == "stir"
        assert watcher.run("result = order[-1]") == "change"
        stirs, changes = watcher.run("result = len(stirs), order.count('change')")
        assert stirs >= 3 if urgent else stirs == changes
    watcher.run("hasty.close()")
