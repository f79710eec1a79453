"""Inner packets, written out by hand."""

import struct
from ipaddress import ip_address


def ipv4(source: str, destination: str, protocol: int, body: bytes, fragment: int = 0, options: bytes = b"") -> bytes:
    header = 20 + len(options)
    head = struct.pack(">BBHHHBBH", 0x40 | header // 4, 0, header + len(body), 1, fragment, 64, protocol, 0)
    return head + ip_address(source).packed + ip_address(destination).packed + options + body


def ipv6(source: str, destination: str, next_header: int, body: bytes) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(body), next_header, 64)
    return head + ip_address(source).packed + ip_address(destination).packed + body


def udp(source: int, destination: int, body: bytes = b"") -> bytes:
    return struct.pack(">HHHH", source, destination, 8 + len(body), 0) + body


def icmp(kind: int, code: int = 0, body: bytes = b"") -> bytes:
    return bytes((kind, code, 0, 0)) + body
