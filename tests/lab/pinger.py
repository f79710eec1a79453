"""Sends an ICMP echo every INTERVAL seconds and says at the end what came back.

``python pinger.py DESTINATION INTERVAL SECONDS`` prints ``ready``, then probes until SECONDS are over or its standard
input ends, waits up to half a second for the last answers and prints one line per probe: ``sent rtt``, in seconds of
CLOCK_MONOTONIC, rtt -1 where none came. Standard library only; needs CAP_NET_RAW. (iputils' ping manages about 60/s.)
"""

import os
import select
import socket
import struct
import sys
import time

ECHO = {4: (8, 0), 6: (128, 129)}  # request, reply (RFC 792, RFC 4443)
LINGER = 0.5


class Pinger:
    """Counts its probes by their 16 bit sequence number, so at most 65536 of them."""

    def __init__(self, destination: str) -> None:
        self.version = 6 if ":" in destination else 4
        family, protocol = (socket.AF_INET6, 58) if self.version == 6 else (socket.AF_INET, 1)
        self.socket = socket.socket(family, socket.SOCK_RAW, protocol)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._destination, self._ident = destination, int.from_bytes(os.urandom(2))
        self.sent: list[float] = []
        self.rtt: list[float] = []

    def send(self) -> None:
        """One probe more; a refusal to send counts as lost."""
        packet = struct.pack("!BBHHH", ECHO[self.version][0], 0, 0, self._ident, len(self.sent) & 0xFFFF) + b"lab-lab-"
        if self.version == 4:
            packet = packet[:2] + struct.pack("!H", _checksum(packet)) + packet[4:]
        self.sent.append(time.monotonic())
        self.rtt.append(-1.0)
        try:
            self.socket.sendto(packet, (self._destination, 0))
        except OSError:
            return

    def receive(self, until: float, also: int | None = None) -> bool:
        """Take answers until then. True when ``also`` became readable: stop."""
        watched = [self.socket.fileno()] if also is None else [self.socket.fileno(), also]
        while (left := until - time.monotonic()) > 0:
            ready = select.select(watched, [], [], left)[0]
            if also in ready:
                return True
            if ready:
                self._take()
        return False

    def _take(self) -> None:
        while True:
            try:
                data = self.socket.recv(2048)
            except OSError:
                return
            at = 0 if self.version == 6 else (data[0] & 15) * 4
            if len(data) < at + 8:
                continue
            kind, _, _, ident, number = struct.unpack_from("!BBHHH", data, at)
            ours = (kind, ident) == (ECHO[self.version][1], self._ident) and number < len(self.sent)
            if ours and self.rtt[number] < 0:
                self.rtt[number] = time.monotonic() - self.sent[number]


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def main(destination: str, interval: float, seconds: float) -> None:
    pinger = Pinger(destination)
    print("ready", flush=True)
    begin = time.monotonic()
    for number in range(min(0x10000, int(seconds / interval))):
        if pinger.receive(begin + number * interval, also=0):
            break
        pinger.send()
    last = time.monotonic() + LINGER
    while time.monotonic() < last and min(pinger.rtt[-100:], default=0.0) < 0:
        pinger.receive(min(last, time.monotonic() + 0.02))
    print("\n".join(f"{sent:.6f} {rtt:.6f}" for sent, rtt in zip(pinger.sent, pinger.rtt, strict=True)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
