"""The status document of the contract: its fields, and its times."""

import json

import pytest

from client.model.state import ErrorState, State, TunnelState, rfc3339, status_document
from tests.cli import samples

# The contract of `rove status --json`, field by field
FIELDS = {
    "": "name state since gateway path virtual_ips dns ike children counters last_error findings",
    "gateway": "address port identity",
    "path": "interface local remote transport nat",
    "dns": "servers domains",
    "ike": "spi_i spi_r proposal established_at rekey_at reauth_at",
    "children": "spi_in spi_out proposal local_ts remote_ts bytes_in bytes_out packets_in packets_out rekey_at",
    "counters": "roams rekeys reauths replays auth_failures",
    "last_error": "code stage message advice",
}


def document():
    state = samples.connected()
    return json.loads(json.dumps(status_document([TunnelState(**{
        **state.__dict__, "last_error": ErrorState("no-network", "reach", "There is no network.", "Find one.")})])))


def test_the_document():
    assert document()["version"] == 1
    [connection] = document()["connections"]
    for key, fields in FIELDS.items():
        part = connection[key] if key else connection
        part = part[0] if isinstance(part, list) else part
        assert set(part) == set(fields.split()), key


def test_a_connection_that_is_not_there_has_the_same_fields():
    bare = TunnelState("work", State.DISCONNECTED.value, rfc3339(0)).to_json()
    assert set(bare) == set(FIELDS[""].split())
    assert bare["last_error"] is bare["gateway"] is bare["ike"] is None


def test_states_are_those_of_the_contract():
    assert " ".join(state.value for state in State) == (
        "disconnected connecting waiting-for-user connected roaming reconnecting offline blocked failed")


@pytest.mark.parametrize(("when", "text"), [(0, "1970-01-01T00:00:00.000Z"),
                                            (1777888800.0625, "2026-05-04T10:00:00.062Z")])
def test_times_are_rfc_3339_in_utc(when, text):
    assert rfc3339(when) == text
