"""Documents as roved writes them."""

from datetime import UTC, datetime, timedelta

from client.model.state import (
    ChildState,
    Counters,
    DnsState,
    GatewayState,
    IkeState,
    PathState,
    State,
    TunnelState,
    rfc3339,
    status_document,
)

SUITE = "aes256gcm16-prfsha384-ecp256"


def at(**delta):
    return rfc3339((datetime.now(UTC) + timedelta(**delta)).timestamp())


def connected(name="work"):
    return TunnelState(
        name=name, state=State.CONNECTED.value, since=at(minutes=-12),
        gateway=GatewayState("203.0.113.5", 4500, "vpn.example.org"),
        path=PathState("wifi0", "192.168.1.5", "203.0.113.5", "udp", True),
        virtual_ips=("10.99.0.10", "fd00::10"), dns=DnsState(("10.99.0.1",), ("corp.example",)),
        ike=IkeState("00" * 8, "11" * 8, SUITE, at(minutes=-12), at(hours=3, minutes=30), None),
        children=(ChildState("aa" * 4, "bb" * 4, "aes256gcm16", ("10.99.0.10/32",), ("0.0.0.0/0",), 1500000, 900, 1000,
                             9, at(minutes=45)),),
        counters=Counters(roams=2))


def status(*states):
    return status_document(list(states))


def state_event(state):
    return {"kind": "state", "connection": state.name, "state": state.to_json()}


def step(name, elapsed, detail="", connection="work"):
    return {"kind": "step", "connection": connection, "step": name, "detail": detail, "elapsed": elapsed}


def error(cause, message="It went wrong.", final=True, connection="work"):
    return {"kind": "error", "connection": connection, "code": cause.code, "stage": cause.stage.value,
            "message": message, "advice": "Do better.", "exit_code": cause.exit_code.value, "final": final}
