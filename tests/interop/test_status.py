"""What programs read: status --json, watch --json, list --json and log, before, during and after a connection."""

import json
import re
import signal
import subprocess
from ipaddress import ip_address
from typing import Any

from client.model.cause import Cause, Stage
from tests.interop.rovetest import connected, imported, state, status
from tests.lab import plan, profiles
from tests.lab.lab import Lab
from tests.lab.measure import wait_until

# --- the contract: a type, a pattern, a function, a list of one kind, or an object with exactly these fields

Schema = Any
COUNT = (int, lambda value: value >= 0)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
IKE_SPI, ESP_SPI = re.compile("[0-9a-f]{16}"), re.compile("[0-9a-f]{8}")
SUITE = re.compile("[a-z0-9_]+(-[a-z0-9_]+)*")
SELECTOR = re.compile(r"[0-9a-f.:]+/\d+(\[\S+\])?")


def _is_address(text: str) -> bool:
    ip_address(text)
    return True


ADDRESS = (str, _is_address)
ENDPOINT = re.compile(r"([0-9.]+|\[[0-9a-f:]+\]):\d+")
STATES = ("disconnected", "connecting", "waiting-for-user", "connected", "roaming", "reconnecting", "offline",
          "blocked", "failed")
GATEWAY = {"address": ADDRESS, "port": COUNT, "identity": str}
PATH = {"interface": str, "local": ENDPOINT, "remote": ENDPOINT, "transport": ("udp", "esp", "tcp"), "nat": bool}
IKE = {"spi_i": IKE_SPI, "spi_r": IKE_SPI, "proposal": SUITE, "established_at": TIME, "rekey_at": TIME,
       "reauth_at": type(None)}
CHILD = {"spi_in": ESP_SPI, "spi_out": ESP_SPI, "proposal": SUITE, "local_ts": [SELECTOR], "remote_ts": [SELECTOR],
         "bytes_in": COUNT, "bytes_out": COUNT, "packets_in": COUNT, "packets_out": COUNT, "rekey_at": TIME}
ERROR = {"code": tuple(cause.code for cause in Cause), "stage": tuple(stage.value for stage in Stage),
         "message": str, "advice": str}
COMMON = {"name": str, "state": STATES, "since": TIME, "virtual_ips": [ADDRESS],
          "dns": {"servers": [ADDRESS], "domains": [str]},
          "counters": dict.fromkeys(("roams", "rekeys", "reauths", "replays", "auth_failures"), COUNT),
          "findings": [{"code": str, "message": str}]}
NOTHING = type(None)
DOWN = COMMON | {"gateway": NOTHING, "path": NOTHING, "ike": NOTHING, "children": [], "last_error": NOTHING}
UP = COMMON | {"gateway": GATEWAY, "path": PATH, "ike": IKE, "children": [CHILD], "last_error": NOTHING}
UP_FOR_A_TIME = UP | {"ike": IKE | {"reauth_at": TIME}}     # once the gateway has sent AUTH_LIFETIME (RFC 4478)


def differences(value: Any, schema: Schema, where: str = "") -> list[str]:
    """What of ``value`` is not as the schema says, each with its place; empty when all is well."""
    match schema:
        case dict():
            if not isinstance(value, dict) or value.keys() != schema.keys():
                return [f"{where}: {value!r} has not the fields {sorted(schema)}"]
            return [line for key in schema for line in differences(value[key], schema[key], f"{where}.{key}")]
        case list():
            if not isinstance(value, list) or (value and not schema):
                return [f"{where}: {value!r} is not such a list"]
            return [line for number, item in enumerate(value)
                    for line in differences(item, schema[0], f"{where}[{number}]")]
        case (type() as kind, condition):
            good = type(value) is kind and condition(value)
        case tuple():
            good = value in schema
        case re.Pattern():
            good = isinstance(value, str) and schema.fullmatch(value) is not None
        case _:
            good = type(value) is schema
    return [] if good else [f"{where}: {value!r}"]


# --- tests


def test_status_has_every_field_at_every_time(lab: Lab) -> None:
    lab.roved.start(fresh=True)
    assert _json(lab, "status", "--json") == {"version": 1, "connections": []}
    imported(lab, "psk")
    assert differences(status(lab, "psk"), DOWN) == []
    assert state(lab, "psk") == "disconnected"

    lab.udp("wifi", "block")
    attempt = lab.rove_popen("connect", "psk", "--timeout", "30", secrets=profiles.secrets("psk"))
    wait_until(lambda: state(lab, "psk") == "connecting", "it is connecting", 10)
    shown = status(lab, "psk")
    error = ERROR if shown["last_error"] else NOTHING       # the best-known reason, once there is one
    assert differences(shown, DOWN | {"last_error": error}) == []
    lab.udp("wifi", "open")
    assert attempt.wait(30) == 0

    assert lab.ping("client", plan.CORP_HOST)
    shown = status(lab, "psk")
    assert differences(shown, UP) == []
    (child,), path = shown["children"], shown["path"]
    assert shown["state"] == "connected"
    assert min(child["packets_in"], child["packets_out"], child["bytes_in"], child["bytes_out"]) >= 1
    assert (path["interface"], path["transport"], path["nat"]) == ("wifi0", "udp", True)
    assert path["local"].rpartition(":")[0] == plan.UPLINKS["wifi"].client
    assert path["remote"] == f"{plan.GATEWAY}:4500"
    assert (shown["gateway"]["address"], shown["gateway"]["identity"]) == (plan.GATEWAY, "psk.gw.lab.test")
    assert {child["spi_in"], child["spi_out"]} == {
        spi for sa in lab.gateway.sas() for its in sa.installed for spi in (its.spi_in, its.spi_out)}

    assert lab.rove("disconnect", "psk").returncode == 0
    after = status(lab, "psk")
    assert after["state"] == "disconnected"
    assert differences(after, DOWN) == []


def test_a_failed_connection_keeps_its_last_error(lab: Lab) -> None:
    imported(lab, "weak")
    assert lab.rove("connect", "weak", secrets=profiles.secrets("weak")).returncode == 4
    shown = status(lab, "weak")
    assert shown["state"] == "failed"
    assert differences(shown, DOWN | {"last_error": ERROR}) == []
    assert (shown["last_error"]["code"], shown["last_error"]["stage"]) == ("no-common-proposal", "proposal")


def test_watch_log_and_list(lab: Lab) -> None:
    imported(lab, "psk")
    watch = lab.rove_popen("watch", "--json", stdin=subprocess.DEVNULL)
    connected(lab, "mschap")
    assert lab.rove("disconnect", "mschap").returncode == 0
    watch.send_signal(signal.SIGINT)
    out, err = watch.communicate(timeout=10)
    assert (watch.returncode, err) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    assert all(TIME.fullmatch(event["time"]) and event["connection"] == "mschap" for event in events)
    assert {event["kind"] for event in events} <= {"state", "step", "prompt", "error"}
    states = [event["state"] for event in events if event["kind"] == "state"]
    up = [shown for shown in states if shown["state"] == "connected"]
    assert [line for shown in up
            for line in min(differences(shown, UP), differences(shown, UP_FOR_A_TIME), key=len)] == []
    assert [shown["state"] for shown in states][-2:] == ["connected", "disconnected"]
    steps = [event["step"] for event in events if event["kind"] == "step"]
    assert "established" in steps
    assert "connected" in steps

    rows = _json(lab, "list", "--json")
    assert [(row["name"], row["system"], row["auth"], row["gateway"], row["state"]) for row in rows] == [
        ("mschap", False, "eap-mschapv2", plan.GATEWAY, "disconnected"),
        ("psk", False, "psk", plan.GATEWAY, "disconnected")]
    log = lab.rove("log", "--json")
    lines = [json.loads(line) for line in log.stdout.splitlines()]
    row = {"time": TIME, "connection": str, "level": ("debug", "info", "warning", "error"), "text": str}
    assert [line for one in lines for line in differences(one, row)] == []
    assert any(line["text"].startswith("established 10.99.0.") for line in lines)
    assert "established 10.99.0." in lab.rove("log").stdout


def _json(lab: Lab, *arguments: str) -> Any:
    done = lab.rove(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
