"""A question of the agent → what its dialog says."""

from dataclasses import dataclass
from datetime import datetime

from client.agent.prompts import PromptKind, Question
from client.gui.view import retold
from client.model.units import duration
from client.texts import marked
from client.texts import translated as _

LAST_TRY = 1
# The agent's own sentences (client/agent: service, eap_questions, smartcard, pkcs11). What it asks …
QUESTIONS = (
    marked("Password of {who} for {name}"),
    marked("The password of {who} has expired. New password for {name}"),
    marked("Answer for {name}"),
    marked("Pre-shared key for {name}"),
    marked("Post-quantum key {key} for {name}"),
    marked("Passphrase of {file} for {name}"),
    marked("PIN of the smartcard “{card}”, certificate {certificate}, for {name}"),
    marked("Certificate for {name}"),
    marked("Type the PIN of the smartcard “{card}” on the card reader"),
)
# … and what it says before that.
WARNINGS = (
    marked("The last one was refused: {why}."),
    marked("The last one was refused."),
    marked("The PIN that was kept in memory was refused."),
    marked("That PIN was wrong."),
    marked("No PIN of this smartcard has that length."),
    marked("That PIN has characters that the smartcard does not take."),
    marked("This is the last try before the smartcard locks."),
    marked("Few tries are left before the smartcard locks."),
)
HURRY = 30.0        # s: from here on the countdown is told loudly
LAST_WORDS = WARNINGS[-2]


@dataclass(frozen=True)
class PromptView:
    """``field``: the label of the input; ``confirm``: of its repetition, for new passwords; both empty: there is
    nothing to type here. ``gateway_words`` are to be shown as the gateway's, ``warning`` with an icon."""

    title: str
    text: str
    field: str
    confirm: str = ""
    gateway_words: str = ""
    gateway_label: str = ""
    warning: str = ""
    remember: str = ""
    hidden: bool = True
    accept: str = ""


def prompt_view(question: Question) -> PromptView:
    kind = question.kind
    before, text = retold.question(question.text, QUESTIONS, WARNINGS)
    return PromptView(
        title=_title(kind, question.profile),
        text=text,
        field=_field(kind),
        confirm=_("Repeat it:") if kind is PromptKind.NEW_PASSWORD else "",
        gateway_words=question.gateway_words,
        gateway_label=_("The gateway says:") if question.gateway_words else "",
        warning=_warning(question, before),
        remember=_("Keep it in this session's keyring") if question.may_remember else "",
        hidden=True,
        accept=_("Log in") if kind is not PromptKind.NEW_PASSWORD else _("Change password"))


def said(text: str) -> str:
    """What the agent says without a field to type in: a choice's title, what to do at a card reader."""
    before, rest = retold.question(text, QUESTIONS, WARNINGS)
    return f"{before} {rest}".strip()


def remaining(deadline: float | None, now: float) -> str:
    """ "1 min 12 s left to answer"."""
    if deadline is None:
        return ""
    left = max(deadline - now, 0.0)
    return _("{time} left to answer").format(time=duration(left))


def deadline_of(text: str) -> float | None:
    """RFC 3339 of a "prompt" event → Unix time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _title(kind: PromptKind, profile: str) -> str:
    words = {
        PromptKind.PASSWORD: _("Password for {name}"), PromptKind.NEW_PASSWORD: _("New password for {name}"),
        PromptKind.CHALLENGE: _("Code for {name}"), PromptKind.PIN: _("PIN for {name}"),
        PromptKind.PSK: _("Pre-shared key for {name}"), PromptKind.PPK: _("Post-quantum key for {name}"),
        PromptKind.PASSPHRASE: _("Passphrase for {name}")}
    return words[kind].format(name=profile or "Rove")


def _field(kind: PromptKind) -> str:
    return {
        PromptKind.PASSWORD: _("&Password:"), PromptKind.NEW_PASSWORD: _("&New password:"),
        PromptKind.CHALLENGE: _("&Code:"), PromptKind.PIN: _("&PIN:"), PromptKind.PSK: _("Pre-shared &key:"),
        PromptKind.PPK: _("Post-quantum &key:"), PromptKind.PASSPHRASE: _("&Passphrase:")}[kind]


def _warning(question: Question, before: str) -> str:
    parts = [before] if before else []
    left = question.tries_left
    if question.kind is PromptKind.PIN:
        if question.again and not before:
            parts.append(_("The PIN was wrong."))
        if left is not None and left <= LAST_TRY and _(LAST_WORDS) not in before:
            parts.append(_("This is the last try: another wrong PIN blocks the token."))
        elif left is not None and left > LAST_TRY:
            parts.append(_("{n} tries are left.").format(n=left))
    elif question.again:
        parts.append(_("Rove does not repeat what was refused: accounts get locked."))
    return " ".join(parts)
