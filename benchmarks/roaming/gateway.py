"""The gateway dies, and forgets."""

import time

from benchmarks.roaming.clients import SETTLE, Client, Rove
from benchmarks.roaming.row import Row

_APART = 8.0        # s: the agent signs for one gateway eight times a minute, and no more


def _again(client: Client) -> None:
    """Each run begins with an IKE_SA that both sides know."""
    client.lab.gateway.start()
    if not client.back():
        client.disconnect()
        client.connect()


def _noticed(client: Client) -> float | None:
    """Under traffic, until ``rove status`` says so."""
    _again(client)
    with client.stream():
        time.sleep(SETTLE)
        client.lab.gateway.kill()
        killed = time.monotonic()
        seen = None
        while isinstance(client, Rove) and seen is None and time.monotonic() < killed + client.cap:
            if client.state() == "reconnecting":
                seen = time.monotonic() - killed
        client.lab.gateway.start()
        client.back()
    return seen


def _returns(client: Client) -> float | None:
    """Under traffic; from when the gateway takes connections again."""
    _again(client)
    with client.stream() as stream:
        time.sleep(SETTLE)
        client.lab.gateway.kill()
        time.sleep(8.0)
        client.lab.gateway.start()
        there = time.monotonic()
        client.back()
        return client.late(stream, there)


def _forgot(client: Client) -> float | None:
    """Killed and started at once: it knows nothing of us."""
    _again(client)
    time.sleep(_APART)
    with client.stream() as stream:
        time.sleep(SETTLE)
        client.lab.gateway.kill()
        client.lab.gateway.start()
        there = time.monotonic()
        client.back()
        return client.late(stream, there)


ROWS = (
    Row("gateway killed under traffic: noticed", "≤ 10 s", 10.0, _noticed, unit="s", strongswan=False),
    Row("… and restarted: traffic back", "≤ 5 s", 5.0, _returns, unit="s"),
    Row("gateway forgot the SA", "≤ 5 s", 5.0, _forgot, unit="s"),
)
