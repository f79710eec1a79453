"""The data path's process: ``python -m client.core.datapath.child``, started by child_process.py and by nothing else.

Everything is imported before the privileges go, since afterwards the files may not be readable. The arguments are
numbers: uid, gid, the parent's pid, and the control channel's descriptor. Over that come the descriptors of the TUN
device, the shared page and the UDP and raw sockets, once there is a connection to carry, and those of streams.
"""

import os
import select
import socket
import sys
import time
from collections import deque

from client.core.datapath.control import BEGIN, MAX_MESSAGE, ControlError, decode, encode
from client.core.datapath.messages import (
    AttachStream,
    Checkpoint,
    HardExpired,
    Message,
    Reached,
    Ready,
    SoftExpired,
    StreamLost,
    Together,
)
from client.core.datapath.page import MAX_SAS, Page
from client.core.datapath.privileges import MAX_FILES, PrivilegeError, close_all_but, drop_privileges
from client.core.datapath.python import PacketLoop
from client.core.esp.packet import make_sealer

_MAX_CONTROL_BATCH = 16
_IDLE = 3600.0  # seconds; nothing is due then, epoll merely wants a number


def main(argv: list[str] | None = None) -> int:
    """Carry packets until roved closes the control channel. Exit status: 0 closed, 1 refused to run, 2 bad control."""
    uid, gid, parent, control_fd = map(int, sys.argv[1:] if argv is None else argv)
    close_all_but([control_fd])
    try:
        drop_privileges(uid, gid, parent)
    except PrivilegeError as error:
        print(f"rove-datapath: {error}", file=sys.stderr)
        return 1
    control = socket.socket(fileno=control_fd)
    _rehearse()
    select.select([control], [], [])
    said, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, MAX_FILES)
    if said != BEGIN:
        return 2 if said else 0
    tun, page, *udp = descriptors
    teller = _Teller(control)
    shared = Page(page)
    os.close(page)
    loop = PacketLoop(
        tun,
        [socket.socket(fileno=fd) for fd in udp],
        shared,
        teller.tell,
        os.urandom,
        lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME),
    )
    loop.watch(control_fd)
    teller.tell(Ready())
    try:
        while not loop.step(_IDLE) or _obey(teller, loop):
            teller.flush()
    except (ControlError, ValueError) as error:  # never with the octets that were wrong: they may be keys
        print(f"rove-datapath: {error}", file=sys.stderr)
        return 2
    except (BrokenPipeError, ConnectionResetError):
        pass  # roved died while we were telling it something
    return 0


def _rehearse() -> None:
    """The library's first AEAD takes 1.5 ms, while nobody waits yet."""
    make_sealer("aes256gcm16", bytes(4), bytes(36), b"", 0, os.urandom).seal(bytes(64), socket.IPPROTO_IPIP, 1)


class _Teller:
    """Says things to roved without ever waiting for it.

    What cannot be said is lost where that does no harm (IKE is retransmitted) and kept where it would.
    """

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self._kept: deque[Message] = deque(maxlen=2 * MAX_SAS)
        control.setblocking(False)

    def tell(self, message: Message) -> None:
        self.flush()
        if not self._try(message) and isinstance(message, SoftExpired | HardExpired | Reached | StreamLost):
            self._kept.append(message)

    def flush(self) -> None:
        while self._kept and self._try(self._kept[0]):
            self._kept.popleft()

    def _try(self, message: Message) -> bool:
        try:
            self.control.send(encode(message))
        except (BlockingIOError, ControlError):
            return False
        return True


def _obey(teller: _Teller, loop: PacketLoop) -> bool:
    """Take what roved says; False when it has gone."""
    for _ in range(_MAX_CONTROL_BATCH):
        try:
            data, descriptors, _, _ = socket.recv_fds(teller.control, MAX_MESSAGE, 1)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not data:
            return False
        message = decode(data)
        if isinstance(message, AttachStream) != bool(descriptors):
            raise ControlError("a descriptor too many, or none")
        for one in message.messages if isinstance(message, Together) else (message,):
            if isinstance(one, AttachStream):
                loop.attach(one, socket.socket(fileno=descriptors[0]))
            elif isinstance(one, Checkpoint):
                teller.tell(Reached(one.number))
            else:
                loop.apply(one)
    return True


if __name__ == "__main__":
    raise SystemExit(main())
