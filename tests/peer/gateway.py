"""The scripted responder as a program with sockets and a data path: what no strongSwan here can be, a gateway with TCP.

``python -m tests.peer.gateway ADDRESS [--tcp PORT]… [--esp] [--identity NAME] [--psk TEXT] [--virtual ADDRESS]``

In the network namespace where ADDRESS is. UDP 500 and 4500, TCP by RFC 9329 as its responder, plain ESP where it sees
no NAT. One client at a time. Says what it does in lines of JSON on its standard output. Never shipped.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from typing import Any

from client.core.datapath.base import DataPathEndpoint
from client.core.datapath.framing import STREAM_PREFIX
from client.core.datapath.process import ProcessDataPath
from client.core.helper.settings import inbound_sa, outbound_sa
from client.core.ikev2 import events as ike
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE
from client.core.ikev2.traffic_selector import TrafficSelector
from client.core.platform.tun import open_tun
from client.model.endpoint import Endpoint
from tests.peer.responder import Behaviour, Responder

DEVICE = "peer0"
MTU = 1400
PREFIX_PATIENCE = 5.0        # s (RFC 9329 §5: a stream that begins otherwise is somebody else's)


def say(what: str, **more: Any) -> None:
    print(json.dumps({"what": what, **more}), flush=True)


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Gateway:
    """Also the DataPathListener."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._address = options.address
        self._esp = options.esp
        everything = (TrafficSelector.from_network(ip_network("0.0.0.0/0")),)
        config = ike.EngineConfig(
            ike_proposals=DEFAULT_IKE, esp_proposals=DEFAULT_ESP, local_id=(2, options.identity.encode()),
            remote_id=None, auth="psk", local_ts=everything, remote_ts=everything, ike_rekey=1e6, child_rekey=1e6,
            child_expire=2e6, dpd=1e6)
        behaviour = Behaviour(psk=options.psk.encode(), identity=(2, options.identity.encode()), truthful=True,
                              virtual_v4=IPv4Address(options.virtual),
                              local_networks=tuple(TrafficSelector.from_network(ip_network(text))
                                                   for text in options.networks))
        config = replace(config, remote_ts=(TrafficSelector.from_network(ip_network(f"{options.virtual}/32")),))
        self._new_engine = lambda: Responder(config, os.urandom, behaviour)
        self._engine = self._new_engine()
        self._tun = open_tun(DEVICE)
        self._udp = [_bound(self._address, port) for port in (500, 4500)]
        raw = [socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ESP)] if self._esp else []
        self._data_path = ProcessDataPath(self._tun, self._udp[1:], self, raw=raw)
        self._stream: ike.Path | None = None
        self._bound: DataPathEndpoint | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    async def run(self, ports: list[int], virtual: str) -> None:
        await self._data_path.start()
        for words in (("link", "set", DEVICE, "mtu", str(MTU), "up"),
                      ("route", "replace", f"{virtual}/32", "dev", DEVICE)):
            subprocess.run(["ip", *words], check=True)  # noqa: ASYNC221  nothing is served before
        self._loop.add_reader(self._udp[0].fileno(), self._ike_on_500)
        listeners = [await self._listen(port) for port in ports]
        say("ready", ports=ports)
        try:
            await asyncio.Event().wait()
        finally:
            for listener in listeners:
                listener.cancel()
            await self._data_path.close()

    # --- TCP (RFC 9329 §5, §7.1) ---

    async def _listen(self, port: int) -> "asyncio.Task[None]":
        listener = socket.create_server((self._address, port))
        listener.setblocking(False)

        async def accept() -> None:
            waiting = set[asyncio.Task[None]]()
            while True:
                sock, remote = await self._loop.sock_accept(listener)
                task = self._loop.create_task(self._take(sock, port, remote))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
        return self._loop.create_task(accept())

    async def _take(self, sock: socket.socket, port: int, remote: tuple[str, int]) -> None:
        sock.setblocking(False)
        begun = b""
        try:
            async with asyncio.timeout(PREFIX_PATIENCE):
                while len(begun) < len(STREAM_PREFIX) and (
                        more := await self._loop.sock_recv(sock, len(STREAM_PREFIX) - len(begun))):
                    begun += more
        except (OSError, TimeoutError):
            begun = b""
        if begun != STREAM_PREFIX:
            say("stream-refused", begun=begun.hex())
            sock.close()
            return
        self._stream = ike.Path(Endpoint(self._address, port), Endpoint(*remote), transport="tcp")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._data_path.attach_stream(sock, originator=False)
        say("stream", port=port, remote=f"{remote[0]}:{remote[1]}")
        if self._bound is not None and self._bound.transport == "tcp":
            self._engine._ctx.path = self._stream       # §7.1: the newest connection of this client is the one
            self._after()

    def stream_ike(self, data: bytes) -> None:
        if self._stream is not None:
            self._take_ike(data, self._stream)

    def stream_lost(self, number: int, errno: int) -> None:
        say("stream-lost", errno=errno)

    # --- IKE ---

    def _ike_on_500(self) -> None:
        while True:
            try:
                data, remote = self._udp[0].recvfrom(65535)
            except OSError:
                return
            self._take_ike(data, ike.Path(Endpoint(self._address, 500), Endpoint(*remote)))

    def ike_datagram(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        self._take_ike(data, ike.Path(Endpoint(self._address, local.port), remote))

    def _take_ike(self, data: bytes, path: ike.Path) -> None:
        if self._engine._ctx.finished:          # its client has left: the next one
            self._engine, self._bound = self._new_engine(), None
        self._engine.receive_datagram(data, path, now())
        self._after()

    def _after(self) -> None:
        engine = self._engine
        while (event := engine.next_event()) is not None:
            if isinstance(event, ike.ChildInstalled):
                self._data_path.install_inbound(inbound_sa(event.child))
                if event.outbound:
                    self._data_path.install_outbound(outbound_sa(event.child))
                say("child", spi=event.child.spi_in.hex())
            elif isinstance(event, ike.ChildOutbound):
                self._data_path.install_outbound(outbound_sa(event.child))
            elif isinstance(event, ike.ChildRemoved):
                self._data_path.remove(event.child.spi_in)
                self._data_path.remove(event.child.spi_out)
        self._rebind(engine._ctx.path)
        datagrams = engine.datagrams_to_send(now())
        self._data_path.when_settled(lambda: self._send(datagrams))
        if self._timer is not None:
            self._timer.cancel()
        due = engine.next_timeout()
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - now()), self._due)

    def _due(self) -> None:
        self._engine.handle_timeout(now())
        self._after()

    def _rebind(self, path: ike.Path | None) -> None:
        if path is None or path.remote.port == 500 or not self._engine._ctx.sas or path.local.port == 500:
            return
        plain = "esp" if self._esp and not self._engine.nat else "udp"
        transport = path.transport if path.transport == "tcp" else plain
        endpoint = DataPathEndpoint(path.local, path.remote, 0, transport)
        if endpoint != self._bound:
            self._bound = endpoint
            self._data_path.rebind(endpoint)
            say("path", transport=transport, remote=str(path.remote))

    def _send(self, datagrams: list[ike.Datagram]) -> None:
        for datagram in datagrams:
            path = datagram.path
            if path.transport == "tcp":
                self._data_path.send_stream_ike(datagram.data)
            elif path.local.port == 500:
                self._udp[0].sendto(datagram.data, (path.remote.address, path.remote.port))
            else:
                self._data_path.send_ike(datagram.data, DataPathEndpoint(path.local, path.remote))

    # --- the rest of a DataPathListener ---

    def soft_expired(self, spi: bytes) -> None: ...
    def hard_expired(self, spi: bytes) -> None: ...
    def send_refused(self, remote: Endpoint, errno: int) -> None:
        say("refused", remote=str(remote), errno=errno)
    def unanswered(self) -> None: ...
    def data_path_restarted(self) -> None: ...
    def data_path_failed(self, detail: str) -> None:
        sys.exit(detail)


def _bound(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((address, port))
    return sock


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.peer.gateway", description=__doc__.split("\n")[0])
    parser.add_argument("address")
    parser.add_argument("--tcp", type=int, action="append", default=[], metavar="PORT")
    parser.add_argument("--esp", action="store_true")
    parser.add_argument("--identity", default="psk.gw.lab.test")
    parser.add_argument("--psk", default="correct horse battery staple")
    parser.add_argument("--virtual", default="10.99.0.10")
    parser.add_argument("--network", dest="networks", action="append", default=[])
    options = parser.parse_args()
    options.networks = options.networks or ["10.10.0.0/24"]

    async def run() -> None:
        await Gateway(options).run(options.tcp, options.virtual)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())


if __name__ == "__main__":
    main()
