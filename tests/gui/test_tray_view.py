"""TunnelState → TrayView, as tables."""

from dataclasses import replace

import pytest

from client.gui.view.documents import ProfileRow
from client.gui.view.entries import Command
from client.gui.view.known import Known, Reach, is_protected
from client.gui.view.tray_view import ICONS, IDLE, MAX_DIRECT, tray_view
from client.model.state import PathState, State
from tests.gui.states import NOW, at, failed, known, paused, tunnel


def texts(view):
    return [entry.text for entry in view.menu]


def commands(view):
    return [entry.command for entry in view.menu if entry.command]


@pytest.mark.parametrize(("state", "icon", "animated"), [
    (State.DISCONNECTED, "rove-disconnected", False),
    (State.CONNECTING, "rove-acquiring", True),
    (State.WAITING_FOR_USER, "rove-attention", False),
    (State.CONNECTED, "rove-connected", False),
    (State.ROAMING, "rove-connected", False),       # silent: it takes milliseconds, and traffic flows
    (State.RECONNECTING, "rove-acquiring", True),
    (State.OFFLINE, "rove-offline", False),
    (State.BLOCKED, "rove-blocked", False),
    (State.FAILED, "rove-failed", False),
])
def test_every_state_has_its_icon(state, icon, animated):
    view = tray_view(known(tunnel(state)), NOW)
    assert (view.icon, view.animated) == (icon, animated)


def test_the_table_of_icons_is_whole():
    assert {state for state, _ in ICONS} | {State.DISCONNECTED.value} == {state.value for state in State}
    assert len(dict(ICONS)) == len(ICONS)


@pytest.mark.parametrize(("states", "icon"), [
    ((State.CONNECTED, State.WAITING_FOR_USER), "rove-attention"),
    ((State.CONNECTED, State.CONNECTING), "rove-acquiring"),
    ((State.CONNECTED, State.OFFLINE), "rove-offline"),
    ((State.CONNECTED, State.FAILED), "rove-failed"),
    ((State.CONNECTED, State.DISCONNECTED), "rove-connected"),
    ((State.DISCONNECTED, State.DISCONNECTED), IDLE),
])
def test_of_several_connections_the_one_that_needs_most_gives_the_icon(states, icon):
    tunnels = [tunnel(state, name) for state, name in zip(states, ("a", "b"), strict=True)]
    assert tray_view(known(*tunnels, profiles=("a", "b")), NOW).icon == icon


@pytest.mark.parametrize(("reach", "icon", "says"), [
    (Reach.STARTING, IDLE, "Starting …"),
    (Reach.NOT_RUNNING, "rove-unavailable", "The VPN service is not running"),
    (Reach.NOT_AUTHORISED, "rove-unavailable", "You may not use the VPN service here"),
])
def test_without_roved_the_menu_says_so_and_offers_nothing_that_cannot_work(reach, icon, says):
    view = tray_view(Known(reach), NOW)
    assert view.icon == icon
    assert texts(view)[0] == says
    assert says in view.tooltip
    assert commands(view) == [Command("open"), Command("quit")]


def test_a_connected_profile_shows_its_way_and_the_next_log_in():
    view = tray_view(known(tunnel()), NOW, {"wlan0": "wifi"}.get)
    assert texts(view)[:4] == ["work: connected", "via Wi-Fi (wlan0), NAT", "Next log-in in 3 h 2 min",
                               "Disconnect work"]
    assert commands(view) == [Command("disconnect", "work"), Command("open"), Command("quit")]
    assert view.tooltip == "Rove\nwork: connected"


@pytest.mark.parametrize(("path", "kind", "shown"), [
    (PathState("eth0", "a", "b", "udp", False), "cable", "via cable (eth0)"),
    (PathState("wwan0", "a", "b", "tcp", True), "mobile", "via mobile network (wwan0), NAT, TCP"),
    (PathState("wifi0", "a", "b", "udp", False), "", "via wifi0"),
])
def test_ways(path, kind, shown):
    assert shown in texts(tray_view(known(replace(tunnel(), path=path)), NOW, lambda _: kind))


def test_offline_tells_protected_from_unprotected():
    assert texts(tray_view(known(tunnel(State.OFFLINE)), NOW))[0] == "work: waiting for a network, protected"
    never = tunnel(State.OFFLINE, virtual_ips=())
    assert texts(tray_view(known(never), NOW))[0] == "work: waiting for a network, unprotected"


@pytest.mark.parametrize(("state", "addresses", "protected"), [
    (State.CONNECTED, (), True), (State.ROAMING, (), True), (State.BLOCKED, (), False),
    (State.BLOCKED, ("10.0.0.1",), True),
    (State.OFFLINE, ("10.0.0.1",), True), (State.OFFLINE, (), False),
    (State.RECONNECTING, ("10.0.0.1",), True), (State.RECONNECTING, (), False),
    (State.WAITING_FOR_USER, ("10.0.0.1",), True), (State.WAITING_FOR_USER, (), False),
    (State.CONNECTING, (), False), (State.FAILED, ("10.0.0.1",), False), (State.DISCONNECTED, (), False),
])
def test_what_is_protected(state, addresses, protected):
    assert is_protected(tunnel(state, virtual_ips=addresses)) is protected


def test_a_connection_can_be_paused_for_a_while():
    [entry] = [entry for entry in tray_view(known(tunnel()), NOW).menu if entry.entries]
    assert entry.text == "Pause work for"
    assert [(one.text, one.command) for one in entry.entries] == [
        ("5 min", Command("pause", "work", 5)), ("15 min", Command("pause", "work", 15)),
        ("1 h", Command("pause", "work", 60)), ("4 h", Command("pause", "work", 240))]


def test_a_paused_one_says_when_it_comes_back_and_connects_at_once():
    view = tray_view(known(paused()), NOW)
    assert texts(view)[:2] == ["work: paused, connects again in 12 min 30 s", "Connect work"]
    assert commands(view)[0] == Command("connect", "work")
    assert (view.icon, view.tooltip) == (IDLE, "Rove\nwork: paused")
    assert "connects again in 0 s" in texts(tray_view(known(paused(-1)), NOW))[0]


def test_an_open_question_can_be_reached_from_the_menu():
    view = tray_view(known(tunnel(State.WAITING_FOR_USER), asking=frozenset({"work"})), NOW)
    assert commands(view)[0] == Command("answer", "work")


def test_inactive_profiles_offer_connect_and_a_failed_one_says_so():
    view = tray_view(known(failed(), profiles=("home", "work")), NOW)
    assert texts(view)[:2] == ["Connect home", "Connect work again"]
    assert view.tooltip == "Rove\nwork: failed"


def test_a_profile_that_cannot_be_used_offers_nothing():
    view = tray_view(replace(known(), profiles=(ProfileRow("old", error="bad key"),)), NOW)
    assert texts(view)[0] == "old cannot be used"
    assert view.menu[0].command is None


def test_many_profiles_go_into_a_menu_of_their_own():
    names = tuple(f"p{n}" for n in range(MAX_DIRECT + 1))
    view = tray_view(known(profiles=names), NOW)
    assert texts(view)[0] == "Connect"
    assert [entry.command for entry in view.menu[0].entries] == [Command("connect", name) for name in names]
    assert texts(tray_view(known(profiles=names[1:]), NOW))[0] == "Connect p1"


def test_without_profiles_importing_is_offered():
    view = tray_view(known(profiles=()), NOW)
    assert commands(view)[0] == Command("import")


def test_a_session_that_may_only_look_is_told():
    assert texts(tray_view(known(tunnel(), limited=True), NOW))[0] == "This session may look, but not connect"


def test_a_login_that_is_overdue_does_not_run_backwards():
    overdue = replace(tunnel(), ike=replace(tunnel().ike, reauth_at=at(-5)))
    assert "Next log-in in 0 s" in texts(tray_view(known(overdue), NOW))


def test_a_profile_that_was_deleted_while_it_runs_can_be_disconnected():
    assert Command("disconnect", "gone") in commands(tray_view(known(tunnel(name="gone"), profiles=()), NOW))
