"""The marked sockets, in a namespace where ports 500 and 4500 are ours."""

import pytest

pytestmark = pytest.mark.interop


@pytest.fixture
def sockets(lab):
    driver = lab.driver()
    driver.run("""
        import select, socket
        from client.core.platform.sockets import drain_errors, open_ike_sockets, receive_from, send_to
        from client.model.endpoint import Endpoint
        def wait(sock, events=select.POLLIN):
            poll = select.poll(); poll.register(sock, events); assert poll.poll(2000)
    """)
    return driver


def test_ports_marks_and_options(sockets):
    assert sockets.run("""
        opened = open_ike_sockets(0x524f0003)
        result = [opened.ports(4), opened.ports(6)]
    """) == [[500, 4500], [500, 4500]]
    assert sockets.run("""
        four, six = opened.nat
        result = [[sock.getsockopt(socket.SOL_SOCKET, 36) for sock in (*opened.ike, *opened.nat)],
                  four.getsockopt(0, 10), six.getsockopt(41, 23), six.getsockopt(41, 26),
                  min(sock.getsockopt(socket.SOL_SOCKET, option) for sock in opened.nat for option in (7, 8)),
                  any(sock.getblocking() for sock in opened.ike)]
    """) == [[0x524F0003] * 4, 0, 0, 1, 8 << 20, False]


def test_ephemeral_ports_where_another_daemon_has_the_usual_ones(sockets):
    assert sockets.run("""
        first = open_ike_sockets(1)
        second = open_ike_sockets(2)
        third = open_ike_sockets(3, prefer_ports=False)
        result = [min(second.ports(4) + second.ports(6) + third.ports(4) + third.ports(6)) > 1023, len(third.ike)]
    """) == [True, 2]


def test_a_message_goes_out_from_the_address_of_its_path(lab, sockets):
    gateway = lab.driver(lab.routers)
    gateway.run("""
        import select, socket
        four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); four.bind(('0.0.0.0', 500))
        six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); six.setsockopt(41, 26, 1); six.bind(('::', 500))
        four.settimeout(2); six.settimeout(2)
        def take(sock):
            data, sender = sock.recvfrom(100)
            sock.sendto(b're:' + data, sender)
            return [data.decode(), sender[0], sender[1]]
    """)
    sockets.run("opened = open_ike_sockets(0x524f0000)")
    for sock, local, remote in (("four", "192.0.2.2", "192.0.2.1"), ("six", "2001:db8:2::2", "2001:db8:2::1")):
        number = 0 if sock == "four" else 1
        assert sockets.run(f"result = send_to(opened, b'hello', Endpoint({local!r}, 500), Endpoint({remote!r}, 500))"
                           ) == 0
        assert gateway.run(f"result = take({sock})") == ["hello", local, 500]
        assert sockets.run(f"""
            wait(opened.ike[{number}])
            result = [[data.decode(), ours.address, ours.port, theirs.address, theirs.port]
                      for data, ours, theirs in receive_from(opened.ike[{number}])]
        """) == [["re:hello", local, 500, remote, 500]]


def test_refusals(sockets):
    assert sockets.run("""
        import errno
        opened = open_ike_sockets(0x524f0000)
        result = [send_to(opened, b'x', Endpoint(local, 500), Endpoint('192.0.2.1', 500)) in refusals
                  for local, refusals in (('203.0.113.9', (errno.EINVAL, errno.ENETUNREACH)),
                                          ('no address', (errno.EINVAL,)))]
    """) == [True, True]
    # Nobody listens there: the router says so by ICMP.
    assert sockets.run("""
        assert send_to(opened, b'x', Endpoint('192.0.2.2', 500), Endpoint('192.0.2.1', 500)) == 0
        wait(opened.ike[0], select.POLLERR)
        result = [[remote.address, remote.port, number == errno.ECONNREFUSED]
                  for remote, number in drain_errors(opened.ike[0])]
    """) == [["192.0.2.1", 500, True]]
    assert sockets.run("""
        result = [list(receive_from(opened.ike[0])), drain_errors(opened.ike[0]),
                  send_to(opened, b'x', Endpoint('192.0.2.2', 500), Endpoint('192.0.2.1', 500))]
    """) == [[], [], 0]


def test_tun(sockets):
    assert sockets.run("""
        import os
        from client.core.platform.tun import open_tun
        from client.model.cause import RoveError
        tun = open_tun('rove0')
        result = [os.get_blocking(tun)]
        try:
            open_tun('rove0')
        except RoveError as error:
            result.append(str(error))
    """) == [False, "host-setup: TUN device rove0: another process holds it"]
    assert sockets.run("""
        os.close(tun)
        result = 'rove0' in [name for _, name in socket.if_nameindex()]
    """) is False
