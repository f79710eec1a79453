"""ESP and IKE in a TCP stream (RFC 9329), and ESP in IP alone, between two data paths in processes of their own."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from random import Random

import pytest

from client.core.datapath.base import DataPathEndpoint
from client.core.datapath.framing import STREAM_PREFIX, frame_header
from client.core.datapath.process import ProcessDataPath
from client.core.datapath.stream import StreamPort
from client.model.endpoint import Endpoint
from tests.datapath.network import PORT, End, Pair, within
from tests.datapath.peers import Recorder, endpoint, sas
from tests.datapath.tunnel import SPI_A, SPI_B, frames_of, ping, run, sniffer, tunnel, until

pytestmark = pytest.mark.interop
IKE = bytes(range(28))


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[End, End]]:
    with Pair("dps") as both:
        yield both


async def connected(here: End, there: End) -> tuple[socket.socket, socket.socket]:
    loop = asyncio.get_running_loop()
    with closing(within(there.namespace, lambda: socket.create_server((there.outer4, 0)))) as listener:
        listener.setblocking(False)
        client = here.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.setblocking(False)
        await loop.sock_connect(client, listener.getsockname())
        accepted, _ = await loop.sock_accept(listener)
    accepted.setblocking(False)
    return client, accepted


async def join(ends: tuple[End, End], first: ProcessDataPath, second: ProcessDataPath) -> None:
    client, accepted = await connected(*ends)
    first.attach_stream(client)
    prefix = await asyncio.get_running_loop().sock_recv(accepted, len(STREAM_PREFIX))
    assert prefix == STREAM_PREFIX
    second.attach_stream(accepted, originator=False)
    for path, here, there in ((first, *ends), (second, *ends[::-1])):
        way = endpoint(here, there)
        path.rebind(DataPathEndpoint(way.local, way.remote, 0, "tcp"))


def test_esp_and_ike_in_one_stream(ends: tuple[End, End]):
    async def scenario() -> None:
        async with tunnel(ends) as ((first, heard), (second, other)):
            await join(ends, first, second)
            with closing(sniffer(ends[0])) as outside:
                assert await ping(ends[0], ends[1].inner4) == 3
                assert await ping(ends[1], ends[0].inner6, size=1300) == 3
                outer = [packet for packet in frames_of(outside) if packet[12:15] == bytes((192, 0, 2))]
            assert {packet[9] for packet in outer} == {socket.IPPROTO_TCP}
            first.send_stream_ike(IKE)
            await until(lambda: other.streamed == [IKE])
            second.send_stream_ike(IKE + b"more")
            await until(lambda: heard.streamed == [IKE + b"more"])
            # And back, while the stream still stands.
            first.rebind(endpoint(*ends))
            second.rebind(endpoint(*ends[::-1]))
            assert await ping(ends[0], ends[1].inner4) == 3
            assert not heard.lost

    run(scenario())


def test_a_transfer_that_the_stream_slows_down(ends: tuple[End, End]):
    """More than the kernel's buffers hold: nothing is lost inside, as the device waits, and the octets are right."""
    size = 20_000_000
    sent = Random(1).randbytes(size)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with tunnel(ends) as ((first, _), (second, _)):
            await join(ends, first, second)
            with closing(within(ends[1].namespace, lambda: socket.create_server((ends[1].inner4, 0)))) as listener:
                listener.setblocking(False)
                with closing(ends[0].socket(socket.AF_INET, socket.SOCK_STREAM)) as sender:
                    sender.setblocking(False)
                    await loop.sock_connect(sender, listener.getsockname())
                    receiver, _ = await loop.sock_accept(listener)
                    receiver.setblocking(False)
                    sending = asyncio.create_task(loop.sock_sendall(sender, sent))
                    digest, got = sha256(), 0
                    while got < size:
                        data = await asyncio.wait_for(loop.sock_recv(receiver, 1 << 18), 20)
                        assert data
                        digest.update(data)
                        got += len(data)
                    await sending
                    receiver.close()
            assert digest.digest() == sha256(sent).digest()
            assert first.stats().send_errors == 0

    run(scenario())


def test_the_stream_ends_and_another_goes_on_with_the_same_sas(ends: tuple[End, End]):
    """RFC 9329 §7.1: a connection that is lost is no SA that is lost."""

    async def scenario() -> None:
        async with tunnel(ends) as ((first, heard), (second, other)):
            await join(ends, first, second)
            assert await ping(ends[0], ends[1].inner4) == 3
            second.detach_stream()
            await until(lambda: heard.lost == [(1, 0)])
            assert await ping(ends[0], ends[1].inner4, count=1) == 0
            await join(ends, first, second)
            assert await ping(ends[0], ends[1].inner4) == 3
            os.kill(first.pid or 0, signal.SIGKILL)         # half a frame may be out: this stream is of no use any more
            await until(lambda: heard.lost[1:] and heard.restarts == 1)
            await until(lambda: other.lost)
            await join(ends, first, second)
            assert await ping(ends[0], ends[1].inner4) == 3

    run(scenario())


@pytest.mark.parametrize("wrong", [b"\x00\x00", b"\x00\x01", b"\xff"])
def test_a_peer_that_breaks_the_framing_or_goes_amid_it(ends: tuple[End, End], wrong: bytes):
    """RFC 9329 §4: what came before counts, and the connection is closed."""

    async def scenario() -> None:
        recorder = Recorder()
        path = ProcessDataPath(ends[0].tun, ends[0].sockets, recorder)
        await path.start()
        try:
            client, accepted = await connected(*ends)
            number = path.attach_stream(client)
            with closing(accepted):
                await asyncio.get_running_loop().sock_sendall(
                    accepted, frame_header(4 + len(IKE)) + bytes(4) + IKE + b"\x00\x03\xff" + wrong)
                if wrong == b"\xff":
                    accepted.shutdown(socket.SHUT_WR)
                await until(lambda: recorder.lost)
            assert recorder.streamed == [IKE]
            assert recorder.lost[0][0] == number
        finally:
            await path.close()

    run(scenario())


def test_a_stream_that_takes_nothing_blocks_and_loses_no_octet():
    """Partial writes: a frame that was begun is ended."""
    ours, theirs = socket.socketpair()
    with closing(theirs):
        port = StreamPort(ours, 1, originator=True)
        packets = [bytes((number,)) * 700 for number in range(256)]
        sent = 0
        while not port.blocked:
            head, body = packets[sent][:8], packets[sent][8:]
            assert port.send([head, body], len(packets[sent])) == 0
            sent = (sent + 1) % 256
        assert port.send_ike(IKE) == 0
        assert port.send_ike(bytes(600_000)) != 0
        got = bytearray()
        theirs.setblocking(False)
        while port.blocked or len(got) < len(STREAM_PREFIX):
            got += theirs.recv(65536)
            port.flush()
        while True:
            try:
                got += theirs.recv(65536)
            except BlockingIOError:
                break
        assert got.startswith(STREAM_PREFIX)
        assert got.endswith(frame_header(4 + len(IKE)) + bytes(4) + IKE)
        assert (len(got) - len(STREAM_PREFIX) - 6 - len(IKE)) % 702 == 0
        port.close()


def test_esp_without_udp(ends: tuple[End, End]):
    """RFC 4303 §3.1.1: protocol 50, both IP versions; IKE stays in UDP."""

    async def scenario() -> None:
        paths: list[ProcessDataPath] = []
        raw = [[end.socket(family, socket.SOCK_RAW, socket.IPPROTO_ESP) for family in (socket.AF_INET, socket.AF_INET6)]
               for end in ends]
        try:
            for end, sockets in zip(ends, raw, strict=True):
                paths.append(ProcessDataPath(end.tun, end.sockets, Recorder(), raw=sockets))
                await paths[-1].start()
            for family in (4, 6):
                for path, here, there, spis in ((paths[0], *ends, (SPI_A, SPI_B)),
                                                (paths[1], *ends[::-1], (SPI_B, SPI_A))):
                    inbound, outbound = sas("aes256gcm16", *spis)
                    path.install_inbound(inbound)
                    path.install_outbound(outbound)
                    way = endpoint(here, there, family)
                    path.rebind(DataPathEndpoint(way.local, way.remote, 0, "esp"))
                with closing(sniffer(ends[0])) as outside:
                    assert await ping(ends[0], ends[1].inner4) == 3
                    assert await ping(ends[1], ends[0].inner6, size=1300) == 3
                    seen = frames_of(outside)
                if family == 4:
                    outer = [packet for packet in seen if packet[12:15] == bytes((192, 0, 2))]
                    assert {packet[9] for packet in outer} == {socket.IPPROTO_ESP}
                    assert {packet[6:8] for packet in outer} == {b"\x40\x00"}
                os.kill(paths[0].pid or 0, signal.SIGKILL)      # its successor gets the sockets again
                assert await ping(ends[0], ends[1].inner4, count=20, interval=0.05) > 5
        finally:
            for path in paths:
                await path.close()
            for sock in (sock for sockets in raw for sock in sockets):
                sock.close()

    run(scenario())


def test_the_address_of_what_comes_by_stream_is_nobodys() -> None:
    """Where it comes from was settled when the connection was made."""
    ours, theirs = socket.socketpair()
    with closing(theirs):
        port = StreamPort(ours, 1, originator=False)
        assert port.local([]) == Endpoint("", 0)
        port.rebind(DataPathEndpoint(Endpoint("192.0.2.1", PORT), Endpoint("192.0.2.2", PORT)))
        assert port.send([b"\xff"], 1) == 0         # a NAT keepalive is not sent (RFC 9329 §7.6)
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        port.close()
