"""What a method asks of whoever runs it, in the middle of a conversation; the answer goes to ``EapPeer.answer``."""

from dataclasses import dataclass, field
from enum import Enum


class Wanted(Enum):
    """A text of the user's."""

    PASSWORD = "password"  # noqa: S105 - a kind, not one
    CHALLENGE = "challenge"     # the answer to the gateway's own words: a one-time or token code
    NEW_PASSWORD = "new-password"  # noqa: S105


@dataclass(frozen=True)
class TextNeeded:
    """``words`` are the gateway's, already safe. The answer is a text, or None: there is nobody who could give it."""

    kind: Wanted
    words: str = ""


@dataclass(frozen=True)
class ServerToJudge:
    """Is this chain (DER, its own certificate first) the authentication server's that is meant? The answer is True; one
    that is not is left with an error. Nothing of the user has left by now."""

    certificates: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class SignatureNeeded:
    """Of these octets by the user's key, with this TLS SignatureScheme. The answer is the raw signature."""

    scheme: int
    octets: bytes = field(repr=False)


Question = TextNeeded | ServerToJudge | SignatureNeeded
Answer = str | bytes | bool | None


@dataclass(frozen=True)
class Asked:
    """A method's step that goes on with the answer."""

    question: Question = field(repr=False)
