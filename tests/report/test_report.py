"""Secrets and identities go in, and none comes out."""

import stat
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.model.profile import KEYS
from client.report import report_text, write_report
from client.report.collect import Material
from client.report.facts import system_facts
from client.report.mask import Mask
from client.report.profile import TOLD, WORDS, told_profile

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PEM = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ0FyZQ\n-----END CERTIFICATE-----\n"
# each is put where a mistake could put it
SECRETS = {
    "password": "hunter2 correct horse", "pin": "987123", "psk": "s3cr3tPSK!",
    "hex": "00112233445566778899aabbccddeeff",
    "base64": "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6Cg==", "nt": "0x8846F7EAEE8FB117AD06BDD830B7586C",
    "query": "sesskey-4711"}
IDENTITIES = (
    "alice.doe@corp.example", "alice.doe", "CORP\\adoe", "adoe", "Alice Doe", "bilbo", "anonymous@realm.example",
    "mylaptop", "mylaptop.home.example", "192.168.7.23", "198.51.100.77", "10.99.0.10", "fd00:7::10", "2001:db8:7::1",
    "fe80::1234:56ff:fe78:9abc", "52:54:00:12:34:56", "alice-card", "MyEmployer", "ppk-of-alice", "4C0FFEE")
PROFILE = f"""version = 1
name = "MyEmployer"
[gateway]
address = ["vpn.corp.example", "203.0.113.5"]
trust = ['''{PEM}''']
pin = "sha256:{"ab" * 32}"
[user]
auth = ["certificate", "eap-mschapv2"]
identity = ["alice.doe@corp.example", "CORP\\\\adoe"]
ike_identity = ["", "anonymous@realm.example"]
certificate = "pkcs11:token=alice-card;object=x?pin-value={SECRETS['pin']}"
[ike]
ppk = "ppk-of-alice"
[tunnel]
remote = ["10.20.0.0/16"]
[later]
password = "{SECRETS['psk']}"
"""
STATUS = {"version": 1, "connections": [{
    "name": "MyEmployer", "state": "connected", "since": "2026-05-04T11:00:00.000Z",
    "gateway": {"address": "203.0.113.5", "port": 4500, "identity": "vpn.corp.example"},
    "path": {"interface": "wlan0", "local": "192.168.7.23:4500", "remote": "203.0.113.5:4500", "transport": "udp",
             "nat": True},
    "virtual_ips": ["10.99.0.10", "fd00:7::10"], "dns": {"servers": ["10.20.0.1"], "domains": []},
    "ike": {"spi_i": "0123456789abcdef", "proposal": "aes256gcm16-prfsha384-ecp384-ke1_mlkem768"},
    "children": [{"local_ts": ["10.99.0.10/32"], "remote_ts": ["10.20.0.0/16"]}],
    "password": SECRETS["psk"],
    "findings": [{"code": "x", "message": "Your certificate CN=Alice Doe,UID=adoe expires"}]}]}
LOG = (
    f"password={SECRETS['password']}", f"the PIN: {SECRETS['pin']}", f'psk "{SECRETS["psk"]}" was taken',
    f"SK_d {SECRETS['hex']}", f"NT hash {SECRETS['nt']}", f"blob {SECRETS['base64']}",
    f"portal at https://portal.example/login?user=adoe&k={SECRETS['query']}", f"https://adoe:{SECRETS['query']}@portal.example",
    "EAP identity alice.doe@corp.example refused; ALICE.DOE@CORP.EXAMPLE too", "the gateway says “Welcome Alice Doe”",
    "certificate subject CN=Alice Doe, serialNumber=4C0FFEE, O=Corp", "user CORP\\adoe", "read /home/bilbo/keys/x.pem",
    "from [192.168.7.23]:4500 to 203.0.113.5:4500, public 198.51.100.77, 2001:db8:7::1",
    "on fe80::1234:56ff:fe78:9abc%wlan0",
    "ethernet 52:54:00:12:34:56 of mylaptop.home.example", "token “alice-card” of bilbo", PEM,
    "MyEmployer: network unreachable at 12:34:56, aes256gcm16-prfsha384-ecp384-ke1_mlkem768 agreed")


@pytest.fixture
def report():
    names = (("bilbo", "login"), ("Alice Doe", "person"), ("Alice", "person"), ("User", "person"), ("Doe", "person"),
             ("mylaptop.home.example", "host"), ("mylaptop", "host"))
    log = tuple({"time": "2026-05-04T11:59:00.000Z", "connection": "MyEmployer", "level": "info", "text": text}
                for text in LOG)
    facts = (("rove-vpn", "1.0"), ("Python", "3.13"))
    return report_text(Material(facts, names, {"MyEmployer": PROFILE}, STATUS, log), NOW)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=list(SECRETS))
def test_no_secret_is_in_it(report, secret):
    for part in secret.split():
        assert part.casefold() not in report.casefold()


@pytest.mark.parametrize("identity", IDENTITIES)
def test_nobody_is_named_in_it(report, identity):
    assert identity.casefold() not in report.casefold()


def test_what_helps_is_in_it(report):
    for told in ("rove-vpn: 1.0", "Profile profile-1", "Connection profile-1", '["vpn.corp.example", "203.0.113.5"]',
                 "gateway.trust: (set, 1 items)", "state: connected", "path.nat: True", '["10.20.0.0/16"]',
                 "aes256gcm16-prfsha384-ecp384-ke1_mlkem768 agreed", "at 12:34:56", "203.0.113.5:4500",
                 "2026-05-04T11:59:00.000Z  profile-1  info", "user names", "0123456789abcdef", "https://portal.example/…"):
        assert told in report, told


def test_our_own_words_stay_whatever_the_user_is_called():
    names = tuple((name, "person") for name in ("User", "State", "names", "Python", "Auth", "Gateway", "kernel"))
    text = report_text(Material((("Python", "3.13"),), names, {"MyEmployer": PROFILE}, STATUS), NOW)
    for told in ("Masked: user names", "Python: 3.13", "user.auth:", "gateway.address:", "state: connected"):
        assert told in text
    assert "later.password (secret)" in text


def test_the_same_value_has_the_same_mark(report):
    assert report.count("private-ipv4-1") >= 2        # of the path and of the log


def test_without_roved_it_says_so_and_why():
    text = report_text(Material((), (), trouble="roved ended"), NOW)
    assert "roved\n  was not asked: roved ended" in text


def test_a_profile_that_is_none_tells_its_error_only():
    assert told_profile("password = ") == [("cannot be used", told_profile("password = ")[0][1])]
    assert ("later.password", "(set)") in told_profile(PROFILE)


def test_each_key_is_told_or_not_on_purpose():
    """A key that is new is not told until somebody has decided so."""
    assert TOLD | WORDS.keys() <= KEYS.keys()
    assert KEYS.keys() - TOLD - WORDS.keys() == {
        "name", "gateway.pin", "user.identity", "user.ike_identity", "user.certificate", "user.key", "user.aaa",
        "dns.domains", "ike.ppk", "child"}


@given(before=st.text(" ,;:=\"'()[]<>/@\\\n", max_size=3), after=st.text(" ,;:=\"'()[]<>/@\\\n", max_size=3),
       name=st.sampled_from(["bilbo", "Bilbo Baggins", "baggins@shire.example", "SHIRE\\bilbo"]),
       shout=st.booleans())
def test_a_known_name_is_found_between_whatever_signs(before, after, name, shout):
    mask = Mask([("bilbo", "login"), ("Bilbo Baggins", "person"), ("baggins@shire.example", "user")])
    text = mask(f"x{before or ' '}{name.upper() if shout else name}{after or ' '}y")
    assert name.casefold() not in text.casefold()
    assert "bilbo" not in text.casefold()


@given(st.text(max_size=300))
def test_no_text_is_too_odd(text):
    Mask([("bilbo", "login")], ["not an address"])(text)


@pytest.mark.parametrize("kept", [
    "0.0.0.0/0", "::/0", "127.0.0.1", "::1", "203.0.113.5", "12:34:56", "2026-05-04T11:59:00.000Z", "version 1.2.3.4.5",
    "aes256gcm16-prfsha384-ecp384-ke1_mlkem768", "0123456789abcdef", "the PIN is locked", "network",
    "curve25519 + ML-KEM-768", 'user.auth: "psk"', "token_removed: 1"])
def test_what_names_nobody_stays(kept):
    assert Mask([("net", "person")], ["203.0.113.5"])(kept) == kept


def test_facts_have_no_names(monkeypatch, tmp_path):
    facts = dict(system_facts({"XDG_CURRENT_DESKTOP": "XFCE", "USER": "bilbo", "HOSTNAME": "mylaptop"}))
    assert facts["XDG_CURRENT_DESKTOP"] == "XFCE"
    assert facts["Python"]
    assert not {"bilbo", "mylaptop"} & set(facts.values())


# --- the file ---


def test_it_is_its_owners_alone_and_whole(tmp_path):
    write_report(tmp_path / "r.txt", "text\n")
    assert (tmp_path / "r.txt").read_text() == "text\n"
    assert stat.S_IMODE((tmp_path / "r.txt").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["r.txt"]


def test_nothing_is_overwritten_unasked(tmp_path):
    there, link = tmp_path / "r.txt", tmp_path / "link"
    there.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for path in (there, link):
        with pytest.raises(FileExistsError):
            write_report(path, "text")
    assert (there.read_text(), (tmp_path / "nowhere").exists(), len(list(tmp_path.iterdir()))) == ("mine", False, 2)
    write_report(there, "new", overwrite=True)
    write_report(link, "new", overwrite=True)
    assert (there.read_text(), link.is_symlink(), (tmp_path / "nowhere").exists()) == ("new", False, False)
