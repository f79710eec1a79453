"""Every truncation and many mutations of real-looking messages: a result or a named protocol error, nothing else.

``ROVE_FUZZ=100000`` runs as many mutations instead of a few thousand.
"""

import os
import random as seeded
from dataclasses import replace

import pytest

from client.core.ikev2 import payloads as p
from client.core.ikev2.constants import CertEncoding, ConfigAttribute, ConfigType, ExchangeType, NotifyType, ProtocolId
from client.core.ikev2.errors import IntegrityError, ProtocolError
from client.core.ikev2.fragment import Reassembly
from client.core.ikev2.header import encode_payloads, parse_payloads
from client.core.ikev2.identity import identity_to_text
from client.core.ikev2.message import Message, check_rules, encode_plain, encode_protected, parse_plain, parse_protected
from client.core.ikev2.message import summary as one_line
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE, proposal_name, select, verify_chosen
from client.core.ikev2.traffic_selector import TrafficSelector, intersect_all
from tests.crypto.repeatable import repeatable
from tests.ikev2.secured import SPI_I, SPI_R, cipher_pair

MUTATIONS = int(os.environ.get("ROVE_FUZZ", "5000"))

TS = (TrafficSelector.from_text("0.0.0.0/0"), TrafficSelector.from_text("10.0.0.3-10.0.0.9[tcp/80]"),
      TrafficSelector.from_text("2001:db8::/64"))
INIT = Message(SPI_I, bytes(8), ExchangeType.IKE_SA_INIT, True, False, 0, (
    p.Notify.of(NotifyType.COOKIE, bytes(16)), p.SA(DEFAULT_IKE), p.KE(19, bytes(range(64))), p.Nonce(bytes(32)),
    p.Notify.of(NotifyType.NAT_DETECTION_SOURCE_IP, bytes(20)), p.VendorID(b"someone"),
    p.Notify.of(NotifyType.SIGNATURE_HASH_ALGORITHMS, bytes.fromhex("0002000300040005"))))
AUTH = Message(SPI_I, SPI_R, ExchangeType.IKE_AUTH, False, True, 1, (
    p.IDr(*p.identity_from_text("CN=gw, O=Lab, C=CH")), p.CERT(CertEncoding.X509_SIGNATURE, bytes(100)),
    p.CERTREQ(CertEncoding.X509_SIGNATURE, (bytes(20), bytes(20))), p.AUTH(14, bytes(80)),
    p.CP(ConfigType.CFG_REPLY, ((ConfigAttribute.INTERNAL_IP4_ADDRESS, bytes(4)),
                                (ConfigAttribute.INTERNAL_DNS_DOMAIN, b"corp.example"))),
    p.EAP(bytes.fromhex("0101000501")), p.SA(tuple(replace(esp, spi=b"abcd") for esp in DEFAULT_ESP)),
    p.TSi(TS), p.TSr(TS), p.Delete(ProtocolId.ESP, (b"1234", b"5678")),
    p.Notify.of(NotifyType.REKEY_SA, protocol=ProtocolId.ESP, spi=b"abcd")))


def use(message: Message) -> None:
    """All that an engine does with a message, before it decides anything."""
    one_line(message)
    repr(message)
    try:
        check_rules(message)
        for sa in message.all(p.SA):
            select(sa.proposals, DEFAULT_IKE)
            select(sa.proposals, DEFAULT_ESP, prefer_own=True)
            for proposal in sa.proposals:
                proposal_name(proposal)
                verify_chosen(proposal, (*DEFAULT_IKE, *DEFAULT_ESP))
    except ProtocolError as error:
        assert_named(error)
    for selectors in (*message.all(p.TSi), *message.all(p.TSr)):
        for common in intersect_all(selectors.selectors, TS):
            str(common)
    for identity in (*message.all(p.IDi), *message.all(p.IDr)):
        assert identity_to_text(identity.id_type, identity.data).isprintable()


def assert_named(error: ProtocolError) -> None:
    assert error.notify.is_error
    assert error.notify.name
    assert str(error).isprintable()


def mutations(data: bytes, rounds: int, seed: int):
    """Bits, octets, numbers at their limits, pieces cut out, doubled and moved."""
    random = seeded.Random(seed)
    for _ in range(rounds):
        mutant = bytearray(data)
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            at = random.randrange(len(mutant)) if mutant else 0
            size = random.choice((1, 2, 4, 8, 20))
            match random.randrange(6):
                case 0:
                    mutant[at:at + 1] = bytes([mutant[at] ^ 1 << random.randrange(8)]) if mutant else b"\0"
                case 1:
                    mutant[at:at + 1] = bytes([random.randrange(256)])
                case 2:
                    mutant[at:at + 2] = random.choice((b"\0\0", b"\xff\xff", b"\x80\0", b"\0\x04", b"\0\x08"))
                case 3:
                    del mutant[at:at + size]
                case 4:
                    mutant[at:at] = mutant[at:at + size]
                case 5:
                    piece = bytes(mutant[at:at + size])
                    del mutant[at:at + size]
                    to = random.randrange(len(mutant) + 1)
                    mutant[to:to] = piece
        yield bytes(mutant)


def with_right_length(data: bytes) -> bytes:
    """The header's length as it is now, so that mutations get past the first check."""
    return data[:24] + len(data).to_bytes(4, "big") + data[28:] if len(data) >= 28 else data


def outcome(parse, *arguments) -> str:
    try:
        result = parse(*arguments)
    except ProtocolError as error:
        assert_named(error)
        return "error"
    use(result if isinstance(result, Message) else replace(AUTH, payloads=result))
    return "result"


@pytest.mark.parametrize("message", [INIT, AUTH], ids=lambda message: message.exchange.name)
def test_every_truncation(message):
    data = encode_plain(message)
    for length in range(len(data)):
        assert outcome(parse_plain, data[:length]) == "error"
        outcome(parse_plain, with_right_length(data[:length]))
    assert outcome(parse_plain, data) == "result"


@pytest.mark.parametrize("message", [INIT, AUTH], ids=lambda message: message.exchange.name)
def test_mutations_of_plain_messages(message):
    seen = {outcome(parse_plain, with_right_length(mutant))
            for mutant in mutations(encode_plain(message), MUTATIONS // 2, seed=1)}
    assert seen == {"error", "result"}


def test_mutations_of_what_was_encrypted():
    """An authenticated gateway may be hostile too."""
    first, chain = encode_payloads(AUTH.payloads)
    seen = {outcome(parse_payloads, first, mutant) for mutant in mutations(chain, MUTATIONS // 2, seed=2)}
    assert seen == {"error", "result"}


@pytest.mark.parametrize("size", [None, 400])
def test_mutations_of_protected_messages_do_not_authenticate(size):
    cipher = cipher_pair()[1]
    datagrams = encode_protected(AUTH, cipher_pair()[1], repeatable("iv"), size)
    assert (len(datagrams) > 1) is (size is not None)
    for number, datagram in enumerate(datagrams):
        for mutant in mutations(datagram, MUTATIONS // 2 // len(datagrams), seed=number):
            for attempt in {mutant, with_right_length(mutant)} - {datagram}:
                with pytest.raises(IntegrityError):
                    parse_protected(attempt, cipher, Reassembly())


def test_random_octets():
    random = seeded.Random(3)
    cipher = cipher_pair()[0]
    for _ in range(MUTATIONS // 5):
        data = random.randbytes(random.randrange(200))
        outcome(parse_plain, data)
        outcome(parse_plain, with_right_length(data[:17] + b"\x20" + data[18:]))
        with pytest.raises(IntegrityError):
            parse_protected(data, cipher, Reassembly())
