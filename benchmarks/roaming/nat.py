"""The NAT in front gives another mapping."""

import time
from collections.abc import Callable

from benchmarks.roaming.clients import SETTLE, Client
from benchmarks.roaming.row import Row
from tests.lab import plan

_KEEPALIVE = 20.0


def _sending(what: str) -> Callable[[Client], float | None]:
    def run(client: Client) -> float | None:
        with client.stream() as stream:
            time.sleep(SETTLE)
            changed = time.monotonic()
            client.lab.nat("wifi", what)
            client.back()
            return client.outage(stream, changed)
    return run


def _far_side_only(client: Client) -> float | None:
    """The client says nothing but answers, which do not come about any more."""
    to = client.address
    with client.stream(plan.CORP, to, 0.05) as stream:
        time.sleep(SETTLE)
        changed = time.monotonic()
        client.lab.nat("wifi", "newport")
        client.back(plan.CORP, to)
        return client.outage(stream, changed)


ROWS = (
    Row("NAT gives a new port, client sending", "≤ 3 s", 3.0, _sending("newport"), unit="s"),
    Row("NAT gives a new address, client sending", "≤ 3 s", 3.0, _sending("newaddr"), unit="s"),
    Row("the same, only the far side sending", "≤ 21 s", _KEEPALIVE + 1, _far_side_only, unit="s", cap=25.0),
)
