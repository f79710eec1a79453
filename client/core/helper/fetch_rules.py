"""What may be fetched, and the words between roved and the worker that fetches. Pure.

A certificate names the addresses, so whoever made it says where roved connects to: never to this machine, never to its
neighbours on the link alone, never to a port where other services listen.
"""

import base64
import json
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

MAX_URL = 2048
MAX_REQUEST = 16 * 1024
MAX_HEAD = 8 * 1024         # of the worker's answer, before the body
LENGTH = 4                  # octets before a request that say how long it is
REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?", re.IGNORECASE)
_NAT64 = IPv6Network("64:ff9b::/96")        # RFC 6052
_THIS_NETWORK = range(1 << 24)              # 0.0.0.0/8 (RFC 1122 §3.2.1.3)

IpAddress = IPv4Address | IPv6Address


class FetchError(Exception):
    """It cannot be fetched; the message says why, in plain words."""


@dataclass(frozen=True)
class Target:
    scheme: str
    host: str       # a name, or an address without brackets
    port: int
    path: str       # with the query


@dataclass(frozen=True)
class Request:
    target: Target
    limit: int              # octets of the body
    content: bytes = b""    # then it is a POST
    kind: str = ""          # of the content
    accept: str = "*/*"


@dataclass(frozen=True)
class Reply:
    status: int
    location: str
    body: bytes


def parse_url(url: str) -> Target:
    """Raises FetchError."""
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise FetchError("its address is not a URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise FetchError("its address is not a URL") from error
    if parts.scheme not in _PORTS or "@" in parts.netloc:
        raise FetchError("its address is neither http nor https")
    usual = _PORTS[parts.scheme]
    port = usual if port is None else port
    if port < 1024 and port not in _PORTS.values():
        raise FetchError(f"port {port} is not one for the web")
    if not _is_address(host) and (not _NAME.fullmatch(host) or host.rstrip(".").rpartition(".")[2].isdigit()):
        raise FetchError("its address names no host")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path)


def may_reach(address: IpAddress, *, link: bool = False) -> bool:
    """Not this machine, not the link (unless ``link``), nobody in particular."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(address.packed[-4:])
        if inner is not None:
            return may_reach(inner, link=link)
        odd = address.is_site_local
    else:
        odd = address.is_reserved or int(address) in _THIS_NETWORK
    if address.is_link_local:
        return link
    return not (odd or address.is_loopback or address.is_multicast or address.is_unspecified)


# --- to the worker and back ---


def encode_request(request: Request) -> bytes:
    target = request.target
    text = json.dumps([target.scheme, target.host, target.port, target.path, request.limit,
                       base64.b64encode(request.content).decode(), request.kind, request.accept]).encode()
    if len(text) > MAX_REQUEST:
        raise FetchError("the request is too large")
    return len(text).to_bytes(LENGTH, "big") + text


def decode_request(text: bytes) -> Request:
    """Of roved's, so it is right."""
    scheme, host, port, path, limit, content, kind, accept = json.loads(text)
    return Request(Target(scheme, host, port, path), limit, base64.b64decode(content), kind, accept)


def encode_reply(status: int, location: str, body: bytes, error: str = "") -> bytes:
    head = {"status": status, "location": location[:MAX_URL], "error": error[:256], "length": len(body)}
    return json.dumps(head).encode() + b"\n" + body


def decode_reply(data: bytes, limit: int) -> Reply:
    """Of a worker that has read what strangers send: nothing in it is believed. Raises FetchError."""
    line, newline, body = data.partition(b"\n")
    try:
        head = json.loads(line) if newline and len(line) <= MAX_HEAD else None
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict):
        raise FetchError("the worker gave up" if not data else "the worker answers nonsense")
    kinds = {"status": int, "location": str, "error": str, "length": int}
    if any(type(head.get(key)) is not kind for key, kind in kinds.items()):
        raise FetchError("the worker answers nonsense")
    if head["error"]:
        raise FetchError("".join(c if c.isprintable() else "?" for c in head["error"][:256]))
    if head["length"] != len(body) or len(body) > limit:
        raise FetchError("the answer was cut short")
    return Reply(head["status"], head["location"], body)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host
