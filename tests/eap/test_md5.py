"""EAP-MD5 (RFC 3748 §5.4), whose arithmetic is RFC 1994's CHAP."""

import hashlib

import pytest

from client.core.eap.md5 import Md5Challenge
from client.core.eap.packet import EapError, EapType
from client.core.eap.peer import EapPeer
from client.model.cause import Cause

# FreeRADIUS's and everybody's arithmetic: MD5(Identifier ‖ secret ‖ challenge)
EXPECTED = hashlib.md5(b"\x07" + b"p\xc3\xa4ss" + bytes(range(16))).digest()
REQUEST = bytes((1, 7, 0, 26, 4, 16)) + bytes(range(16)) + b"gate"
SUCCESS = bytes((3, 7, 0, 4))


def peer() -> EapPeer:
    return EapPeer("alice", {EapType.MD5: lambda: Md5Challenge("alice", "päss")})


def test_the_response_and_success_without_a_key() -> None:
    eap = peer()
    result = eap.receive(REQUEST)
    assert result.response == bytes((2, 7, 0, 27, 4, 16)) + EXPECTED + b"alice"
    assert result.msk is None
    end = eap.receive(SUCCESS)
    assert (end.done, end.msk, end.response) == (True, None, b"")


def test_failure_is_the_users() -> None:
    eap = peer()
    eap.receive(REQUEST)
    with pytest.raises(EapError) as error:
        eap.receive(bytes((4, 7, 0, 4)))
    assert error.value.cause is Cause.USER_REFUSED


def test_success_before_the_challenge_proves_nothing() -> None:
    with pytest.raises(EapError) as error:
        peer().receive(SUCCESS)
    assert error.value.cause is Cause.GATEWAY_NO_AUTH


@pytest.mark.parametrize("data", [b"", b"\x10", b"\x00abc", b"\x11" + bytes(16), b"\xff" + bytes(200)])
def test_malformed_challenges(data: bytes) -> None:
    with pytest.raises(EapError) as error:
        Md5Challenge("a", "b").process(data, 1)
    assert error.value.cause is Cause.PROTOCOL_ERROR


def test_one_challenge_is_one_guess() -> None:
    eap = peer()
    eap.receive(REQUEST)
    with pytest.raises(EapError, match="second"):
        eap.receive(REQUEST[:1] + b"\x08" + REQUEST[2:])


@pytest.mark.parametrize("password", ["", "x" * 513, "\ud800"])
def test_impossible_passwords_are_the_users_error(password: str) -> None:
    with pytest.raises(EapError) as error:
        Md5Challenge("a", password)
    assert error.value.cause is Cause.CREDENTIAL_UNUSABLE


def test_the_password_does_not_print() -> None:
    assert "päss" not in repr(Md5Challenge("alice", "päss"))
