"""Two network namespaces with a veth pair between them, and in each a TUN device and UDP sockets for a data path.

The test process stays where it is: descriptors keep the namespace they were made in, so a thread that enters it for a
moment is enough.
"""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from itertools import count
from typing import Any

PORT = 4500
_CLONE_NEWNET = 0x4000_0000
_TUNSETIFF = 0x4004_54CA
_IFF_TUN, _IFF_NO_PI, _IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
_serial = count()


def run(*command: str, check: bool = True, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def within(namespace: str, action: Callable[[], Any]) -> Any:
    """What ``action`` returns when a thread in ``namespace`` runs it."""
    outcome: list[Any] = []

    def enter() -> None:
        fd = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        try:
            assert ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET) == 0
        finally:
            os.close(fd)
        outcome.append(action())

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return outcome[0]


class End:
    """One end: outer addresses 192.0.2.N and 2001:db8::N, inner ones 10.9.0.N and fd09::N on ``tun0``."""

    def __init__(self, namespace: str, number: int, mtu: int, offload: bool) -> None:
        self.namespace = namespace
        self.inner4, self.inner6 = f"10.9.0.{number}", f"fd09::{number}"
        self.outer4, self.outer6 = f"192.0.2.{number}", f"2001:db8::{number}"
        self._mtu = mtu
        self._flags = _IFF_TUN | _IFF_NO_PI | (_IFF_VNET_HDR if offload else 0)
        self.tun = -1
        self.sockets: list[socket.socket] = []

    def open(self) -> None:
        self.tun = within(self.namespace, lambda: _open_tun(self._flags))
        self.sockets = [within(self.namespace, lambda family=f: _bind(family)) for f in _FAMILIES]
        self.ip("link", "set", "tun0", "mtu", str(self._mtu), "up")
        self.ip("address", "add", f"{self.inner4}/24", "dev", "tun0")
        self.ip("address", "add", f"{self.inner6}/64", "dev", "tun0", "nodad")

    def ip(self, *arguments: str) -> None:
        run("ip", "-n", self.namespace, *arguments)

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        return within(self.namespace, lambda: socket.socket(family, kind, protocol))

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        if self.tun >= 0:
            os.close(self.tun)


class Pair:
    """``with Pair("dpx") as (a, b)``: both ends up, data paths not yet running."""

    def __init__(self, prefix: str, mtu: int = 1400, offload: bool = True) -> None:
        self._names = [f"{prefix}-{os.getpid()}-{next(_serial)}{side}" for side in "ab"]
        self.ends = [End(name, number, mtu, offload) for number, name in enumerate(self._names, 1)]

    def __enter__(self) -> tuple[End, End]:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self.ends[0], self.ends[1]

    def __exit__(self, *_: object) -> None:
        for end in self.ends:
            end.close()
        for name in self._names:
            run("ip", "netns", "delete", name, check=False)

    def _build(self) -> None:
        first, second = self._names
        for name in self._names:
            run("ip", "netns", "add", name)
        run("ip", "-n", first, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", second)
        for end in self.ends:
            end.ip("link", "set", "lo", "up")
            end.ip("link", "set", "eth0", "up")
            end.ip("address", "add", f"{end.outer4}/24", "dev", "eth0")
            end.ip("address", "add", f"{end.outer6}/64", "dev", "eth0", "nodad")
            end.open()


_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def _open_tun(flags: int) -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", b"tun0", flags))
    return fd


def _bind(family: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("", PORT))
    return sock
