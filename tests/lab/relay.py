"""Layer 2 relay in user space with delay, jitter and seeded loss, for kernels without netem.

``python relay.py NAME IF_A IF_B [NAME IF_A IF_B …]`` in the namespace that holds the interfaces. Lines on standard
input change it at once: ``NAME delay_ms jitter_ms loss_permille seed``; each is answered with ``ok``. The end of
standard input ends it. Loss falls on IPv4 and IPv6 packets only, each direction with a random number generator of
its own, so the same seed loses the same packets of a direction. Housekeeping of the link
(ARP, neighbour discovery) is spared.

Runs without the rest of the package: standard library only.
"""

import heapq
import itertools
import random
import select
import socket
import sys
import time
from dataclasses import dataclass, field

SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # linux/if_packet.h
ETH_P_ALL = 3
Queue = list[tuple[float, int, socket.socket, bytes]]   # when, order of arrival, whereto, frame


@dataclass
class Direction:
    source: socket.socket
    target: socket.socket
    delay: float = 0.0      # s
    jitter: float = 0.0     # s, uniform on top of the delay
    loss: int = 0           # per mille
    rng: random.Random = field(default_factory=random.Random)

    def loses(self, frame: bytes) -> bool:
        return bool(self.loss) and _is_ip(frame) and self.rng.random() * 1000 < self.loss


def main(arguments: list[str]) -> None:
    links: dict[str, tuple[Direction, Direction]] = {}
    for name, *ends in zip(arguments[0::3], arguments[1::3], arguments[2::3], strict=True):
        a, b = (_open(end) for end in ends)
        links[name] = Direction(a, b), Direction(b, a)
    by_handle = {way.source.fileno(): way for pair in links.values() for way in pair}
    queue: Queue = []
    order = itertools.count()
    poll = select.poll()
    for handle in (0, *by_handle):
        poll.register(handle, select.POLLIN)
    print("ok", flush=True)
    while True:
        wait = max(0.0, (queue[0][0] - time.monotonic()) * 1000) if queue else None
        for handle, _ in poll.poll(wait and max(wait, 0.3)):
            if handle == 0:
                line = sys.stdin.readline()
                if not line:
                    return
                _change(links, line.split())
            else:
                _forward(by_handle[handle], queue, order)
        now = time.monotonic()
        while queue and queue[0][0] <= now:
            _, _, target, frame = heapq.heappop(queue)
            _send(target, frame)


def _open(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    opened.bind((interface, 0))
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    return opened


def _change(links: dict[str, tuple[Direction, Direction]], words: list[str]) -> None:
    name, delay, jitter, loss, seed = words
    for number, way in enumerate(links[name]):
        way.delay, way.jitter, way.loss = float(delay) / 1000, float(jitter) / 1000, int(loss)
        way.rng = random.Random(f"{seed}/{number}")
    print("ok", flush=True)


def _forward(way: Direction, queue: Queue, order: "itertools.count[int]") -> None:
    for _ in range(64):  # then give timers and the other links their turn
        try:
            frame = way.source.recv(65536)
        except OSError:
            return
        if way.loses(frame):
            continue
        if way.delay or way.jitter:
            when = time.monotonic() + way.delay + (random.random() * way.jitter if way.jitter else 0.0)
            heapq.heappush(queue, (when, next(order), way.target, frame))
        else:
            _send(way.target, frame)


def _send(target: socket.socket, frame: bytes) -> None:
    try:
        target.send(frame)
    except OSError:  # a link that is down, a full queue: a wire says nothing either
        return


def _is_ip(frame: bytes) -> bool:
    kind = frame[12:14]
    if kind == b"\x86\xdd":
        housekeeping = frame[22:24] in (b"\xfe\x80", b"\x00\x00")  # link-local or unspecified source
        discovery = frame[20:21] == b"\x3a" and b"\x85" <= frame[54:55] <= b"\x89"  # ICMPv6 133–137, RFC 4861
        return not (housekeeping or discovery)
    return kind == b"\x08\x00"


if __name__ == "__main__":
    main(sys.argv[1:])
