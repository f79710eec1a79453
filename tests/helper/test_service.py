"""roved's D-Bus face against a real dbus-daemon, the stock policy and a real polkitd."""

import json
import time
import xml.etree.ElementTree as ET

import pytest
from dbus_fast.signature import get_signature_tree

from client.bus.interface import METHODS
from tests.helper.world import UIDS, profile, wait_for

pytestmark = pytest.mark.interop
BUS = {"destination": "org.freedesktop.DBus", "path": "/org/freedesktop/DBus", "interface": "org.freedesktop.DBus"}


def error_of(user, member, signature="", *body, **more):
    """(error name, its text)"""
    reply = user.ask(op="call", member=member, signature=signature, body=list(body), **more)
    return reply["error"], reply["body"]


def test_an_active_user_imports_connects_and_disconnects(world, start):
    alice = start("alice")
    assert alice.call("ImportProfile", "sb", profile("first"), False) == "first"
    assert alice.call("GetProfile", "s", "first") == profile("first")
    assert {"name": "first", "system": False, "auth": "psk", "gateway": "vpn.example.org",
            "state": "disconnected"} in json.loads(alice.call("ListProfiles"))
    assert json.loads(alice.call("Status", "s", "first"))["connections"][0]["state"] == "disconnected"
    assert alice.call("Rekey", "ss", "first", "child") == "Error.not_connected"
    assert alice.call("Connect", "sd", "first", 7.5) is None
    assert world.recorded(what="connect", name="first") == {
        "what": "connect", "uid": UIDS["alice"], "name": "first", "deadline": 7.5, "asks": UIDS["alice"]}
    status = json.loads(alice.call("Status", "s", ""))
    assert status["version"] == 1
    assert "first" in [each["name"] for each in status["connections"]]
    assert alice.call("Connect", "sd", "first", 0.0) == "Error.already_active"
    assert alice.call("DeleteProfile", "s", "first") == "Error.already_active"
    assert alice.call("Rekey", "ss", "first", "child") is None
    assert world.recorded(what="rekey", name="first")["kind"] == "child"
    assert alice.call("Disconnect", "s", "first") is None
    assert world.recorded(what="disconnect", name="first")["uid"] == UIDS["alice"]
    assert alice.call("DeleteProfile", "s", "first") is None
    assert alice.call("GetProfile", "s", "first") == "Error.no_such_profile"


def test_disconnect_without_a_name_ends_all_own_and_nobody_elses(world, start):
    alice, bob = start("alice"), start("bob")
    for user, name in ((alice, "all-1"), (alice, "all-2"), (bob, "all-3")):
        user.call("ImportProfile", "sb", profile(name), False)
        assert user.call("Connect", "sd", name, 0.0) is None
    assert alice.call("Disconnect", "s", "") is None
    assert {line["name"] for line in world.record(what="disconnect", uid=UIDS["alice"])} >= {"all-1", "all-2"}
    assert not world.record(what="disconnect", name="all-3")
    bob.call("Disconnect", "s", "all-3")


def test_without_a_session_nothing_is_allowed_and_arguments_are_not_even_looked_at(start):
    carol = start("carol")
    for row in METHODS.values():
        name, text = error_of(carol, row.name, row.signature, *carol_arguments(row.signature))
        assert name == "org.rovevpn.Rove1.Error.not_authorised"
        assert row.action in text[0]


def carol_arguments(signature):
    samples = {"s": "../x", "b": True, "d": -1.0, "a": {}}
    return [samples[kind.token] for kind in get_signature_tree(signature).types]


def test_another_users_profile_is_like_one_that_does_not_exist(start):
    alice, bob = start("alice"), start("bob")
    alice.call("ImportProfile", "sb", profile("hers"), False)
    assert alice.call("Connect", "sd", "hers", 0.0) is None
    bob.call("Subscribe")
    for member, signature, more in (("GetProfile", "s", ()), ("DeleteProfile", "s", ()), ("Connect", "sd", (0.0,)),
                                    ("Disconnect", "s", ()), ("Rekey", "ss", ("ike",)), ("Status", "s", ())):
        answer = error_of(bob, member, signature, "hers", *more)
        assert answer == error_of(bob, member, signature, "nowhere", *more)
        assert answer[0] == "org.rovevpn.Rove1.Error.no_such_profile"
    for member, signature, argument in (("ListProfiles", "", ()), ("Status", "s", ("",)), ("Log", "d", (0.0,))):
        assert "hers" not in bob.call(member, signature, *argument)
    assert bob.call("ImportProfile", "sb", profile("hers"), False) == "hers"      # the name is not taken for him
    assert bob.call("Connect", "sd", "hers", 0.0) is None
    events = bob.ask(op="heard", events=2)["events"]
    assert {event["connection"] for event in events} == {"hers"}
    assert len(events) == 2                     # of his own connection: state and log
    assert bob.call("Disconnect", "s", "hers") is None
    assert "hers" in [each["name"] for each in json.loads(alice.call("Status", "s", "hers"))["connections"]]
    alice.call("Disconnect", "s", "")


def test_root_may_stop_another_users_connection(world, start):
    alice, root = start("alice"), start("root")
    alice.call("ImportProfile", "sb", profile("stoppable"), False)
    alice.call("Connect", "sd", "stoppable", 0.0)
    assert root.call("Disconnect", "s", "stoppable") is None
    assert world.recorded(what="disconnect", name="stoppable")["uid"] == UIDS["alice"]
    assert root.call("Disconnect", "s", "stoppable") == "Error.no_such_profile"


def test_a_system_profile_is_the_administrators_and_everybody_may_connect(world, start):
    alice, bob, root = start("alice"), start("bob"), start("root")
    assert alice.call("ImportProfile", "sb", profile("machine"), True) == "Error.not_authorised"
    assert root.call("ImportProfile", "sb", profile("machine"), True) == "machine"
    assert "machine" in [each["name"] for each in json.loads(alice.call("ListProfiles")) if each["system"]]
    assert alice.call("DeleteProfile", "s", "machine") == "Error.not_authorised"
    bob.call("Subscribe")
    assert alice.call("Connect", "sd", "machine", 0.0) is None
    line = world.recorded(what="connect", name="machine")
    assert (line["uid"], line["asks"]) == (None, UIDS["alice"])
    assert {event["connection"] for event in bob.ask(op="heard", events=1)["events"]} == {"machine"}
    assert bob.call("Disconnect", "s", "machine") is None
    assert root.call("DeleteProfile", "s", "machine") is None


def test_events_come_unicast_to_subscribers_until_they_unsubscribe(start):
    subscribed, silent = start("alice"), start("alice")
    subscribed.call("ImportProfile", "sb", profile("eventful"), False)
    subscribed.call("Subscribe")
    subscribed.call("Connect", "sd", "eventful", 0.0)
    state, log = subscribed.ask(op="heard", events=2)["events"]
    assert (state["kind"], state["connection"]) == ("state", "eventful")
    assert (log["kind"], log["level"], log["text"]) == ("log", "info", "begins [31m")
    assert state["time"].endswith("Z")
    subscribed.call("Unsubscribe")
    subscribed.call("Disconnect", "s", "eventful")
    subscribed.call("Connect", "sd", "eventful", 0.0)
    assert len(subscribed.ask(op="heard")["events"]) == 2
    assert silent.ask(op="heard")["events"] == []
    lines = json.loads(silent.call("Log", "d", 0.0))
    assert {"connection": "eventful", "level": "info", "text": "begins [31m"}.items() <= lines[-1].items()
    assert json.loads(silent.call("Log", "d", time.time() + 1)) == []
    subscribed.call("Disconnect", "s", "eventful")


def test_subscribers_of_one_user_are_bounded_and_free_their_place_when_they_leave(start):
    processes = [start("bob") for _ in range(17)]
    answers = [process.call("Subscribe") for process in processes]
    assert answers == [None] * 16 + ["Error.not_authorised"]
    processes[0].leave()
    wait_for(lambda: processes[16].call("Subscribe") is None)


@pytest.mark.parametrize("row", METHODS.values(), ids=lambda row: row.name)
def test_a_wrong_signature_is_an_error_of_the_caller(start, row):
    assert start("alice").call(row.name, "u", 7) == "Error.InvalidArgs"


@pytest.mark.parametrize(("member", "signature", "body", "expected"), [
    ("Connect", "sd", ["work", -1.0], "Error.InvalidArgs"),
    ("Connect", "sd", ["work", float("nan")], "Error.InvalidArgs"),
    ("Connect", "sd", ["work", float("inf")], "Error.InvalidArgs"),
    ("Connect", "sd", ["../../etc/shadow", 1.0], "Error.no_such_profile"),
    ("GetProfile", "s", ["x" * (4 << 20)], "Error.no_such_profile"),
    ("GetProfile", "s", [""], "Error.no_such_profile"),
    ("Rekey", "ss", ["work", "everything"], "Error.InvalidArgs"),
    ("Log", "d", [float("nan")], "Error.InvalidArgs"),
    ("RegisterAgent", "a{sv}", [{}], "Error.InvalidArgs"),
    ("RegisterAgent", "a{sv}", [{"kind": {"v": ["as", ["tray"]]}}], "Error.InvalidArgs"),
    ("ImportProfile", "sb", ["", False], "Error.bad_settings"),
    ("ImportProfile", "sb", ["x" * (8 << 20), False], "Error.bad_settings"),
    ("ImportProfile", "sb", ["a." * 100_000 + "a = 1", False], "Error.bad_settings"),
    ("ImportProfile", "sb", ["a = " + "9" * 200_000, False], "Error.bad_settings"),
    ("ImportProfile", "sb", ["a = " + "[" * 100_000, False], "Error.bad_settings"),
    ("ImportProfile", "sb", ['name = "../x"', False], "Error.bad_settings"),
    ("ImportProfile", "sb", [profile("badca", trust="no PEM"), False], "Error.bad_settings"),
])
def test_hostile_arguments_are_answered_with_an_error(start, member, signature, body, expected):
    alice = start("alice")
    assert alice.call(member, signature, *body) == expected
    assert alice.call("Status", "s", "") is not None


def test_a_flood_is_answered_in_part_and_leaves_others_their_turn(start):
    alice, bob = start("alice"), start("bob")
    alice.call("ImportProfile", "sb", profile("slow-one"), False)
    answer = alice.ask(op="flood", count=300, member="Connect", signature="sd", body=["slow-one", 0.0])
    assert "errors" in answer, answer
    errors = answer["errors"]
    assert errors["org.freedesktop.DBus.Error.LimitsExceeded"] == 300 - 16
    assert sum(errors.values()) == 300
    assert json.loads(bob.call("Status", "s", ""))["version"] == 1
    assert alice.call("Disconnect", "s", "slow-one") is None


def test_a_failure_of_ours_is_an_internal_error_without_its_details(world, start):
    alice = start("alice")
    alice.call("ImportProfile", "sb", profile("breaks-it"), False)
    name, text = error_of(alice, "Connect", "sd", "breaks-it", 0.0)
    assert name == "org.rovevpn.Rove1.Error.internal"
    assert "detail" not in text[0].replace("roved's log has the details", "")
    assert b"ZeroDivisionError" in world.log("roved")
    assert alice.call("Status", "s", "") is not None


def test_importing_a_name_again_is_refused_with_advice(start):
    alice = start("alice")
    alice.call("ImportProfile", "sb", profile("twice"), False)
    name, text = error_of(alice, "ImportProfile", "sb", profile("twice"), False)
    assert name == "org.rovevpn.Rove1.Error.bad_settings"
    assert "delete it first" in text[0]


def test_what_is_not_there_gets_the_standard_errors(start):
    alice = start("alice")
    assert alice.call("Reboot") == "Error.UnknownMethod"
    assert alice.call("Status", "s", "", path="/org/rovevpn/Other") == "Error.UnknownObject"
    assert alice.call("Status", "s", "", interface="org.example.Other") == "Error.AccessDenied"
    properties = {"interface": "org.freedesktop.DBus.Properties"}
    assert alice.call("GetAll", "s", "org.rovevpn.Rove1", **properties) == {}
    assert alice.call("Get", "ss", "org.rovevpn.Rove1", "Secret", **properties) == "Error.UnknownProperty"
    assert alice.call("Ping", interface="org.freedesktop.DBus.Peer") is None


def test_introspection_lists_every_method_with_its_types(start):
    alice = start("alice")
    described = {"interface": "org.freedesktop.DBus.Introspectable"}
    node = ET.fromstring(alice.call("Introspect", **described))
    methods = {method.get("name"): {way: "".join(arg.get("type") for arg in method if arg.get("direction") == way)
                                    for way in ("in", "out")} for method in node.iter("method")}
    assert methods == {row.name: {"in": row.signature, "out": row.returns} for row in METHODS.values()}
    path, names = "/", []
    while names[-1:] != ["Rove1"]:
        names.append(ET.fromstring(alice.call("Introspect", path=path, **described)).find("node").get("name"))
        path = "/" + "/".join(names)
    assert path == "/org/rovevpn/Rove1"


def test_the_bus_policy_keeps_the_name_and_the_agents_to_root(start):
    alice, bob, root = start("alice"), start("bob"), start("root")
    assert bob.call("RequestName", "su", "org.rovevpn.Rove1", 0, **BUS) == "Error.AccessDenied"
    agent = {"destination": alice.name, "path": "/org/rovevpn/Rove1/Agent", "interface": "org.rovevpn.Rove1.Agent"}
    alice.ask(op="agent", replies={"Cancel": {}})
    assert bob.call("Cancel", "s", "work", **agent) == "Error.AccessDenied"
    assert root.call("Cancel", "s", "work", **agent) is None


def test_a_users_tunnels_end_with_the_last_session_and_only_logind_may_say_so(world, start):
    alice, bob, root = start("alice"), start("bob"), start("root")
    alice.call("ImportProfile", "sb", profile("leaving"), False)
    alice.call("Connect", "sd", "leaving", 0.0)
    removed = {"op": "signal", "destination": None, "path": "/org/freedesktop/login1",
               "interface": "org.freedesktop.login1.Manager", "member": "UserRemoved", "signature": "uo",
               "body": [UIDS["alice"], "/org/freedesktop/login1/user/_4721"]}
    roved = alice.call("GetNameOwner", "s", "org.rovevpn.Rove1", **BUS)
    bob.ask(**{**removed, "destination": roved})
    bob.call("Status", "s", "")                 # roved has read the signal when this is answered
    assert not world.record(what="disconnect", name="leaving")
    assert root.call("RequestName", "su", "org.freedesktop.login1", 0, **BUS) == 1
    root.ask(**removed)
    assert world.recorded(what="disconnect", name="leaving")["uid"] == UIDS["alice"]


def test_only_logind_may_say_that_the_machine_sleeps(world, start):
    bob, root = start("bob"), start("root")
    sleeps = {"op": "signal", "destination": None, "path": "/org/freedesktop/login1",
              "interface": "org.freedesktop.login1.Manager", "member": "PrepareForSleep", "signature": "b",
              "body": [True]}
    roved = bob.call("GetNameOwner", "s", "org.rovevpn.Rove1", **BUS)
    bob.ask(**{**sleeps, "destination": roved})
    bob.call("Status", "s", "")
    assert not world.record(what="sleep")
    assert root.call("RequestName", "su", "org.freedesktop.login1", 0, **BUS) in (1, 4)     # it may have it already
    for going in (True, False):
        root.ask(**{**sleeps, "body": [going]})
        assert world.recorded(what="sleep", going=going)


def test_interactive_authorisation_asks_by_polkits_agent_and_closes_with_its_caller(start):
    asking, dialogue = start("carol"), start("carol")
    pid = asking.process.pid
    with open(f"/proc/{pid}/stat") as file:
        began = int(file.read().rsplit(")", 1)[1].split()[19])
    polkit = {"destination": "org.freedesktop.PolicyKit1", "path": "/org/freedesktop/PolicyKit1/Authority",
              "interface": "org.freedesktop.PolicyKit1.Authority"}
    subject = ["unix-process", {"pid": {"v": ["u", pid]}, "start-time": {"v": ["t", began]}}]
    dialogue.ask(op="agent", replies={"BeginAuthentication": {"hang": True}, "CancelAuthentication": {}})
    assert dialogue.call("RegisterAuthenticationAgent", "(sa{sv})ss", subject, "C", "/dialogue", **polkit) is None
    connect = {"member": "Connect", "signature": "sd", "body": ["work", 0.0]}
    assert asking.ask(op="call", **connect)["error"] == "org.rovevpn.Rove1.Error.not_authorised"
    asking.ask(op="send", **connect, interactive=True)
    (member, body), = dialogue.ask(op="heard", calls=1)["agent_calls"]
    assert (member, body[0]) == ("BeginAuthentication", "org.rovevpn.rove.connect")
    asking.leave()
    assert [member for member, _ in dialogue.ask(op="heard", calls=2)["agent_calls"]][1] == "CancelAuthentication"
