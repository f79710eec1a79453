"""PKCS#11 URIs (RFC 7512): which token, and which certificate on it. Strict, bounded, and without secrets.

An attribute that is unknown, comes twice, or would carry a PIN makes the URI unusable: leaving it out could mean
another object than the one that was meant (RFC 7512 §2.3), and a profile is no place for a PIN (§2.4, pin-value).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields

MAX_URI = 2048
MAX_VALUE = 512             # octets of one decoded value; CK_TOKEN_INFO has 32, labels are not bounded
SCHEME = "pkcs11:"
TYPES = ("cert", "private", "public", "data", "secret-key")     # §2.3, pk11-type
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = r"A-Za-z0-9._~\-"
_AVAILABLE = r":\[\]@!$'()*+,="                                 # pk11-res-avail
_PATH_TEXT = re.compile(rf"(?:[{_UNRESERVED}{_AVAILABLE}&]|%[0-9A-Fa-f]{{2}})*")
_QUERY_TEXT = re.compile(rf"(?:[{_UNRESERVED}{_AVAILABLE}/?|]|%[0-9A-Fa-f]{{2}})*")
_VERSION = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?")
_SECRETS = ("pin-value", "pin-source")
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")


class UriError(ValueError):
    """The text is no PKCS#11 URI that could be used; the message says why."""


@dataclass(frozen=True)
class Pkcs11Uri:
    """None: any. The fields up to ``module_name`` are the path's attributes, these two the query's."""

    token: str | None = None
    manufacturer: str | None = None
    serial: str | None = None
    model: str | None = None
    library_manufacturer: str | None = None
    library_description: str | None = None
    library_version: str | None = None
    object: str | None = None
    type: str | None = None
    id: bytes | None = None
    slot_description: str | None = None
    slot_manufacturer: str | None = None
    slot_id: int | None = None
    module_name: str | None = None
    module_path: str | None = None

    def __str__(self) -> str:
        path, query = [], []
        for name, value in self._given():
            if name in _QUERY:
                query.append(f"{name}={_escaped(str(value).encode(), '/')}")
            elif isinstance(value, bytes):
                path.append(f"{name}={''.join(f'%{octet:02X}' for octet in value)}")     # §2.3: all of it is escaped
            else:
                path.append(f"{name}={_escaped(str(value).encode())}")
        return SCHEME + ";".join(path) + ("?" + "&".join(query) if query else "")

    def _given(self) -> Iterator[tuple[str, str | bytes | int]]:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                yield field.name.replace("_", "-"), value


def is_pkcs11_uri(text: str) -> bool:
    """Does it claim to be one? Schemes have no case (RFC 3986 §3.1)."""
    return text[:len(SCHEME)].lower() == SCHEME


def parse_pkcs11_uri(text: str) -> Pkcs11Uri:
    """Raises UriError."""
    if not is_pkcs11_uri(text):
        raise UriError(f"a PKCS#11 URI begins with {SCHEME}")
    if len(text) > MAX_URI:
        raise UriError(f"a PKCS#11 URI has at most {MAX_URI} characters")
    path, question, query = text[len(SCHEME):].partition("?")
    values: dict[str, str | bytes | int] = {}
    for part in path.split(";") if path else ():
        _take(values, part, _PATH, _PATH_TEXT)
    for part in query.split("&") if question else ():
        _take(values, part, _QUERY, _QUERY_TEXT)
    return Pkcs11Uri(**values)      # type: ignore[arg-type]  # the table below says which has which type


def _take(values: dict[str, str | bytes | int], part: str, known: tuple[str, ...], allowed: re.Pattern[str]) -> None:
    name, equals, raw = part.partition("=")
    if name in _SECRETS:
        raise UriError(f"{name} must not be there: PINs are asked for, never written down")
    if name not in known or not equals:
        raise UriError(f"{_shown(name)!r} is no attribute that is known here")
    field = name.replace("-", "_")
    if field in values:
        raise UriError(f"{name} is there twice")
    if not allowed.fullmatch(raw):
        raise UriError(f"{name} has a character that must be written as %XX")
    octets = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), raw).encode("latin-1")
    if len(octets) > MAX_VALUE:
        raise UriError(f"{name} is longer than {MAX_VALUE} octets")
    values[field] = octets if name == "id" else _checked(name, octets)


def _checked(name: str, octets: bytes) -> str | int:
    try:
        value = octets.decode()
    except UnicodeDecodeError as error:
        raise UriError(f"{name} is not UTF-8") from error
    if not value.isprintable():
        raise UriError(f"{name} has characters that cannot be shown")
    if name == "type" and value not in TYPES:
        raise UriError(f"type must be one of {', '.join(TYPES)}")
    if name == "library-version" and not _VERSION.fullmatch(value):
        raise UriError("library-version must be a number like 2.40")
    if name == "module-path" and not value.startswith("/"):
        raise UriError("module-path must be absolute")
    if name == "module-name" and "/" in value:
        raise UriError("module-name must be a name, not a path")
    if name == "slot-id":
        if not value.isascii() or not value.isdecimal() or len(value) > 20 or int(value) >= 2**64:
            raise UriError("slot-id must be a number")
        return int(value)
    return value


def _escaped(octets: bytes, also: str = "") -> str:
    return "".join(chr(octet) if octet in _PLAIN or chr(octet) in also else f"%{octet:02X}" for octet in octets)


def _shown(name: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in name[:40])


_QUERY = ("module-name", "module-path")
_PATH = tuple(name for name in (field.name.replace("_", "-") for field in fields(Pkcs11Uri)) if name not in _QUERY)
