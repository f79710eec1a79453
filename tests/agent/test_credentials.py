"""The user's credential files: owner-only copies under XDG_DATA_HOME."""

from pathlib import Path

import pytest

from client.agent import credentials
from client.model.cause import Cause, RoveError
from client.model.profile import ProfileError


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data"


def test_a_copy_is_owner_only_and_can_be_replaced_and_removed(tmp_path: Path, data_home: Path) -> None:
    source = tmp_path / "alice.p12"
    source.write_bytes(b"one")
    source.chmod(0o644)
    assert credentials.store("work", source) == "alice.p12"
    stored = data_home / "rove" / "credentials" / "work" / "alice.p12"
    assert credentials.stored_file("work", "alice.p12") == stored
    assert stored.read_bytes() == b"one"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert stored.parent.stat().st_mode & 0o777 == 0o700
    source.write_bytes(b"two")
    credentials.store("work", source)
    assert stored.read_bytes() == b"two"
    assert [path.name for path in stored.parent.iterdir()] == ["alice.p12"]
    credentials.remove("work")
    assert not stored.parent.exists()
    credentials.remove("work")


def test_a_relative_xdg_data_home_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert credentials.credentials_dir("work") == tmp_path / ".local/share/rove/credentials/work"


def test_links_are_not_followed(tmp_path: Path, data_home: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "file").write_text("precious")
    folder = data_home / "rove" / "credentials"
    folder.mkdir(parents=True)
    (folder / "work").symlink_to(victim)
    credentials.remove("work")
    assert (victim / "file").read_text() == "precious"
    (folder / "home").mkdir()
    (folder / "home" / ".key.part").symlink_to(victim / "file")
    credentials.store_bytes("home", "key", b"new")
    assert (victim / "file").read_text() == "precious"


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../x", "a\nb", "x" * 201])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(RoveError) as error:
        credentials.store_bytes("work", name, b"x")
    assert error.value.cause is Cause.CREDENTIAL_UNUSABLE
    with pytest.raises(RoveError):
        credentials.stored_file("work", name)


@pytest.mark.parametrize("profile", ["", "..", "a/b", "."])
def test_profile_names_are_checked(profile: str) -> None:
    with pytest.raises(ProfileError):
        credentials.credentials_dir(profile)


def test_sizes_and_numbers_are_bounded(tmp_path: Path) -> None:
    for data in (b"", b"x" * (credentials.MAX_FILE + 1)):
        with pytest.raises(RoveError):
            credentials.store_bytes("work", "key", data)
    for number in range(credentials.MAX_FILES):
        credentials.store_bytes("work", f"file{number}", b"x")
    credentials.store_bytes("work", "file0", b"y")
    with pytest.raises(RoveError):
        credentials.store_bytes("work", "one-more", b"x")
    with pytest.raises(RoveError, match="No such file"):
        credentials.store("work", tmp_path / "nowhere")
