"""Renewing keys under a ping every 10 ms: what the tests of it have in common."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.ping import lost
from tests.lab.sas import ChildSa, IkeSa


@contextmanager
def no_loss(lab: Lab, settle: float = 0.3) -> Iterator[None]:
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(settle)
        yield
        time.sleep(settle)
    late = [probe for probe in stream.probes[:-1] if probe.rtt is None]
    assert len(stream.probes) > 50
    assert not late, f"{len(lost(stream.probes))} of {len(stream.probes)} lost"


def spis(lab: Lab) -> tuple[str, str]:
    """Of the IKE_SA and of the CHILD_SA, as the gateway says once it has one of each and none in the making."""
    found: list[IkeSa] = []

    def settled() -> bool:
        found[:] = lab.gateway.sas()
        return [sa.state for sa in found] == ["ESTABLISHED"] and [c.state for c in live(found[0])] == ["INSTALLED"]
    measure.wait_until(settled, "one IKE_SA with one CHILD_SA", 10)
    return found[0].spi_i, live(found[0])[0].spi_in


def live(sa: IkeSa) -> list[ChildSa]:
    """strongSwan keeps a replaced inbound SA for 5 s (``delete_rekeyed_delay``)."""
    return [child for child in sa.children if child.state != "DELETED"]
