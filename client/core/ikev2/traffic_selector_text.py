"""Traffic selectors in swanctl's notation: ``10.20.0.0/25[tcp/8080]``, ``10.0.0.3-10.0.0.9[udp]``."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

MAX_TEXT = 200
_FORM = re.compile(r"(?P<addresses>[0-9A-Fa-f.:/-]+)(?:\[(?P<protocol>[a-z0-9%-]+)(?:/(?P<ports>[a-z0-9%-]+))?\])?")
_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "sctp": 132}
_NAMES = {number: name for name, number in _PROTOCOLS.items()}
_SYNONYMS = {"%any": 0, "any": 0, "icmpv6": 58}
_ANY_PORT, _OPAQUE = (0, 65535), (65535, 0)


def parse_text(text: str) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address, int, tuple[int, int]]:
    """(start, end, protocol, ports). Raises ValueError."""
    match = _FORM.fullmatch(text.strip()) if len(text) <= MAX_TEXT else None
    if match is None:
        raise ValueError(f"not a traffic selector: {text[:MAX_TEXT]!r}")
    start, end = _addresses(match["addresses"])
    return start, end, _protocol(match["protocol"]), _ports(match["ports"])


def protocol_and_ports(protocol: int, ports: tuple[int, int]) -> str:
    """The part in brackets, empty where any protocol and any port will do."""
    if not protocol and ports == _ANY_PORT:
        return ""
    name = _NAMES.get(protocol, str(protocol) if protocol else "%any")
    if ports == _ANY_PORT:
        return f"[{name}]"
    if ports == _OPAQUE:
        return f"[{name}/opaque]"
    return f"[{name}/{ports[0]}]" if ports[0] == ports[1] else f"[{name}/{ports[0]}-{ports[1]}]"


def _addresses(text: str) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    if "-" not in text:
        network = ip_network(text)
        return network.network_address, network.broadcast_address
    first, _, last = text.partition("-")
    start, end = ip_address(first), ip_address(last)
    if start.version != end.version or int(start) > int(end):
        raise ValueError(f"{text} is not a range of addresses")
    return start, end


def _protocol(text: str | None) -> int:
    if text is None:
        return 0
    number = _PROTOCOLS.get(text, _SYNONYMS.get(text))
    if number is None:
        number = _number(text, 255)
    return number


def _ports(text: str | None) -> tuple[int, int]:
    if text in (None, "any", "%any"):
        return _ANY_PORT
    if text == "opaque":
        return _OPAQUE
    first, dash, last = str(text).partition("-")
    start = _number(first, 65535)
    end = _number(last, 65535) if dash else start
    if start > end:
        raise ValueError(f"{text} is not a range of ports")
    return start, end


def _number(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or int(text) > most:
        raise ValueError(f"{text!r} is not a number up to {most}")
    return int(text)
