"""Two data paths over real TUN devices, in namespaces that the test makes and removes: what they carry."""

import asyncio
import errno
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from random import Random

import pytest

from client.core.crypto.algorithms import ESP_SUITES
from client.core.datapath.base import DataPathEndpoint, Selector
from client.core.datapath.child_process import ChildProcess
from client.core.datapath.messages import AttachStream, DetachStream, Message, Rebind, SetLimit, Together
from client.core.datapath.page import Sa
from client.core.datapath.process import ProcessDataPath
from client.core.datapath.size import largest_payload
from client.model.endpoint import Endpoint
from tests.datapath.network import PORT, End, Pair
from tests.datapath.peers import Recorder, endpoint
from tests.datapath.tunnel import SPI_B, frames_of, ping, run, sniffer, tunnel, udp_payloads, until

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[End, End]]:
    with Pair("dpt") as both:
        yield both


@pytest.mark.parametrize("suite", sorted(ESP_SUITES))
def test_ping_with_every_suite(ends: tuple[End, End], suite: str):
    async def scenario() -> None:
        async with tunnel(ends, suite) as ((first, _), (second, _)):
            assert await ping(ends[0], ends[1].inner4) == 3
            assert await ping(ends[1], ends[0].inner6) == 3
            assert await ping(ends[0], ends[1].inner4, count=20, interval=0) == 20
            await until(lambda: min(first.stats().inbound[0].packets, first.stats().outbound[0].packets) >= 26)
            stats = first.stats()
            assert stats.inbound[0].auth_failures == second.stats().inbound[0].auth_failures == 0
            assert abs(stats.last_inbound - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5

    run(scenario())


@pytest.mark.parametrize("suite", ["aes256gcm16", "chacha20poly1305", "aes256-sha256"])
def test_ping_across_2_to_the_32(ends: tuple[End, End], suite: str):
    """RFC 4303 §2.2.1. The page says that both have used nearly 2^32 numbers; they are restarted, and believe it."""

    async def scenario() -> None:
        async with tunnel(ends, suite, esn=True, hard=1 << 36) as paths:
            assert await ping(ends[0], ends[1].inner4) == 3
            for path, _ in paths:
                os.kill(path.pid or 0, signal.SIGKILL)
                for slot in (0, 1):
                    path._page.words[path._page.sa(slot) + Sa.SEQ] = 0xFFFF_FF00
            await until(lambda: all(heard.restarts == 1 for _, heard in paths))
            assert await ping(ends[0], ends[1].inner4, count=300, interval=0.002) == 300
            for path, heard in paths:
                numbers = [path._page.words[path._page.sa(slot) + Sa.SEQ] for slot in (0, 1)]
                assert min(numbers) > 0xFFFF_FFFF
                (stats,) = path.stats().inbound
                assert (stats.auth_failures, stats.replays) == (0, 0)
                assert not heard.hard

    run(scenario())


def test_outer_ipv6_and_large_packets(ends: tuple[End, End]):
    async def scenario() -> None:
        async with tunnel(ends, family=6) as _:
            assert await ping(ends[0], ends[1].inner4) == 3
            assert await ping(ends[0], ends[1].inner6, size=8000) == 3

    run(scenario())


@pytest.mark.parametrize("offload", [True, False])
def test_tcp_arrives_whole(offload: bool):
    """Joined or not, IPv4 and IPv6, both ways at once."""

    async def scenario(both: tuple[End, End]) -> None:
        async with tunnel(both) as ((first, _), (second, _)):
            for family, address in ((socket.AF_INET, both[1].inner4), (socket.AF_INET6, both[1].inner6)):
                sent = [Random(number).randbytes(3_000_000) for number in range(2)]
                received = await _exchange(both, family, address, sent)
                assert [sha256(data).digest() for data in received] == [sha256(data).digest() for data in sent[::-1]]
            for path in (first, second):
                stats = path.stats()
                assert stats.malformed_drops == stats.send_errors == stats.inbound[0].auth_failures == 0

    with Pair("dpo", offload=offload) as both:
        run(scenario(both))


def test_it_says_when_what_it_was_told_is_in_force(ends: tuple[End, End]):
    """Never while the child has not come to it; a child that dies holds nobody up."""

    async def scenario() -> None:
        async with tunnel(ends) as ((first, _), _):
            settled = asyncio.Event()
            first.when_settled(settled.set)
            await asyncio.wait_for(settled.wait(), 5)
            assert first.pid is not None
            os.kill(first.pid, signal.SIGSTOP)
            settled.clear()
            first.when_settled(settled.set)
            await asyncio.sleep(0.2)
            assert not settled.is_set()
            os.kill(first.pid, signal.SIGKILL)
            await asyncio.wait_for(settled.wait(), 5)
            assert await ping(ends[0], ends[1].inner4) == 3

    run(scenario())


def test_what_changes_together_is_said_at_once(ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch):
    """So that no packet comes between; a descriptor comes alone, and in its turn."""

    async def scenario() -> None:
        async with tunnel(ends) as ((first, _), _):
            said: list[Message] = []
            send = ChildProcess.send
            monkeypatch.setattr(ChildProcess, "send", lambda child, message, *descriptor: (
                said.append(message), send(child, message, *descriptor)))
            assert first._endpoint is not None
            with first.together(), first.together():
                first.set_limit(1300)
                first.rebind(first._endpoint)
                assert said == []
            assert said == [Together((SetLimit(1300), Rebind(first._endpoint)))]
            ours, theirs = socket.socketpair()
            with theirs, first.together():
                first.set_limit(1400)
                first.attach_stream(ours)
                first.detach_stream()
            assert [type(message) for message in said[1:]] == [SetLimit, AttachStream, DetachStream]
            assert await ping(ends[0], ends[1].inner4) == 3

    run(scenario())


def test_ike_is_heard_before_the_child_is(ends: tuple[End, End]):
    """And by one of the two only, whoever reads; what looks like ESP before there is an SA is nobody's."""

    async def scenario() -> None:
        recorder = Recorder()
        path = ProcessDataPath(ends[0].tun, ends[0].sockets, recorder)
        starting = asyncio.ensure_future(path.start())
        await asyncio.sleep(0)
        assert path.pid is not None
        os.kill(path.pid, signal.SIGSTOP)
        try:
            here = Endpoint(ends[0].outer4, PORT)
            with closing(ends[1].socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                for data in (b"ESP?", bytes(4) + b"early", b"\xff", bytes(4) + b"more"):
                    sender.sendto(data, (here.address, here.port))
                there = Endpoint(ends[1].outer4, sender.getsockname()[1])
                await until(lambda: len(recorder.ike) == 2)
                os.kill(path.pid, signal.SIGCONT)
                await asyncio.wait_for(starting, 5)
                sender.sendto(bytes(4) + b"late", (here.address, here.port))
                await until(lambda: len(recorder.ike) == 3)
            assert recorder.ike == [(data, here, there) for data in (b"early", b"more", b"late")]
        finally:
            os.kill(path.pid, signal.SIGCONT)
            await path.close()

    run(scenario())


def test_an_outer_packet_above_the_mtu_is_not_fragmented(ends: tuple[End, End]):
    """It does not leave, and it is said; once the limit is known, large packets arrive in inner pieces."""

    async def scenario() -> None:
        for end in ends:
            end.ip("link", "set", "eth0", "mtu", "1280")
        try:
            async with tunnel(ends) as ((first, heard), (second, _)):
                assert await ping(ends[0], ends[1].inner4, size=1372 - 8) == 0
                await until(lambda: (Endpoint(ends[1].outer4, PORT), errno.EMSGSIZE) in heard.refused)
                with closing(ends[0].socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
                    for _ in range(40):  # in one run, which no interface can segment
                        sender.sendto(bytes(1372), (ends[1].inner4, 9))
                for path in (first, second):
                    path.set_limit(largest_payload("aes256gcm16", 1280 - 28))
                with closing(sniffer(ends[0])) as outside:
                    assert await ping(ends[0], ends[1].inner4, size=1364, count=4) >= 3     # the first learns it
                    assert await ping(ends[0], ends[1].inner6, size=1230, count=4) == 4     # of 1278 octets, in two
                    outer = [packet for packet in frames_of(outside) if packet[12:15] == bytes((192, 0, 2))]
                    assert {packet[6:8] for packet in outer} == {b"\x40\x00"}      # DF, and no fragment
                    assert max(map(len, outer)) <= 1280
        finally:
            for end in ends:
                end.ip("link", "set", "eth0", "mtu", "1500")

    run(scenario())


def test_selectors_are_enforced_going_out(ends: tuple[End, End]):
    async def scenario() -> None:
        elsewhere = (Selector(4, 0, bytes((10, 8, 0, 0)), bytes((10, 8, 0, 255)), 0, 0xFFFF),)
        async with tunnel(ends, first_ts=elsewhere) as ((first, _), (second, _)):
            dropped = first.stats().no_sa_drops
            assert await ping(ends[0], ends[1].inner4, count=2) == 0
            assert first.stats().no_sa_drops >= dropped + 2
            assert second.stats().inbound[0].packets == 0

    run(scenario())


def test_selectors_are_enforced_coming_in(ends: tuple[End, End]):
    async def scenario() -> None:
        elsewhere = (Selector(4, 0, bytes((10, 8, 0, 0)), bytes((10, 8, 0, 255)), 0, 0xFFFF),)
        async with tunnel(ends, first_ts=elsewhere) as ((first, _), (second, _)):
            assert await ping(ends[1], ends[0].inner4, count=2) == 0
            assert second.stats().outbound[0].packets >= 2
            assert first.stats().inbound[0].selector_drops >= 2
            assert first.stats().inbound[0].packets == 0

    run(scenario())


def test_replays_are_dropped(ends: tuple[End, End]):
    """Captured on the wire, and sent again from the same address and port."""

    async def scenario() -> None:
        async with tunnel(ends) as (_, (second, _)):
            with closing(sniffer(ends[1])) as sock:
                assert await ping(ends[0], ends[1].inner4, count=5) == 5
                captured = udp_payloads(sock, SPI_B)
            assert len(captured) >= 5
            before = second.stats().inbound[0]
            for packet in captured:
                ends[0].sockets[0].sendto(packet, (ends[1].outer4, PORT))
            await until(lambda: second.stats().inbound[0].replays == before.replays + len(captured))
            assert second.stats().inbound[0].packets == before.packets

    run(scenario())


@pytest.mark.parametrize("family", [4, 6])
def test_ike_passes_both_ways_beside_esp(ends: tuple[End, End], family: int):
    async def scenario() -> None:
        async with tunnel(ends, family=family) as ((first, heard), (second, also_heard)):
            there, back = endpoint(*ends, family), endpoint(*ends[::-1], family)
            first.send_ike(b"request", there)
            second.send_ike(b"response" * 400, back)
            await until(lambda: heard.ike and also_heard.ike)
            assert also_heard.ike == [(b"request", there.remote, there.local)]
            assert heard.ike == [(b"response" * 400, back.remote, back.local)]
            assert await ping(ends[0], ends[1].inner4) == 3

    run(scenario())


def test_keepalives_reach_the_other_end_and_are_ignored(ends: tuple[End, End]):
    async def scenario() -> None:
        for end in ends:  # the kernel's own neighbour and router discovery would be traffic
            end.ip("link", "set", "tun0", "down")
        try:
            async with tunnel(ends) as ((first, _), (second, heard)):
                with closing(sniffer(ends[1])) as sock:
                    first.set_keepalive(0.1)
                    await asyncio.sleep(0.55)
                    first.set_keepalive(0)
                    await asyncio.sleep(0.3)
                    keepalives = udp_payloads(sock, b"\xff")
                assert 2 <= len(keepalives) <= 7
                assert not heard.ike
                assert second.stats().no_sa_drops == 0
        finally:
            for end in ends:
                end.ip("link", "set", "tun0", "up")
                end.ip("address", "replace", f"{end.inner6}/64", "dev", "tun0", "nodad")

    run(scenario())


def test_the_local_address_of_the_endpoint_is_the_source(ends: tuple[End, End]):
    async def scenario() -> None:
        ends[0].ip("address", "add", "192.0.2.77/24", "dev", "eth0")
        try:
            async with tunnel(ends) as ((first, _), (_, heard)):
                moved = endpoint(*ends)
                first.send_ike(b"an IKE message", DataPathEndpoint(Endpoint("192.0.2.77", PORT), moved.remote))
                await until(lambda: heard.ike)
                assert heard.ike[0][2] == Endpoint("192.0.2.77", PORT)
        finally:
            ends[0].ip("address", "delete", "192.0.2.77/24", "dev", "eth0")

    run(scenario())


def test_an_icmp_refusal_is_told_and_nothing_stops(ends: tuple[End, End]):
    async def scenario() -> None:
        async with tunnel(ends) as ((first, heard), _):
            nobody = DataPathEndpoint(endpoint(*ends).local, Endpoint(ends[1].outer4, 4999))
            first.send_ike(b"an IKE message", nobody)
            await until(lambda: heard.refused)
            assert (nobody.remote, 111) in heard.refused
            assert await ping(ends[0], ends[1].inner4) == 3

    run(scenario())


def test_expiry_is_told(ends: tuple[End, End]):
    async def scenario() -> None:
        async with tunnel(ends, hard=20) as ((first, heard), _):
            await ping(ends[0], ends[1].inner4, count=25, interval=0.01)
            await until(lambda: SPI_B in heard.hard)
            assert heard.soft.count(SPI_B) == heard.hard.count(SPI_B) == 1
            assert first.stats().outbound[0].packets == 19

    run(scenario())


async def _exchange(ends: tuple[End, End], family: int, address: str, sent: list[bytes]) -> list[bytes]:
    """Each end sends its part over one TCP connection; what each received."""
    loop = asyncio.get_running_loop()
    with closing(ends[1].socket(family, socket.SOCK_STREAM)) as server:
        server.bind((address, 7000))
        server.listen()
        with closing(ends[0].socket(family, socket.SOCK_STREAM)) as client:
            for sock in (server, client):
                sock.setblocking(False)
            await loop.sock_connect(client, (address, 7000))
            peer, _ = await loop.sock_accept(server)
            with closing(peer):
                *_, first, second = await asyncio.wait_for(
                    asyncio.gather(
                        loop.sock_sendall(client, sent[0]), loop.sock_sendall(peer, sent[1]),
                        _read_exactly(client, len(sent[1])), _read_exactly(peer, len(sent[0])),
                    ), 30,
                )  # fmt: skip
                return [first, second]


async def _read_exactly(sock: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        data = await asyncio.get_running_loop().sock_recv(sock, length - len(received))
        assert data, "closed early"
        received += data
    return bytes(received)
