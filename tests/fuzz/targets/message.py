"""Datagrams as anybody can send them: header, plain payloads, and what only pretends to be encrypted."""

from dataclasses import replace
from random import Random

from client.core.ikev2 import payloads as p
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.errors import IntegrityError, ProtocolError
from client.core.ikev2.fragment import Reassembly
from client.core.ikev2.message import encode_plain, encode_protected, parse_plain, parse_protected
from tests.fuzz.frames import Octets, mutate_chain
from tests.fuzz.judge import named, round_trip, use
from tests.ikev2.secured import SUITES, cipher_pair

MAX_LEN = 2048
_CIPHERS = [cipher_pair(suite)[0] for suite in SUITES]


def one(data: bytes) -> None:
    """The first octet chooses: the length of the header made right or not, and a cipher."""
    if not data:
        return
    choice, datagram = data[0], data[1:]
    if choice & 1 and len(datagram) >= 28:
        datagram = datagram[:24] + len(datagram).to_bytes(4, "big") + datagram[28:]
    try:
        parse_protected(datagram, _CIPHERS[choice >> 1 & 3], Reassembly())
    except IntegrityError:
        pass
    else:
        raise AssertionError("authentic without a key")
    try:
        message = parse_plain(datagram)
    except ProtocolError as error:
        named(error)
        return
    use(message)
    round_trip(message)
    assert parse_plain(encode_plain(message)) == message


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    if len(data) < 30 or random.randrange(4) == 0:
        return octets(data, limit)
    first, chain = mutate_chain(data[17], data[29:], limit - 29, random, octets)
    return bytes((data[0] | 1,)) + data[1:17] + bytes((first,)) + data[18:29] + chain


def seeds() -> dict[str, bytes]:
    from tests.fuzz.conversation import conversation
    made = {}
    for number, (who, data, _) in enumerate(conversation().sent):
        if data[18] == ExchangeType.IKE_SA_INIT:
            made[f"init-{who}"] = b"\0" + data
        elif number < 4:
            made[f"auth-{who}"] = b"\0" + data
    answer = parse_plain(made["init-gateway"][1:])
    for name, notify in {
            "cookie": p.Notify.of(NotifyType.COOKIE, bytes(20)),
            "invalid-ke": p.Notify.of(NotifyType.INVALID_KE_PAYLOAD, b"\0\x13"),
            "no-proposal": p.Notify.of(NotifyType.NO_PROPOSAL_CHOSEN)}.items():
        made[name] = b"\0" + encode_plain(replace(answer, payloads=(notify,)))
    fragment = encode_protected(answer, cipher_pair()[1], bytes, 300)[0]
    return made | {"fragment": b"\0" + fragment, "vendor": b"\0" + encode_plain(replace(
        answer, payloads=(p.VendorID(b"someone"), p.Unknown(p.Notify.TYPE.__class__(48), False, b"later"),
                          p.CERTREQ(p.CERTREQ.parse(b"\x04" + bytes(20)).encoding, (bytes(20),)))))}
