"""Every payload round-trips; what is malformed is a named error; what is unknown survives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.ikev2 import payloads as p
from client.core.ikev2.constants import AuthMethod, ConfigAttribute, ConfigType, NotifyType, PayloadType, ProtocolId
from client.core.ikev2.errors import InvalidSyntax, MisuseError, UnsupportedCriticalPayload
from client.core.ikev2.header import encode_payloads, parse_payloads
from tests.ikev2.strategies import PAYLOADS, payload_lists, quick


@pytest.mark.parametrize("kind", PAYLOADS, ids=lambda kind: kind.__name__)
@quick
@given(data=st.data())
def test_what_is_encoded_is_parsed(kind, data):
    payload = data.draw(PAYLOADS[kind])
    assert p.parse_payload(payload.payload_type, False, payload.encode()) == payload


@pytest.mark.parametrize("kind", PAYLOADS, ids=lambda kind: kind.__name__)
@quick
@given(data=st.data())
def test_every_truncation_is_a_payload_or_a_named_error(kind, data):
    payload = data.draw(PAYLOADS[kind])
    encoded = payload.encode()
    for length in range(len(encoded)):
        try:
            p.parse_payload(payload.payload_type, False, encoded[:length])
        except InvalidSyntax:
            continue


@quick
@given(payload_lists)
def test_chains_round_trip(payloads):
    assert parse_payloads(*encode_payloads(payloads)) == payloads


@quick
@given(st.sampled_from(sorted(p.PAYLOADS)), st.binary(max_size=120))
def test_random_bodies_are_payloads_or_named_errors(number, body):
    try:
        payload = p.parse_payload(number, True, body)
    except InvalidSyntax:
        return
    assert p.parse_payload(number, True, payload.encode()) == payload


def test_all_payloads_have_a_strategy():
    assert set(PAYLOADS) == {*p.PAYLOADS.values(), p.Unknown}


def test_sa_octets_of_rfc_7296():
    """§3.3: proposal 1, ESP, SPI, ENCR_AES_CBC with its Key Length, INTEG, no ESN."""
    body = bytes.fromhex("00000028 0103 0403 deadbeef 0300000c 0100000c 800e0080 03000008 0300000c 00000008 05000000")
    payload = p.SA.parse(body)
    [proposal] = payload.proposals
    assert (proposal.number, proposal.protocol, proposal.spi) == (1, ProtocolId.ESP, bytes.fromhex("deadbeef"))
    assert [(t.type, t.id, t.key_bits) for t in proposal.transforms] == [(1, 12, 128), (3, 12, 0), (5, 0, 0)]
    assert payload.encode() == body


@pytest.mark.parametrize(("damage", "problem"), [
    (lambda b: b"\x02" + b[1:], "octets announced"),                        # more proposals announced than there are
    (lambda b: b"\x07" + b[1:], "Last Substruc"),
    (lambda b: b[:7] + b"\x02" + b[8:], "number of transforms"),            # fewer transforms than follow
    (lambda b: b[:7] + b"\x04" + b[8:], "number of transforms"),
    (lambda b: b[:3] + b"\x07" + b[4:], "a substructure of 7"),
    (lambda b: b[:6] + b"\xff" + b[7:], "octets announced"),                # an SPI longer than everything
    (lambda b: b + b"\0", "octets too many"),
    (lambda b: b[:14] + b"\x00\x05" + b[16:], "a substructure of 5"),
    (lambda b: b"", "octets announced"),
])
def test_damaged_sa_payloads_are_named(damage, problem):
    body = bytes.fromhex("00000028 0103 0403 deadbeef 0300000c 0100000c 800e0080 03000008 0300000c 00000008 05000000")
    with pytest.raises(InvalidSyntax, match=problem):
        p.SA.parse(damage(body))


def test_an_endless_list_of_proposals_is_cut():
    one = bytes.fromhex("02000008 01010000")
    with pytest.raises(InvalidSyntax, match="more than 64"):
        p.SA.parse(one * 65)


def test_the_critical_bit_counts_for_unknown_payloads_only():
    assert p.parse_payload(PayloadType.NONCE, True, bytes(32)) == p.Nonce(bytes(32))
    assert p.parse_payload(200, False, b"x") == p.Unknown(PayloadType(200), False, b"x")
    with pytest.raises(UnsupportedCriticalPayload) as caught:
        p.parse_payload(200, True, b"x")
    assert (caught.value.notify, caught.value.data) == (NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, bytes([200]))


@pytest.mark.parametrize("length", [0, 15, 257])
def test_nonces_have_16_to_256_octets(length):
    with pytest.raises(InvalidSyntax, match="nonce"):
        p.Nonce.parse(bytes(length))


def test_the_reserved_octets_of_an_identity_are_kept_because_auth_covers_them():
    body = b"\x02\x01\x02\x03gw.test"
    assert p.IDr.parse(body).encode() == body
    assert p.IDr(2, b"gw.test").encode() == b"\x02\0\0\0gw.test"


def test_reserved_bits_elsewhere_are_ignored():
    assert p.KE.parse(b"\0\x13\xff\xffdata") == p.KE(19, b"data")
    assert p.AUTH.parse(b"\x02\xff\xff\xffdata") == p.AUTH(AuthMethod.SHARED_KEY, b"data")
    attribute = bytes.fromhex("8003 0004 0a000001")
    assert p.CP.parse(b"\x02\xff\xff\xff" + attribute) == p.CP(
        ConfigType.CFG_REPLY, ((ConfigAttribute.INTERNAL_IP4_DNS, b"\x0a\0\0\x01"),))


def test_a_malformed_configuration_attribute_is_kept_as_it_is():
    """A real gateway sends 17 octets for INTERNAL_IP6_DNS."""
    cp = p.CP.parse(bytes.fromhex("02000000 000a 0011") + bytes(17))
    assert cp.attributes == ((ConfigAttribute.INTERNAL_IP6_DNS, bytes(17)),)


def test_certreq_lists_key_hashes():
    hashes = (b"a" * 20, b"b" * 20)
    assert p.CERTREQ.parse(p.CERTREQ(4, hashes).encode()).authorities == hashes
    assert p.CERTREQ.parse(b"\x04").authorities == ()
    assert p.CERTREQ.parse(b"\x04odd").authorities == (b"odd",)


@pytest.mark.parametrize("body", ["03040000", "01000000", "0304000200000001 00000002"])
def test_deletes(body):
    assert p.Delete.parse(bytes.fromhex(body)).encode() == bytes.fromhex(body)


@pytest.mark.parametrize("body", [
    "0304000200000001",             # one SPI, two announced
    "030400010000000100000002",
    "03080001 0000000000000001",    # ESP has 4 octets
    "01080001 0000000000000001",    # the IKE_SA is named by none
    "0100000100",
    "04000000ff",
])
def test_deletes_that_do_not_add_up(body):
    with pytest.raises(InvalidSyntax):
        p.Delete.parse(bytes.fromhex(body))


def test_a_delete_of_the_ike_sa_may_count_it():
    assert p.Delete.parse(bytes.fromhex("01000001")) == p.Delete(ProtocolId.IKE, ())


def test_what_no_payload_can_hold_is_our_mistake():
    with pytest.raises(MisuseError):
        p.Delete(ProtocolId.ESP, (b"1234", b"12345678")).encode()
    with pytest.raises(MisuseError):
        p.SA(()).encode()
    with pytest.raises(MisuseError):
        p.KE(1 << 16, b"").encode()


def test_notify_of():
    rekey = p.Notify.of(NotifyType.REKEY_SA, protocol=ProtocolId.ESP, spi=b"1234")
    assert rekey.encode() == bytes.fromhex("0304 4009") + b"1234"
    assert not rekey.is_error
    assert p.Notify.of(14).is_error
    assert p.Notify.of(14).type_name == "NO_PROPOSAL_CHOSEN"
    assert p.Notify.of(9999).label == "N(NOTIFY_TYPE_9999)"


def test_nothing_secret_is_shown():
    for payload in (p.AUTH(2, b"secret"), p.EAP(b"secret password")):
        assert "secret" not in repr(payload)
        assert "secret" not in payload.label
