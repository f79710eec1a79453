"""Profiles on disk: what is kept, what is refused, and what a hostile or broken folder may not do."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from client.core.helper.owner import SYSTEM, Owner
from client.core.helper.store import MAX_PROFILES, ProfileStore
from client.model.cause import Cause, RoveError
from client.model.profile import MAX_BYTES, MAX_DOTS
from tests.helper.world import profile

ALICE, BOB = Owner(1000), Owner(1001)


@pytest.fixture
def store(tmp_path):
    return ProfileStore(tmp_path / "state", tmp_path / "etc")


@pytest.fixture
def folder(tmp_path, store):
    """Alice's, with one profile."""
    store.add(ALICE, profile("work"))
    return tmp_path / "state/profiles/1000"


def refused(cause, function, *arguments):
    with pytest.raises(RoveError) as caught:
        function(*arguments)
    assert caught.value.cause is cause
    return caught.value.detail


def ca_pem():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    now = datetime.now(UTC)
    return (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM).decode())


def test_each_owner_has_own_profiles_readable_by_root_only(store, tmp_path):
    for owner in (ALICE, SYSTEM):
        store.add(owner, profile("work"))
    assert [stored.name for stored in store.all(ALICE)] == ["work"]
    assert store.load(SYSTEM, "work").text == profile("work")
    assert store.all(BOB) == []
    assert not store.exists(BOB, "work")
    for file in (tmp_path / "state/profiles/1000/work.toml", tmp_path / "etc/profiles.d/work.toml"):
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
    store.delete(ALICE, "work")
    assert store.all(ALICE) == []
    assert store.exists(SYSTEM, "work")


def test_a_profile_with_its_own_ca_is_taken(store):
    pem = ca_pem()
    store.add(ALICE, profile("ca", trust=pem))
    assert store.load(ALICE, "ca").profile.gateway.trust == (pem,)


@pytest.mark.parametrize(("text", "words"), [
    (profile("work"), "already"),
    (profile("bad", trust="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "item 1"),
    (profile("bad", trust="/etc/shadow"), "item 1"),
    (profile("../escape"), "name"),
    (profile(".hidden"), "name"),
    ("x = " + "9" * 5000, "digits"),
    ("a." * (MAX_DOTS + 1) + "b = 1", "line 1"),
    ("#" * (MAX_BYTES + 1), "larger"),
    ("\udcff", ""),
])
def test_what_cannot_be_used_is_refused_by_name_and_not_written(store, folder, text, words):
    assert words in refused(Cause.BAD_SETTINGS, store.add, ALICE, text)
    assert os.listdir(folder) == ["work.toml"]


def test_the_number_of_profiles_is_bounded_for_each_owner(store, folder):
    for number in range(MAX_PROFILES - 1):
        (folder / f"p{number}.toml").write_text("")
    assert str(MAX_PROFILES) in refused(Cause.BAD_SETTINGS, store.add, ALICE, profile("more"))
    store.add(BOB, profile("more"))


@pytest.mark.parametrize("name", ["", "..", "../1001/work", "work/../work", "work.toml\0", "x" * 65, "wörk", "gone"])
def test_names_that_are_none_do_not_exist(store, folder, name):
    for method in (store.load, store.delete):
        refused(Cause.NO_SUCH_PROFILE, method, ALICE, name)
    assert not store.exists(ALICE, name)


def test_broken_files_are_listed_with_their_error(store, folder, tmp_path):
    (tmp_path / "secret").write_text(profile("link"))
    (folder / "link.toml").symlink_to(tmp_path / "secret")
    (folder / "garbage.toml").write_bytes(b"\xff\xfe")
    (folder / "half.toml").write_text(profile("half")[:20])
    (folder / "other.toml").write_text(profile("another"))
    (folder / "large.toml").write_bytes(b"#" * (MAX_BYTES + 1))
    (folder / "folder.toml").mkdir()
    os.mkfifo(folder / "fifo.toml")
    (folder / "not a name.toml").write_text("")
    (folder / ".work.toml.new").write_text("left by a power cut")
    listed = {stored.name: stored for stored in store.all(ALICE)}
    assert listed.keys() == {"work", "link", "garbage", "half", "other", "large", "folder", "fifo"}
    assert [name for name, stored in listed.items() if stored.profile] == ["work"]
    assert all(stored.error for name, stored in listed.items() if name != "work")
    assert listed["link"].text == ""
    store.delete(ALICE, "link")
    assert (tmp_path / "secret").exists()
    store.add(ALICE, profile("link"))


def test_a_folder_that_is_a_link_or_others_may_write_is_not_used(store, folder, tmp_path):
    folder.chmod(0o777)
    assert "written by others" in refused(Cause.HOST_SETUP, store.load, ALICE, "work")
    folder.chmod(0o700)
    (tmp_path / "state/profiles/1001").symlink_to(folder)
    assert "not a directory" in refused(Cause.HOST_SETUP, store.all, BOB)


def test_a_disk_that_refuses_leaves_nothing_behind(store, folder, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in refused(Cause.HOST_SETUP, store.add, ALICE, profile("new"))
    assert os.listdir(folder) == ["work.toml"]


def test_a_profile_is_replaced_whole_or_not_at_all(store, folder):
    new = profile("work").replace("vpn.example.org", "gw.example.org")
    store.replace(ALICE, "work", new)
    assert store.load(ALICE, "work").text == new
    refused(Cause.BAD_SETTINGS, store.replace, ALICE, "work", new.replace('"psk"', '"magic"'))
    refused(Cause.BAD_SETTINGS, store.replace, ALICE, "work", profile("other"))
    refused(Cause.NO_SUCH_PROFILE, store.replace, ALICE, "other", profile("other"))
    refused(Cause.NO_SUCH_PROFILE, store.replace, BOB, "work", new)
    assert store.load(ALICE, "work").text == new
    assert os.listdir(folder) == ["work.toml"]


def test_a_full_disk_keeps_the_old_profile(store, folder, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")
    old = store.load(ALICE, "work").text
    monkeypatch.setattr(os, "fsync", full)
    refused(Cause.HOST_SETUP, store.replace, ALICE, "work", profile("work") + "\n")
    assert store.load(ALICE, "work").text == old
