"""Encrypted and Encrypted Fragment payloads (RFC 7296 §3.14, RFC 7383 §2.5)."""

from collections.abc import Callable

from client.core.crypto.provider import Cipher
from client.core.ikev2.constants import PayloadType
from client.core.ikev2.errors import IntegrityError, InvalidSyntax, MisuseError
from client.core.ikev2.fragment import MessageKey, Reassembly
from client.core.ikev2.header import GENERIC_HEADER_LENGTH, HEADER_LENGTH, Header, encode_header, generic_header
from client.core.ikev2.wire import Reader, u16

Random = Callable[[int], bytes]

# Around an IKE message in an IP packet: the larger IP header, UDP, the non-ESP marker (RFC 3948 §2.2).
PACKET_OVERHEAD = 40 + 8 + 4
_FRAGMENT_HEADER = GENERIC_HEADER_LENGTH + 4    # with Fragment Number and Total Fragments


def protect(header: Header, first: int, chain: bytes, cipher: Cipher, random: Random,
            fragment_size: int | None) -> list[bytes]:
    """One message, or its fragments where it would make an IP packet of more than ``fragment_size`` octets.

    ``header`` gives SPIs, exchange, flags and message ID; its length and next payload do not matter.
    """
    if fragment_size is not None:
        largest = fragment_size - PACKET_OVERHEAD
        whole = HEADER_LENGTH + GENERIC_HEADER_LENGTH + cipher.sealed_length(len(chain))
        if whole > largest:
            return _fragments(header, first, chain, cipher, random, largest)
    return [_seal(header, PayloadType.SK, first, b"", chain, cipher, random)]


def unprotect(header: Header, data: bytes, cipher: Cipher, reassembly: Reassembly | None) -> tuple[int, bytes] | None:
    """(first payload's type, the chain), None for a fragment while more are needed.

    The encrypted payload has to be the only one: nothing that it does not protect is looked at. Raises
    IntegrityError for all that does not authenticate.
    """
    fragmented = header.next_payload == PayloadType.SKF
    if not fragmented and header.next_payload != PayloadType.SK:
        raise IntegrityError("nothing in it is encrypted")
    start = HEADER_LENGTH + (_FRAGMENT_HEADER if fragmented else GENERIC_HEADER_LENGTH)
    reader = Reader(data)
    try:
        reader.take(HEADER_LENGTH)
        first, _, length = reader.u8(), reader.u8(), reader.u16()
        number, total = (reader.u16(), reader.u16()) if fragmented else (1, 1)
    except InvalidSyntax as error:
        raise IntegrityError("too short to be encrypted") from error
    if length != len(data) - HEADER_LENGTH:
        raise IntegrityError("the encrypted payload does not end with the message")
    chain = cipher.open(data[:start], data[start:])
    if not fragmented:
        return first, chain
    if reassembly is None:
        raise IntegrityError("a fragment, although fragmentation was not negotiated")
    key = MessageKey(header.exchange, header.response, header.message_id)
    return reassembly.add(key, number, total, first, chain)


def is_first(header: Header, data: bytes) -> bool:
    """A whole message, or the first of its fragments; whether it is authentic is another question."""
    number = HEADER_LENGTH + GENERIC_HEADER_LENGTH
    return header.next_payload != PayloadType.SKF or data[number:number + 2] == u16(1)


def _fragments(header: Header, first: int, chain: bytes, cipher: Cipher, random: Random, largest: int) -> list[bytes]:
    room = cipher.room(largest - HEADER_LENGTH - _FRAGMENT_HEADER)
    if room < 1:
        raise MisuseError(f"fragments of {largest} octets have no room for anything")
    pieces = [chain[i:i + room] for i in range(0, len(chain), room)]
    return [
        # RFC 7383 §2.5: the first payload's type is in the first fragment alone.
        _seal(header, PayloadType.SKF, first if number == 1 else PayloadType.NONE,
              u16(number) + u16(len(pieces)), piece, cipher, random)
        for number, piece in enumerate(pieces, 1)]


def _seal(header: Header, kind: PayloadType, first: int, numbers: bytes, chain: bytes, cipher: Cipher,
          random: Random) -> bytes:
    body_length = len(numbers) + cipher.sealed_length(len(chain))
    aad = encode_header(
        header.spi_i, header.spi_r, kind, header.exchange, initiator=header.initiator, response=header.response,
        message_id=header.message_id, body_length=GENERIC_HEADER_LENGTH + body_length,
    ) + generic_header(first, body_length) + numbers
    return aad + cipher.seal(aad, chain, random)
