"""Rove's own profiles: comments stay, certificates come in, everything wrong is named."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.importers import IdentityMissing, Imported, ImportFailed, import_file
from client.model.profile import parse_profile
from tests.importers.certificates import der_certificate, pem_certificate, private_key_pem

PROFILE = """\
# the office
version = 1
name = "work"            # short

[gateway]
address = ["vpn.example.org"]
trust = ["ca.pem"]       # ours

[user]
auth = "certificate"
certificate = "keys/alice.p12"

[tunnel]
remote = ["10.0.0.0/8"]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "alice.p12").write_bytes(b"\x30\x03alice")
    (tmp_path / "ca.pem").write_text(pem_certificate())
    return tmp_path


def imported(folder, text, **options):
    (folder / "work.toml").write_text(text)
    return import_file(folder / "work.toml", **options)


def outcome(data):
    """→ Imported, or what was wrong."""
    try:
        return import_file(data)
    except ImportFailed as error:
        return error.problems


def problems_of(call, *args, **options):
    with pytest.raises(ImportFailed) as caught:
        call(*args, **options)
    assert caught.value.problems
    return caught.value.problems


def test_comments_stay_and_certificates_come_in(folder):
    result = imported(folder, PROFILE)
    for comment in ("# the office", "# short"):
        assert comment in result.profile_toml
    profile = parse_profile(result.profile_toml)
    assert profile.gateway.trust == (pem_certificate(),)
    assert profile.user.certificate == "alice.p12"
    assert [(file.name, file.data) for file in result.credentials] == [("alice.p12", b"\x30\x03alice")]
    assert "x03" not in repr(result)
    assert (result.not_understood, result.missing) == ((), ())


def test_trust_takes_der_and_bundles_and_nothing_but_certificates(folder):
    (folder / "ca.der").write_bytes(der_certificate("other"))
    (folder / "bundle.pem").write_text(f"some words\n{private_key_pem()}{pem_certificate()}{pem_certificate('third')}")
    result = imported(folder, PROFILE.replace('["ca.pem"]', '["ca.der", "bundle.pem", "ca.pem"]'))
    trust = parse_profile(result.profile_toml).gateway.trust
    assert len(trust) == 3
    assert "PRIVATE" not in result.profile_toml
    assert "some words" not in result.profile_toml


def test_importing_what_was_imported_changes_nothing(folder):
    once = imported(folder, PROFILE).profile_toml
    (folder / "alice.p12").write_bytes(b"0")
    assert imported(folder, once).profile_toml == once


def test_a_new_name_and_a_name_from_the_file(folder):
    assert parse_profile(imported(folder, PROFILE, name="home").profile_toml).name == "home"
    nameless = imported(folder, PROFILE.replace('name = "work"            # short\n', ""))
    assert nameless.name == parse_profile(nameless.profile_toml).name == "work"
    assert "# the office" in nameless.profile_toml
    assert "name" in problems_of(imported, folder, PROFILE, name="../../etc")[0]


@pytest.mark.parametrize("written", [
    'name = "work"\ngateway = {address = ["192.0.2.1"], trust = ["ca.pem"]}\nuser = {auth = "psk", identity = "a"}',
    'name = "work"\ngateway.address = ["192.0.2.1"]\ngateway.trust = "ca.pem"\n[user]\nauth = "psk"\nidentity = "a"',
    'name = """work"""\n["gateway"]\n"address" = "192.0.2.1"\ntrust = ["ca.pem"\n]\n'
    '[user]\nauth = \'psk\'\nidentity = "a"',
])
def test_unusual_ways_of_writing_it(folder, written):
    profile = parse_profile(imported(folder, written, name="new").profile_toml)
    assert (profile.name, profile.gateway.trust) == ("new", (pem_certificate(),))


@pytest.mark.parametrize("written", [
    'aaa = { trust = ["ca.pem"], server_name = "radius.example.org" }',
    '[user.aaa]\ntrust = "ca.pem"\nserver_name = "radius.example.org"'])
def test_the_authentication_servers_authority_comes_in(folder, written):
    text = PROFILE.replace('"certificate"\n', '"eap-tls"\nidentity = "alice"\n')
    text = text.replace("[tunnel]", written + "\n[tunnel]")
    user = parse_profile(imported(folder, text).profile_toml).user
    assert (user.aaa.trust, user.aaa.server_name) == ((pem_certificate(),), "radius.example.org")
    found = problems_of(imported, folder, text.replace('"ca.pem"', '"gone.pem"'))
    assert any(problem.startswith("user.aaa: trust: ") and "gone.pem: No such" in problem for problem in found), found


def test_two_files_of_the_same_name(folder):
    (folder / "a.pem").write_bytes(b"certificate")
    (folder / "keys" / "a.pem").write_bytes(b"key")
    result = imported(folder, PROFILE.replace('"keys/alice.p12"', '"a.pem"\nkey = "keys/a.pem"'))
    user = parse_profile(result.profile_toml).user
    assert {file.name: file.data for file in result.credentials} == {user.certificate: b"certificate", user.key: b"key"}


def test_every_problem_is_named_at_once(folder):
    text = PROFILE.replace('"ca.pem"', '"gone.pem"') + '[policy]\nlockdown = "always"\n[roaming]\nfly = true\n'
    found = problems_of(imported, folder, text.replace("keys/alice.p12", "keys/bob.p12"))
    for words in ("gone.pem: No such file", "bob.p12: No such file", "policy.lockdown", "roaming.fly: there is no"):
        assert any(words in problem for problem in found), words


@pytest.mark.parametrize(("change", "words"), [
    (('"keys/alice.p12"', '"pkcs11:token=x?pin-value=1"'), "user.certificate: pin-value must not be there"),
    (('["ca.pem"]', '["keys/alice.p12"]'), "gateway.trust: keys/alice.p12"),
    (('["ca.pem"]', '["~nobody-at-all/ca.pem"]'), "gateway.trust"),
    (('["ca.pem"]', "[7]"), "gateway.trust: must be"),
    (("[user]", "[[user]]"), "user: must be a table"),
    (("version = 1", "version = 2"), "version"),
    (("version = 1", "version = " + "9" * 5000), "not TOML"),
    (("version = 1", "x = " + "[" * 90 + "]" * 90), "nested"),
    (("version = 1", "x = " + "[" * 9000), "not TOML"),
    (("version = 1", "a." * 90000 + "a = 1"), "line 2 is too long"),
    (('certificate = "keys/alice.p12"', ""), "user.certificate is missing"),
])
def test_refused_by_name(folder, change, words):
    found = problems_of(imported, folder, PROFILE.replace(*change))
    assert any(words in problem for problem in found), found


def test_only_bounded_regular_files_are_read(folder):
    os.mkfifo(folder / "fifo")
    (folder / "big.pem").write_bytes(b"x" * (1024 * 1024 + 1))
    (folder / "empty.p12").touch()
    for name, words in (("fifo", "not a regular file"), ("keys", "Is a directory"), ("big.pem", "larger than"),
                        ("empty.p12", "is empty"), ("nul\\u0000", "null byte")):
        found = problems_of(imported, folder, PROFILE.replace("keys/alice.p12", name))
        assert any(words in problem for problem in found), (words, found)
    (folder / "big.toml").write_bytes(b"#" * (256 * 1024 + 1))
    assert "larger" in problems_of(import_file, folder / "big.toml")[0]
    assert "No such file" in problems_of(import_file, folder / "none.toml")[0]
    assert "UTF-8" in problems_of(import_file, b"\xff\xfe\x00")[0]


def test_contents_alone_cannot_name_files():
    assert any("not a file" in problem for problem in problems_of(import_file, PROFILE.encode()))


def test_the_user_may_be_asked_for_the_name(folder):
    text = PROFILE.replace('"certificate"\ncertificate = "keys/alice.p12"', '"eap-mschapv2"')
    with pytest.raises(IdentityMissing):
        imported(folder, text)
    assert parse_profile(imported(folder, text, identity="alice").profile_toml).user.identity == "alice"
    with pytest.raises(ImportFailed) as caught:
        imported(folder, text + "[dns]\nmode = 'sometimes'\n")
    assert not isinstance(caught.value, IdentityMissing)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_profiles_give_a_result_or_a_named_error(data):
    text = bytearray(PROFILE.replace('"certificate"\ncertificate = "keys/alice.p12"', '"psk"\nidentity = "a"').replace(
        '["ca.pem"]', '"""' + pem_certificate() + '"""').encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place:place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    result = outcome(bytes(text))
    if isinstance(result, Imported):
        assert parse_profile(result.profile_toml).name == result.name
    else:
        assert result
        assert all(isinstance(problem, str) and problem for problem in result)
