"""The profile editor: what the form shows, what it changes, what it says is wrong, and what stays."""

import asyncio
import tomllib

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from client.gui.edit_dialog import EditDialog
from client.gui.view.edit_view import ALL, ROWS, SOME, fields, judged
from client.model.cause import Cause, RoveError
from client.model.profile import KEYS, parse_profile

PROFILE = """# by whoever runs the gateway
version = 1
name = "work"
[gateway]
address = ["vpn.example.org"]   # the only one
[user]
auth = "eap-mschapv2"
identity = "alice@example.org"
[ike]
dpd = "20s"
"""
SPLIT = PROFILE + '[tunnel]\nremote = ["10.0.0.0/8"]\n'


def shown(text):
    return {one.key: one.value for one in fields(text)}


def after(text, **changed):
    return judged(text, {**shown(text), **{key.replace("__", "."): value for key, value in changed.items()}})


def test_the_form_has_keys_that_exist():
    assert ROWS.keys() - {"tunnel.mode"} <= KEYS.keys()


def test_what_is_there_is_shown():
    assert shown(PROFILE) == {
        "gateway.address": "vpn.example.org", "gateway.identity": "", "user.auth": "eap-mschapv2",
        "user.identity": "alice@example.org", "user.certificate": "", "user.key": "", "tunnel.mode": ALL,
        "tunnel.remote": "", "dns.mode": "auto", "policy.autoconnect": False}
    assert (shown(SPLIT)["tunnel.mode"], shown(SPLIT)["tunnel.remote"]) == (SOME, "10.0.0.0/8")


def test_nothing_changed_is_the_same_text():
    for text in (PROFILE, SPLIT):
        answer = after(text)
        assert (answer.toml, answer.changed) == (text, False)


@pytest.mark.parametrize(("changed", "key", "value"), [
    ({"gateway__address": "a.example, 192.0.2.1"}, "gateway.address", ["a.example", "192.0.2.1"]),
    ({"gateway__identity": "gw.example"}, "gateway.identity", "gw.example"),
    ({"user__auth": "psk"}, "user.auth", "psk"),
    ({"user__identity": "CN=alice, O=Example"}, "user.identity", "CN=alice, O=Example"),
    ({"user__auth": "psk, eap-gtc", "user__identity": "gw, alice"}, "user.identity", ["gw", "alice"]),
    ({"tunnel__mode": SOME, "tunnel__remote": "10.0.0.0/8, 2001:db8::/32"}, "tunnel.remote",
     ["10.0.0.0/8", "2001:db8::/32"]),
    ({"dns__mode": "off"}, "dns.mode", "off"),
    ({"policy__autoconnect": True}, "policy.autoconnect", True),
])
def test_a_change_is_that_key_and_nothing_else(changed, key, value):
    toml = after(PROFILE, **changed).toml
    table, name = key.split(".")
    assert tomllib.loads(toml)[table][name] == value
    for kept in ("# by whoever runs the gateway\n", 'dpd = "20s"\n'):
        assert kept in toml
    parse_profile(toml)


def test_back_to_all_traffic():
    assert parse_profile(after(SPLIT, tunnel__mode=ALL).toml).tunnel.full


def test_an_emptied_field_is_a_key_that_goes():
    text = PROFILE.replace("[user]", 'identity = "gw.example"\n[user]')
    assert "identity" not in tomllib.loads(after(text, gateway__identity="").toml)["gateway"]


@pytest.mark.parametrize(("changed", "key", "says"), [
    ({"gateway__address": ""}, "gateway.address", "must name at least one host"),
    ({"gateway__address": "not a host"}, "gateway.address", "neither a host name nor an address"),
    ({"user__auth": "magic"}, "user.auth", "must be one of"),
    ({"user__identity": ""}, "user.identity", "is missing"),
    ({"user__auth": "certificate"}, "user.certificate", "is missing"),
    ({"tunnel__mode": SOME, "tunnel__remote": ""}, "tunnel.remote", "at least one network"),
    ({"tunnel__mode": SOME, "tunnel__remote": "10.0.0.1/8"}, "tunnel.remote", "must be networks"),
])
def test_what_is_wrong_stands_at_its_field(changed, key, says):
    answer = after(PROFILE, **changed)
    assert answer.toml is None
    assert says in answer.errors[key]
    assert list(answer.errors) == [key]


def test_several_mistakes_are_told_at_once():
    assert after(PROFILE, gateway__address="", user__auth="magic").errors.keys() == {"gateway.address", "user.auth"}


def test_a_file_is_to_be_copied_and_named_as_its_copy():
    answer = after(PROFILE, user__auth="certificate", user__certificate="/home/a/new.p12")
    assert dict(answer.files) == {"user.certificate": "/home/a/new.p12"}
    assert parse_profile(answer.toml).user.certificate == "new.p12"
    form = {**shown(PROFILE), "user.auth": "certificate", "user.certificate": "/home/a/new.p12"}
    assert parse_profile(judged(PROFILE, form, {"user.certificate": "new-2.p12"}).toml).user.certificate == "new-2.p12"
    card = after(PROFILE, user__auth="smartcard", user__certificate="pkcs11:id=%01")
    assert (dict(card.files), parse_profile(card.toml).user.certificate) == ({}, "pkcs11:id=%01")


@pytest.mark.parametrize(("more", "key"), [
    ('[[child]]\nname = "a"\nremote = ["10.0.0.0/8"]\n', "tunnel.remote"),
    ('[user]\nauth = "smartcard"\ncertificate = { issuer = "CA" }\n', "user.certificate")])
def test_what_the_form_has_no_place_for_stays(more, key):
    text = (PROFILE if "child" in more else PROFILE.partition("[user]")[0]) + more
    assert {one.key: bool(one.fixed) for one in fields(text)}[key]
    toml = after(text, policy__autoconnect=True, **{key.replace(".", "__"): "x"}).toml
    assert tomllib.loads(toml) == {**tomllib.loads(text), "policy": {"autoconnect": True}}


@pytest.mark.parametrize("text", ["", "not toml", "gateway = 1", "[user]\nauth = 7"])
def test_no_profile_is_too_odd(text):
    answer = after(text, gateway__identity="x")
    assert answer.toml is None
    assert answer.errors


# --- the dialog ---


def dialog(save=None, done=None, text=PROFILE):
    made = EditDialog("work", text, save, done or (lambda name: None))
    made.show()
    QApplication.processEvents()
    return made


def test_every_control_has_a_name_and_its_error(application):
    made = dialog()
    assert all(one.accessibleName() for one in made._inputs.values())
    assert made._inputs["user.auth"].lineEdit().accessibleName() == "Log-in"
    assert not made._ok.isEnabled()         # there is nothing to save
    address = made._inputs["gateway.address"]
    address.clear()
    assert made._errors["gateway.address"].isVisible()
    assert address.accessibleDescription() == made._errors["gateway.address"].text()
    assert not made._ok.isEnabled()
    QTest.keyClicks(address, "gw.example")
    assert not made._errors["gateway.address"].isVisible()
    assert address.accessibleDescription() == ""
    assert made._ok.isEnabled()
    made.close()


def test_networks_are_asked_for_where_they_count(application):
    made = dialog()
    assert not made._inputs["tunnel.remote"].isEnabled()
    made._inputs["tunnel.mode"].setCurrentIndex(1)
    assert made._inputs["tunnel.remote"].isEnabled()
    assert made._errors["tunnel.remote"].isVisible()
    made._inputs["tunnel.mode"].setCurrentIndex(0)
    assert not made._errors["tunnel.remote"].isVisible()
    made.close()


def test_a_refusal_is_told_and_what_was_typed_stays(loop):
    answers, saved, done = [RoveError(Cause.BAD_SETTINGS, "no"), None], [], []

    async def save(name, compose, files):
        answer = answers.pop(0)
        if answer:
            raise answer
        saved.append((name, compose({}), dict(files)))
    made = dialog(save, done.append)

    async def story():
        QTest.keyClicks(made._inputs["gateway.identity"], "gw.example")
        QTest.keyClick(made._inputs["gateway.identity"], Qt.Key.Key_Return)
        await asyncio.sleep(0.05)
        assert "no" in made._errors[""].text()
        assert made._inputs["gateway.identity"].text() == "gw.example"
        assert made._ok.isEnabled()
        made._ok.click()
        await asyncio.sleep(0.05)
    loop.run_until_complete(story())
    assert done == ["work"]
    [(name, toml, files)] = saved
    assert (name, parse_profile(toml).gateway.identity, files) == ("work", "gw.example", {})


def test_escape_changes_nothing(application):
    made = dialog(lambda *_: pytest.fail("saved"))
    QTest.keyClicks(made._inputs["gateway.identity"], "x")
    QTest.keyClick(made, Qt.Key.Key_Escape)
    assert not made.isVisible()
