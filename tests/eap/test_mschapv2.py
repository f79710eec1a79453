"""MSCHAPv2: the vectors of RFC 2759 §9.2 and RFC 3079 §3.5.3, then whole dialogues and their faults."""

import pytest

from client.core.eap import mschap_crypto
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapError, EapType
from client.core.eap.peer import EapPeer, EapResult
from client.model.cause import Cause, Retry
from tests.eap.mschap_server import MsChapServer

AUTHENTICATOR = bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628")
PEER = bytes.fromhex("21402324255E262A28295F2B3A337C7E")
NT_RESPONSE = bytes.fromhex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF")
HASH = bytes.fromhex("44EBBA8D5312B8D611474411F56989AE")
CHALLENGE = bytes.fromhex("D02E4386BCE91226")


def test_rfc_2759_vectors() -> None:
    assert mschap_crypto.nt_password_hash("clientPass") == HASH
    assert mschap_crypto.challenge_hash(PEER, AUTHENTICATOR, b"User") == CHALLENGE
    assert mschap_crypto.nt_response(CHALLENGE, HASH) == NT_RESPONSE
    proof = mschap_crypto.authenticator_response(HASH, NT_RESPONSE, CHALLENGE)
    assert proof.hex().upper() == "407A5589115FD0D6209F510FE9C04566932CDA56"


def test_rfc_3079_vectors() -> None:
    master = mschap_crypto.master_key(HASH, NT_RESPONSE)
    assert master.hex().upper() == "FDECE3717A8C838CB388E527AE3CDD31"
    assert mschap_crypto.start_key(master, server_sends=True).hex().upper() == "8B7CDC149B993A1BA118CB153F56DCCB"


def test_the_response_carries_the_rfc_s_nt_response() -> None:
    method = MsChapV2("User", "clientPass", PEER)
    value = b"\x10" + AUTHENTICATOR + b"gw"
    reply = method.process(b"\x01\x09" + (4 + len(value)).to_bytes(2, "big") + value)
    assert reply.data == b"\x02\x09\x00\x3a\x31" + PEER + bytes(8) + NT_RESPONSE + b"\x00User"
    proven = method.process(b"\x03\x09\x00\x2eS=407A5589115FD0D6209F510FE9C04566932CDA56")
    assert proven.data == b"\x03"
    assert proven.msk[16:32].hex().upper() == "8B7CDC149B993A1BA118CB153F56DCCB"
    assert proven.msk[32:] == bytes(32)


def peer_for(user: str, password: str, identity: str | None = None) -> EapPeer:
    return EapPeer(identity or user, {EapType.MSCHAPV2: lambda: MsChapV2(user, password, PEER)})


def converse(peer: EapPeer, server: MsChapServer) -> EapResult:
    packet = server.start()
    while True:
        result = peer.receive(packet)
        if not result.response:
            return result
        packet = server.answer(result.response)


@pytest.mark.parametrize("user", ["alice@lab.test", "LAB\\alice", "zoë"])
def test_a_whole_dialogue_ends_with_the_same_msk(user: str) -> None:
    """Identity → Challenge → Response → Success(S=) → Success → EAP-Success."""
    server = MsChapServer(user, "pässwörd €", AUTHENTICATOR)
    result = converse(peer_for(user, "pässwörd €"), server)
    assert server.identity == user.encode()
    assert result.msk == server.msk
    assert len(server.msk) == 64


def test_a_wrong_password_is_acknowledged_and_then_refused_with_the_gateway_s_words() -> None:
    server = MsChapServer("alice", "right", AUTHENTICATOR)
    peer = peer_for("alice", "wrong")
    response = peer.receive(server.start()).response
    response = peer.receive(server.answer(response)).response
    refused = peer.receive(server.answer(response))
    assert refused.refused == "wrong name or password (E=691)"
    assert refused.notice == "Go away [31m now"
    with pytest.raises(EapError) as error:
        peer.receive(server.answer(refused.response))
    assert error.value.cause is Cause.USER_REFUSED
    assert error.value.cause.retry is Retry.AFTER_USER
    assert error.value.detail == 'wrong name or password (E=691); the gateway says: "Go away [31m now"'


@pytest.mark.parametrize(("text", "reason", "words"), [
    (b"E=647 R=0 C=00 V=3 M=", "the account is disabled (E=647)", ""),
    (b"E=648 R=0 V=3 M=old", "the password has expired (E=648)", "old"),
    (b"E=649", "the account may not dial in (E=649)", ""),
    (b"E=709 R=1", "the password could not be changed (E=709)", ""),
    (b"E=4711", "refused (E=4711)", ""),
    (b"", "refused", ""),
    (b"E=646 M=" + b"\xff\x00\x1b" * 2000, "the account may not log on at this hour (E=646)", None),
])
def test_failure_texts_are_read_and_bounded(text: bytes, reason: str, words: str | None) -> None:
    server = MsChapServer("alice", "right", AUTHENTICATOR)
    server.failure = text
    peer = peer_for("alice", "wrong")
    response = peer.receive(server.answer(peer.receive(server.start()).response)).response
    result = peer.receive(server.answer(response))
    assert result.refused == reason
    assert words is None or result.notice == words
    assert len(result.notice) <= 512
    assert result.notice.isprintable()


@pytest.mark.parametrize("prefix", [b"S=0", b"X=", b"", b"S="])
def test_a_gateway_that_does_not_know_the_password_is_refused(prefix: bytes) -> None:
    server = MsChapServer("alice", "right", AUTHENTICATOR)
    server.proof_prefix = prefix
    peer = peer_for("alice", "right")
    response = peer.receive(server.answer(peer.receive(server.start()).response)).response
    success = server.answer(response)
    if prefix == b"S=":
        digit = success.index(b"S=") + 2
        success = success[:digit] + (b"0" if success[digit:digit + 1] != b"0" else b"1") + success[digit + 1:]
    with pytest.raises(EapError) as error:
        peer.receive(success)
    assert error.value.cause is Cause.GATEWAY_NO_AUTH


@pytest.mark.parametrize("data", [
    b"", b"\x01", b"\x01\x01\x00", b"\x01\x01\x00\x04", b"\x01\x01\x00\x15\x10" + bytes(15),
    b"\x01\x01\x00\x15\x11" + bytes(17), b"\x01\x01\xff\xff\x10" + bytes(16), b"\x03\x01\x00\x2eS=" + b"0" * 40,
    b"\x04\x01\x00\x09E=691", b"\x07\x01\x00\x04", b"\x00\x01\x00\x04", b"\x02\x01\x00\x04",
    b"\x01\x01\x05\x15\x10" + bytes(16) + b"n" * 1280,
])
def test_malformed_or_untimely_requests_are_protocol_errors(data: bytes) -> None:
    with pytest.raises(EapError) as error:
        MsChapV2("a", "b", PEER).process(data)
    assert error.value.cause is Cause.PROTOCOL_ERROR


def test_a_second_challenge_gets_no_second_guess() -> None:
    method = MsChapV2("a", "b", PEER)
    challenge = b"\x01\x01\x00\x15\x10" + bytes(16)
    method.process(challenge)
    with pytest.raises(EapError):
        method.process(challenge)


@pytest.mark.parametrize("password", ["", "x" * 257, "\ud800"])
def test_impossible_passwords_are_the_user_s_error(password: str) -> None:
    with pytest.raises(EapError) as error:
        MsChapV2("a", password, PEER)
    assert error.value.cause is Cause.CREDENTIAL_UNUSABLE
    assert password == "" or password not in str(error.value)


def test_the_password_and_the_keys_do_not_print() -> None:
    method = MsChapV2("alice", "tops3cret", PEER)
    method.process(b"\x01\x01\x00\x15\x10" + bytes(16))
    assert "tops3cret" not in repr(method)
    assert "_msk" not in repr(method)
    assert repr(PEER) not in repr(method)
    assert "msk" not in repr(EapResult(msk=bytes(64)))
