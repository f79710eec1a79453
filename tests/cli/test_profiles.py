"""import, show, delete, disconnect, rekey, and the edges of the command line itself."""

import argparse
import json
import os
import stat

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from client.cli.parser import COMMANDS, parser
from client.model.cause import Cause, RoveError
from client.model.profile import parse_profile
from tests.pki.factory import make_ca

PROFILE = """\
name = "work"   # short
[gateway]
address = "vpn.example.org"
[user]
auth = "certificate"
certificate = "keys/alice.p12"
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "alice.p12").write_bytes(b"0bundle")
    path = tmp_path / "work.toml"
    path.write_text(PROFILE)
    return path


@pytest.fixture
def stored(tmp_path):
    return tmp_path / "data" / "rove" / "credentials" / "work"


def accept(toml, system):
    return parse_profile(toml).name


def test_import_copies_the_credentials(rove, roved, file, stored):
    roved.answers["ImportProfile"] = accept
    result = rove("import", str(file))
    assert (result.code, result.err) == (0, "")
    for words in ("Imported work.", "vpn.example.org", "the system's authorities", "alice.p12", "rove connect work"):
        assert words in result.out
    [[toml, system]] = roved.called("ImportProfile")
    assert (parse_profile(toml).user.certificate, system) == ("alice.p12", False)
    assert "# short" in toml
    assert (stored / "alice.p12").read_bytes() == b"0bundle"
    assert stat.S_IMODE((stored / "alice.p12").stat().st_mode) == 0o600


def test_import_under_another_name_for_all_users(rove, roved, tmp_path):
    roved.answers["ImportSystemProfile"] = lambda toml, files, secrets: accept(toml, True)
    (tmp_path / "a.sswan").write_text(json.dumps({
        "uuid": "3b1a5f2e-6c1d-4a5b-9d5e-0a8f1c2d3e4f", "name": "Office", "type": "ikev2-eap", "mtu": 1300, "x": 1,
        "remote": {"addr": "vpn.example.org"}, "local": {"eap_id": "alice"}}))
    result = rove("import", str(tmp_path / "a.sswan"), "--name", "home", "--system")
    assert result.code == 0
    assert roved.called("ImportSystemProfile")[0][1:] == [{}, {}]
    lines = result.out.splitlines()
    assert "Imported home." in lines[0]
    assert lines[lines.index("Not available in this version, and left out:") + 1].strip().startswith("mtu:")
    assert lines[lines.index("Not understood, and left out:") + 1].strip() == "x"


@pytest.fixture
def bundle(file):
    """Beside the profile, encrypted."""
    user = make_ca().issue("alice")
    (file.parent / "keys/alice.p12").write_bytes(pkcs12.serialize_key_and_certificates(
        b"alice", user.key, user.certificate, None, BestAvailableEncryption(b"passphrase")))
    return file


def lines(*secrets):
    """A descriptor to read them from."""
    reading, writing = os.pipe()
    os.write(writing, "".join(f"{secret}\n" for secret in secrets).encode())
    os.close(writing)
    return str(reading)


def test_a_system_profile_brings_what_roved_is_to_keep(rove, roved, bundle, stored):
    bundle.write_text(PROFILE.replace('"certificate"', '["certificate", "eap-mschapv2"]\nidentity = "alice"'))
    roved.answers["ImportSystemProfile"] = lambda toml, files, secrets: accept(toml, True)
    result = rove("import", str(bundle), "--system", "--password-fd", lines("passphrase", "password"))
    assert (result.code, result.err) == (0, "")
    [[toml, files, secrets]] = roved.called("ImportSystemProfile")
    assert (parse_profile(toml).user.certificate, set(files)) == ("alice.p12", {"alice.p12"})
    assert secrets == {"passphrase": "passphrase", "1": "password"}
    assert not stored.exists()
    assert "passphrase" not in result.out


@pytest.mark.parametrize("system", [True, False])
def test_a_passphrase_that_does_not_open_the_key_imports_nothing(rove, roved, bundle, stored, system):
    result = rove("import", str(bundle), *(["--system"] if system else []), "--password-fd", lines("wrong"))
    assert result.code == 6
    assert "passphrase" in result.err
    assert not [name for name, _, _ in roved.calls if name.startswith("Import")]
    assert not stored.exists()


def test_a_users_passphrase_is_tried_and_not_kept(rove, roved, bundle, stored):
    roved.answers["ImportProfile"] = accept
    assert rove("import", str(bundle), "--password-fd", lines("passphrase")).code == 0
    assert [path.name for path in stored.iterdir()] == ["alice.p12"]


def test_check_needs_no_roved_and_changes_nothing(rove, file, stored):
    result = rove("import", "--check", str(file))
    assert (result.code, result.err) == (0, "")
    assert "Can be imported as work." in result.out
    assert not stored.exists()
    file.write_text(PROFILE + '[policy]\nlockdown = "always"\n[dns]\nmode = 1\n')
    result = rove("import", "--check", str(file))
    assert (result.code, result.out) == (1, "")
    assert "policy.lockdown" in result.err
    assert "dns.mode" in result.err


@pytest.mark.parametrize(("gateway", "words"), [
    ('trust = "system"', "the system's authorities"), ("", "the system's authorities"),
    (f'pin = "sha256:{"ab" * 32}"', "the key of its pin alone")])
def test_check_says_by_whom_the_gateway_is_trusted(rove, tmp_path, gateway, words):
    path = tmp_path / "work.toml"
    path.write_text(f'name = "work"\n[gateway]\naddress = "gw.lab.test"\n{gateway}\n'
                    '[user]\nauth = "psk"\nidentity = "alice"\n')
    result = rove("import", "--check", str(path))
    assert (result.code, result.err) == (0, "")
    assert words in result.out


def test_a_refused_import_leaves_no_copies(rove, roved, file, stored):
    roved.answers["ImportProfile"] = RoveError(Cause.BAD_SETTINGS, "there is a profile named work already")
    result = rove("import", str(file))
    assert result.code == 1
    assert "there is a profile named work already" in result.err
    roved.answers["ImportProfile"] = RoveError(Cause.NOT_AUTHORISED)
    assert rove("import", str(file)).code == 12
    assert not stored.exists()


def test_credentials_that_cannot_be_copied_undo_the_import(rove, roved, file, stored):
    roved.answers["ImportProfile"] = accept
    stored.parent.parent.mkdir(parents=True)
    stored.parent.write_text("in the way")
    result = rove("import", str(file))
    assert result.code == 6
    assert roved.called("DeleteProfile") == [["work"]]


def test_what_cannot_be_imported(rove, file, tmp_path):
    assert rove("import", str(tmp_path / "none.toml")).code == 1
    (tmp_path / "evil.toml").write_text('"\\u001b[2J" = 1')
    result = rove("import", str(tmp_path / "evil.toml"))
    assert result.code == 1
    assert "\x1b" not in result.err


def test_without_a_terminal_nobody_is_asked_for_the_user_name(rove, tmp_path):
    (tmp_path / "a.toml").write_text('name = "a"\n[gateway]\naddress = "b"\n[user]\nauth = "psk"\n')
    result = rove("import", "--check", str(tmp_path / "a.toml"))
    assert result.code == 1
    assert "user.identity is missing" in result.err


def test_show(rove, roved):
    roved.answers["GetProfile"] = PROFILE + "# \x1b[2Jüber\n"
    result = rove("show", "work")
    assert (result.code, result.out) == (0, PROFILE + "# [2Jüber\n")
    roved.answers["GetProfile"] = RoveError(Cause.NO_SUCH_PROFILE, "there is no profile of this name")
    assert rove("show", "work").code == 10


def test_delete_removes_the_copies_too(rove, roved, stored):
    stored.mkdir(parents=True)
    (stored / "alice.p12").touch()
    roved.answers["DeleteProfile"] = RoveError(Cause.ALREADY_ACTIVE)
    assert rove("delete", "work", "--yes").code == 1
    assert stored.exists()
    roved.answers["DeleteProfile"] = None
    result = rove("delete", "work", "--yes")
    assert (result.code, result.out) == (0, "Deleted work.\n")
    assert not stored.exists()


def test_disconnect_and_rekey(rove, roved):
    assert rove("disconnect", "work").out == "Disconnected work.\n"
    assert rove("disconnect").code == 0
    assert roved.called("Disconnect") == [["work"], [""]]
    assert rove("rekey", "work").code == rove("rekey", "work", "--ike").code == 0
    assert roved.called("Rekey") == [["work", "child"], ["work", "ike"]]
    roved.answers["Rekey"] = RoveError(Cause.NO_SUCH_PROFILE)
    assert rove("rekey", "other").code == 10
    roved.answers["Rekey"] = RoveError(Cause.NOT_CONNECTED)
    result = rove("rekey", "work")
    assert result.code == 1
    assert "This connection is not up." in result.err
    assert "“rove connect” brings it up." in result.err
    roved.answers["Rekey"] = ("org.freedesktop.DBus.Error.Failed", "the weather is bad")
    result = rove("rekey", "work")
    assert (result.code, result.err) == (1, "rove: the weather is bad.\n")


@pytest.mark.parametrize("argv", [
    [], ["fly"], ["connect"], ["connect", "../etc"], ["connect", "work", "--timeout", "-1"],
    ["connect", "work", "--timeout", "nan"], ["connect", "work", "--time", "5"], ["connect", "work", "--password", "x"],
    ["connect", "work", "--password-fd", "-1"], ["connect", "work", "--password-fd", "²"], ["status", "a", "b"],
    ["rekey"], ["list", "--frob"], ["show", "a b"],
])
def test_usage_errors(rove, argv):
    result = rove(*argv)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("usage: rove")


def test_help_and_version(rove):
    result = rove("--help")
    assert result.code == 0
    for row in COMMANDS:
        assert f"  {row.name} " in result.out
        shown = rove(row.name, "--help")
        assert (shown.code, shown.err) == (0, "")
        assert shown.out.startswith(f"usage: rove {row.name}")
    assert rove("--version").out.startswith("rove ")


def test_no_secret_can_be_an_argument():
    [commands] = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    options = {option for sub in commands.choices.values() for action in sub._actions
               for option in action.option_strings}
    assert not {option for option in options if any(word in option for word in ("pass", "secret", "pin", "psk"))} - {
        "--password-fd", "--pin-fd", "--cache-pin"}     # numbers: of a descriptor, of minutes
