"""Identities as people write them, and as ID payloads hold them (RFC 7296 §3.5)."""

import re
from collections.abc import Callable
from ipaddress import ip_address

from cryptography import x509

from client.core.ikev2 import der
from client.core.ikev2.constants import IdType
from client.core.ikev2.errors import InvalidSyntax
from client.core.ikev2.wire import Reader

MAX_TEXT = 1024
MAX_SHOWN = 256

# RFC 4514 §3 and what is usual beside it.
_ATTRIBUTES = {
    "2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
    "2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "T", "2.5.4.42": "GN",
    "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "E",
}
_ENCODINGS = {der.UTF8: "utf-8", der.PRINTABLE: "ascii", der.IA5: "ascii", der.T61: "latin-1", der.BMP: "utf-16-be"}


def identity_from_text(text: str) -> tuple[IdType, bytes]:
    """(type, data) of what a person or a profile wrote. Raises ValueError.

    ``alice@lab.test`` is an RFC822_ADDR, ``vpn.lab.test`` and ``@vpn.lab.test`` an FQDN, an address is one,
    ``CN=…, O=…`` a DN in the order of RFC 4514 (most specific first), ``@#0badcafe`` a KEY_ID. A prefix decides where
    that guess would be wrong: ``fqdn:`` ``email:`` ``ipv4:`` ``ipv6:`` ``keyid:`` ``asn1dn:`` (``asn1dn:#30…`` in hex).
    """
    text = text.strip()
    if not text or len(text) > MAX_TEXT:
        raise ValueError(f"an identity has 1 to {MAX_TEXT} characters")
    prefix, colon, rest = text.partition(":")
    if colon and prefix.lower() in _PREFIXES:
        kind, convert = _PREFIXES[prefix.lower()]
        return kind, convert(rest)
    if text.startswith("@#"):
        return IdType.KEY_ID, _hex(text[2:])
    if text.startswith("@"):
        return IdType.FQDN, _ascii(text[1:])
    if "=" in text:
        return IdType.DER_ASN1_DN, _dn(text)
    if "@" in text:
        return IdType.RFC822_ADDR, _ascii(text)
    try:
        address = ip_address(text)
    except ValueError:
        return IdType.FQDN, _ascii(text)
    return (IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR), address.packed


def identity_to_text(id_type: int, id_data: bytes) -> str:
    """For display: printable, bounded, and never an error, whatever the peer sent."""
    try:
        text = _TO_TEXT.get(id_type, _key_id)(id_data)
    except (ValueError, InvalidSyntax):
        text = f"{IdType(id_type).name.lower()}:#{id_data.hex()}"
    shown = "".join(c if c.isprintable() else "�" for c in text[:MAX_SHOWN])
    return shown if len(text) <= MAX_SHOWN else shown + "…"


def _ascii(text: str) -> bytes:
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"{text!r} is not a name in ASCII (international names are written as xn--…)")
    return text.encode("ascii")


def _hex(text: str) -> bytes:
    data = bytes.fromhex(text)
    if not data:
        raise ValueError("an empty key id")
    return data


def _key_bytes(text: str) -> bytes:
    return _hex(text[1:]) if text.startswith("#") else text.encode()


def _dn(text: str) -> bytes:
    """Raises ValueError."""
    if text.startswith("#"):
        data = _hex(text[1:])
        try:
            _dn_text(data)
        except InvalidSyntax as error:
            raise ValueError(f"not a distinguished name in DER: {error.detail}") from error
        return data
    # RFC 4514 has no spaces around its commas, people do.
    tight = re.sub(r"(?<!\\)\s*([,+])\s*", r"\1", text.strip())
    try:
        return x509.Name.from_rfc4514_string(tight, {"E": x509.NameOID.EMAIL_ADDRESS}).public_bytes()
    except ValueError as error:
        raise ValueError(f"{text!r} is not a distinguished name as RFC 4514 has it") from error


def _packed(version: int) -> Callable[[str], bytes]:
    def convert(text: str) -> bytes:
        address = ip_address(text)
        if address.version != version:
            raise ValueError(f"{text} is not an IPv{version} address")
        return address.packed
    return convert


def _address_text(data: bytes) -> str:
    return str(ip_address(data))


def _name_text(data: bytes) -> str:
    return data.decode("ascii")


def _key_id(data: bytes) -> str:
    return f"@#{data.hex()}"


def _dn_text(data: bytes) -> str:
    """Most specific first, as RFC 4514."""
    reader = Reader(data)
    rdns = []
    names = Reader(der.read_tag(reader, der.SEQUENCE))
    reader.expect_end()
    while names.remaining:
        rdn = Reader(der.read_tag(names, der.SET))
        parts = []
        while rdn.remaining:
            attribute = Reader(der.read_tag(rdn, der.SEQUENCE))
            oid = der.oid_text(der.read_tag(attribute, der.OID))
            tag, value = der.read(attribute)
            attribute.expect_end()
            text = value.decode(_ENCODINGS[tag], "replace") if tag in _ENCODINGS else f"#{value.hex()}"
            parts.append(f"{_ATTRIBUTES.get(oid, oid)}={re.sub(_SPECIAL, _ESCAPED, text)}")
        rdns.append("+".join(parts))
    return ",".join(reversed(rdns))


_SPECIAL, _ESCAPED = r'([,+"\\<>;])', r"\\\1"
_PREFIXES: dict[str, tuple[IdType, Callable[[str], bytes]]] = {
    "fqdn": (IdType.FQDN, _ascii), "dns": (IdType.FQDN, _ascii),
    "email": (IdType.RFC822_ADDR, _ascii), "rfc822": (IdType.RFC822_ADDR, _ascii),
    "ipv4": (IdType.IPV4_ADDR, _packed(4)), "ipv6": (IdType.IPV6_ADDR, _packed(6)),
    "keyid": (IdType.KEY_ID, _key_bytes), "asn1dn": (IdType.DER_ASN1_DN, _dn),
}
_TO_TEXT: dict[int, Callable[[bytes], str]] = {
    IdType.IPV4_ADDR: _address_text, IdType.IPV6_ADDR: _address_text, IdType.FQDN: _name_text,
    IdType.RFC822_ADDR: _name_text, IdType.DER_ASN1_DN: _dn_text,
}
