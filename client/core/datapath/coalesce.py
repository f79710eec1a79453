"""Joining consecutive TCP segments of one flow into one large packet for the kernel: generic receive offload.

A TUN device that was opened with IFF_VNET_HDR takes packets of up to 64 KiB, said to be made of segments. One such
write costs the host's stack about as much as one segment does, and it answers with one ACK.

Nothing is trusted that the kernel would have checked: the checksum of the large packet is *derived* from the segments'
own checksum fields, so that a segment which was damaged before the gateway sealed it makes the whole sum wrong, and the
kernel, which verifies it, drops it.
"""

import struct

VNET_HEADER = 10        # octets of struct virtio_net_hdr
PLAIN = bytes(VNET_HEADER)

_GSO_TCPV4, _GSO_TCPV6 = 1, 4
_GSO = struct.Struct("=BBHHHH")  # flags, type, header length, segment size, checksum start and offset
_MAX = 0xFFFF
_ACK, _ACK_PSH = 0x10, 0x18
_MODULUS = 0xFFFF       # sums of 16-bit words in ones' complement (RFC 1071) are sums modulo 2^16 - 1

# Version and traffic class, length, fragmentation, TTL and protocol, addresses and ports, sequence number,
# acknowledgement and data offset, flags, window, checksum and urgent pointer.
_IPV4 = struct.Struct(">H H 2x H H 2x 12s I 5s B H H H").unpack_from
# Version, traffic class and flow label, length, next header and hop limit, …
_IPV6 = struct.Struct(">I H H 36s I 5s B H H H").unpack_from


class Run:
    """The segments joined so far. ``add`` says whether a packet became part; ``take`` gives what to write."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(VNET_HEADER + _MAX))
        self._key: tuple[object, ...] = ()
        self._end = 0          # where the packet in the buffer ends; 0: there is none
        self._next_seq = 0
        self._size = 0         # of every segment but the last
        self._header = 0
        self._first_seq = 0
        self._tcp = 0          # where the TCP header begins in a packet
        self._constant = 0     # sum of the words that all segments share
        self._sum = 0          # sum of the segments' own words, and of their checksums
        self._count = 0
        self.full = False      # nothing more may be added

    def __bool__(self) -> bool:
        return self._end > 0

    def add(self, packet: memoryview) -> bool:
        """``packet`` is one whole IP packet. False: it belongs to no run, or not to this one."""
        length = len(packet)
        if packet[0] == 0x45 and length >= 40:
            (tos, _, fragment, ttl_protocol, flow, seq, ack, flags, window, check, urgent) = _IPV4(packet)
            if fragment & 0x3FFF or ttl_protocol & 0xFF != 6:
                return False
            tcp = 20
            fixed: tuple[object, ...] = (tos, fragment, ttl_protocol, flow, ack, window, urgent)
        elif packet[0] >> 4 == 6 and length >= 60:
            (tos, _, next_header, flow, seq, ack, flags, window, check, urgent) = _IPV6(packet)
            if next_header >> 8 != 6:
                return False
            tcp = 40
            fixed = (tos, next_header, flow, ack, window, urgent)
        else:
            return False
        header = tcp + (ack[4] >> 4) * 4
        payload = length - header
        if payload <= 0 or header < tcp + 20 or flags & ~8 != _ACK or urgent:
            return False
        key = (*fixed, packet[tcp + 20 : header].tobytes())
        own = length - tcp + seq + flags + check
        if not self._end:
            self._begin(packet, key, tcp, header, payload, seq, own)
        elif (
            key == self._key
            and seq == self._next_seq
            and payload <= self._size
            and self._end + payload <= VNET_HEADER + _MAX
        ):
            end = self._end + payload
            self._buffer[self._end : end] = packet[header:]
            self._end = end
            self._sum += own
            self._count += 1
        else:
            return False
        self._next_seq = (seq + payload) & 0xFFFF_FFFF
        # A short segment is the last one, and PSH says that it should not wait (as the kernel's own offload does).
        self.full = flags == _ACK_PSH or payload < self._size
        if self.full and self._count > 1:
            self._buffer[VNET_HEADER + tcp + 13] = flags
        return True

    def take(self) -> memoryview:
        """The packet behind its virtio_net_hdr; the run is empty again. It is valid until the next ``add``."""
        taken = self._buffer[: self._end]
        if self._count > 1:
            self._finish(taken)
        else:
            taken[:VNET_HEADER] = PLAIN
        self._end = 0
        self.full = False
        return taken

    def _begin(
        self, packet: memoryview, key: tuple[object, ...], tcp: int, header: int, payload: int, seq: int, own: int
    ) -> None:
        self._end = VNET_HEADER + len(packet)
        self._buffer[VNET_HEADER : self._end] = packet
        self._key, self._tcp, self._header, self._size, self._first_seq = key, tcp, header, payload, seq
        self._sum = own
        self._count = 1
        odd = payload & 1  # the next segment's words would not lie where its checksum has them
        if odd or (tcp == 20 and _sum(packet[:20])):  # or a header checksum that is wrong: the kernel shall see it
            self._key = ()

    def _finish(self, taken: memoryview) -> None:
        packet = taken[VNET_HEADER:]
        tcp, header, length = self._tcp, self._header, len(packet)
        if tcp == 20:
            packet[2:4] = length.to_bytes(2, "big")
            packet[10:12] = bytes(2)
            packet[10:12] = (-_sum(packet[:20]) % _MODULUS).to_bytes(2, "big")
            addresses = packet[12:20]
        else:
            packet[4:6] = (length - 40).to_bytes(2, "big")
            addresses = packet[8:40]
        # What every segment adds up to, except its own length, sequence number, flags and checksum: the pseudo header
        # (RFC 9293 §3.1) and the rest of the TCP header. Each one's words and payload add up to nothing; hence the
        # payloads' sum, and from it the checksum that makes the whole add up to nothing.
        flags = packet[tcp + 13]
        shared = _sum(addresses) + 6 + _sum(packet[tcp:header]) - self._first_seq - flags - _word(packet, tcp + 16)
        whole = shared + length - tcp + self._first_seq + flags
        check = (self._count * shared + self._sum - whole) % _MODULUS
        packet[tcp + 16 : tcp + 18] = check.to_bytes(2, "big")
        gso_type = _GSO_TCPV4 if tcp == 20 else _GSO_TCPV6
        _GSO.pack_into(taken, 0, 0, gso_type, header, self._size, 0, 0)


def _sum(octets: memoryview) -> int:
    """Of an even number of octets."""
    return int.from_bytes(octets, "big") % _MODULUS


def _word(packet: memoryview, at: int) -> int:
    return packet[at] << 8 | packet[at + 1]
