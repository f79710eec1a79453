"""What a roved that is started anew takes up."""

from pathlib import Path

import pytest

from client.core.helper.owner import SYSTEM, Owner
from client.core.helper.standing import FILE, Standing

ALICE, BOB = Owner(4711), Owner(4712)


def test_what_stood_is_known_after_a_restart(tmp_path: Path) -> None:
    before = Standing(tmp_path / "run")
    before.add(ALICE, "work", 4711)
    before.add(SYSTEM, "machine", None)
    before.add(SYSTEM, "asked", 4712)
    before.add(ALICE, "ended", 4711)
    before.remove(ALICE, "ended")
    assert not before.stood(ALICE, "work", 4711)        # it stands now
    after = Standing(tmp_path / "run")
    assert after.stood(ALICE, "work", 4711)
    assert not after.stood(ALICE, "ended", 4711)
    assert after.stood(SYSTEM, "machine", None)
    assert after.stood(SYSTEM, "asked", 4712)
    assert not after.stood(SYSTEM, "asked", 4711)       # another user's agent is not asked for it
    assert not after.stood(BOB, "work", 4712)


def test_it_is_taken_up_once_and_outlives_the_next_restart(tmp_path: Path) -> None:
    Standing(tmp_path).add(ALICE, "work", 4711)
    second = Standing(tmp_path)
    second.add(BOB, "other", 4712)
    assert Standing(tmp_path).stood(ALICE, "work", 4711)        # nobody was there to take it up yet
    second.add(ALICE, "work", 4711)
    assert not second.stood(ALICE, "work", 4711)
    assert Standing(tmp_path).stood(ALICE, "work", 4711)


def test_who_left_is_forgotten(tmp_path: Path) -> None:
    before = Standing(tmp_path)
    before.add(ALICE, "work", 4711)
    before.add(BOB, "work", 4712)
    Standing(tmp_path).forget(ALICE)
    after = Standing(tmp_path)
    assert not after.stood(ALICE, "work", 4711)
    assert after.stood(BOB, "work", 4712)


@pytest.mark.parametrize("content", [b"", b"{", b"[[1]]", b'[["x", "work", 1]]', b"[1]", b"x" * 70000, b"\xff"])
def test_a_file_that_is_none_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    standing = Standing(tmp_path)
    assert not standing.stood(ALICE, "work", 4711)
    standing.add(ALICE, "work", 4711)
    assert Standing(tmp_path).stood(ALICE, "work", 4711)


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    Standing(tmp_path / "file").add(ALICE, "work", 4711)
