"""The connections' log: bounded, plain, seen by those who may."""

import logging

import pytest

from client.core.helper.log import MAX_CONNECTIONS, MAX_LINES, MAX_TEXT, LogBook, plain, set_up_logging
from client.core.helper.owner import SYSTEM, Owner

ALICE, BOB = Owner(1000), Owner(1001)


@pytest.fixture
def clock():
    class Clock:
        now = 1000.0

        def __call__(self):
            self.now += 1
            return self.now
    return Clock()


@pytest.fixture
def book(clock, caplog):
    caplog.set_level(logging.INFO, "rove")
    return LogBook(clock)


def texts(lines):
    return [line.text for line in lines]


def test_users_see_their_own_and_the_machines_lines_in_order(book):
    book.write(SYSTEM, "office", "info", "one")
    book.write(ALICE, "work", "error", "two")
    book.write(BOB, "work", "info", "three")
    book.write(SYSTEM, "office", "info", "four")
    assert texts(book.since(0, 1000)) == ["one", "two", "four"]
    assert texts(book.since(1003, 1001)) == ["three", "four"]
    assert book.since(0, 1000)[1].to_json() == {
        "time": "1970-01-01T00:16:42.000Z", "connection": "work", "level": "error", "text": "two"}


def test_every_line_is_told_and_logged(book, caplog):
    told = []
    book.on_line = told.append
    book.write(ALICE, "work", "warning", "hello")
    assert texts(told) == ["hello"]
    assert caplog.records[-1].getMessage() == "work: hello"
    assert caplog.records[-1].levelno == logging.WARNING


def test_debug_lines_are_kept_only_while_debugging(book, caplog):
    book.write(ALICE, "work", "debug", "quiet")
    caplog.set_level(logging.DEBUG, "rove")
    book.write(ALICE, "work", "debug", "loud")
    assert texts(book.since(0, 1000)) == ["loud"]


def test_a_ring_forgets_the_oldest_lines_and_the_book_the_stalest_connection(book):
    book.write(ALICE, "stale", "info", "gone")
    for number in range(MAX_LINES + 1):
        book.write(ALICE, "work", "info", str(number))
    assert texts(book.since(0, 1000))[1] == "1"
    for number in range(MAX_CONNECTIONS):
        book.write(BOB, f"b{number}", "info", "x")
    assert book.since(0, 1000) == []


@pytest.mark.parametrize(("text", "shown"), [
    ("a\x1b[31m\r\nb\tc\0", "a [31m  b c "), ("evil\u202etxt\u2066", "evil txt "), ("\udcff", " "),
    ("Größe – 5 × ✓", "Größe – 5 × ✓"), ("x" * (MAX_TEXT + 1), "x" * (MAX_TEXT - 1) + "…"), ("y" * MAX_TEXT,) * 2])
def test_text_is_made_plain_and_bounded(text, shown):
    assert plain(text) == shown


@pytest.fixture
def root_logger():
    root, ours = logging.getLogger(), logging.getLogger("rove")
    before = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:], level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)


def test_the_journal_gets_levels(root_logger, monkeypatch, capsys):
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    set_up_logging(debug=False)
    logging.getLogger("rove.x").error("two\nlines")
    logging.getLogger("rove.x").debug("not said")
    logging.getLogger("dbus_fast").debug("never said: it prints messages")
    assert capsys.readouterr().err == "<3>two\n<3>lines\n"


def test_a_terminal_gets_times_and_debug_concerns_ours_only(root_logger, monkeypatch, capsys):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    set_up_logging(debug=True)
    logging.getLogger("rove.x").debug("said")
    logging.getLogger("dbus_fast").debug("never said: it prints messages")
    assert capsys.readouterr().err.endswith("DEBUG   said\n")
