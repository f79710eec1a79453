"""A gateway that is not trusted: what is shown, and that nothing is pinned unless somebody says so."""

import tomllib

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from client.gui.trust_dialog import TrustDialog
from client.gui.view.details import detail_view
from client.gui.view.entries import Command
from client.gui.view.trust_view import decision, grouped, offered_key
from client.importers.edited import edited
from client.model.cause import Cause
from client.model.profile import parse_profile
from client.texts import error_text
from tests.gui.states import NOW, failed, known

KEY = "sha256:" + "00ff" * 16
PROVED = f"; it has proved to have the key {KEY}"
PROFILE = """version = 1
name = "work"
[gateway]
address = ["vpn.example.org"]
trust = "system"    # of the office
[user]
auth = "psk"
identity = "alice"
"""


def refused(cause=Cause.GATEWAY_UNTRUSTED, detail=f"no authority is known{PROVED}"):
    return failed(cause.code, message=error_text(cause, detail).message)


@pytest.mark.parametrize(("state", "key"), [
    (refused(), KEY), (refused(Cause.GATEWAY_PIN), KEY),
    (refused(detail="no authority is known"), ""),
    (refused(Cause.GATEWAY_PIN, f"its key is {KEY}"), ""),           # told of, but not proved
    (refused(Cause.GATEWAY_WRONG_NAME), ""), (refused(Cause.USER_REFUSED), ""), (failed(), ""),
    (refused(detail=f"nobody vouches for CN=x{PROVED} or so"), "")])
def test_which_key_may_be_pinned(state, key):
    assert offered_key(state.last_error) == key
    button = detail_view(known(state), "work", NOW).notes[0].button
    assert (button is not None and button.command == Command("trust", "work")) is bool(key)


def test_the_decision_names_gateway_reason_and_fingerprint():
    shown = decision(refused(), "vpn.example.org")
    assert shown.gateway == "vpn.example.org"
    assert "no authority is known" in shown.reason
    assert KEY not in shown.reason
    assert shown.fingerprint.split() == ["00FF"] * 16
    assert shown.fingerprint.count("\n") == 3
    assert "had another key before" in decision(refused(Cause.GATEWAY_PIN), "x").warning
    assert decision(failed(), "x") is None


def test_a_pinned_key_alone_counts_and_a_new_key_leaves_authorities_as_they_are():
    gateway = parse_profile(edited(PROFILE, decision(refused(), "x").changes)).gateway
    assert (gateway.pin, gateway.trust) == (KEY, "pin")
    kept = tomllib.loads(edited(PROFILE, decision(refused(Cause.GATEWAY_PIN), "x").changes))["gateway"]
    assert (kept["pin"], kept["trust"]) == (KEY, "system")


@pytest.fixture
def pinned():
    return []


@pytest.fixture
def dialog(application, pinned):
    made = TrustDialog(decision(refused(), "vpn.example.org"), lambda: pinned.append(True))
    made.show()
    QApplication.processEvents()
    return made


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Enter])
def test_keys_that_are_pressed_without_reading_refuse(dialog, pinned, key):
    QTest.keyClick(dialog, key)
    assert (dialog.isVisible(), pinned) == (False, [])


def test_it_is_pinned_once_somebody_has_compared(dialog, pinned):
    assert not dialog._ok.isEnabled()
    dialog.accept()
    assert (dialog.isVisible(), pinned) == (True, [])
    dialog._compared.click()
    dialog._ok.click()
    assert (dialog.isVisible(), pinned) == (False, [True])


def test_a_screen_reader_hears_the_fingerprint(dialog):
    [shown] = [one for one in dialog.findChildren(QLabel) if one.text() == grouped(KEY)]
    assert shown.accessibleName() == f"Fingerprint (SHA-256): {' '.join(['00FF'] * 16)}"
    dialog.reject()
