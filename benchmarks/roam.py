"""Roaming: how long a ping every 10 ms finds no way, Wi-Fi → LTE and back; the clients take turns."""

import time
from collections.abc import Iterator
from statistics import median

from benchmarks.table import HEAD, row
from tests.interop.rovetest import connect, imported, status
from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.ping import outage

NAME = "mschap"
SETTLE = 0.3   # s around each roam


def run(roams: int) -> bool:
    """True when Rove's outage is no longer than strongSwan's, and no roam has cost the IKE_SA."""
    print(f"\nOutage of a roam between Wi-Fi and LTE, medians of {roams} roams", flush=True)
    print(HEAD)
    ours: list[float] = []
    theirs: list[float] = []
    with Lab("rvbroam") as lab:
        lab.gateway.start()
        imported(lab, NAME)
        while len(ours) < roams:
            ours += [seconds * 1000 for seconds in _rove(lab)]
            theirs += [seconds * 1000 for seconds in _strongswan(lab)]
    ratio = median(ours) / median(theirs)
    print(row("ping every 10 ms", ours, theirs, "ms", "≤ 1", ratio, ratio <= 1))
    print(f"  {'':<28} longest: {max(ours):.0f} and {max(theirs):.0f} ms; each includes the "
          "time in which the lab changes the uplinks", flush=True)
    return ratio <= 1


def _rove(lab: Lab) -> list[float]:
    done = connect(lab, NAME)
    if done.returncode:
        raise RuntimeError(f"rove connect: {done.stderr}")
    before = status(lab, NAME)["ike"]["spi_i"]
    outages = list(_there_and_back(lab))
    after = status(lab, NAME)["ike"]["spi_i"]
    lab.rove("disconnect", NAME)
    if before != after:
        raise RuntimeError("a roam has cost the IKE_SA")
    return outages


def _strongswan(lab: Lab) -> list[float]:
    lab.swan_client.start()
    lab.swan_client.connect(NAME)
    outages = list(_there_and_back(lab))
    lab.swan_client.stop()
    return outages


def _there_and_back(lab: Lab) -> Iterator[float]:
    for uplink in ("lte", "wifi"):
        with lab.ping_stream("client", plan.CORP_HOST) as stream:
            time.sleep(SETTLE)
            moved = time.monotonic()
            lab.roam(uplink)
            _wait_moved(lab, plan.UPLINKS[uplink].outside)
            time.sleep(SETTLE + 0.2)
        yield outage(stream.probes, moved - 0.05)


def _wait_moved(lab: Lab, address: str) -> None:
    measure.wait_until(lambda: [sa.remote[0] for sa in lab.gateway.sas()][-1:] == [address], f"the SA on {address}", 15)
