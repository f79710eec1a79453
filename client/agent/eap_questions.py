"""What an EAP method asks in the middle of its conversation, answered by the user or from what he has given before."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from client.agent.attempt import Attempt
from client.agent.prompts import PromptKind, Question, SecretUsedUp
from client.agent.tls_keys import signature_of
from client.core.eap.questions import Answer, ServerToJudge, SignatureNeeded, Wanted
from client.core.eap.questions import Question as MethodsQuestion
from client.core.pki.server import verify_server
from client.model.cause import Cause, RoveError

Secret = Callable[[Attempt, int | str, PromptKind, str], Awaitable[str]]
Ask = Callable[[Attempt, int | str, Question], Awaitable[str]]


async def answer_for(secret: Secret, ask: Ask, attempt: Attempt, index: int, question: MethodsQuestion) -> Answer:
    """``secret`` gives what was kept or asks, ``ask`` always asks; both raise PromptCancelled."""
    if isinstance(question, ServerToJudge):
        verify_server(question.certificates, attempt.profile, datetime.now(UTC))
        return True
    if isinstance(question, SignatureNeeded):
        return await _sign(attempt, question)
    match question.kind:
        case Wanted.PASSWORD:
            return await _password(secret, ask, attempt, index, question.words)
        case Wanted.CHALLENGE:
            # an answer to these very words, and to no others: nothing of it is kept
            return await ask(attempt, index, _question(attempt, PromptKind.CHALLENGE, "Answer", question.words))
        case Wanted.NEW_PASSWORD:
            return await _new_password(ask, attempt, index, question.words)


async def _sign(attempt: Attempt, question: SignatureNeeded) -> bytes:
    """The proof of the user's key in a TLS handshake that our own engine runs, with a server that was found good."""
    credential = attempt.credential
    if credential is None:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, "there is no certificate")
    return await credential.signer.sign(signature_of(question.scheme), question.octets)


async def _password(secret: Secret, ask: Ask, attempt: Attempt, index: int, words: str) -> str:
    """Once as it was given before; asked for the second time, that was not it."""
    what = f"Password of {attempt.profile.user.rounds[index].identity}"
    if index in attempt.given:
        attempt.secrets.pop(index, None)
        again = Question(PromptKind.PASSWORD, f"The last one was refused. {what} for {attempt.profile.name}",
                         attempt.profile.name, words, again=True)
        attempt.secrets[index] = await ask(attempt, index, again)
    elif index not in attempt.secrets:
        attempt.secrets[index] = await secret(attempt, index, PromptKind.PASSWORD, what)
    attempt.given.add(index)
    return attempt.secrets[index]


async def _new_password(ask: Ask, attempt: Attempt, index: int, words: str) -> str | None:
    what = f"The password of {attempt.profile.user.rounds[index].identity} has expired. New password"
    try:
        new = await ask(attempt, index, _question(attempt, PromptKind.NEW_PASSWORD, what, words))
    except SecretUsedUp:
        return None
    attempt.secrets[index] = new
    if index in attempt.stored or index in attempt.to_keep:
        attempt.to_keep[index] = new        # in the place of the old one, once the gateway has taken it
    return new


def _question(attempt: Attempt, kind: PromptKind, what: str, words: str) -> Question:
    return Question(kind, f"{what} for {attempt.profile.name}", attempt.profile.name, words)
