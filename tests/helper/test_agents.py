"""Who is asked for credentials, and how little their answers are trusted; over a real bus."""

import pytest

from tests.helper.world import UIDS, profile

pytestmark = pytest.mark.interop
GOOD = {"Prepare": {"signature": "a{sv}", "body": [{"certificates": {"v": ["aay", [{"hex": "3000"}]]},
                                                     "signatures": {"v": ["as", ["ecdsa-sha256"]]},
                                                     "identity": {"v": ["s", "CN=Alice"]}}]},
        "SignIkeAuth": {"signature": "ay", "body": [{"hex": "5a" * 64}]},
        "PskAuth": {"signature": "ay", "body": [{"hex": "a5" * 32}]},
        "Eap": {"signature": "ayay", "body": [{"hex": "02010005"}, {"hex": "00" * 64}]},
        "Cancel": {}}


def named(identity):
    return {"Prepare": {"signature": "a{sv}", "body": [{"identity": {"v": ["s", identity]}}]}, "Cancel": {}}


def agent(user, kind, replies):
    user.ask(op="agent", replies=replies)
    assert user.call("RegisterAgent", "a{sv}", {"kind": {"v": ["s", kind]}}) is None
    return user


def connect(user, name):
    user.call("ImportProfile", "sb", profile(name), False)
    assert user.call("Connect", "sd", name, 0.0) is None


def test_an_attempt_prepares_signs_and_is_cancelled(world, start):
    alice = agent(start("alice"), "cli", GOOD)
    connect(alice, "signs-good")
    assert world.recorded(what="signed", name="signs-good") == {
        "what": "signed", "uid": UIDS["alice"], "name": "signs-good", "signature": "5a" * 64, "proof": "a5" * 32,
        "response": "02010005", "early_msk": 0, "msk": 64}
    assert world.record(what="prepared", name="signs-good")[0]["certificates"] == ["3000"]
    calls = alice.ask(op="heard", calls=5)["agent_calls"]
    assert [member for member, _ in calls] == ["Prepare", "SignIkeAuth", "PskAuth", "Eap", "Cancel"]
    name, toml, reason, deadline = calls[0][1]
    assert (name, toml, reason) == ("signs-good", profile("signs-good"), "connect")
    assert 0 < deadline <= 3
    assert calls[1][1] == ["signs-good", b"init".hex(), (b"n" * 32).hex(), (b"m" * 32).hex(), "", "ecdsa-sha256"]


def test_the_answer_to_eap_identity_is_known_from_prepare(world, start):
    prepared = {"signature": "a{sv}", "body": [{"eap_identity": {"v": ["s", "alicé"]}}]}
    alice = agent(start("alice"), "cli", {**GOOD, "Prepare": prepared})
    connect(alice, "signs-known")
    assert world.recorded(what="signed", name="signs-known")["response"] == b"\2\1\0\x0b\1alic\xc3\xa9".hex()
    calls = alice.ask(op="heard", calls=5)["agent_calls"]
    assert [body[1] for member, body in calls if member == "Eap"] == ["03010004"]       # no method has made an MSK


def test_the_caller_of_connect_is_asked_first_then_the_tray_then_others(world, start):
    first, tray, cli = start("alice"), start("alice"), start("alice")
    agent(first, "agent", named("agent"))
    agent(tray, "tray", named("tray"))
    agent(cli, "cli", named("cli"))
    connect(cli, "asks-1")
    assert world.recorded(what="prepared", name="asks-1")["identity"] == "cli"
    cli.call("UnregisterAgent")
    connect(cli, "asks-2")
    assert world.recorded(what="prepared", name="asks-2")["identity"] == "tray"
    tray.ask(op="agent", replies={})            # answers no-agent from now on
    connect(cli, "asks-3")
    assert world.recorded(what="prepared", name="asks-3")["identity"] == "agent"


def test_an_agent_that_dies_over_its_prompt_is_followed_by_the_next(world, start):
    dying, other = start("alice"), start("alice")
    agent(dying, "cli", {"Prepare": {"hang": True}})
    agent(other, "agent", named("other"))
    connect(dying, "asks-dying")
    dying.ask(op="heard", calls=1)
    dying.leave()
    assert world.recorded(what="prepared", name="asks-dying")["identity"] == "other"


def test_a_silent_agent_is_followed_by_the_next_and_cancelled_when_that_one_answers(world, start):
    silent, other, third = start("alice"), start("alice"), start("alice")
    agent(silent, "cli", {"Prepare": {"hang": True}, "Cancel": {}})
    agent(other, "tray", named("other"))
    agent(third, "agent", named("third"))
    connect(silent, "asks-both")
    assert world.recorded(what="prepared", name="asks-both")["identity"] == "other"
    calls = silent.ask(op="heard", calls=2)["agent_calls"]
    assert [(member, body[0]) for member, body in calls] == [("Prepare", "asks-both"), ("Cancel", "asks-both")]
    assert [member for member, _ in other.ask(op="heard", calls=1)["agent_calls"]] == ["Prepare"]
    assert third.ask(op="heard")["agent_calls"] == []


def test_a_no_from_one_of_several_that_were_asked_is_the_answer(world, start):
    silent, other = start("alice"), start("alice")
    agent(silent, "cli", {"Prepare": {"hang": True}, "Cancel": {}})
    agent(other, "agent", {"Prepare": {"error": "org.rovevpn.Rove1.Error.prompt_cancelled", "text": "no"}})
    connect(silent, "asks-no")
    assert world.recorded(what="failed", name="asks-no")["code"] == "prompt-cancelled"
    assert [member for member, _ in silent.ask(op="heard", calls=2)["agent_calls"]] == ["Prepare", "Cancel"]


def test_all_who_were_asked_in_vain_are_told_to_stop(world, start):
    silent, mute = start("alice"), start("alice")
    for one in (silent, mute):
        agent(one, "cli", {"Prepare": {"hang": True}, "Cancel": {}})
    connect(silent, "asks-vain")
    assert world.recorded(what="failed", name="asks-vain")["code"] == "prompt-unanswered"
    for one in (silent, mute):
        assert [member for member, _ in one.ask(op="heard", calls=2)["agent_calls"]] == ["Prepare", "Cancel"]


def test_only_the_users_own_agents_are_asked(world, start):
    alice, bob = start("alice"), start("bob")
    agent(bob, "tray", named("bob"))
    connect(alice, "asks-nobody")
    assert world.recorded(what="failed", name="asks-nobody")["code"] == "no-agent"
    assert bob.ask(op="heard")["agent_calls"] == []


def test_a_cancelled_prompt_ends_it_and_nobody_else_is_asked(world, start):
    cancelling, other = start("alice"), start("alice")
    agent(cancelling, "cli", {"Prepare": {"error": "org.rovevpn.Rove1.Error.prompt_cancelled", "text": "no\x1b"}})
    agent(other, "tray", named("other"))
    connect(cancelling, "asks-cancel")
    line = world.recorded(what="failed", name="asks-cancel")
    assert (line["code"], line["detail"]) == ("prompt-cancelled", "no ")
    assert other.ask(op="heard")["agent_calls"] == []


def test_an_unanswered_prompt_is_given_up_at_the_deadline_and_cancelled(world, start):
    alice = agent(start("alice"), "cli", {"Prepare": {"hang": True}})
    connect(alice, "asks-silence")
    assert world.recorded(what="failed", name="asks-silence")["code"] == "prompt-unanswered"
    assert [member for member, _ in alice.ask(op="heard", calls=2)["agent_calls"]] == ["Prepare", "Cancel"]


def prepare(**fields):
    return {"Prepare": {"signature": "a{sv}", "body": [fields]}}


@pytest.mark.parametrize("replies", [
    {"Prepare": {"signature": "s", "body": ["yes"]}},
    {"Prepare": {}},
    {"Prepare": {"error": "org.example.Oops", "text": "x" * 5000}},
    {"Prepare": {"error": "org.rovevpn.Rove1.Error.no_network", "text": "is not an agent's to say"}},
    {"Prepare": {"error": "org.rovevpn.Rove1.Error.nonsense", "text": ""}},
    prepare(identity={"v": ["u", 1]}),
    prepare(identity={"v": ["s", "two\nlines"]}),
    prepare(identity={"v": ["s", "x" * 1025]}),
    prepare(certificates={"v": ["as", ["x"]]}),
    prepare(certificates={"v": ["aay", [{"hex": ""}]]}),
    prepare(certificates={"v": ["aay", [{"hex": "30"}] * 17]}),
    prepare(certificates={"v": ["aay", [{"hex": "30" * 65537}]]}),
    prepare(signatures={"v": ["as", ["x"] * 33]}),
    prepare(signatures={"v": ["as", ["x" * 65]]}),
    {**GOOD, "SignIkeAuth": {"signature": "ay", "body": [{"hex": ""}]}},
    {**GOOD, "SignIkeAuth": {"signature": "ay", "body": [{"hex": "00" * 8193}]}},
    {**GOOD, "PskAuth": {"signature": "ay", "body": [{"hex": "00" * 15}]}},
    {**GOOD, "PskAuth": {"signature": "s", "body": ["x"]}},
    {**GOOD, "Eap": {"signature": "ayay", "body": [{"hex": "00" * 65536}, {"hex": ""}]}},
    {**GOOD, "Eap": {"signature": "ayay", "body": [{"hex": "00"}, {"hex": "00" * 63}]}},
])
def test_what_an_agent_may_not_say_is_an_unusable_credential(world, start, replies, request):
    alice = agent(start("alice"), "cli", replies)
    name = f"signs-bad-{request.node.callspec.id.removeprefix('replies')}"
    connect(alice, name)
    line = world.recorded(what="failed", name=name)
    assert line["code"] == "credential-unusable"
    assert len(line["detail"]) < 500


def test_agents_of_one_user_are_bounded_and_may_change_their_kind(start):
    processes = [agent(start("bob"), "cli", {}) for _ in range(8)]
    assert start("bob").call("RegisterAgent", "a{sv}", {"kind": {"v": ["s", "cli"]}}) == "Error.not_authorised"
    agent(processes[0], "tray", {})
