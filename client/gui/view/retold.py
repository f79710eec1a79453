"""Sentences that roved made from client.texts, in the user's language.

roved and the agent run where nobody has chosen a language, and weave what they saw into English sentences. Their
templates are in client.texts, so the detail can be taken out again and woven into the translation.
"""

import re
from collections.abc import Sequence
from functools import cache

from client import texts
from client.model.cause import Cause
from client.model.units import UTC_TIME, parse_time
from client.texts import translated as _


def error(code: str, message: str, advice: str = "") -> tuple[str, str]:
    """A cause's code with the sentence and advice that came with it → both translated where they are ours."""
    try:
        row = texts.CAUSES[Cause.from_code(code)]
    except KeyError:
        return message, advice
    templates = [row.sentence, *([row.with_detail] if row.with_detail else []), f"{row.sentence} ({{detail}})"]
    return _retold(message, templates), _(row.advice) if advice == row.advice else advice


def finding(code: str, message: str) -> str:
    template = texts.FINDINGS.get(code)
    return _retold(message, [template]) if template else message


def question(text: str, questions: Sequence[str], warnings: Sequence[str]) -> tuple[str, str]:
    """What the agent asks → (what it warns of before, the question itself), each by the template that fits."""
    for template in questions:
        if found := re.fullmatch(f"(?P<before_>.*?){texts.pattern(template).pattern}", text):
            fields = found.groupdict()
            return _warnings(fields.pop("before_"), warnings), _(template).format(**fields)
    return "", text


def _warnings(text: str, templates: Sequence[str]) -> str:
    """One sentence after the other; what is none of ours stays as it is."""
    told = []
    while text:
        for template in templates:
            if found := re.match(f"{_sentence(template)} ", text):
                told.append(_(template).format(**found.groupdict()))
                text = text[found.end():]
                break
        else:
            return " ".join([*told, text.strip()])
    return " ".join(told)


@cache
def _sentence(template: str) -> str:
    """As ``_pattern``, for the beginning of a text: a field ends before the sentence does."""
    return texts.FIELD.sub(r"(?P<\1>.+?)", re.escape(template))


def _retold(message: str, templates: Sequence[str]) -> str:
    for template in templates:
        if found := texts.pattern(template).fullmatch(message):
            fields = {name: _inner(value) for name, value in found.groupdict().items()}
            bracketed = template.endswith(" ({detail})") and template not in texts.FINDINGS.values()
            shown = f"{_(template.removesuffix(' ({detail})'))} ({{detail}})" if bracketed else _(template)
            return shown.format(**fields)
    return message


def _inner(text: str) -> str:
    """A finding may quote a cause's sentence, or a time, which people read in their own zone."""
    if UTC_TIME.fullmatch(text) and (when := parse_time(text)):
        return when.astimezone().strftime("%Y-%m-%d %H:%M")
    for row in texts.CAUSES.values():
        if text == row.sentence:
            return _(row.sentence)
    return text
