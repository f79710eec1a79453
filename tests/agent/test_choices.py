"""The remembered certificates: read back, forgotten, and nothing a broken file could do."""

import os
from pathlib import Path

import pytest

from client.agent.choices import Choice, forget, remember, remembered, state_file

ONE = Choice("ab" * 32, "badge", "0815", True)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_remembered_by_profile(state: Path) -> None:
    assert remembered("work") is None
    remember("work", ONE)
    remember("home", Choice("cd" * 32, "spare", "", False))
    assert remembered("work") == ONE
    assert os.listdir(state / "rove") == ["smartcards.json"]
    assert (state / "rove").stat().st_mode & 0o077 == 0
    forget("work")
    forget("work")
    assert remembered("work") is None
    assert remembered("home") is not None


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"work": 7}', '{"work": {}}', "[" * 100000,
                                  '{"work": {"certificate": 1, "label": "", "serial": "", "chosen": true}}',
                                  '{"work": {"certificate": "", "label": "", "serial": "", "more": ""}}'])
def test_a_broken_file_is_an_empty_one(text: str) -> None:
    state_file().parent.mkdir(parents=True)
    state_file().write_text(text)
    assert remembered("work") is None
    remember("work", ONE)
    assert remembered("work") == ONE


def test_a_relative_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    assert state_file() == Path.home() / ".local/state/rove/smartcards.json"
