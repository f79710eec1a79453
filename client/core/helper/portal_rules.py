"""Does an answer come from a captive portal (RFC 8952)? Pure: what was fetched goes in, a verdict comes out.

Everything here was said by the network, unauthenticated: it is good for a hint to a person, and for nothing else.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from client.texts import plain

UNRESTRICTED = "urn:ietf:params:capport:unrestricted"    # RFC 8910 §2: announced by networks without a portal
API_TYPE = "application/captive+json"                     # RFC 8908 §4.2
MAX_URL = 300             # characters that are shown
NO_CONTENT, LOGIN_NEEDED = 204, 511                       # RFC 9110 §15.3.5, RFC 6585 §6
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Captive:
    """``url``: where to log in, to be shown as text; empty where the network does not say."""

    url: str


def by_api(body: bytes) -> Captive | bool:
    """Of the portal's API (RFC 8908 §5): captive, or False for open, or True where it cannot be read."""
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        return True
    if not isinstance(document, dict) or not isinstance(document.get("captive"), bool):
        return True
    if not document["captive"]:
        return False
    return Captive(shown_url(document.get("user-portal-url")))


def by_check(status: int, location: str, url: str) -> Captive | None:
    """Of a page that answers 204 where nothing is in the way; None: nothing is, or nobody knows."""
    if status == NO_CONTENT or not 200 <= status < 600:
        return None
    return Captive(shown_url(location) or shown_url(url))


def by_gateway(status: int, location: str, own_names: Collection[str], url: str) -> Captive | None:
    """Of the gateway's own address. It may serve a web page itself: what leads to another page of the same owner is no
    portal, nor is a page. ``own_names``: hosts and addresses that the profile names, and what they stand for."""
    if status == LOGIN_NEEDED:
        return Captive(shown_url(location) or shown_url(url))
    if status not in REDIRECTS:
        return None
    target = shown_url(location)
    host = (urlsplit(target).hostname or "") if target else ""
    return Captive(target) if host and not any(_same_owner(host, name) for name in own_names) else None


def shown_url(value: object) -> str:
    """http or https, printable, bounded; else empty."""
    if not isinstance(value, str) or not value.isascii() or len(value) > 2048:
        return ""
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return ""
    return plain(value, MAX_URL)


def _same_owner(host: str, name: str) -> bool:
    """The same, or names that share the last two labels. It errs on the side of saying nothing."""
    host, name = host.lower().rstrip("."), name.lower().rstrip(".")
    if host == name:
        return True
    ours, theirs = name.split(".")[-2:], host.split(".")[-2:]
    return len(ours) == 2 and ours == theirs and not ours[-1].isdigit()
