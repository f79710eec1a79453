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


Question = TextNeeded
Answer = str | None


@dataclass(frozen=True)
class Asked:
    """A method's step that goes on with the answer."""

    question: Question = field(repr=False)
