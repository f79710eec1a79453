"""Whom to ask for a gateway's address: the uplink's name servers, not a tunnel's."""

import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from client.core.platform.config import IpAddress
from client.core.platform.dns_file import RESOLV_CONF, original_resolv_conf
from client.core.platform.files import read_bounded

MAX_SERVERS = 6

# resolved's list of what the uplinks brought; /etc/resolv.conf has only its stub then.
_UPLINKS = Path("/run/systemd/resolve/resolv.conf")
_HOSTS = Path("/etc/hosts")
_MAX_FILE = 1 << 20
_DNS_PORT = 53


@dataclass(frozen=True)
class NameServer:
    """``zone`` is the interface of a link-local address, else empty."""

    address: IpAddress
    zone: str = ""
    port: int = _DNS_PORT

    def socket_address(self) -> tuple[str, int] | tuple[str, int, int, int]:
        """Raises OSError where the zone is no interface."""
        if self.address.version == 4:
            return str(self.address), self.port
        return str(self.address), self.port, 0, socket.if_nametoindex(self.zone) if self.zone else 0


def uplink_servers(skip: Collection[IpAddress] = ()) -> list[NameServer]:
    """In the host's order, without ``skip`` (a tunnel's servers). A local stub counts only where nothing else is."""
    found: list[NameServer] = []
    for content in (original_resolv_conf(), _read(_UPLINKS), _read(RESOLV_CONF)):
        found += [server for server in _servers(content or b"") if server.address not in skip and server not in found]
        if any(not server.address.is_loopback for server in found):
            break
    direct = [server for server in found if not server.address.is_loopback]
    return (direct or found)[:MAX_SERVERS]


def hosts_addresses(name: str) -> list[IpAddress]:
    """What /etc/hosts says about a name, in its order."""
    wanted = name.rstrip(".").lower()
    found: list[IpAddress] = []
    for line in (_read(_HOSTS) or b"").decode("utf-8", "replace").splitlines():
        words = line.partition("#")[0].split()
        if wanted in (word.rstrip(".").lower() for word in words[1:]):
            server = _parse(words[0])
            if server is not None and not server.zone and server.address not in found:
                found.append(server.address)
    return found


def _servers(content: bytes) -> list[NameServer]:
    lines = (line.split() for line in content.decode("ascii", "replace").splitlines())
    parsed = (_parse(words[1]) for words in lines if len(words) > 1 and words[0] == "nameserver")
    return [server for server in parsed if server is not None]


def _parse(text: str) -> NameServer | None:
    literal, _, zone = text.partition("%")
    try:
        return NameServer(ipaddress.ip_address(literal), zone)
    except ValueError:
        return None


def _read(path: Path) -> bytes | None:
    try:
        return read_bounded(path, _MAX_FILE)
    except (OSError, ValueError):
        return None
