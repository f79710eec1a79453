"""Inner packets that do not fit the path: cut in pieces where that is allowed, else their sender is told the size.

RFC 4301 §8.2 and RFC 1812 §4.3.2.3 for IPv4, RFC 4443 §3.2 for IPv6. The pieces are inner ones: what travels outside is
never fragmented. IPv6 promises 1280 octets (RFC 8200 §5); a path that has less room inside gets fragments of ours, as
the sender is this host and could not be told of less.
"""

import struct
from ipaddress import IPv4Address, IPv6Address

from client.core.datapath.inner import parse_inner

IPV6_MIN_MTU = 1280

_DF, _MF, _OFFSET = 0x4000, 0x2000, 0x1FFF
_ICMP, _ICMPV6, _FRAGMENT = 1, 58, 44
_UNREACHABLE, _FRAGMENTATION_NEEDED, _TOO_BIG = 3, 4, 2
_ERRORS4 = frozenset((3, 4, 5, 11, 12))      # never an error about an error (RFC 1122 §3.2.2)
_QUOTED4 = 576 - 20 - 8                      # octets of the packet in an answer to it (RFC 1812 §4.3.2.3)
_QUOTED6 = IPV6_MIN_MTU - 40 - 8             # (RFC 4443 §2.4)
_BEFORE_FRAGMENT = frozenset((0, 43))        # hop-by-hop and routing headers stay with every piece (RFC 8200 §4.5)
_COPIED = 0x80


def pieces(packet: bytes, limit: int, identification: int) -> list[bytes]:
    """Packets of at most ``limit`` octets that say the same; empty where it must not be cut, or cannot be."""
    if packet[0] >> 4 == 6:
        if len(packet) > IPV6_MIN_MTU or limit >= IPV6_MIN_MTU:
            return []
        return _pieces6(packet, limit, identification)
    if int.from_bytes(packet[6:8], "big") & _DF:
        return []
    return _pieces4(packet, limit)


def answer(packet: bytes, limit: int) -> bytes:
    """The ICMP message to the sender, as if from the packet's destination; empty where none may be sent."""
    if packet[0] >> 4 == 6:
        return _answer6(packet, max(limit, IPV6_MIN_MTU))
    return _answer4(packet, limit)


def _pieces4(packet: bytes, limit: int) -> list[bytes]:
    header = (packet[0] & 15) * 4
    flags = int.from_bytes(packet[6:8], "big")
    offset, more = flags & _OFFSET, flags & _MF
    first, rest = packet[:header], packet[:20] + _copied(packet[20:header])
    made: list[bytes] = []
    at = header
    while at < len(packet):
        head = rest if made else first
        room = (limit - len(head)) // 8 * 8
        if room < 8:
            return []
        last = len(packet) - at <= limit - len(head)
        body = packet[at:] if last else packet[at : at + room]
        made.append(_with_header4(head, len(head) + len(body), offset | (more if last else _MF), body))
        offset += len(body) // 8
        at += len(body)
    return made if offset <= _OFFSET else []


def _with_header4(head: bytes, length: int, flags: int, body: bytes) -> bytes:
    new = bytearray(head)
    new[0] = 0x40 | len(head) // 4
    new[2:4] = length.to_bytes(2, "big")
    new[6:8] = flags.to_bytes(2, "big")
    new[10:12] = bytes(2)
    new[10:12] = checksum(bytes(new)).to_bytes(2, "big")
    return bytes(new) + body


def _copied(options: bytes) -> bytes:
    """Those that belong into each fragment (RFC 791 §3.1), padded."""
    kept = b""
    at = 0
    while at < len(options) and options[at]:
        length = 1 if options[at] == 1 else max(2, options[at + 1]) if at + 1 < len(options) else len(options)
        if options[at] & _COPIED:
            kept += options[at : at + length]
        at += length
    return kept + bytes(-len(kept) % 4)


def _pieces6(packet: bytes, limit: int, identification: int) -> list[bytes]:
    place, header, kind = 6, 40, packet[6]      # where the type of what follows is said, and where that begins
    while kind in _BEFORE_FRAGMENT and header + 8 <= len(packet):
        place, kind = header, packet[header]
        header += 8 + packet[header + 1] * 8
    offset, more = 0, 0
    body_at = header
    if kind == _FRAGMENT:
        if header + 8 > len(packet):
            return []
        kind, flags, identification = struct.unpack_from(">BxHI", packet, header)
        offset, more = flags & 0xFFF8, flags & 1
        body_at += 8
    head = bytearray(packet[:header])
    head[place] = _FRAGMENT
    room = (limit - header - 8) // 8 * 8
    if room < 8 or body_at >= len(packet):
        return []
    made: list[bytes] = []
    for at in range(body_at, len(packet), room):
        body = packet[at : at + room]
        last = at + room >= len(packet)
        head[4:6] = (header - 40 + 8 + len(body)).to_bytes(2, "big")
        flags = offset + at - body_at | (more if last else 1)
        if flags > 0xFFFF:
            return []
        made.append(bytes(head) + struct.pack(">BxHI", kind, flags, identification) + body)
    # One extension header more may be one too many: what we would not read ourselves is not sent.
    return made if parse_inner(made[0]) is not None else []


def _answer4(packet: bytes, limit: int) -> bytes:
    """Destination unreachable, fragmentation needed, with the next hop's MTU (RFC 1191 §4)."""
    header = (packet[0] & 15) * 4
    source, destination = packet[12:16], packet[16:20]
    if int.from_bytes(packet[6:8], "big") & _OFFSET or _unsuitable(IPv4Address(source)) \
            or IPv4Address(destination).is_multicast or destination == b"\xff" * 4:
        return b""
    if packet[9] == _ICMP and (len(packet) <= header or packet[header] in _ERRORS4):
        return b""
    body = packet[:_QUOTED4]
    icmp = struct.pack(">BBHHH", _UNREACHABLE, _FRAGMENTATION_NEEDED, 0, 0, limit) + body
    icmp = icmp[:2] + checksum(icmp).to_bytes(2, "big") + icmp[4:]
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, _DF, 64, _ICMP, 0, destination, source)
    return ip[:10] + checksum(ip).to_bytes(2, "big") + ip[12:] + icmp


def _answer6(packet: bytes, limit: int) -> bytes:
    """Packet too big (RFC 4443 §3.2)."""
    source, destination = packet[8:24], packet[24:40]
    if _unsuitable(IPv6Address(source)) or IPv6Address(destination).is_multicast:
        return b""
    if packet[6] == _ICMPV6 and (len(packet) <= 40 or packet[40] < 128):
        return b""
    body = struct.pack(">BBHI", _TOO_BIG, 0, 0, limit) + packet[:_QUOTED6]
    pseudo = destination + source + struct.pack(">IxxxB", len(body), _ICMPV6)
    body = body[:2] + checksum(pseudo + body).to_bytes(2, "big") + body[4:]
    return struct.pack(">IHBB", 0x6000_0000, len(body), _ICMPV6, 64) + destination + source + body


def _unsuitable(source: IPv4Address | IPv6Address) -> bool:
    """No single host that could be answered (RFC 1812 §4.3.2.7)."""
    return (source.is_multicast or source.is_unspecified or source.is_loopback
            or source == IPv4Address("255.255.255.255"))


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) & 1:
        data += b"\0"
    total = int.from_bytes(data, "big") % 0xFFFF
    return 0xFFFF - total if total else (0 if any(data) else 0xFFFF)
