"""The EAP state machine: identities, notifications, Naks, duplicates, ends; and hostile octets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapCode, EapError, EapPacket, EapType, parse_packet, safe_text, type_name
from client.core.eap.peer import MAX_ROUNDS, EapPeer, Method, MethodReply
from client.model.cause import Cause

IDENTITY_REQUEST = b"\x01\x05\x00\x05\x01"


class Echo:
    """A method of two requests that then has an MSK."""

    type = 99

    def __init__(self) -> None:
        self.seen = 0

    def process(self, data: bytes, identifier: int) -> MethodReply:
        self.seen += 1
        return MethodReply(data + bytes((self.seen,)), msk=bytes(64) if self.seen == 2 else b"")


def echo() -> Method:
    return Echo()


def peer() -> EapPeer:
    return EapPeer("alice", {99: echo, 26: lambda: MsChapV2("alice", "pw", bytes(16))})


def request(identifier: int, eap_type: int, data: bytes = b"") -> bytes:
    return EapPacket(EapCode.REQUEST, identifier, eap_type, data).encode()


def cause_of(eap: EapPeer, packet: bytes) -> Cause:
    with pytest.raises(EapError) as error:
        eap.receive(packet)
    return error.value.cause


def test_identity_is_answered() -> None:
    assert peer().receive(IDENTITY_REQUEST).response == b"\x02\x05\x00\x0a\x01alice"


def test_octets_after_the_length_are_ignored() -> None:
    assert peer().receive(IDENTITY_REQUEST + b"junk").response == b"\x02\x05\x00\x0a\x01alice"


def test_a_notification_is_acknowledged_and_shown_without_control_characters() -> None:
    result = peer().receive(request(1, 2, b"Down at\x1b[2J \xe2\x80\xae nine\r\n\x00" + b"x" * 9999))
    assert result.response == b"\x02\x01\x00\x05\x02"
    assert result.notice.startswith("Down at [2J nine x")
    assert len(result.notice) <= 512


def test_notifications_are_bounded() -> None:
    eap = peer()
    for number in range(8):
        eap.receive(request(number, 2, b"hello"))
    assert cause_of(eap, request(9, 2, b"hello")) is Cause.PROTOCOL_ERROR


@pytest.mark.parametrize("eap_type", [4, 13, 25, 52, 254])
def test_other_methods_get_a_nak_that_lists_ours_in_order(eap_type: int) -> None:
    eap = peer()
    assert eap.receive(request(3, eap_type, b"xy")).response == b"\x02\x03\x00\x07\x03\x63\x1a"
    with pytest.raises(EapError) as error:
        eap.receive(b"\x04\x03\x00\x04")
    assert error.value.cause is Cause.EAP_METHOD_UNSUPPORTED
    assert type_name(eap_type) in error.value.detail


def test_after_a_nak_the_gateway_may_offer_ours() -> None:
    eap = peer()
    eap.receive(request(1, 13))
    assert eap.receive(request(2, 99, b"a")).response == b"\x02\x02\x00\x07\x63a\x01"


def test_the_same_request_gets_the_same_response_without_running_the_method_again() -> None:
    eap = peer()
    first = eap.receive(request(1, 99, b"a"))
    assert eap.receive(request(1, 99, b"a")) == first
    # another request that happens to bear the same Identifier is a new one
    assert eap.receive(request(1, 99, b"b")).response[-1] == 2


def test_the_msk_comes_with_the_methods_last_response_and_with_success() -> None:
    eap = peer()
    assert eap.receive(request(1, 99)).msk is None
    assert eap.receive(request(2, 99)).msk == bytes(64)
    assert eap.receive(b"\x03\x02\x00\x04").msk == bytes(64)
    assert cause_of(eap, b"\x03\x02\x00\x04") is Cause.PROTOCOL_ERROR


@pytest.mark.parametrize("success", [b"\x03\x02\x00\x05\x00", b"\x03\x02\x00\x04\x00", b"\x03\x03\x00\x04"])
def test_success_of_five_octets_or_counted_one_further_is_tolerated(success: bytes) -> None:
    eap = peer()
    eap.receive(request(1, 99))
    eap.receive(request(2, 99))
    assert eap.receive(success).msk == bytes(64)


def test_success_before_the_method_is_done_is_a_gateway_that_did_not_prove_itself() -> None:
    for packets in ([], [IDENTITY_REQUEST], [IDENTITY_REQUEST, request(5, 99)], [request(5, 13)]):
        eap = peer()
        for packet in packets:
            eap.receive(packet)
        assert cause_of(eap, b"\x03\x05\x00\x04") is Cause.GATEWAY_NO_AUTH


def test_failure_is_the_user_s_refusal_even_after_the_proof() -> None:
    assert cause_of(peer(), b"\x04\x05\x00\x04") is Cause.USER_REFUSED
    eap = peer()
    eap.receive(request(1, 99))
    eap.receive(request(2, 99))
    assert cause_of(eap, b"\x04\x02\x00\x04") is Cause.USER_REFUSED


@pytest.mark.parametrize("packet", [
    b"\x02\x01\x00\x05\x01", b"\x01\x01\x00\x04", b"\x01\x01\x00\x06\x01", b"\x05\x01\x00\x04", b"", b"\x03\x01\x00",
    b"\x01\x01\x00\x05\x03", b"\x01" * 20000, b"\x03\x08\x00\x04", b"\x00\x05\x00\x04",
])
def test_malformed_and_impossible_packets(packet: bytes) -> None:
    eap = peer()
    eap.receive(IDENTITY_REQUEST)
    assert cause_of(eap, packet) is Cause.PROTOCOL_ERROR
    assert cause_of(eap, IDENTITY_REQUEST) is Cause.PROTOCOL_ERROR   # and it stays over


@pytest.mark.parametrize("eap_type", [1, 13, 26])
def test_a_method_is_not_left_in_the_middle(eap_type: int) -> None:
    eap = peer()
    eap.receive(request(1, 99))
    assert cause_of(eap, request(2, eap_type)) is Cause.PROTOCOL_ERROR


def test_the_rounds_are_bounded() -> None:
    eap = peer()
    for number in range(MAX_ROUNDS):
        eap.receive(request(number, 1))
    assert cause_of(eap, request(60, 1)) is Cause.PROTOCOL_ERROR


def test_a_name_that_eap_cannot_carry_is_the_user_s_error() -> None:
    for name in ("x" * 2000, "\ud800"):
        with pytest.raises(EapError) as error:
            EapPeer(name, {})
        assert error.value.cause is Cause.CREDENTIAL_UNUSABLE


@given(st.sampled_from([EapCode.REQUEST, EapCode.RESPONSE]), st.integers(0, 255), st.integers(0, 255),
       st.binary(max_size=300))
def test_packets_round_trip(code: EapCode, identifier: int, eap_type: int, data: bytes) -> None:
    packet = EapPacket(code, identifier, eap_type, data)
    assert parse_packet(packet.encode()) == packet


@given(st.lists(st.one_of(
    st.binary(max_size=80),
    st.builds(request, st.integers(0, 255), st.sampled_from([1, 2, 3, 4, 26, 99, 254]), st.binary(max_size=60)),
    st.builds(lambda code, i: bytes((code, i, 0, 4)), st.sampled_from([3, 4]), st.integers(0, 255))), max_size=12))
def test_any_conversation_gives_results_or_a_named_error(packets: list[bytes]) -> None:
    eap = peer()
    for packet in packets:
        try:
            result = eap.receive(packet)
        except EapError:
            return      # anything else would be a crash
        assert result.response[:1] in (b"\x02", b"")
        assert result.notice.isprintable()


@given(st.binary(max_size=3000))
def test_safe_text_is_printable_and_bounded(data: bytes) -> None:
    text = safe_text(data)
    assert text.isprintable()
    assert len(text) <= 512


def test_unknown_types_print_well() -> None:
    assert type_name(EapType.MSCHAPV2) == "EAP-MSCHAPV2"
    assert type_name(200) == "EAP type 200"
