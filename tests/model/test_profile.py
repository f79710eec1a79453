"""Profiles: every key is checked, what is not available is refused by name, nothing crashes."""

import base64
import copy
import tomllib
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.model.endpoint import Endpoint
from client.model.profile import KEYS, MAX_BYTES, Profile, ProfileError, check_name, parse_profile, profile_from_dict

BASE = {"name": "work", "gateway": {"address": ["vpn.example.org", "192.0.2.1", "2001:db8::1"]},
        "user": {"auth": "psk", "identity": "alice"}}


def with_value(key, value):
    tree = copy.deepcopy(BASE)
    *tables, last = key.split(".")
    target = tree
    for table in tables:
        target = target.setdefault(table, {})
    target[last] = value
    return tree


def test_defaults():
    profile = profile_from_dict(BASE)
    assert profile.gateway.identity == "vpn.example.org"
    assert profile.gateway.trust == "system"
    assert profile.tunnel.full
    assert profile.tunnel.remote == (ip_network("0.0.0.0/0"), ip_network("::/0"))
    assert (profile.ike.lifetime, profile.ike.child_lifetime, profile.ike.dpd) == (14400, 3600, 30)
    assert profile.ike.mobike
    assert profile.dns.mode == "auto"


@pytest.mark.parametrize("key", sorted(set(KEYS) - {"name", "gateway.address", "user.auth", "user.identity"}))
def test_every_default_may_be_written_out(key):
    default = KEYS[key][1]
    assert profile_from_dict(with_value(key, list(default) if isinstance(default, tuple) else default)) == (
        profile_from_dict(BASE))


@pytest.mark.parametrize(("key", "value"), [
    ("policy.lockdown", "always"), ("policy.on_reauth_failure", "lockdown")])
def test_what_has_not_landed_is_refused_by_name(key, value):
    with pytest.raises(ProfileError, match=rf"^{key}: .*not available in this version"):
        profile_from_dict(with_value(key, value))


@pytest.mark.parametrize(("key", "value"), [
    ("gateway.revocation", "hard"), ("gateway.revocation", False), ("gateway.pin", "sha256:00"),
    ("gateway.pin", "00" * 32), ("gateway.pin", "sha1:" + "00" * 32), ("gateway.pin", "sha256:" + "0g" * 32),
    ("gateway.pin", 3), ("nme", "x"), ("ike.legacy", "yes"), ("ike.legacy", True),
    ("gateway.adress", "x"), ("gateway", "vpn"), ("name", "../x"), ("name", ""), ("name", 3),
    ("name", "a" * 65), ("gateway.address", []), ("gateway.address", "a b"), ("gateway.address", "a..b"),
    ("gateway.address", ["a"] * 257), ("gateway.trust", []), ("gateway.trust", [3]), ("user.auth", "magic"),
    ("user.identity", "a\nb"), ("user.identity", "a" * 1025), ("tunnel.remote", []), ("tunnel.remote", "10.0.0.1/8"),
    ("tunnel.exclude", "10/99"), ("tunnel.lan", "maybe"), ("dns.domains", "a b"), ("ike.lifetime", "4 h"),
    ("ike.lifetime", "9s"), ("ike.lifetime", 4), ("ike.dpd", "2h"), ("ike.mobike", "yes"), ("version", 2)])
def test_refused_by_name(key, value):
    with pytest.raises(ProfileError, match=rf"^{key}\b"):
        profile_from_dict(with_value(key, value))


PIN = "ab" * 32


@pytest.mark.parametrize("written", [
    f"sha256:{PIN}", f"SHA256:{PIN.upper()}", "sha256:" + ":".join(["ab"] * 32),
    "sha256:" + base64.b64encode(bytes.fromhex(PIN)).decode()])
def test_a_pin_needs_no_authority(written):
    gateway = profile_from_dict(with_value("gateway.pin", written)).gateway
    assert (gateway.pin, gateway.trust) == (f"sha256:{PIN}", "pin")


def test_a_pin_beside_an_authority():
    table = {"address": "vpn.example.org", "pin": f"sha256:{PIN}"}
    assert profile_from_dict({**BASE, "gateway": {**table, "trust": "system"}}).gateway.trust == "system"
    with pytest.raises(ProfileError, match=r"gateway\.pin"):
        profile_from_dict({**BASE, "gateway": {**table, "trust": "eap"},
                           "user": {"auth": "psk", "identity": "a"}})


LAB = {"name": "lab", "remote": ["10.10.0.0/24"]}
OFFICE = {"name": "office", "remote": ["10.20.0.0/24", "fd20::/48"], "local": ["10.99.0.0/24", "fd99::/64"],
          "esp_proposals": ["aes256gcm16"], "pfs": "off", "child_lifetime": "10m"}


def test_child_tables():
    lab, office = profile_from_dict(with_value("child", [LAB, OFFICE])).children
    assert (lab.name, list(map(str, lab.remote)), lab.local) == ("lab", ["10.10.0.0/24"], ())
    assert (lab.esp_proposals, lab.pfs, lab.child_lifetime) == ((), "auto", 3600)
    assert (office.esp_proposals, office.pfs, office.child_lifetime) == (("aes256gcm16",), "off", 600)
    assert list(map(str, office.local)) == ["10.99.0.0/24", "fd99::/64"]


def test_what_a_child_leaves_out_is_as_in_ike():
    tree = with_value("child", [LAB]) | {"ike": {"pfs": "ecp384", "esp_proposals": ["aes128gcm16"],
                                                 "child_lifetime": "20m"}}
    (lab,) = profile_from_dict(tree).children
    assert (lab.esp_proposals, lab.pfs, lab.child_lifetime) == (("aes128gcm16",), "ecp384", 1200)


def test_the_tunnel_is_all_children():
    profile = profile_from_dict(with_value("child", [LAB, OFFICE]))
    assert list(map(str, profile.tunnel.remote)) == ["10.10.0.0/24", "10.20.0.0/24", "fd20::/48"]
    assert not profile.tunnel.full
    assert profile_from_dict(with_value("child", [{"name": "all", "remote": "0.0.0.0/0"}])).tunnel.full


@pytest.mark.parametrize(("children", "words"), [
    ({}, "must be tables"), (["lab"], "must be tables"), ([{}], "name is missing"), ([{"name": "x"}], "remote is"),
    ([{**LAB, "name": "a/b"}], "name must be"), ([{**LAB, "remote": []}], "remote must name"),
    ([{**LAB, "colour": "red"}], "no key 'colour'"), ([LAB, {**OFFICE, "name": "lab"}], "two tables"),
    ([LAB, {**OFFICE, "remote": "10.0.0.0/8", "local": []}], "'lab' and 'office' overlap"),
    ([{**LAB, "local": ["fd99::/64"]}], "same IP versions"), ([{**LAB, "child_lifetime": "1s"}], "child_lifetime must"),
    ([{"name": f"c{n}", "remote": f"10.{n}.0.0/16"} for n in range(17)], "at most 16")])
def test_child_tables_are_refused_with_the_reason(children, words):
    with pytest.raises(ProfileError, match=f"^child: .*{words}"):
        profile_from_dict(with_value("child", children))


def test_networks_are_named_in_one_place():
    with pytest.raises(ProfileError, match=r"^child: .*tunnel\.remote must be left out"):
        profile_from_dict(with_value("child", [LAB]) | {"tunnel": {"remote": ["10.0.0.0/8"]}})


def test_a_label_has_at_most_63_octets():
    with pytest.raises(ProfileError, match=r"^gateway\.address\b"):
        profile_from_dict(with_value("gateway.address", "x" * 64 + ".org"))


@pytest.mark.parametrize(("user", "words"), [({"auth": "certificate"}, "user.certificate is missing"),
                                             ({"auth": "eap-mschapv2"}, "user.identity is missing"),
                                             ({}, "user.auth is missing")])
def test_what_belongs_together(user, words):
    with pytest.raises(ProfileError, match=words):
        profile_from_dict({**BASE, "user": user})


def test_texts_are_bounded():
    with pytest.raises(ProfileError, match="larger"):
        parse_profile("#" * (MAX_BYTES + 1))
    for text in ("x", "x = " + "[" * 20000, "[gateway]\n[gateway]"):
        with pytest.raises(ProfileError, match="not TOML"):
            parse_profile(text)


def test_names_are_safe_as_file_names():
    assert check_name("alice@work.example_1-x") == "alice@work.example_1-x"
    for name in (".", "..", ".x", "a/b", "a\0", "a\n", "-x", "ä", "a b"):
        with pytest.raises(ProfileError):
            check_name(name)


_VALUES = st.recursive(st.booleans() | st.integers(-5, 5) | st.text(max_size=8) | st.floats() | st.sampled_from(
    ["10.0.0.0/8", "4h", "auto", "system"]), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=2), max_leaves=5)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KEYS)), _VALUES, min_size=1, max_size=4))
def test_any_value_gives_a_profile_or_a_named_error(values):
    tree = BASE
    for key, value in values.items():
        if key.count("."):
            table, last = key.split(".")
            tree = {**tree, table: {**tree.get(table, {}), last: value}}
        else:
            tree = {**tree, key: value}
    try:
        result = profile_from_dict(tree)
    except ProfileError as error:
        result = str(error)
    assert isinstance(result, Profile) or result.split(":")[0].split(" ")[0] in {*KEYS, "user.identity"}


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_a_profile_or_a_named_error(text):
    try:
        tomllib.loads(text)
    except ValueError:
        with pytest.raises(ProfileError):
            parse_profile(text)
    else:
        with pytest.raises(ProfileError):       # a name, a gateway and a way to log in do not come by chance
            parse_profile(text)


def test_an_endpoint_is_a_value():
    assert Endpoint("192.0.2.1", 500) == Endpoint("192.0.2.1", 500)
    assert len({Endpoint("192.0.2.1", 500), Endpoint("192.0.2.1", 4500)}) == 2


@pytest.mark.parametrize("value", ["off", "on", "never"])
def test_legacy(value):
    assert profile_from_dict(with_value("ike.legacy", value)).ike.legacy == value


@pytest.mark.parametrize(("auth", "renew"), [("psk", "rekey"), ("certificate", "reauth"), ("eap-mschapv2", "reauth")])
def test_who_logs_in_again_from_time_to_time(auth, renew):
    tree = {"name": "work", "gateway": {"address": "g"}, "user": {"auth": auth, "identity": "a", "certificate": "c"}}
    assert profile_from_dict(tree).ike.renew == renew
    for wanted in ("rekey", "reauth"):
        ike = profile_from_dict({**tree, "ike": {"renew": wanted, "reauth": "2h"}}).ike
        assert (ike.renew, ike.reauth) == (wanted, 7200)


@pytest.mark.parametrize(("key", "value"), [("renew", "never"), ("reauth", "19s"), ("reauth", "off"), ("reauth", "8d")])
def test_what_a_new_login_cannot_be(key, value):
    tree = {"name": "work", "gateway": {"address": "g"}, "user": {"auth": "psk", "identity": "a"}, "ike": {key: value}}
    with pytest.raises(ProfileError, match=rf"^ike\.{key}"):
        profile_from_dict(tree)


@pytest.mark.parametrize(("version", "words"), [
    (2, "of a newer Rove"), (10**30, "of a newer Rove"), (0, "whole number"), (True, "whole number"),
    ("1", "whole number"), (1.0, "whole number")])
def test_a_version_that_is_not_known_is_said_before_any_key_of_it(version, words):
    with pytest.raises(ProfileError, match=f"^version: .*{words}"):
        profile_from_dict({**BASE, "version": version, "of_another_time": {}})


def test_an_older_profile_is_read_step_by_step(monkeypatch):
    monkeypatch.setattr("client.model.profile.VERSION", 3)
    monkeypatch.setitem(KEYS, "version", (lambda value: value, 3))
    monkeypatch.setattr("client.model.profile.MIGRATIONS", {
        1: lambda tree: {**{key: value for key, value in tree.items() if key != "label"}, "called": tree["label"]},
        2: lambda tree: {**{key: value for key, value in tree.items() if key != "called"}, "name": tree["called"]}})
    nameless = {key: value for key, value in BASE.items() if key != "name"}
    for older in ({"label": "work"}, {"version": 1, "label": "work"}, {"version": 2, "called": "work"},
                  {"version": 3, "name": "work"}):
        assert profile_from_dict({**nameless, **older}).name == "work"
