"""What an authenticated gateway says: every payload, inside the Encrypted payload of every cipher."""

from random import Random

from client.core.ikev2.constants import ExchangeType, PayloadType
from client.core.ikev2.errors import ProtocolError
from client.core.ikev2.header import encode_header, encode_payloads, parse_header, parse_payloads
from client.core.ikev2.message import Message, parse_protected
from client.core.ikev2.protection import protect
from tests.fuzz.frames import Octets, mutate_chain
from tests.fuzz.judge import named, round_trip, use
from tests.ikev2.secured import SPI_I, SPI_R, SUITES, cipher_pair

MAX_LEN = 4096
_EXCHANGES = (ExchangeType.IKE_AUTH, ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL, 99)


_PAIRS = [(cipher_pair(suite)[1], cipher_pair(suite)[1]) for suite in SUITES]


def one(data: bytes) -> None:
    """An octet for exchange, direction and cipher, the first payload's type, the chain."""
    if len(data) < 2:
        return
    choice, first, chain = data[0], data[1], data[2:]
    header = parse_header(encode_header(
        SPI_I, SPI_R, PayloadType.SK, _EXCHANGES[choice & 3], initiator=False, response=bool(choice & 4),
        message_id=1, body_length=0))
    seal, unseal = _PAIRS[choice >> 3 & 3]
    (datagram,) = protect(header, first, chain, seal, bytes, None)
    try:
        message = parse_protected(datagram, unseal, None)
    except ProtocolError as error:
        named(error)
        return
    assert message is not None
    assert message.payloads == parse_payloads(first, chain)
    use(message)
    round_trip(message)


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    if len(data) < 6 or random.randrange(8) == 0:
        return octets(data, limit)
    choice = data[0] if random.randrange(8) else random.randrange(32)
    first, chain = mutate_chain(data[1], data[2:], limit - 2, random, octets)
    return bytes((choice, first)) + chain


def seeds() -> dict[str, bytes]:
    from tests.fuzz.conversation import opened
    return {name: _seed(message) for name, message in opened().items()}


def _seed(message: Message) -> bytes:
    first, chain = encode_payloads(message.payloads)
    exchange = _EXCHANGES.index(message.exchange) if message.exchange in _EXCHANGES else 3
    return bytes((exchange | message.response << 2, first)) + chain
