"""EAP-GTC (RFC 3748 §5.6): the gateway's words, the user's answers."""

import pytest

from client.core.eap.gtc import MAX_QUESTIONS, Gtc
from client.core.eap.packet import EapCode, EapError, EapPacket, EapType
from client.core.eap.peer import EapPeer, EapResult
from client.core.eap.questions import TextNeeded, Wanted
from client.model.cause import Cause


def peer() -> EapPeer:
    return EapPeer("alice", {EapType.GTC: Gtc})


def request(identifier: int, words: bytes) -> bytes:
    return EapPacket(EapCode.REQUEST, identifier, EapType.GTC, words).encode()


@pytest.mark.parametrize("words", [b"password", b"Password: ", b"Enter password:", b"", b"PASSWORD\r\n"])
def test_a_password_is_known_by_its_words(words: bytes) -> None:
    assert peer().receive(request(1, words)).question == TextNeeded(Wanted.PASSWORD, " ".join(words.decode().split()))


@pytest.mark.parametrize("words", [b"Enter the code from your token", b"Your password and then the code",
                                   "Código:".encode()])
def test_anything_else_is_for_the_user_to_read(words: bytes) -> None:
    assert peer().receive(request(1, words)).question == TextNeeded(Wanted.CHALLENGE, words.decode())


def test_a_dialogue() -> None:
    """Password → next code → EAP-Success, and no key of it."""
    eap = peer()
    asked = eap.receive(request(1, b"Password:"))
    assert asked == EapResult(question=TextNeeded(Wanted.PASSWORD, "Password:"))
    assert eap.answer("pässwörd").response == EapPacket(
        EapCode.RESPONSE, 1, EapType.GTC, "pässwörd".encode()).encode()
    asked = eap.receive(request(2, b"Next \x1b[2Jcode\x00"))
    assert asked.question == TextNeeded(Wanted.CHALLENGE, "Next [2Jcode")
    assert eap.answer("123456").response[5:] == b"123456"
    assert eap.receive(bytes((3, 2, 0, 4))).done


def test_success_before_the_answer_is_refused() -> None:
    eap = peer()
    eap.receive(request(1, b"Password"))
    with pytest.raises(EapError, match="not answered"):
        eap.receive(bytes((3, 1, 0, 4)))
    with pytest.raises(EapError):
        eap.receive(request(1, b"Password"))


def test_the_questions_are_bounded() -> None:
    eap = peer()
    for number in range(MAX_QUESTIONS):
        eap.receive(request(number, b"code"))
        eap.answer("x")
    with pytest.raises(EapError, match="questions"):
        eap.receive(request(MAX_QUESTIONS, b"code"))


@pytest.mark.parametrize("answer", ["", None, "x" * 513, "\ud800"])
def test_impossible_answers_are_the_users_error(answer: str | None) -> None:
    eap = peer()
    eap.receive(request(1, b"code"))
    with pytest.raises(EapError) as error:
        eap.answer(answer)
    assert error.value.cause is Cause.CREDENTIAL_UNUSABLE
    with pytest.raises(EapError):
        eap.receive(request(2, b"code"))


def test_long_words_are_bounded() -> None:
    question = peer().receive(request(1, b"w" * 4000)).question
    assert question is not None
    assert len(question.words) == 512
