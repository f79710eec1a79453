"""The window and the import dialog, offscreen: what is shown, what the keyboard does, what survives the clock."""

import asyncio
import gc
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QListWidget, QMenu, QPushButton

from client.gui.app import App
from client.gui.charts import Throughput, Timeline
from client.gui.import_dialog import ImportDialog
from client.gui.report_dialog import ReportDialog
from client.gui.tray import Tray
from client.gui.view.details import detail_view
from client.gui.view.documents import ProfileRow
from client.gui.view.entries import Command
from client.gui.view.history import History
from client.gui.view.known import Known, Reach
from client.gui.view.tray_view import tray_view
from client.gui.window import MainWindow
from client.model.cause import Cause, RoveError
from client.model.state import ErrorState, State
from tests.gui.states import NOW, failed, known, tunnel

PROFILE = 'version = 1\nname = "work"\n[gateway]\naddress = ["vpn.example.org"]\n[user]\nauth = "psk"\n'


@pytest.fixture
def did():
    return []


@pytest.fixture
def window(application, did):
    made = MainWindow(did.append, lambda visible: None, lambda paths: did.append(("drop", paths)),
                      lambda: did.append("log"))
    made.show()
    yield made
    made.close()
    made.deleteLater()


def show(window, state, name="work"):
    window.show_known(state)
    window.show_detail(detail_view(state, name, NOW), History())


def texts(widget):
    return [one.text() for one in widget.findChildren(QLabel) if one.isVisibleTo(widget.window())]


def button(widget, text):
    QApplication.processEvents()        # new widgets of a layout are shown by it
    return next(one for one in widget.findChildren(QPushButton) if one.text() == text and one.isVisibleTo(widget))


# --- the window ---


@pytest.mark.parametrize(("state", "says"), [
    (Known(Reach.NOT_RUNNING, "gone"), "The VPN service is not running"),
    (Known(Reach.NOT_AUTHORISED), "You may not use the VPN service here"),
    (known(profiles=()), "Welcome to Rove"),
])
def test_pages_in_the_place_of_a_connection(window, state, says):
    window.show_known(state)
    assert says in texts(window)


def test_a_page_acts(window, did):
    show(window, known(failed("user-refused", message="Refused.")))
    button(window.detail, "Connect again").click()
    assert did == [Command("connect", "work")]


def test_a_pause_is_chosen_from_the_buttons_menu(window, did):
    show(window, known(tunnel()))
    menu = button(window.detail, "Pause for …").menu()
    assert menu.accessibleName() == "Pause for …"
    menu.actions()[2].trigger()
    assert did == [Command("pause", "work", 60)]


def test_the_trays_menu_pauses_and_stays_where_it_is(application):
    did, tray = [], Tray()
    tray.do = did.append
    tray.show(tray_view(known(tunnel()), NOW))
    [action] = [one for one in tray._menu.actions() if one.menu() is not None]
    assert action.text() == "Pause work for"
    action.menu().actions()[1].trigger()
    assert did == [Command("pause", "work", 15)]
    tray.show(tray_view(known(tunnel()), NOW.replace(minute=1)))       # another time until the next log-in
    assert action in tray._menu.actions()
    tray._menu.deleteLater()


def test_menus_that_are_made_anew_are_let_go(application):
    """A thousand connects must not leave a thousand menus (python -m tests.gui.cycles)."""
    tray = Tray()

    def menus():
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
        return sum(type(one) is QMenu for one in gc.get_objects())

    def change():
        tray.show(tray_view(known(tunnel()), NOW))      # has a menu of pauses
        tray.show(tray_view(known(), NOW))              # has none
    change()
    before = menus()
    for _ in range(5):
        change()
    assert menus() <= before


def test_enter_on_a_connection_connects_it_or_answers(window, did):
    show(window, known())
    window.list.setFocus()
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    window.show_known(known(tunnel(State.WAITING_FOR_USER), asking=frozenset({"work"})))
    QTest.keyClick(window.list, Qt.Key.Key_Return)
    window.show_known(known(tunnel()))
    QTest.keyClick(window.list, Qt.Key.Key_Return)      # connected: nothing is to be undone by accident
    assert did == [Command("connect", "work"), Command("answer", "work")]


def test_the_clock_keeps_focus_selection_and_widgets(window):
    state = known(tunnel())
    show(window, state)
    kept = button(window.detail, "Disconnect")
    window.show_detail(detail_view(state, "work", NOW.replace(minute=1)), History())
    assert button(window.detail, "Disconnect") is kept
    more = known(tunnel(), profiles=("a", "work"))
    window.choose("work")
    show(window, more)
    assert window.chosen == "work"


def test_a_gateways_words_are_no_markup(window):
    finding = {"code": "child-refused", "message": "<h1>big</h1>"}
    show(window, known(tunnel(findings=(finding,))))
    [shown] = [one for one in window.findChildren(QLabel) if "<h1>" in one.text()]
    assert shown.textFormat() is Qt.TextFormat.PlainText


def test_trouble_is_shown_until_it_is_closed(window):
    window.show_known(known())
    window.trouble(ErrorState("x", "y", "It went wrong.", "Do better."), "work")
    assert "work: It went wrong.\nDo better." in texts(window)
    button(window, "Close").click()
    assert "work: It went wrong.\nDo better." not in texts(window)


def test_the_log_is_asked_for_when_it_is_looked_at_and_filtered(window, did):
    window.open_log("work")
    assert did == ["log"]
    window.log.show_lines([
        {"time": "2026-05-04T12:00:00Z", "connection": "work", "level": "info", "text": "one"},
        {"time": "2026-05-04T12:00:01Z", "connection": "home", "level": "info", "text": "two"}])
    window.log.add_line({"time": "2026-05-04T12:00:02Z", "connection": "work", "level": "error", "text": "three"})
    shown = window.log._text.toPlainText()
    assert ("one" in shown, "two" in shown, "✗ three" in shown) == (True, False, True)


def test_charts_draw_and_speak(application):
    history = History()
    history.note_state(tunnel(), NOW.timestamp())
    for second in range(20):
        child = replace(tunnel().children[0], bytes_in=1024 * second * second)
        history.sample(tunnel(children=(child,)), NOW.timestamp() + second)
    for chart in (Throughput(), Timeline()):
        chart.resize(300, 120)
        empty = chart.grab().toImage()
        chart.show_history(history)
        assert chart.accessibleDescription()
        assert chart.accessibleName()
        if isinstance(chart, Throughput):
            assert chart.grab().toImage() != empty
            assert chart.accessibleDescription() == "receiving 37.0 KiB/s, sending 0 bytes/s"


# --- the tray's menu ---


def test_the_menu_is_changed_in_place_and_its_entries_act(application, did):
    tray = Tray()
    tray.do = did.append
    tray.show(tray_view(known(tunnel()), NOW))
    before = tray._menu.actions()
    tray.show(tray_view(known(tunnel()), NOW.replace(minute=30)))
    assert tray._menu.actions() == before
    next(one for one in before if one.text() == "Disconnect work").trigger()
    assert did == [Command("disconnect", "work")]
    tray.show(tray_view(known(), NOW))
    assert [one.text() for one in tray._menu.actions()][:1] == ["Connect work"]
    tray.show(tray_view(replace(known(), profiles=(ProfileRow("a & b"),)), NOW))
    assert tray._menu.actions()[0].text() == "Connect a && b"


def test_the_acquiring_icon_moves_and_stops(application):
    tray = Tray()
    tray.show(tray_view(known(tunnel(State.CONNECTING)), NOW))
    assert tray._timer.isActive()
    tray.show(tray_view(known(tunnel()), NOW))
    assert not tray._timer.isActive()       # nothing wakes an idle tray


# --- importing ---


def dialog(path, adopt=None, done=None):
    made = ImportDialog(path, adopt or (lambda imported: None), done or (lambda name: None))
    made.show()
    QApplication.processEvents()
    return made


def test_only_what_is_missing_is_asked_for(application, tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(PROFILE)
    shown = dialog(file)
    assert shown._identity.isVisible()
    assert not shown._ok.isEnabled()
    assert shown._problem.text() == "Only your user name is missing."
    QTest.keyClicks(shown._identity, "alice")
    assert shown._ok.isEnabled()
    assert {"vpn.example.org", "psk", "alice", "all traffic"} <= set(texts(shown))
    shown.close()


def test_a_complete_file_asks_nothing_but_its_name(application, tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(PROFILE + 'identity = "alice"\n')
    shown = dialog(file)
    assert not shown._identity.isVisible()
    assert shown._name.text() == "work"
    QTest.keyClicks(shown._name, "/../x")
    assert not shown._ok.isEnabled()
    assert "name:" in shown._problem.text()
    shown.close()


def test_a_file_that_is_none_says_why(application, tmp_path):
    file = tmp_path / "a.toml"
    file.write_text("version = 1\nname = 7\n")
    shown = dialog(file)
    assert shown._problem.text().startswith("This file cannot be imported:")
    assert not shown._ok.isEnabled()
    shown.close()
    missing = dialog(Path(tmp_path / "nothing.toml"))
    assert "nothing.toml" in missing._problem.text()
    missing.close()


def test_what_was_left_out_is_listed(application, tmp_path):
    file = tmp_path / "a.sswan"
    file.write_text(json.dumps({
        "uuid": "26e5a9d2-3b1c-4f0e-9e55-0a1b2c3d4e5f", "name": "work", "type": "ikev2-eap",
        "remote": {"addr": "vpn.example.org"}, "local": {"eap_id": "alice"}, "some-new-key": 1}))
    shown = dialog(file)
    lists = [one for one in shown.findChildren(QListWidget) if one.isVisibleTo(shown)]
    assert any("some-new-key" in one.item(row).text() for one in lists for row in range(one.count()))
    assert all(one.accessibleName() for one in lists)
    shown.close()


def test_importing_waits_for_roved_and_tells_a_refusal(loop, tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(PROFILE + 'identity = "alice"\n')
    answers = [RoveError(Cause.BAD_SETTINGS, "there is a profile of that name"), "work"]
    done = []

    async def adopt(imported):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def scene():
        shown = dialog(file, adopt, done.append)
        shown._ok.click()
        await asyncio.sleep(0.05)
        assert "there is a profile of that name" in shown._problem.text()
        assert shown._ok.isEnabled()
        shown._ok.click()
        await asyncio.sleep(0.05)
    loop.run_until_complete(asyncio.wait_for(scene(), 10))
    assert done == ["work"]


# --- the report ---


def test_the_report_is_read_before_it_is_saved(application, tmp_path):
    shown = ReportDialog("Rove report\nsystem\n", NOW)
    shown.show()
    assert shown._shown.toPlainText() == "Rove report\nsystem\n"
    assert shown._shown.isReadOnly()
    assert (shown._shown.accessibleName(), shown._problem.isVisible()) == ("The report", False)
    assert shown._shown.tabChangesFocus()
    shown.save(tmp_path / "missing" / "r.txt")
    assert shown._problem.isVisible()
    assert "No such file" in shown._problem.text()
    (tmp_path / "r.txt").write_text("the desktop has asked")
    shown.save(tmp_path / "r.txt")
    assert (tmp_path / "r.txt").read_text() == "Rove report\nsystem\n"
    assert not shown.isVisible()


def test_the_report_is_in_the_menu(window, did):
    [action] = [one for menu in window.menuBar().actions() for one in menu.menu().actions()
                if one.text() == "Create &report …"]
    action.trigger()
    assert did == [Command("report")]


@pytest.mark.parametrize("shown", [False, True])
def test_after_an_upgrade_who_fills_in_a_dialog_does_so_to_its_end(application, window, shown):
    window.setVisible(shown)
    ended = []
    app = SimpleNamespace(_window=window, successor=[], quit=lambda: ended.append(True))
    app.upgraded = lambda: App.upgraded(app)
    dialog = QDialog()
    dialog.open()
    assert app.upgraded() is False
    assert not ended
    dialog.reject()
    assert ended
    assert app.successor == ["--background", *(["--action", "open"] if shown else [])]
