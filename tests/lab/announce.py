"""An ARP announcement, as hosts send with every address they take (RFC 5227 §2.3); stands in for ``arping -A``."""

import socket
import struct

ETH_P_ARP = 0x0806


def announce(interface: str, address: str) -> None:
    """In the current network namespace, once. Raises OSError where the interface is down."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sending:
        sending.bind((interface, ETH_P_ARP))
        mac, ip = sending.getsockname()[4], socket.inet_aton(address)
        # RFC 826: Ethernet, IPv4, request; sender and target protocol address are the same
        arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + bytes(6) + ip
        sending.send(b"\xff" * 6 + mac + struct.pack("!H", ETH_P_ARP) + arp)
