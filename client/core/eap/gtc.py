"""EAP-GTC (RFC 3748 §5.6) on the peer's side: the gateway's words to the user, the user's answer back, as it is."""

from dataclasses import dataclass, field

from client.core.eap.packet import EapError, EapType, safe_text
from client.core.eap.peer import MethodReply
from client.core.eap.questions import Answer, Asked, TextNeeded, Wanted
from client.model.cause import Cause

MAX_QUESTIONS = 8       # of one conversation: a password, a token's code, the next code …
MAX_ANSWER = 512        # octets


@dataclass
class Gtc:
    """One conversation; every request is a question to the user."""

    type: int = field(default=EapType.GTC, init=False)
    _questions: int = field(default=0, init=False)

    def process(self, data: bytes, identifier: int) -> Asked:
        """Type-data of a request: a displayable message. Raises EapError."""
        self._questions += 1
        if self._questions > MAX_QUESTIONS:
            raise EapError(Cause.PROTOCOL_ERROR, f"more than {MAX_QUESTIONS} questions")
        words = safe_text(data)
        # What servers say that want nothing but the password. Any other words are for the user to read.
        plain = words.casefold().strip(" :.?!") in ("", "password", "enter password", "please enter your password")
        return Asked(TextNeeded(Wanted.PASSWORD if plain else Wanted.CHALLENGE, words))

    def answer(self, answer: Answer) -> MethodReply:
        """The user's, as the response. Raises EapError."""
        try:
            data = str(answer or "").encode()
        except UnicodeEncodeError:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, "the answer is not text") from None
        if not 0 < len(data) <= MAX_ANSWER:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, f"an answer has 1 to {MAX_ANSWER} octets")
        return MethodReply(data, done=True)
