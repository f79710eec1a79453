"""Messages, plain and protected: round trips, fragments, what is refused, and how they are logged."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.ikev2 import payloads as p
from client.core.ikev2.constants import (
    AuthMethod,
    CertEncoding,
    ConfigType,
    ExchangeType,
    NotifyType,
    PayloadType,
    ProtocolId,
)
from client.core.ikev2.errors import (
    IntegrityError,
    InvalidMajorVersion,
    InvalidSyntax,
    MisuseError,
    ProtocolError,
    UnsupportedCriticalPayload,
)
from client.core.ikev2.fragment import Reassembly
from client.core.ikev2.message import (
    MESSAGE_RULES,
    Message,
    check_rules,
    encode_plain,
    encode_protected,
    parse_header,
    parse_plain,
    parse_protected,
    summary,
)
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE
from client.core.ikev2.protection import PACKET_OVERHEAD
from client.core.ikev2.traffic_selector import TrafficSelector
from tests.crypto.repeatable import repeatable
from tests.ikev2.secured import SPI_I, SPI_R, SUITES, cipher_pair
from tests.ikev2.strategies import messages, payload_lists, quick

ANY = (TrafficSelector.from_text("0.0.0.0/0"),)
INIT = Message(SPI_I, bytes(8), ExchangeType.IKE_SA_INIT, True, False, 0, (
    p.SA(DEFAULT_IKE), p.KE(19, bytes(64)), p.Nonce(bytes(32))))
AUTH = Message(SPI_I, SPI_R, ExchangeType.IKE_AUTH, True, False, 1, (
    p.IDi(2, b"alice"), p.CERT(CertEncoding.X509_SIGNATURE, bytes(900)), p.AUTH(AuthMethod.SHARED_KEY, bytes(32)),
    p.SA(tuple(replace(esp, spi=b"abcd") for esp in DEFAULT_ESP)), p.TSi(ANY), p.TSr(ANY),
    p.Notify.of(NotifyType.MOBIKE_SUPPORTED)))


def protect(message=AUTH, suite=SUITES[0], fragment_size=None):
    return encode_protected(message, cipher_pair(suite)[0], repeatable("iv"), fragment_size)


def open_all(datagrams, suite=SUITES[0]):
    cipher, reassembly = cipher_pair(suite)[0], Reassembly()
    results = [parse_protected(datagram, cipher, reassembly) for datagram in datagrams]
    assert all(result is None for result in results[:-1])
    return results[-1]


# --- plain ---

@quick
@given(messages)
def test_plain_messages_round_trip(message):
    data = encode_plain(message)
    assert parse_plain(data) == message
    assert encode_plain(parse_plain(data)) == data


def test_the_header_of_rfc_7296():
    data = encode_plain(INIT)
    assert data[:28] == SPI_I + bytes(8) + bytes.fromhex("21 20 22 08 00000000") + len(data).to_bytes(4, "big")
    header = parse_header(data)
    assert (header.initiator, header.response, header.major, header.minor, header.length) == (
        True, False, 2, 0, len(data))


def test_the_flags_that_are_not_ours_and_the_minor_version_are_ignored():
    data = bytearray(encode_plain(INIT))
    data[17], data[19] = 0x2F, 0xDF
    assert parse_plain(bytes(data)) == INIT


@pytest.mark.parametrize("version", [0x10, 0x30, 0xF0])
def test_other_major_versions_are_named(version):
    data = bytearray(encode_plain(INIT))
    data[17] = version
    with pytest.raises(InvalidMajorVersion) as caught:
        parse_plain(bytes(data))
    assert caught.value.notify == NotifyType.INVALID_MAJOR_VERSION


@pytest.mark.parametrize("length", [0, 27, 28, 1000, 2**32 - 1])
def test_the_length_must_be_that_of_the_datagram(length):
    data = encode_plain(INIT)
    with pytest.raises(InvalidSyntax, match="length"):
        parse_plain(data[:24] + length.to_bytes(4, "big") + data[28:])


def test_a_chain_must_fill_the_message():
    empty = encode_plain(replace(INIT, payloads=()))
    with pytest.raises(InvalidSyntax, match="4 octets too many"):
        parse_plain(empty[:24] + (32).to_bytes(4, "big") + bytes(4))


def test_endless_chains_are_cut():
    body = bytes.fromhex("2b000004") * 300
    data = encode_plain(replace(INIT, payloads=()))
    data = data[:16] + b"\x2b" + data[17:24] + (28 + len(body)).to_bytes(4, "big") + body
    with pytest.raises(InvalidSyntax, match="more than 256"):
        parse_plain(data)


@pytest.mark.parametrize("length", [0, 3])
def test_payloads_shorter_than_their_header(length):
    data = encode_plain(replace(INIT, payloads=(p.VendorID(b""),)))
    with pytest.raises(InvalidSyntax, match=f"a payload of {length}"):
        parse_plain(data[:-2] + length.to_bytes(2, "big"))


def test_unknown_critical_payloads_are_named_and_others_survive():
    unknown = p.Unknown(PayloadType(200), False, b"whatever")
    assert parse_plain(encode_plain(replace(INIT, payloads=(*INIT.payloads, unknown)))).payloads[-1] == unknown
    critical = replace(INIT, payloads=(*INIT.payloads, replace(unknown, critical=True)))
    with pytest.raises(UnsupportedCriticalPayload) as caught:
        parse_plain(encode_plain(critical))
    assert caught.value.payload_type == 200


def test_the_critical_bit_of_known_payloads_is_ignored():
    data = bytearray(encode_plain(INIT))
    data[29] = 0xFF     # and the reserved bits beside it
    assert parse_plain(bytes(data)) == INIT


def test_an_encrypted_message_is_not_plain():
    with pytest.raises(InvalidSyntax, match="encrypted"):
        parse_plain(protect()[0])


def test_spis_have_8_octets():
    for message in (replace(INIT, spi_i=b"short"), replace(INIT, spi_r=bytes(9))):
        with pytest.raises(MisuseError):
            encode_plain(message)


# --- protected ---

@pytest.mark.parametrize("suite", SUITES)
@quick
@given(payloads=payload_lists, response=st.booleans(), size=st.sampled_from([None, 200, 576, 1280]))
def test_protected_messages_round_trip(suite, payloads, response, size):
    message = replace(AUTH, payloads=payloads, response=response)
    datagrams = protect(message, suite, size)
    assert open_all(datagrams, suite) == message
    assert size is None or len(datagrams) == 1 or all(len(d) + PACKET_OVERHEAD <= size for d in datagrams)


def test_an_empty_message_is_protected_too():
    liveness = Message(SPI_I, SPI_R, ExchangeType.INFORMATIONAL, True, False, 5, ())
    assert open_all(protect(liveness)) == liveness


@pytest.mark.parametrize("suite", SUITES)
def test_fragments_are_as_large_as_they_may_be(suite):
    whole = protect(suite=suite)
    size = len(whole[0]) + PACKET_OVERHEAD
    assert protect(suite=suite, fragment_size=size) == whole
    fragments = protect(suite=suite, fragment_size=size - 1)
    assert len(fragments) == 2
    assert size - 1 - 16 <= len(fragments[0]) + PACKET_OVERHEAD <= size - 1
    assert {parse_header(fragment).next_payload for fragment in fragments} == {PayloadType.SKF}


def test_only_the_first_fragment_names_the_first_payload():
    """RFC 7383 §2.5."""
    fragments = protect(fragment_size=600)
    assert [fragment[28] for fragment in fragments] == [PayloadType.IDI, *[0] * (len(fragments) - 1)]
    assert [fragment[32:36].hex() for fragment in fragments] == [
        f"{i:04x}{len(fragments):04x}" for i in range(1, len(fragments) + 1)]


@pytest.mark.parametrize("order", [lambda f: f, lambda f: f[::-1], lambda f: [f[1], f[1], f[0], *f[2:]]])
def test_fragments_come_in_any_order_and_more_than_once(order):
    assert open_all(order(protect(fragment_size=600))) == AUTH


def test_a_fragment_where_fragmentation_was_not_negotiated():
    with pytest.raises(IntegrityError, match="not negotiated"):
        parse_protected(protect(fragment_size=600)[0], cipher_pair()[0], None)


def test_fragments_without_room_are_our_mistake():
    with pytest.raises(MisuseError, match="no room"):
        protect(fragment_size=100)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("size", [None, 400])
def test_every_changed_octet_is_noticed(suite, size):
    data = protect(replace(AUTH, payloads=(p.Nonce(bytes(300)),)), suite, size)[0]
    cipher = cipher_pair(suite)[0]
    for i in range(0, len(data), 1 if len(data) < 120 else 5):
        with pytest.raises(IntegrityError):
            parse_protected(data[:i] + bytes([data[i] ^ 1]) + data[i + 1:], cipher, Reassembly())


@pytest.mark.parametrize("suite", SUITES)
def test_every_truncation_is_noticed_with_and_without_its_length(suite):
    data = protect(replace(AUTH, payloads=()), suite)[0]
    cipher = cipher_pair(suite)[0]
    for length in range(len(data)):
        cut = data[:length]
        honest = cut[:24] + length.to_bytes(4, "big") + cut[28:] if length >= 28 else cut
        for attempt in (cut, honest):
            with pytest.raises(IntegrityError):
                parse_protected(attempt, cipher, Reassembly())


def test_the_other_direction_has_other_keys():
    with pytest.raises(IntegrityError):
        parse_protected(protect()[0], cipher_pair()[1], Reassembly())


def test_plain_payloads_are_never_believed():
    cipher = cipher_pair()[0]
    with pytest.raises(IntegrityError, match="nothing in it is encrypted"):
        parse_protected(encode_plain(AUTH), cipher, Reassembly())


def test_what_is_authentic_and_makes_no_sense_is_a_protocol_error():
    with pytest.raises(UnsupportedCriticalPayload):
        open_all(protect(replace(AUTH, payloads=(p.Unknown(PayloadType(200), True, b""),))))
    with pytest.raises(InvalidSyntax, match="nonce"):
        open_all(protect(replace(AUTH, payloads=(p.Nonce(b"short"),))))


# --- looking at it ---

def test_accessors():
    message = replace(AUTH, payloads=(*AUTH.payloads, p.Notify.of(NotifyType.COOKIE2, b"1"),
                                      p.Notify.of(NotifyType.COOKIE2, b"2")))
    assert message.get(p.IDi) == p.IDi(2, b"alice")
    assert message.get(p.KE) is None
    assert message.require(p.IDi) is message.get(p.IDi)
    assert len(message.all(p.Notify)) == len(message.notifies()) == 3
    assert message.notify(NotifyType.COOKIE2).data == b"1"
    assert message.notify(NotifyType.COOKIE) is None
    with pytest.raises(InvalidSyntax, match="IKE_AUTH without KE"):
        message.require(p.KE)


def test_summaries():
    assert summary(AUTH) == "IKE_AUTH request 1 { IDi CERT AUTH SA TSi TSr N(MOBIKE_SUPPORTED) }"
    assert summary(INIT) == "IKE_SA_INIT request 0 { SA KE Ni }"
    reply = replace(INIT, response=True, initiator=False, payloads=(
        p.Nonce(bytes(16)), p.CP(ConfigType.CFG_REPLY, ()), p.Delete(ProtocolId.IKE, ()), p.VendorID(b"x"),
        p.Notify.of(41000), p.Unknown(PayloadType(200), False, b"")))
    assert summary(reply) == "IKE_SA_INIT response 0 { Nr CP(CFG_REPLY) D V N(NOTIFY_TYPE_41000) PAYLOAD_TYPE_200 }"
    assert summary(replace(INIT, exchange=ExchangeType(240), payloads=())) == "EXCHANGE_TYPE_240 request 0 { }"


@quick
@given(messages)
def test_every_message_has_one_printable_line(message):
    assert summary(message).isprintable()


# --- rules ---

SA, KE, NONCE = p.SA(DEFAULT_IKE), p.KE(19, b""), p.Nonce(bytes(32))
TS = (p.TSi(ANY), p.TSr(ANY))
NO = p.Notify.of(NotifyType.NO_PROPOSAL_CHOSEN)


@pytest.mark.parametrize(("exchange", "response", "payloads"), [
    (ExchangeType.IKE_SA_INIT, False, (NONCE, KE, SA, p.VendorID(b"any order"))),
    (ExchangeType.IKE_SA_INIT, True, (SA, KE, NONCE, p.CERTREQ(4, ()))),
    (ExchangeType.IKE_SA_INIT, True, (p.Notify.of(NotifyType.COOKIE, b"x"),)),
    (ExchangeType.IKE_SA_INIT, True, (NO,)),
    (ExchangeType.IKE_AUTH, False, AUTH.payloads),
    (ExchangeType.IKE_AUTH, False, (p.EAP(b"abcd"),)),
    (ExchangeType.IKE_AUTH, False, (p.AUTH(2, b""),)),
    (ExchangeType.IKE_AUTH, True, (p.IDr(2, b"gw"), *[p.CERT(4, b"")] * 5, p.AUTH(2, b""), p.EAP(b"abcd"))),
    (ExchangeType.IKE_AUTH, True, (p.EAP(b"abcd"),)),
    (ExchangeType.IKE_AUTH, True, (p.Notify.of(NotifyType.AUTHENTICATION_FAILED),)),
    (ExchangeType.CREATE_CHILD_SA, False, (SA, NONCE, *TS)),
    (ExchangeType.CREATE_CHILD_SA, False, (SA, NONCE, KE)),
    (ExchangeType.CREATE_CHILD_SA, True, (NO,)),
    (ExchangeType.INFORMATIONAL, False, ()),
    (ExchangeType.INFORMATIONAL, True, (p.Delete(ProtocolId.ESP, (b"1234",)), *[NO] * 60)),
    (ExchangeType.INFORMATIONAL, False, (p.Unknown(PayloadType(200), False, b""), KE)),
    (ExchangeType(240), False, (SA, SA)),
])
def test_messages_that_are_in_order(exchange, response, payloads):
    check_rules(Message(SPI_I, SPI_R, exchange, not response, response, 1, payloads))


@pytest.mark.parametrize(("exchange", "response", "payloads", "problem"), [
    (ExchangeType.IKE_SA_INIT, False, (SA, KE), "no Nonce"),
    (ExchangeType.IKE_SA_INIT, False, (NO,), "no SA"),
    (ExchangeType.IKE_SA_INIT, True, (SA, SA, KE, NONCE), "2 payloads SA"),
    (ExchangeType.IKE_SA_INIT, True, (), "no SA"),
    (ExchangeType.IKE_AUTH, False, (SA, *TS), "no IDi"),
    (ExchangeType.IKE_AUTH, False, (*AUTH.payloads, p.TSi(ANY)), "2 payloads TSi"),
    (ExchangeType.IKE_AUTH, True, (p.AUTH(2, b""), p.AUTH(2, b"")), "2 payloads AUTH"),
    (ExchangeType.IKE_AUTH, True, (p.EAP(b""), p.EAP(b"")), "2 payloads EAP"),
    (ExchangeType.IKE_SESSION_RESUME, False, (NO,), "no Nonce"),
    (ExchangeType.IKE_SESSION_RESUME, True, (NONCE, NONCE), "2 payloads Nonce"),
    (ExchangeType.CREATE_CHILD_SA, False, (SA, *TS), "no Nonce"),
    (ExchangeType.CREATE_CHILD_SA, True, (NONCE,), "no SA"),
    (ExchangeType.INFORMATIONAL, False, tuple([NO] * 65), "65 payloads Notify"),
])
def test_messages_that_are_not(exchange, response, payloads, problem):
    with pytest.raises(InvalidSyntax, match=problem) as caught:
        check_rules(Message(SPI_I, SPI_R, exchange, not response, response, 1, payloads))
    assert isinstance(caught.value, ProtocolError)


def test_both_directions_of_every_exchange_have_a_row():
    assert {exchange for exchange, _ in MESSAGE_RULES} == {
        ExchangeType.IKE_SA_INIT, ExchangeType.IKE_SESSION_RESUME, ExchangeType.IKE_AUTH,
        ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL}
    assert len(MESSAGE_RULES) == 10
