"""Data paths in processes of their own between two namespaces, as asynchronous context managers."""

import asyncio
import os
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

from client.core.datapath.process import ProcessDataPath
from tests.datapath.network import End
from tests.datapath.peers import EVERYTHING, Recorder, endpoint, sas

SPI_A, SPI_B = b"\xc0\0\0\x01", b"\xc0\0\0\x02"
_ETH_P_IP = 0x0008  # in network order
# Family, protocol, type of the request and of its answer, octets that a raw socket shows before them.
_ECHO4 = (socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, 20)
_ECHO6 = (socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, 0)


@asynccontextmanager
async def running(*ends: End) -> AsyncIterator[list[tuple[ProcessDataPath, Recorder]]]:
    paths = []
    try:
        for end in ends:
            recorder = Recorder()
            path = ProcessDataPath(end.tun, end.sockets, recorder)
            paths.append((path, recorder))
            await path.start()
        yield paths
    finally:
        for path, _ in paths:
            await path.close()


@asynccontextmanager
async def tunnel(
    ends: tuple[End, End], suite: str = "aes256gcm16", family: int = 4, first_ts=EVERYTHING, hard: int = 0xFFFF_F000,
    esn: bool = False,
) -> AsyncIterator[list[tuple[ProcessDataPath, Recorder]]]:  # fmt: skip
    """Both ends with SAs; ``first_ts`` is the first end's remote_ts only, so that the two may disagree."""
    async with running(*ends) as paths:
        (first, _), (second, _) = paths
        for path, here, there, spi_in, spi_out, remote_ts in (
            (first, *ends, SPI_A, SPI_B, first_ts),
            (second, *ends[::-1], SPI_B, SPI_A, EVERYTHING),
        ):
            inbound, outbound = sas(suite, spi_in, spi_out, remote_ts=remote_ts, hard_packets=hard, esn=esn)
            path.install_inbound(inbound)
            path.install_outbound(outbound)
            path.rebind(endpoint(here, there, family))
        yield paths


async def ping(here: End, address: str, count: int = 3, interval: float = 0.05, size: int = 56) -> int:
    """How many echo requests of ``size`` octets were answered, each within a second.

    Not ping(8): after the last request it waits for two round trips only, which on a busy machine is too short.
    """
    family, protocol, request, answer, skipped = _ECHO6 if ":" in address else _ECHO4
    answered: set[int] = set()
    complete = asyncio.Event()
    token = os.urandom(16)
    with closing(here.socket(family, socket.SOCK_RAW, protocol)) as sock:
        sock.setblocking(False)

        def listen() -> None:
            with suppress(BlockingIOError):
                while True:
                    packet = sock.recv(70_000)[skipped:]
                    if packet[0] == answer and packet[8 : 8 + len(token)] == token:
                        answered.add(int.from_bytes(packet[6:8], "big"))
                        if len(answered) == count:
                            complete.set()

        loop = asyncio.get_running_loop()
        loop.add_reader(sock, listen)
        try:
            for number in range(count):
                echo = struct.pack(">BBHHH", request, 0, 0, 1, number) + token + bytes(size - len(token))
                if family == socket.AF_INET:  # the kernel does it for ICMPv6
                    echo = echo[:2] + (0xFFFF - int.from_bytes(echo, "big") % 0xFFFF).to_bytes(2, "big") + echo[4:]
                sock.sendto(echo, (address, 0))
                await asyncio.sleep(interval)
            with suppress(TimeoutError):
                await asyncio.wait_for(complete.wait(), 1)
        finally:
            loop.remove_reader(sock)
    return len(answered)


async def until(condition: Callable[[], object]) -> None:
    """Asks again and again, for 5 s at most."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.01)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(_checked(scenario))


async def _checked(scenario: Coroutine[Any, Any, None]) -> None:
    problems: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    await scenario
    assert not problems


def sniffer(end: End, timeout: float = 0.2) -> socket.socket:
    """Sees every outer IPv4 packet of ``end``, from its IP header on."""
    sock = end.socket(socket.AF_PACKET, socket.SOCK_DGRAM, _ETH_P_IP)
    sock.settimeout(timeout)
    return sock


def frames_of(sock: socket.socket) -> list[bytes]:
    """What the sniffer saw."""
    seen = []
    try:
        while True:
            seen.append(sock.recv(70_000))
    except TimeoutError:
        return seen


def udp_payloads(sock: socket.socket, prefix: bytes) -> list[bytes]:
    """What the sniffer saw in UDP that begins with ``prefix``."""
    payloads = []
    try:
        while True:
            payload = sock.recv(70_000)[28:]
            if payload.startswith(prefix):
                payloads.append(payload)
    except TimeoutError:
        return payloads
