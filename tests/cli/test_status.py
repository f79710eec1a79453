"""status, list, watch, log: what they print, for people and for programs."""

import asyncio
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from client.cli import watch
from client.model.cause import Cause, RoveError
from client.model.state import ErrorState, State, TunnelState
from client.model.units import clock, duration, octets
from client.texts import finding_text
from tests.cli import samples
from tests.cli.bus import FakeRoved, private_daemon


def test_status_for_programs_is_what_roved_says(rove, roved):
    roved.answers["Status"] = document = samples.status(samples.connected())
    result = rove("status", "work", "--json")
    assert (result.code, json.loads(result.out), result.err) == (0, json.loads(json.dumps(document)), "")
    assert roved.called("Status") == [["work"]]


def test_status_for_people(rove, roved):
    roved.answers["Status"] = samples.status(samples.connected())
    lines = rove("status").out.splitlines()
    assert lines[0].startswith("work  connected since ")
    assert "(12 min" in lines[0]
    assert [line.strip() for line in lines[1:5]] == [
        "gateway    vpn.example.org at 203.0.113.5 port 4500",
        "path       wifi0, 192.168.1.5 → 203.0.113.5, UDP, behind NAT",
        "addresses  10.99.0.10, fd00::10",
        "DNS        10.99.0.1 (corp.example)"]
    assert f"IKE        {samples.SUITE}, renewed in 3 h 29 min" in lines[5]
    assert "tunnel     aes256gcm16, renewed in 44 min" in lines[6]
    assert "10.99.0.10/32 → 0.0.0.0/0" in lines[7]
    assert "1.4 MiB received, 900 bytes sent" in lines[8]
    assert "2 roams" in lines[9]
    assert "\x1b" not in "".join(lines)


def test_status_of_what_failed_and_of_nothing(rove, roved):
    roved.answers["Status"] = samples.status(TunnelState(
        "work", State.FAILED.value, samples.at(), last_error=ErrorState("x", "y", "No\x1b[2J luck.", "Try.")))
    out = rove("status").out
    assert "work  failed" in out
    assert "last error  No[2J luck.\n" in out
    assert "\x1b" not in out
    roved.answers["Status"] = samples.status()
    assert rove("status").out == "No connections.\n"


def test_deadlines_are_told_in_local_time(rove, roved, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    finding = {"code": "waiting-for-user",
               "message": finding_text("waiting-for-user", until="2026-05-04T20:00:00.000Z")}
    roved.answers["Status"] = samples.status(
        TunnelState("work", State.CONNECTED.value, samples.at(), findings=(finding,)))
    try:
        assert "until 2026-05-05 01:30:00." in rove("status").out
    finally:
        monkeypatch.undo()
        time.tzset()


def test_status_of_what_is_paused(rove, roved):
    finding = {"code": "paused", "message": finding_text("paused", until=samples.at(minutes=12, seconds=30))}
    roved.answers["Status"] = samples.status(
        TunnelState("work", State.DISCONNECTED.value, samples.at(), findings=(finding,)))
    assert rove("status").out.startswith("work  paused, connects again in 12 min ")
    assert json.loads(rove("status", "--json").out)["connections"][0]["findings"] == [finding]


@pytest.mark.parametrize(("argv", "seconds", "says"), [
    ((), 900.0, "15 min"), (("1",), 60.0, "1 min"), (("1440",), 86400.0, "1 d")])
def test_pause(rove, roved, argv, seconds, says):
    result = rove("pause", *argv)
    assert (result.code, roved.called("Pause")) == (0, [["", seconds]])
    assert result.out.startswith(f"Paused for {says}.")


@pytest.mark.parametrize("odd", ["0", "1441", "-1", "1.5", "ten", "99999999"])
def test_a_pause_of_an_odd_length_is_a_usage_error(rove, roved, odd):
    assert rove("pause", odd).code == 2
    assert roved.called("Pause") == []


def test_nothing_to_pause(rove, roved):
    roved.answers["Pause"] = RoveError(Cause.NOT_CONNECTED)
    assert rove("pause").code == 1


@pytest.mark.parametrize(("answer", "code"), [
    (RoveError(Cause.NO_SUCH_PROFILE, "work"), 10),
    (RoveError(Cause.NOT_AUTHORISED), 12),
    (("org.freedesktop.DBus.Error.AccessDenied", "no"), 12),
    (("org.freedesktop.DBus.Error.ServiceUnknown", "gone"), 8),
    (("org.freedesktop.DBus.Error.LimitsExceeded", "too much"), 1),
    ("not json", 1),
    ("[]", 1),
    ("[" * 5000, 1),
])
def test_refusals_have_their_exit_codes(rove, roved, answer, code):
    roved.answers["Status"] = answer
    result = rove("status")
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith("rove: ")


def test_no_roved_and_no_bus(rove, monkeypatch, tmp_path):
    result = rove("status", "--json")
    assert (result.code, result.out) == (8, "")
    assert "roved is not running" in result.err
    for address in (f"unix:path={tmp_path}/none", "rubbish", "unix:path="):
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        assert rove("status").code == 8, address


def test_list(rove, roved):
    rows = [{"name": "work", "system": False, "auth": "psk", "gateway": "vpn.example.org", "state": "connected"},
            {"name": "old", "system": True, "auth": "", "gateway": "", "state": "disconnected", "error": "not TOML"}]
    roved.answers["ListProfiles"] = rows
    assert json.loads(rove("list", "--json").out) == rows
    lines = rove("list").out.splitlines()
    assert [line.split() for line in lines[:2]] == [["NAME", "STATE", "GATEWAY", "LOGIN", "FOR"],
                                                    ["work", "connected", "vpn.example.org", "psk", "you"]]
    assert lines[-1] == "old cannot be used: not TOML"
    roved.answers["ListProfiles"] = []
    assert "rove import" in rove("list").out
    assert json.loads(rove("list", "--json").out) == []


def run_with_events(rove, roved, argv, *batches):
    """Runs a command that ends when roved does; the events come once it subscribed."""
    def feed():
        while not roved.subscribers or (argv[0] == "log" and not roved.called("Log")):
            time.sleep(0.01)
        for event in batches:
            roved.emit_now(event)
        roved.end()
    feeder = threading.Thread(target=feed)
    feeder.start()
    result = rove(*argv)
    feeder.join()
    return result


EVENTS = (samples.state_event(samples.connected()), samples.step("ike-sa-init", 0.02, samples.SUITE),
          {"kind": "log", "connection": "work", "level": "info", "text": "a line"},
          {"kind": "prompt", "connection": "work", "what": "the password", "deadline": 5},
          samples.error(Cause.GATEWAY_SILENT, "Silence\x1b.", final=False),
          {"kind": "newly-invented", "connection": "w"})


def test_watch_for_people(rove, roved):
    result = run_with_events(rove, roved, ["watch"], *EVENTS)
    lines = result.out.splitlines()
    assert [line.split(maxsplit=4)[-1] for line in lines[:4]] == [
        "connected", f"Agreed on algorithms {samples.SUITE}", "waiting for you: the password", "Silence. Do better."]
    assert "newly-invented" in lines[4]
    assert len(lines) == 5
    assert result.code == 8         # roved went away
    assert "\x1b" not in result.out


def test_watch_for_programs(rove, roved):
    result = run_with_events(rove, roved, ["watch", "--json"], *EVENTS)
    documents = [json.loads(line) for line in result.out.splitlines()]
    assert [document["kind"] for document in documents] == ["state", "step", "prompt", "error", "newly-invented"]
    assert documents[0]["state"]["ike"]["proposal"] == samples.SUITE


def test_an_event_that_is_not_json_ends_it_with_an_error(rove, roved):
    assert run_with_events(rove, roved, ["watch"], "{").code == 1


def test_events_right_behind_the_answer_are_not_lost(rove, roved):
    async def at_once(fake, *_):
        await asyncio.gather(fake.emit(EVENTS[0]), fake.emit(EVENTS[1]))
        fake.end_soon()
    roved.after["Subscribe"] = at_once
    result = rove("watch")
    assert len(result.out.splitlines()) == 2
    assert result.code == 8


def test_the_bus_goes_away(rove, tmp_path, monkeypatch):
    with private_daemon(tmp_path) as (address, daemon), FakeRoved(address) as roved:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)

        async def end(*_):
            daemon.terminate()
        roved.after["Subscribe"] = end
        result = rove("watch")
        assert result.code == 8
        # The bus may have had the time to say that roved left it first.
        assert any(words in result.err for words in ("the system bus went away", "roved ended"))


def test_log(rove, roved):
    lines = [{"time": 1777888800.5, "connection": "work", "level": "info", "text": "hello\x1b"},
             {"time": "2026-05-04T10:00:01.000Z", "connection": "work", "level": "error", "text": "oh"}]
    roved.answers["Log"] = lines
    assert [json.loads(line) for line in rove("log", "--json").out.splitlines()] == lines
    shown = rove("log", "--since", "10m").out.splitlines()
    assert shown[0].endswith("work          hello")
    assert abs(roved.called("Log")[1][0] - (time.time() - 600)) < 30


def test_log_follows_without_gap_or_repetition(rove, roved):
    roved.answers["Log"] = [{"time": 1777888800.0004, "connection": "work", "level": "info", "text": "once"}]
    known = {"kind": "log", "connection": "work", "level": "info", "text": "once", "time": "2026-05-04T10:00:00.000Z"}
    result = run_with_events(rove, roved, ["log", "-f"], known, {**known, "text": "then"})
    assert [line.split()[-1] for line in result.out.splitlines()] == ["once", "then"]


def test_since():
    now = datetime(2026, 5, 4, 13, 30, tzinfo=UTC).astimezone()
    stamp = now.timestamp()
    assert watch.since_time("", now) == 0.0
    assert watch.since_time("2h", now) == stamp - 7200
    local = now.strftime("%H:%M")
    assert watch.since_time(local, now) == stamp
    later = (now + timedelta(hours=1)).strftime("%H:%M")
    assert watch.since_time(later, now) < stamp
    assert watch.since_time("2026-05-04T13:30:00+00:00", now) == stamp
    for wrong in ("yesterday", "25:00", "10", "9" * 30 + "m", "-5m", "9999999-01-01"):
        assert watch.since_time(wrong, now) is None


def test_since_is_checked(rove):
    assert rove("log", "--since", "whenever").code == 2


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (65, "1 min 5 s"), (3600, "1 h"), (93780, "1 d 2 h"),
                                               (-5, "0 s"), (86700, "1 d")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_sizes_and_times():
    assert [octets(count) for count in (0, 1023, 1024, 3 << 20, 5 << 40, "x", None)] == [
        "0 bytes", "1023 bytes", "1.0 KiB", "3.0 MiB", "5.0 TiB", "?", "?"]
    now = datetime.now(UTC)
    assert len(clock(now.isoformat(), now)) == 8
    assert clock("2020-02-02T00:00:00Z", now).startswith("2020-02-0")
    assert clock("never", now) == clock(float("inf"), now) == ""
