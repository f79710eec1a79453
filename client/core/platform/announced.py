"""The captive portal that a network announces (RFC 8910), where somebody on this host has kept it.

systemd-networkd does, of DHCPv4, DHCPv6 and router advertisements. It is what a network said: nothing is trusted.
"""

import socket
from pathlib import Path

from client.core.platform.files import read_bounded

MAX_URI = 2048
_MAX_FILE = 64 * 1024
_NETWORKD = Path("/run/systemd/netif/links")        # sd_network_link_get_captive_portal(3) reads the same


def announced_portal(interface: str) -> str:
    """The URI as it was announced for this interface, empty where none is known."""
    try:
        data = read_bounded(_NETWORKD / str(socket.if_nametoindex(interface)), _MAX_FILE)
    except (OSError, ValueError):
        return ""
    for line in (data or b"").decode("ascii", "replace").splitlines():
        key, _, value = line.partition("=")
        if key == "CAPTIVE_PORTAL":
            value = value.strip()
            return value if value.isascii() and value.isprintable() and len(value) <= MAX_URI else ""
    return ""
