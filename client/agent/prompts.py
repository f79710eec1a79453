"""How the agent asks its human: the Prompter protocol, on a terminal, or from a file descriptor."""

import asyncio
import os
import termios
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from client.model.cause import Cause, RoveError

MAX_SECRET = 4096
MAX_LINES = 16


class PromptKind(Enum):
    PASSWORD = "password"  # noqa: S105 - a kind, not one
    NEW_PASSWORD = "new-password"  # noqa: S105
    CHALLENGE = "challenge"     # the gateway asks in its own words: one-time and token codes
    PIN = "pin"
    PSK = "psk"
    PPK = "ppk"
    PASSPHRASE = "passphrase"  # noqa: S105


class PromptCancelled(Exception):
    """The user does not want to answer."""


class SecretUsedUp(PromptCancelled):
    """Nobody is there to be asked again: the one secret given beforehand has been used."""


@dataclass(frozen=True)
class Question:
    """``text`` is ours, one line; ``gateway_words`` (printable, bounded) must be shown as the gateway's.

    ``again``: the last answer was refused, and the same one must not be given again unasked. ``tries_left`` of a PIN,
    where the token says. ``deadline``: Unix time after which nobody waits for the answer. ``may_remember``: the
    answer's ``remember`` is heeded.
    """

    kind: PromptKind
    text: str
    profile: str = ""
    gateway_words: str = ""
    again: bool = False
    tries_left: int | None = None
    deadline: float | None = None
    may_remember: bool = False


@dataclass(frozen=True)
class Answer:
    """``remember``: the user wants it kept in the session's keyring."""

    text: str = field(repr=False)
    remember: bool = False


@dataclass(frozen=True)
class Choice:
    """One of several: ``label`` tells them apart, ``detail`` is what else is known, one line each."""

    label: str
    detail: str = ""


class Prompter(Protocol):
    """Cancelling the task takes the prompt away."""

    async def secret(self, question: Question) -> Answer:
        """Asks for one secret. Raises PromptCancelled."""
        ...

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        """Which one → its index. Raises PromptCancelled."""
        ...

    async def notice(self, text: str, profile: str = "") -> None:
        """Shows what the user is to do elsewhere, on a PIN pad say, until cancelled: it does not return by itself.

        Raises PromptCancelled where the user wants none of it.
        """
        ...


class TerminalPrompter:
    """Asks on the controlling terminal, without echo."""

    def __init__(self, path: str = "/dev/tty") -> None:
        self._path = path
        self._busy = asyncio.Lock()

    async def secret(self, question: Question) -> Answer:
        words = f"The gateway says: {question.gateway_words}\n" if question.gateway_words else ""
        text = await self._ask(f"{words}{question.text}: ", echo=False)
        # A new one that was mistyped would lock its owner out.
        if question.kind is PromptKind.NEW_PASSWORD and text != await self._ask("The same again: ", echo=False):
            raise PromptCancelled("the two new passwords differ")
        return Answer(text)

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        lines = "".join(f"  {number}  {one.label}{f' ({one.detail})' if one.detail else ''}\n"
                        for number, one in enumerate(choices, 1))
        answer = await self._ask(f"{text}\n{lines}Number: ", echo=True)
        if not answer.isascii() or not answer.isdecimal() or not 1 <= int(answer[:9]) <= len(choices):
            raise PromptCancelled("the answer is none of the numbers")
        return int(answer) - 1

    async def notice(self, text: str, profile: str = "") -> None:
        if not self._there():
            await asyncio.Event().wait()        # nobody reads it here; what is to be done can be done all the same
        await self._ask(f"{text} (Enter cancels)", echo=False)
        raise PromptCancelled("cancelled on the terminal")

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)

    def _there(self) -> bool:
        """Its permissions tell nothing: everybody may open /dev/tty, and who has no terminal cannot."""
        try:
            os.close(self._open())
        except OSError:
            return False
        return True

    async def _ask(self, text: str, *, echo: bool) -> str:
        async with self._busy:
            try:
                terminal = self._open()
            except OSError as error:
                raise PromptCancelled("there is no terminal to ask on") from error
            try:
                return await _ask(terminal, text, echo)
            except (OSError, termios.error) as error:
                raise PromptCancelled("the terminal went away") from error
            finally:
                os.close(terminal)


class FdPrompter:
    """Lines from a descriptor (``--password-fd N``), one for each question and none for a question that was answered:
    a refused secret is not tried again, and the next line is for something else."""

    def __init__(self, fd: int) -> None:
        """Owns ``fd`` from now on. Raises OSError when it is not open: make this before any event loop,
        which would take a free number for itself."""
        os.set_inheritable(fd, False)
        self._fd: int | None = fd
        self._answered: set[tuple[PromptKind, str, str]] = set()
        self._reading = asyncio.Lock()

    async def secret(self, question: Question) -> Answer:
        asked = (question.kind, question.text, question.gateway_words)
        async with self._reading:
            if question.again or self._fd is None or asked in self._answered:
                raise SecretUsedUp("the secret from the file descriptor has been used")
            first = not self._answered
            self._answered.add(asked)
            try:
                line = await _read_line(self._fd)
            except BaseException:
                self._close()
                raise
            if not line.endswith(b"\n") or len(self._answered) == MAX_LINES:
                self._close()
            if not line and not first:
                raise SecretUsedUp(f"the file descriptor has no line for this: {question.text}")
            return Answer(_decoded(line))

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        raise PromptCancelled("nobody is there to choose")

    async def notice(self, text: str, profile: str = "") -> None:
        await asyncio.Event().wait()    # nobody is there to read it

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


class Remembering:
    """What may be kept is to be kept: for whoever has said so beforehand."""

    def __init__(self, prompter: Prompter) -> None:
        self._prompter = prompter

    async def secret(self, question: Question) -> Answer:
        answer = await self._prompter.secret(question)
        return replace(answer, remember=question.may_remember)

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        return await self._prompter.choose(text, choices, profile)

    async def notice(self, text: str, profile: str = "") -> None:
        await self._prompter.notice(text, profile)


class Serial:
    """One question at a time, whoever asks: there is one person."""

    def __init__(self, prompter: Prompter) -> None:
        self._prompter = prompter
        self._asking = asyncio.Lock()

    async def secret(self, question: Question) -> Answer:
        _not_quietly()
        async with self._asking:
            return await self._prompter.secret(question)

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        _not_quietly()
        async with self._asking:
            return await self._prompter.choose(text, choices, profile)

    async def notice(self, text: str, profile: str = "") -> None:
        async with self._asking:
            await self._prompter.notice(text, profile)


# Set while what is prepared is not worth a prompt: what is held will do, or it is not done.
quietly: ContextVar[bool] = ContextVar("quietly", default=False)


def _not_quietly() -> None:
    if quietly.get():
        raise RoveError(Cause.PROMPT_UNANSWERED, "nobody is asked for this, and it is not held")


class Routed:
    """PINs from one prompter and everything else from another: ``--pin-fd`` beside ``--password-fd`` or a terminal."""

    def __init__(self, pins: Prompter, others: Prompter) -> None:
        self._pins, self._others = pins, others

    async def secret(self, question: Question) -> Answer:
        return await (self._pins if question.kind is PromptKind.PIN else self._others).secret(question)

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        return await self._others.choose(text, choices, profile)

    async def notice(self, text: str, profile: str = "") -> None:
        await self._others.notice(text, profile)


async def _ask(terminal: int, text: str, echo: bool) -> str:
    before = termios.tcgetattr(terminal)
    quiet = list(before)
    quiet[3] = (quiet[3] if echo else quiet[3] & ~termios.ECHO) | termios.ICANON
    termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)   # what was typed before the question is not the answer
    try:
        os.write(terminal, text.encode())
        line = b""
        while not line.endswith(b"\n"):
            await _readable(terminal)
            part = os.read(terminal, MAX_SECRET)
            if not part or len(line) > MAX_SECRET:
                raise PromptCancelled("no answer")      # Ctrl-D
            line += part
        return _decoded(line)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        os.write(terminal, b"\n")


async def _read_line(fd: int) -> bytes:
    line = b""
    try:
        while len(line) <= MAX_SECRET and not line.endswith(b"\n"):
            await _readable(fd)
            part = os.read(fd, 1)   # not one octet more: what follows belongs to others
            if not part:
                break
            line += part
    except OSError as error:
        raise PromptCancelled(f"the secret's file descriptor: {error.strerror}") from error
    return line


async def _readable(fd: int) -> None:
    """Waits without a thread, so that cancelling leaves nothing behind that still reads."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(fd, ready.set)
    except PermissionError:     # a regular file is always readable, and epoll knows none
        return
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)


def _decoded(line: bytes) -> str:
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if not line:
        raise PromptCancelled("an empty answer")
    if len(line) > MAX_SECRET:
        raise PromptCancelled(f"an answer longer than {MAX_SECRET} octets")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise PromptCancelled("an answer that is not UTF-8") from None
