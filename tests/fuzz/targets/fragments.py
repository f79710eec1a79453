"""RFC 7383: authentic fragments in any order, number and size."""

from random import Random

from client.core.ikev2.constants import ExchangeType, PayloadType
from client.core.ikev2.errors import ProtocolError
from client.core.ikev2.fragment import MAX_FRAGMENTS, MAX_MESSAGES, MAX_OCTETS, Reassembly
from client.core.ikev2.header import encode_header, encode_payloads, generic_header
from client.core.ikev2.message import parse_protected
from client.core.ikev2.wire import u16
from tests.fuzz.frames import Octets, join, mutate_parts, split
from tests.fuzz.judge import named, use
from tests.ikev2.secured import SPI_I, SPI_R, cipher_pair

MAX_LEN = 4096
_SEAL, _UNSEAL = cipher_pair()[1], cipher_pair()[1]


def one(data: bytes) -> None:
    """Parts: message (an octet), number, total, first payload's type, how often the piece is repeated, the piece."""
    reassembly = Reassembly()
    for part in split(data):
        if len(part) < 5:
            continue
        which, number, total, first, times = part[:5]
        datagram = _fragment(which, number, total, first, part[5:] * (1 + times))
        try:
            message = parse_protected(datagram, _UNSEAL, reassembly)
        except ProtocolError as error:
            named(error)
        else:
            if message is not None:
                assert 1 <= number <= total <= MAX_FRAGMENTS
                use(message)
        _bounded(reassembly)


def _fragment(which: int, number: int, total: int, first: int, piece: bytes) -> bytes:
    piece = piece[:60_000]
    numbers = u16(number) + u16(total)
    body_length = len(numbers) + _SEAL.sealed_length(len(piece))
    aad = encode_header(SPI_I, SPI_R, PayloadType.SKF, ExchangeType.IKE_AUTH, initiator=False,
                        response=bool(which & 1), message_id=which >> 1, body_length=4 + body_length,
                        ) + generic_header(first, body_length) + numbers
    return aad + _SEAL.seal(aad, piece, bytes)


def _bounded(reassembly: Reassembly) -> None:
    partials = reassembly._partials
    assert len(partials) <= MAX_MESSAGES
    for partial in partials.values():
        assert partial.octets == sum(map(len, partial.pieces.values())) <= MAX_OCTETS
        assert len(partial.pieces) < partial.total <= MAX_FRAGMENTS


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    def numbers(part: bytes, room: int) -> bytes:
        if len(part) < 5 or random.randrange(2):
            return octets(part, room)
        head = bytearray(part[:5])
        at = random.randrange(5)
        head[at] = random.choice((0, 1, 2, 3, 4, 63, 64, 65, 255, head[at] ^ 1))
        return bytes(head) + part[5:]

    if random.randrange(16) == 0:
        return octets(data, limit)
    return mutate_parts(data, limit, random, octets, numbers)


def seeds() -> dict[str, bytes]:
    from tests.fuzz.conversation import opened
    first, chain = encode_payloads(opened()["00-ike-auth"].payloads)

    def pieces(total: int, which: int = 3) -> list[bytes]:
        size = -(-len(chain) // total)
        return [bytes((which, number, total, first if number == 1 else 0, 0)) + chain[(number - 1) * size:number * size]
                for number in range(1, total + 1)]
    two, five = pieces(2), pieces(5)
    return {"two": join(two), "five-reversed": join(five[::-1]), "smaller-mtu": join([*two[:1], *five]),
            "left-over": join([*five[:4], *two]), "another": join([*two[:1], *pieces(2, 5), *two[1:]]),
            "many-messages": join([bytes((which, 1, 2, 0, 0)) + b"piece" for which in range(12)]),
            "too-large": join([bytes((3, number, 64, 33, 255)) + bytes(90) for number in range(1, 9)])}
