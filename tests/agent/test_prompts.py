"""Prompts on a pseudo-terminal and from descriptors."""

import asyncio
import os
import pty
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.agent.prompts import (
    MAX_LINES,
    Choice,
    FdPrompter,
    PromptCancelled,
    Prompter,
    PromptKind,
    Question,
    SecretUsedUp,
    TerminalPrompter,
)


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def echoing(path: str) -> bool:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        return bool(termios.tcgetattr(fd)[3] & termios.ECHO)
    finally:
        os.close(fd)


async def question(master: int, end: bytes = b": ") -> str:
    """What the terminal shows, up to where the user types."""
    shown = b""
    async with asyncio.timeout(5):
        while not shown.endswith(end):
            shown += await asyncio.to_thread(os.read, master, 4096)
    return shown.decode()


async def ask(path: str, words: str = "") -> str:
    return await answer_of(TerminalPrompter(path), PromptKind.PASSWORD, "Password of alice", words=words)


async def answer_of(prompter: Prompter, kind: PromptKind, text: str, *, words: str = "", again: bool = False) -> str:
    return (await prompter.secret(Question(kind, text, gateway_words=words, again=again))).text


def test_a_password_is_read_without_echo(terminal: tuple[int, str]) -> None:
    async def scenario() -> None:
        master, path = terminal
        answer = asyncio.create_task(ask(path, "Come back at nine"))
        assert await question(master) == "The gateway says: Come back at nine\r\nPassword of alice: "
        assert not echoing(path)
        os.write(master, "pässword\n".encode())
        assert await answer == "pässword"
        assert echoing(path)
        assert b"word" not in os.read(master, 4096)
    asyncio.run(scenario())


def test_cancelling_restores_the_terminal_and_leaves_no_reader(terminal: tuple[int, str]) -> None:
    async def scenario() -> None:
        master, path = terminal
        first = asyncio.create_task(ask(path))
        await question(master)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert echoing(path)
        second = asyncio.create_task(ask(path))
        await question(master)
        os.write(master, b"mine\n")
        assert await second == "mine"
    asyncio.run(scenario())


@pytest.mark.parametrize("typed", [b"\x04", b"\n", b"\xff\xff\n"])
def test_no_answer_is_a_cancelled_prompt(terminal: tuple[int, str], typed: bytes) -> None:
    async def scenario() -> None:
        master, path = terminal
        answer = asyncio.create_task(ask(path))
        await question(master)
        os.write(master, typed)
        with pytest.raises(PromptCancelled):
            await answer
        assert echoing(path)
    asyncio.run(scenario())


@pytest.mark.parametrize(("typed", "index"), [(b"2\n", 1), (b"3\n", None), (b"0\n", None), (b"x\n", None),
                                              (b"9" * 5000 + b"\n", None), ("\u00b2\n".encode(), None)])
def test_one_of_several_is_chosen_by_number(terminal: tuple[int, str], typed: bytes, index: int | None) -> None:
    async def scenario() -> None:
        master, path = terminal
        choices = (Choice("alice", "until 2027"), Choice("bob"))
        answer = asyncio.create_task(TerminalPrompter(path).choose("Which certificate?", choices))
        shown = await question(master, b"Number: ")
        assert shown == "Which certificate?\r\n  1  alice (until 2027)\r\n  2  bob\r\nNumber: "
        os.write(master, typed)
        if index is None:
            with pytest.raises(PromptCancelled):
                await answer
        else:
            assert await answer == index
    asyncio.run(scenario())


@pytest.mark.parametrize("path", ["/dev/null", "/nonexistent"])
def test_no_terminal_is_a_cancelled_prompt(path: str) -> None:
    with pytest.raises(PromptCancelled):
        asyncio.run(ask(path))


def from_fd(prompter: FdPrompter) -> str:
    return asyncio.run(answer_of(prompter, PromptKind.PSK, "Key"))


@pytest.mark.parametrize(("data", "secret"), [(b"one\ntwo\n", "one"), (b"one\r\n", "one"), (b"one", "one"),
                                              (b" a b \n", " a b ")])
def test_one_line_is_read_once(data: bytes, secret: str) -> None:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    prompter = FdPrompter(reader)
    assert from_fd(prompter) == secret
    with pytest.raises(SecretUsedUp):
        from_fd(prompter)


def test_the_fd_may_be_a_file_and_is_closed_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from a file\n")
    fd = os.open(tmp_path / "pw", os.O_RDONLY)
    prompter = FdPrompter(fd)
    assert from_fd(prompter) == "from a file"
    with pytest.raises(SecretUsedUp, match="no line for this: Post-quantum key"):
        asyncio.run(answer_of(prompter, PromptKind.PPK, "Post-quantum key"))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_each_question_gets_a_line_and_none_gets_two() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"key\npassword\nleft over\n")      # and the pipe stays open: nobody waits for what will not come
    prompter = FdPrompter(reader)
    assert from_fd(prompter) == "key"
    assert asyncio.run(answer_of(prompter, PromptKind.PASSWORD, "Password")) == "password"
    for kind, text, again in ((PromptKind.PSK, "Key", False), (PromptKind.PASSWORD, "Password", False),
                              (PromptKind.PASSWORD, "The last one was refused. Password", True)):
        with pytest.raises(SecretUsedUp, match="has been used"):
            asyncio.run(answer_of(prompter, kind, text, again=again))
    os.close(writer)


def test_lines_are_bounded() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x\n" * (MAX_LINES + 1))
    prompter = FdPrompter(reader)
    for number in range(MAX_LINES):
        assert asyncio.run(answer_of(prompter, PromptKind.PASSWORD, f"Password {number}")) == "x"
    with pytest.raises(SecretUsedUp):
        from_fd(prompter)
    os.close(writer)


@pytest.mark.parametrize("data", [b"", b"\n", b"x" * 5000, b"\xff\n"])
def test_unusable_lines_cancel(data: bytes) -> None:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    with pytest.raises(PromptCancelled):
        from_fd(FdPrompter(reader))


def test_a_silent_pipe_can_be_cancelled() -> None:
    async def scenario() -> None:
        reader, writer = os.pipe()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await answer_of(FdPrompter(reader), PromptKind.PSK, "Key")
        os.close(writer)
    asyncio.run(scenario())


def test_a_closed_descriptor_is_told_at_once_and_an_open_one_is_not_inherited() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    os.set_inheritable(reader, True)
    FdPrompter(reader)
    assert not os.get_inheritable(reader)
    os.close(reader)
    with pytest.raises(OSError, match="Bad file descriptor"):
        FdPrompter(reader)
