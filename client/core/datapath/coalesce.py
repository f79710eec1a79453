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
    """The segments joined so far: ``begin`` and ``extend`` say whether a packet became part."""

    def __init__(self) -> None:
        self._buffer = memoryview(bytearray(VNET_HEADER + _MAX))
        self._end = 0          # where the packet in the buffer ends; 0: there is none
        self._key: tuple[object, ...] = ()
        self._tcp = 0          # where the TCP header begins in a packet
        self._header = 0       # where the payload begins
        self._size = 0         # of every segment's payload but the last's
        self._first_seq = 0
        self._next_seq = 0
        self._flags = 0        # the last segment's
        self._sum = 0          # of the segments' own words and checksums
        self._count = 0
        self.full = False      # nothing more may be added

    def __bool__(self) -> bool:
        return self._end > 0

    def begin(self, packet: bytes) -> bool:
        """``packet`` is one whole IP packet. False: it is no TCP segment of the kind that may be joined."""
        tcp = 20 if packet[0] == 0x45 else 40 if packet[0] >> 4 == 6 else 0
        length = len(packet)
        if not tcp or length <= tcp + 20:
            return False
        key, own, seq, flags = _read(packet, length, tcp)
        header = tcp + (packet[tcp + 12] >> 4) * 4
        if key is None or not tcp + 20 <= header < length:
            return False
        size = length - header
        # An odd size would put the next segment's words where its checksum does not have them; and the kernel shall see
        # an IPv4 header whose checksum is wrong as it is.
        if size & 1 or (tcp == 20 and _sum(packet[:20])):
            return False
        self._end = VNET_HEADER + length
        self._buffer[VNET_HEADER : self._end] = packet
        self._key = (*key, packet[tcp + 20 : header])
        self._tcp, self._header, self._size, self._flags = tcp, header, size, flags
        self._first_seq, self._next_seq = seq, (seq + size) & 0xFFFF_FFFF
        self._sum, self._count = own, 1
        self.full = flags == _ACK_PSH
        return True

    def extend(self, packet: bytes, length: int) -> bool:
        """Add the packet that is the first ``length`` octets, if it continues this run exactly."""
        tcp, header, end = self._tcp, self._header, self._end
        size = length - header
        if not end or not 0 < size <= self._size or end + size > VNET_HEADER + _MAX:
            return False
        key, own, seq, flags = _read(packet, length, tcp)
        if key is None or seq != self._next_seq or (*key, packet[tcp + 20 : header]) != self._key:
            return False
        self._buffer[end : end + size] = packet[header:length]
        self._end = end + size
        self._next_seq = (seq + size) & 0xFFFF_FFFF
        self._sum += own
        self._count += 1
        self._flags = flags
        # A short segment is the last one, and PSH says that it should not wait (as the kernel's own offload does).
        self.full = flags == _ACK_PSH or size < self._size
        return True

    def take(self) -> memoryview:
        """The packet behind its virtio_net_hdr; the run is empty again. It is valid until the next ``begin``."""
        taken = self._buffer[: self._end]
        if self._count > 1:
            self._finish(taken)
        else:
            taken[:VNET_HEADER] = PLAIN
        self._end = 0
        self.full = False
        return taken

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
        packet[tcp + 13] = 0
        packet[tcp + 16 : tcp + 18] = bytes(2)
        # What the segments have in common: the pseudo header (RFC 9293 §3.1) and the TCP header, each without the
        # segment's own words. Every segment with its payload adds up to nothing; hence the payloads' sum, and from it
        # the checksum that makes the whole add up to nothing.
        shared = _sum(addresses) + 6 + _sum(packet[tcp:header]) - self._first_seq
        whole = shared + length - tcp + self._first_seq + self._flags
        check = (self._count * shared + self._sum - whole) % _MODULUS
        packet[tcp + 13] = self._flags
        packet[tcp + 16 : tcp + 18] = check.to_bytes(2, "big")
        gso_type = _GSO_TCPV4 if tcp == 20 else _GSO_TCPV6
        _GSO.pack_into(taken, 0, 0, gso_type, header, self._size, 0, 0)


def _read(packet: bytes, length: int, tcp: int) -> tuple[tuple[object, ...] | None, int, int, int]:
    """(what must be the same in all segments, or None; the sum of the segment's own words; sequence number; flags).

    The packet is as long as a TCP header without options at least.
    """
    if tcp == 20:
        tos, total, fragment, ttl_protocol, flow, seq, ack, flags, window, check, urgent = _IPV4(packet)
        if total != length or fragment & 0x3FFF or ttl_protocol & 0xFF != 6 or flags & ~8 != _ACK or urgent:
            return None, 0, 0, 0
        return (tos, fragment, ttl_protocol, flow, ack, window), length - 20 + seq + flags + check, seq, flags
    tos, total, next_header, flow, seq, ack, flags, window, check, urgent = _IPV6(packet)
    if total + 40 != length or next_header >> 8 != 6 or flags & ~8 != _ACK or urgent:
        return None, 0, 0, 0
    return (tos, next_header, flow, ack, window), length - 40 + seq + flags + check, seq, flags


def _sum(octets: bytes | memoryview) -> int:
    """Of an even number of octets."""
    return int.from_bytes(octets, "big") % _MODULUS
