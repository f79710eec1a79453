"""NAT detection (RFC 7296 §2.23); over UDP with encapsulation forced, unless plain ESP is wanted."""

import hashlib
from ipaddress import ip_address

from client.core.ikev2.constants import NotifyType
from client.core.ikev2.events import Path, Random
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import Notify
from client.model.endpoint import Endpoint


def nat_detection(spi_i: bytes, spi_r: bytes, path: Path, random: Random) -> list[Notify]:
    """Both notifies of a request.

    For ESP in UDP the source hash is random: no address matches it, so the gateway believes in a NAT. Our own NAT
    shows in the gateway's destination hash. Over TCP (RFC 9329 §7.5) and for plain ESP it is the truth.
    """
    source = random(20) if path.transport == "udp" else _hash(spi_i, spi_r, path.local)
    return [Notify.of(NotifyType.NAT_DETECTION_SOURCE_IP, source),
            Notify.of(NotifyType.NAT_DETECTION_DESTINATION_IP, _hash(spi_i, spi_r, path.remote))]


def detect_nat(message: Message, spi_i: bytes, spi_r: bytes, path: Path) -> bool | None:
    """Is there a NAT on the way, by a response? None: the gateway does not know NAT traversal."""
    sources = [n.data for n in message.notifies() if n.type == NotifyType.NAT_DETECTION_SOURCE_IP]
    destination = message.notify(NotifyType.NAT_DETECTION_DESTINATION_IP)
    if not sources or destination is None:
        return None
    return (_hash(spi_i, spi_r, path.local) != destination.data
            or _hash(spi_i, spi_r, path.remote) not in sources)


def _hash(spi_i: bytes, spi_r: bytes, endpoint: Endpoint) -> bytes:
    packed = ip_address(endpoint.address).packed + endpoint.port.to_bytes(2, "big")
    return hashlib.sha1(spi_i + spi_r + packed, usedforsecurity=False).digest()
