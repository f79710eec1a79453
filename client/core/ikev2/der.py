"""As much DER as IKE carries outside of certificates: names and AlgorithmIdentifiers (ITU-T X.690)."""

from client.core.ikev2.errors import InvalidSyntax
from client.core.ikev2.wire import Reader

INTEGER, BIT_STRING, NULL, OID, SEQUENCE, SET = 0x02, 0x03, 0x05, 0x06, 0x30, 0x31
UTF8, PRINTABLE, T61, IA5, BMP = 0x0C, 0x13, 0x14, 0x16, 0x1E


def context(number: int) -> int:
    """The tag of ``[number] EXPLICIT``."""
    return 0xA0 | number


def read(reader: Reader) -> tuple[int, bytes]:
    """(tag, contents). Raises InvalidSyntax for what is not DER, or has a tag above 30 or more than 64 KiB."""
    tag, length = reader.u8(), reader.u8()
    if length >= 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 2:
            raise InvalidSyntax("a length that is not DER")
        length = reader.number(octets)
        if length < 0x80 or (octets == 2 and length < 0x100):
            raise InvalidSyntax("a length that is not DER")
    return tag, reader.take(length)


def read_tag(reader: Reader, expected: int) -> bytes:
    """The contents. Raises InvalidSyntax for another tag."""
    tag, contents = read(reader)
    if tag != expected:
        raise InvalidSyntax(f"DER tag {tag:#x} in the place of {expected:#x}")
    return contents


def write(tag: int, *contents: bytes) -> bytes:
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes(1 if len(body) < 0x100 else 2, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def write_oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return write(OID, b"".join(_base128(arc) for arc in (40 * first + second, *rest)))


def oid_text(contents: bytes) -> str:
    """Raises InvalidSyntax."""
    if not contents or contents[-1] & 0x80 or len(contents) > 64:
        raise InvalidSyntax("an object identifier that does not end")
    arcs, value = [], 0
    for octet in contents:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _base128(value: int) -> bytes:
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.insert(0, value & 0x7F | 0x80)
    return bytes(octets)
