"""MSCHAPv2 where the password has expired: RFC 2759 §7 and §8.9-8.12, against a server of the tests' own."""

import pytest

from client.core.eap import mschap_crypto
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapError, EapType
from client.core.eap.peer import EapPeer, EapResult
from client.core.eap.questions import TextNeeded, Wanted
from client.model.cause import Cause
from tests.eap.mschap_server import MsChapServer

CHALLENGE = bytes(range(16))
EXPIRED = b"E=648 R=1 C=" + b"5A" * 16 + b" V=3 M=Time for a new one\x07"


def random(count: int) -> bytes:
    return bytes((7 * number + count) % 256 for number in range(count))


def talk(server: MsChapServer, password: str = "old") -> tuple[EapPeer, EapResult]:
    """Until the client asks, or is refused."""
    peer = EapPeer("LAB\\alice", {EapType.MSCHAPV2: lambda: MsChapV2("LAB\\alice", password, bytes(16), random)})
    response = peer.receive(server.answer(peer.receive(server.start()).response)).response
    return peer, peer.receive(server.answer(response))


def server(**changes: object) -> MsChapServer:
    made = MsChapServer("LAB\\alice", "old", CHALLENGE)
    made.failure, made.expired = EXPIRED, True
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("new", ["n", "Ünicode € new", "x" * 256])
def test_a_new_password_and_the_key_of_it(new: str) -> None:
    """Failure (E=648) → Change-Password → Success (S= of the new password) → Success → EAP-Success."""
    gateway = server()
    peer, asked = talk(gateway)
    assert asked == EapResult(question=TextNeeded(Wanted.NEW_PASSWORD, "Time for a new one"))
    proven = peer.receive(gateway.answer(peer.answer(new).response))
    assert gateway.password == new
    assert proven.msk == gateway.msk
    assert peer.receive(gateway.answer(proven.response)).done


def test_nobody_to_think_of_one_is_a_refusal_that_says_why() -> None:
    gateway = server()
    peer, _ = talk(gateway)
    refused = peer.answer(None)
    assert refused.refused == "the password has expired (E=648)"
    with pytest.raises(EapError, match="Time for a new one"):
        peer.receive(gateway.answer(refused.response))


def test_one_that_the_gateway_does_not_like_is_refused_and_no_other_is_tried() -> None:
    gateway = server(change_failure=b"E=709 R=1 C=" + b"00" * 16 + b" V=3 M=Too short")
    peer, _ = talk(gateway)
    refused = peer.receive(gateway.answer(peer.answer("n").response))
    assert refused.refused == "the password could not be changed (E=709)"
    assert refused.question is None


def test_expired_twice_asks_once() -> None:
    gateway = server(change_failure=EXPIRED)
    peer, _ = talk(gateway)
    assert peer.receive(gateway.answer(peer.answer("n").response)).question is None


@pytest.mark.parametrize("failure", [
    b"E=648 R=1 V=3 M=", b"E=648 R=1 C=" + b"0" * 31 + b" V=3", b"E=648 R=1 C=" + b"0" * 32 + b" V=2",
    b"E=648 R=1 C=" + b"0" * 32 + b" V=33", b"E=691 R=1 C=" + b"0" * 32 + b" V=3"])
def test_what_is_no_invitation_to_change_it(failure: bytes) -> None:
    _, refused = talk(server(failure=failure))
    assert refused.question is None
    assert refused.refused


def test_a_gateway_that_does_not_prove_that_it_took_the_new_one() -> None:
    gateway = server(proof_prefix=b"S=0")
    peer, _ = talk(gateway)
    with pytest.raises(EapError) as error:
        peer.receive(gateway.answer(peer.answer("n").response))
    assert error.value.cause is Cause.GATEWAY_NO_AUTH


@pytest.mark.parametrize("new", ["", "x" * 257, "\U0001f600" * 200, "\ud800"])
def test_impossible_new_passwords(new: str) -> None:
    peer, _ = talk(server())
    with pytest.raises(EapError) as error:
        peer.answer(new)
    assert error.value.cause is Cause.CREDENTIAL_UNUSABLE


@pytest.mark.parametrize(("key", "stream"), [       # RFC 6229 §2, offset 0
    ("0102030405", "b2396305f03dc027ccc3524a0a1118a86982944f18fc82d589c403a47a0d0919"),
    ("0102030405060708090a0b0c0d0e0f10", "9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c")])
def test_rc4(key: str, stream: str) -> None:
    assert mschap_crypto.rc4(bytes.fromhex(key), bytes(32)).hex() == stream
