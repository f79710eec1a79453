"""The other views: documents, details, suites, history, notices, prompts, log lines, retold sentences."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import texts
from client.agent.prompts import PromptKind, Question
from client.gui.view import notices, retold
from client.gui.view.details import REMEDIES, detail_view, uses_ppk
from client.gui.view.documents import ProfileRow, profile_rows, tunnel_state, tunnel_states
from client.gui.view.entries import Command
from client.gui.view.history import MAX_SAMPLES, History, Span, stretches
from client.gui.view.log_view import LogLines
from client.gui.view.prompt_view import QUESTIONS, WARNINGS, deadline_of, prompt_view, remaining
from client.gui.view.suites import suite
from client.model.cause import Cause
from client.model.state import ErrorState, PathState, State, status_document
from tests.gui.states import NOW, PQ, failed, known, paused, tunnel

ROOT = Path(__file__).parents[2]
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
                        st.sampled_from(("name", "state", "path", "ike", "children", "findings", "counters", "gateway",
                                         "last_error", "virtual_ips", "connections", "bytes_in", "proposal")) |
                        st.text(max_size=5), inner, max_size=8), max_leaves=20)


# --- documents ---


def test_a_state_survives_the_way_through_json():
    for state in (tunnel(), tunnel(State.OFFLINE), failed(message="No."), tunnel(State.DISCONNECTED)):
        assert tunnel_state(json.loads(json.dumps(state.to_json()))) == state
    two = [tunnel(name="a"), tunnel(State.CONNECTING, "b")]
    assert list(tunnel_states(json.loads(json.dumps(status_document(two))))) == two


@given(JSON)
def test_no_document_is_too_odd(document):
    for state in (tunnel_state(document), *tunnel_states(document)):
        if state is not None:
            detail_view(known(state), state.name, NOW)
            notices.notice(tunnel(), state, ours=False)
    profile_rows(document)


def test_an_own_profile_hides_the_machines_of_the_same_name():
    rows = profile_rows([{"name": "work", "gateway": "mine"}, {"name": "work", "system": True, "gateway": "theirs"}])
    assert rows == (ProfileRow("work", gateway="mine"),)


def test_control_characters_of_a_document_are_not_shown():
    assert tunnel_state({"name": "a\x1b[1m", "state": "connected"}).name == "a[1m"


# --- suites ---


@pytest.mark.parametrize(("proposal", "rows", "post_quantum", "weak"), [
    (PQ, {"Encryption": "AES-256-GCM", "Key derivation": "HMAC-SHA-384", "Key exchange": "ECP-384 + ML-KEM-768"},
     True, ()),
    ("aes128-sha256-prfsha256-modp2048",
     {"Encryption": "AES-128-CBC", "Integrity": "HMAC-SHA-256", "Key derivation": "HMAC-SHA-256",
      "Key exchange": "MODP-2048"}, False, ()),
    ("3des-sha1-prfsha1-modp1024",
     {"Encryption": "3DES", "Integrity": "HMAC-SHA-1", "Key derivation": "HMAC-SHA-1", "Key exchange": "MODP-1024"},
     False, ("3des", "sha1", "prfsha1", "modp1024")),
    ("chacha20poly1305-prfsha512-x25519",
     {"Encryption": "ChaCha20-Poly1305", "Key derivation": "HMAC-SHA-512", "Key exchange": "X25519"}, False, ()),
    ("aes256gcm16-esn", {"Encryption": "AES-256-GCM", "Sequence numbers": "64 bits"}, False, ()),
    ("aes256gcm16-newthing9", {"Encryption": "AES-256-GCM", "Also": "newthing9"}, False, ()),
])
def test_suites(proposal, rows, post_quantum, weak):
    found = suite(proposal)
    assert (dict(found.rows), found.post_quantum, found.weak) == (rows, post_quantum, weak)


# --- details ---


def test_what_a_connected_page_says():
    view = detail_view(known(tunnel()), "work", NOW, {"wlan0": "wifi"}.get)
    overview = dict(view.overview)
    assert view.protection == "Protected: traffic for 10.0.0.0/8 goes through the tunnel."
    assert overview["Path"] == "via Wi-Fi (wlan0), NAT"
    assert overview["Gateway"] == "vpn.example.org (203.0.113.5)"
    assert overview["DNS"] == "10.99.0.1 (corp.example)"
    assert overview["Next log-in"] == "in 3 h 2 min"
    assert overview["So far"] == "2 × changed networks"
    assert [button.command.verb for button in view.buttons] == ["disconnect", "pause", "reauth", "rekey"]
    assert [badge.text for badge in view.badges] == ["Post-quantum key exchange"]
    assert [section.title for section in view.security] == ["Connection to the gateway (IKE SA)", "Tunnel (CHILD SA)"]


@pytest.mark.parametrize(("proposal", "ppk", "badge", "good"), [
    (PQ, False, "Post-quantum key exchange", True),
    ("aes256gcm16-prfsha384-ecp384", True, "Post-quantum pre-shared key", True),
    ("aes256gcm16-prfsha384-ecp384", False, "Classical key exchange", False),
])
def test_the_post_quantum_badge(proposal, ppk, badge, good):
    one = replace(tunnel(), ike=replace(tunnel().ike, proposal=proposal))
    shown = detail_view(known(one), "work", NOW, ppk=ppk).badges
    assert [(item.text, item.good) for item in shown] == [(badge, good)]


def test_outdated_algorithms_have_a_badge():
    one = replace(tunnel(), ike=replace(tunnel().ike, proposal="3des-sha1-prfsha1-modp1024"))
    assert detail_view(known(one), "work", NOW).badges[1].text == "Outdated algorithms: 3des, modp1024, prfsha1, sha1"


def test_a_paused_page_offers_both_ways_out():
    view = detail_view(known(paused()), "work", NOW)
    assert view.state == "paused"
    assert [(one.text, one.command) for one in view.buttons[:2]] == [
        ("Connect", Command("connect", "work")), ("Stay disconnected", Command("disconnect", "work"))]
    assert view.notes[0].message.startswith("Paused; Rove connects again by itself at ")
    assert "T12:12:30" not in view.notes[0].message         # people read it in their own zone


def test_a_connected_page_offers_pauses():
    [button] = [one for one in detail_view(known(tunnel()), "work", NOW).buttons if one.choices]
    assert (button.text, button.choices[1].command) == ("Pause for …", Command("pause", "work", 15))


def test_a_pause_from_elsewhere_is_told_as_one():
    told = notices.notice(tunnel(), paused(), ours=False)
    assert (told.title, told.actions) == ("work is paused", (("connect", "Connect now"),))
    assert "Unprotected" in told.body
    assert isinstance(notices.notice(tunnel(), paused(), ours=True), notices.Withdrawn)


def test_a_full_tunnel_says_so():
    child = replace(tunnel().children[0], remote_ts=("0.0.0.0/0", "::/0"))
    assert detail_view(known(tunnel(children=(child,))), "work", NOW).protection == (
        "Protected: all traffic goes through the tunnel.")


def test_a_failure_has_its_advice_and_a_button_that_acts():
    view = detail_view(known(failed("user-refused", message="Refused.", advice="Check.")), "work", NOW)
    [note] = view.notes
    assert (note.message, note.advice, note.error) == ("Refused.", "Check.", True)
    assert note.button.command == Command("connect", "work")
    assert [button.command.verb for button in view.buttons] == ["connect", "edit", "delete"]


def test_an_unauthenticated_gateway_has_no_button():
    """Nobody is to click it away."""
    for cause in (Cause.GATEWAY_UNTRUSTED, Cause.GATEWAY_WRONG_NAME, Cause.GATEWAY_BAD_SIGNATURE):
        [note] = detail_view(known(failed(cause.code)), "work", NOW).notes
        assert note.button is None


def test_remedies_are_for_codes_that_exist():
    assert set(REMEDIES) <= {cause.code for cause in Cause} | set(texts.FINDINGS)


def test_a_finding_can_be_acted_on_while_the_tunnel_is_up():
    one = tunnel(findings=({"code": "reauth-failed", "message": "Again."},))
    assert detail_view(known(one), "work", NOW).notes[0].button.command == Command("reauth", "work")


@pytest.mark.parametrize(("url", "opened"), [
    ("https://portal.example/login?a=b", True), ("http://192.0.2.1/", True), ("file:///etc/passwd", False),
    ("javascript:alert(1)", False), ("https://", False)])
def test_a_networks_page_is_opened_if_it_is_one(url, opened):
    one = tunnel(findings=({"code": "captive-portal", "message": texts.finding_text("captive-portal", url=url)},))
    button = detail_view(known(one), "work", NOW).notes[0].button
    assert (button and button.command) == (Command("browse", url) if opened else None)


def test_another_full_tunnel_can_be_disconnected():
    both = known(failed("another-full-tunnel"), tunnel(name="home"), profiles=("work", "home"))
    view = detail_view(both, "work", NOW)
    assert view.notes[0].button.command == Command("disconnect", "home")


def test_a_broken_profile_tells_why():
    broken = replace(known(), profiles=(ProfileRow("work", error="gateway.pin: no"),))
    assert "gateway.pin: no" in detail_view(broken, "work", NOW).notes[0].message


@pytest.mark.parametrize(("profile", "used"), [
    ({}, False), ({"ike": {"ppk": "a"}}, True), ({"ike": {"ppk": ""}}, False), ({"ike": 3}, False)])
def test_ppk_of_a_profile(profile, used):
    assert uses_ppk(profile) is used


# --- history ---


def test_states_and_moves_are_noted_with_their_reasons():
    history = History()
    history.note_state(tunnel(State.CONNECTING), NOW.timestamp())
    history.note_state(tunnel(), NOW.timestamp())
    history.note_step("roaming")
    lte = PathState("wwan0", "100.64.0.9", "203.0.113.5", "udp", True)
    history.note_state(tunnel(State.ROAMING, path=lte), NOW.timestamp() + 10)
    history.note_state(tunnel(path=lte), NOW.timestamp() + 10.1)
    assert [span.state for span in history.spans] == ["connecting", "connected", "roaming", "connected"]
    assert [(move.before, move.after, move.why) for move in history.moves] == [
        ("", "wlan0 192.168.1.5", "connected"),
        ("wlan0 192.168.1.5", "wwan0 100.64.0.9", "the network changed")]


def test_rates_survive_a_rekey_and_nothing_is_negative():
    history, now = History(), NOW.timestamp()
    first = tunnel().children[0]
    history.sample(tunnel(children=(first,)), now)
    history.sample(tunnel(children=(replace(first, bytes_in=4048, bytes_out=1900),)), now + 2)
    renewed = replace(first, spi_in="c" * 8, bytes_in=500, bytes_out=0)
    history.sample(tunnel(children=(renewed,)), now + 3)
    assert [(one.received, one.sent) for one in history.samples] == [(1000, 500), (500, 0)]


def test_history_is_bounded_and_a_pause_makes_no_spike():
    history, now = History(), NOW.timestamp()
    for second in range(MAX_SAMPLES + 50):
        history.sample(tunnel(), now + second)
    assert len(history.samples) == MAX_SAMPLES
    history.pause()
    busy = replace(tunnel().children[0], bytes_in=10**9)
    history.sample(tunnel(children=(busy,)), now + 1000)
    assert max(one.received for one in history.samples) == 0


def test_stretches():
    spans = [Span("connecting", 10), Span("connected", 20), Span("offline", 30)]
    assert stretches(spans, 15, 40) == [("connecting", 15, 20), ("connected", 20, 30), ("offline", 30, 40)]
    assert stretches(spans, 50, 60) == [("offline", 50, 60)]
    assert stretches([], 0, 1) == []


# --- notices ---


@pytest.mark.parametrize(("before", "after", "ours", "title"), [
    (tunnel(State.CONNECTING), tunnel(), True, "work is connected"),
    (tunnel(), tunnel(State.ROAMING), False, None),                 # roaming is silent
    (tunnel(State.ROAMING), tunnel(), False, None),
    (tunnel(), tunnel(), False, None),                              # so is rekeying: the state stays
    (None, tunnel(), False, None),                                  # it was up when we came
    (tunnel(), tunnel(State.OFFLINE), False, "work: protected, offline"),
    (tunnel(State.OFFLINE), tunnel(), False, notices.Withdrawn),
    (tunnel(), tunnel(State.RECONNECTING, virtual_ips=("10.0.0.1",)), False, "work: protected, offline"),
    (tunnel(State.OFFLINE), tunnel(State.RECONNECTING, virtual_ips=("10.0.0.1",)), False, None),
    (tunnel(State.CONNECTING), tunnel(State.OFFLINE, virtual_ips=()), False, None),
    (tunnel(), failed(), False, "work: the connection ended"),
    (tunnel(State.CONNECTING), failed(), True, "work: could not connect"),
    (tunnel(), tunnel(State.DISCONNECTED), True, notices.Withdrawn),
    (tunnel(), tunnel(State.DISCONNECTED), False, "work was disconnected"),
    (tunnel(State.CONNECTING), tunnel(State.DISCONNECTED), False, notices.Withdrawn),
])
def test_which_changes_are_told(before, after, ours, title):
    said = notices.notice(before, after, ours)
    if isinstance(title, str):
        assert said.title == title
    else:
        assert said is None if title is None else isinstance(said, title)


def test_a_lost_tunnel_stays_on_the_screen_and_says_unprotected():
    said = notices.notice(tunnel(), failed(message="It ended.", advice="Look."), ours=False)
    assert (said.persistent, said.urgency) == (True, 2)
    assert said.body.splitlines() == ["Unprotected: traffic no longer goes through the tunnel.", "It ended.", "Look."]
    assert not notices.notice(tunnel(State.CONNECTING), failed(), ours=True).persistent


def test_a_certificate_that_will_expire_is_told_once():
    expiring = tunnel(findings=({"code": "user-certificate-expires", "message": "It expires."},))
    said = notices.notice(tunnel(), expiring, ours=False)
    assert (said.body, said.persistent) == ("It expires.", False)
    assert notices.notice(expiring, expiring, ours=False) is None
    assert notices.notice(tunnel(), tunnel(findings=({"code": "child-lost", "message": "x"},)), ours=False) is None


def test_a_question_is_persistent_and_can_be_answered():
    said = notices.question("work", "PIN for work")
    assert (said.persistent, [action for action, _ in said.actions]) == (True, ["answer", "dismiss"])


# --- prompts ---


@pytest.mark.parametrize("kind", list(PromptKind))
def test_every_kind_of_question_has_its_words(kind):
    view = prompt_view(Question(kind, "Something for work", "work"))
    assert view.title.endswith(" for work")
    assert view.field.endswith(":")
    assert "&" in view.field
    assert view.hidden
    assert bool(view.confirm) is (kind is PromptKind.NEW_PASSWORD)


@pytest.mark.parametrize(("question", "warning"), [
    (Question(PromptKind.PIN, "PIN", tries_left=3), "3 tries are left."),
    (Question(PromptKind.PIN, "PIN", again=True, tries_left=2), "The PIN was wrong. 2 tries are left."),
    (Question(PromptKind.PIN, "PIN", again=True, tries_left=1),
     "The PIN was wrong. This is the last try: another wrong PIN blocks the token."),
    (Question(PromptKind.PASSWORD, "The last one was refused. Password of a for b", again=True),
     "The last one was refused. Rove does not repeat what was refused: accounts get locked."),
    (Question(PromptKind.PIN, "That PIN was wrong. This is the last try before the smartcard locks. PIN of the "
              "smartcard “c”, certificate d, for e", again=True, tries_left=1),
     "That PIN was wrong. This is the last try before the smartcard locks."),
    (Question(PromptKind.PASSWORD, "P"), ""),
])
def test_warnings(question, warning):
    assert prompt_view(question).warning == warning


def test_the_gateways_words_are_labelled_and_remembering_is_offered_only_where_it_is_heeded():
    view = prompt_view(Question(PromptKind.CHALLENGE, "Code", gateway_words="Look at your token", may_remember=True))
    assert (view.gateway_label, view.gateway_words) == ("The gateway says:", "Look at your token")
    assert view.remember
    plain = prompt_view(Question(PromptKind.CHALLENGE, "Code"))
    assert not plain.gateway_label
    assert not plain.remember


@pytest.mark.parametrize(("deadline", "shown"), [(None, ""), (172.0, "1 min 12 s left to answer"),
                                                 (99.0, "0 s left to answer")])
def test_countdown(deadline, shown):
    assert remaining(deadline, 100.0) == shown


def test_deadlines_of_events():
    assert deadline_of("2026-05-04T12:00:00.000Z") == NOW.timestamp()
    assert deadline_of("soon") is None


# --- sentences of others ---


@pytest.fixture
def shouted(monkeypatch):
    monkeypatch.setattr(texts, "_translate", texts._translate)
    texts.bind(lambda text: f"<{text}>")


@pytest.mark.parametrize("cause", list(Cause), ids=lambda cause: cause.code)
@pytest.mark.parametrize("detail", ["", "seen (on) the {wire}"])
def test_a_causes_sentence_can_be_told_again_in_another_language(monkeypatch, cause, detail):
    told = texts.error_text(cause, detail)
    monkeypatch.setattr(texts, "_translate", texts._translate)
    texts.bind(lambda text: f"<{text}>")
    wanted = texts.error_text(cause, detail)
    assert retold.error(told.code, told.message, told.advice) == (wanted.message, wanted.advice)


@pytest.mark.parametrize("code", sorted(texts.FINDINGS))
def test_findings_can_be_told_again(monkeypatch, code):
    fields = {name: f"some {name}" for name in re.findall(r"\{(\w+)\}", texts.FINDINGS[code])}
    fields |= {"why": "The gateway does not answer.", "until": "2026-05-04T12:00:00.000Z"}
    told = texts.finding_text(code, **fields)
    monkeypatch.setattr(texts, "_translate", texts._translate)
    texts.bind(lambda text: f"<{text}>")
    again = retold.finding(code, told)
    assert again.startswith("<")
    local = NOW.astimezone().strftime("%Y-%m-%d %H:%M")
    assert told.replace(fields["until"], local) == again.replace("<", "").replace(">", "")
    assert "<The gateway does not answer.>" in again or "{why}" not in texts.FINDINGS[code]


def test_what_is_not_ours_stays(shouted):
    assert retold.error("user-refused", "Something else.", "Elsewhere.") == ("Something else.", "Elsewhere.")
    assert retold.error("no-such-code", "A", "B") == ("A", "B")
    assert retold.finding("no-such-code", "A") == "A"


@pytest.mark.parametrize(("text", "warning", "question"), [
    ("Password of alice for work", "", "<Password of alice for work>"),
    ("The last one was refused: wrong name or password (E=691). Password of alice for work",
     "<The last one was refused: wrong name or password (E=691).>", "<Password of alice for work>"),
    ("The last one was refused. Password of alice for work", "<The last one was refused.>",
     "<Password of alice for work>"),
    ("The password of alice has expired. New password for work", "",
     "<The password of alice has expired. New password for work>"),
    ("That PIN was wrong. This is the last try before the smartcard locks. PIN of the smartcard “a b”, certificate "
     "CN=a, O=b, for work", "<That PIN was wrong.> <This is the last try before the smartcard locks.>",
     "<PIN of the smartcard “a b”, certificate CN=a, O=b, for work>"),
    ("Something new. Password of alice for work", "Something new.", "<Password of alice for work>"),
    ("Nothing we know", "", "Nothing we know"),
])
def test_the_agents_questions_are_told_again(shouted, text, warning, question):
    assert retold.question(text, QUESTIONS, WARNINGS) == (warning, question)


def test_the_agents_sentences_are_those_it_says():
    """Each constant piece of ours is in client/agent, so that a sentence changed there is missed here."""
    source = "".join(path.read_text() for path in (ROOT / "client/agent").glob("*.py"))
    source = re.sub(r'"\n\s*f?"', "", source)
    for template in (*QUESTIONS, *WARNINGS):
        for piece in re.split(r"\{\w+\}", template):
            for part in re.split(r" for $|^ for | for (?=\{)", piece):
                assert part.strip(" .") in source, (template, part)


# --- log ---


def line(text, level="info", time="2026-05-04T12:00:00.000Z", connection="work"):
    return {"time": time, "connection": connection, "level": level, "text": text}


def test_log_lines_are_filtered_by_words_and_level():
    lines = LogLines()
    lines.replace([line("Initiating IKE_SA"), line("went wrong", "error"), line("detail", "debug")])
    assert len(list(lines.passing("", "debug"))) == 3
    assert [one.level for one in lines.passing("", "warning")] == ["error"]
    assert len(list(lines.passing("ike initiating", "debug"))) == 1
    assert list(lines.passing("nothing", "debug")) == []


def test_a_line_that_both_log_and_event_bring_is_there_once():
    lines = LogLines()
    lines.replace([line("a")])
    assert lines.add(line("a")) is None
    assert lines.add(line("b")).text.endswith("work  b")


def test_an_error_in_the_log_is_told_without_colour():
    assert "✗ " in LogLines().add(line("bad", "error")).text


def test_odd_times_and_levels_are_shown():
    shown = LogLines().add(line("x", "shouting", time="noon"))
    assert shown.text.startswith("?")
    assert shown.passes("", "info")


def test_an_error_between_attempts_is_shown_without_a_button():
    trying = tunnel(State.CONNECTING, last_error=ErrorState("gateway-silent", "reach", "Silent.", "Look."))
    [note] = detail_view(known(trying), "work", NOW).notes
    assert (note.error, note.button) == (False, None)


def test_since_is_in_the_page():
    assert detail_view(known(tunnel()), "work", NOW).since.endswith("(12 min)")
    assert detail_view(known(tunnel(State.DISCONNECTED)), "work", NOW).since == ""
