"""Uplinks come and go; a way falls silent."""

import time

from benchmarks.roaming.clients import SETTLE, Client
from benchmarks.roaming.row import Row
from tests.lab import plan
from tests.lab.ping import lost

_READY = 1.5    # s until Linux has IPv6 on a link that was down just before (linkwatch acts once a second)


def _both(client: Client) -> None:
    client.lab.link("lte", "up")
    time.sleep(SETTLE)


def _wifi_goes(client: Client, way: str) -> float | None:
    """LTE is there already."""
    _both(client)
    with client.stream() as stream:
        time.sleep(SETTLE)
        gone = time.monotonic()
        client.lab.link("wifi", way)
        client.back()
        return client.outage(stream, gone)


def _removed(client: Client) -> float | None:
    return _wifi_goes(client, "nm")


def _carrier(client: Client) -> float | None:
    return _wifi_goes(client, "carrier")


def _silent(client: Client) -> float | None:
    return _wifi_goes(client, "silent")


def _clean_switch(client: Client) -> float | None:
    """Wi-Fi goes, then LTE comes: from when the kernel has its route."""
    with client.stream() as stream:
        time.sleep(SETTLE)
        client.lab.roam("lte")
        there = time.monotonic()
        client.back()
        return client.late(stream, there)


def _far(client: Client) -> None:
    client.lab.delay("wifi", 20)
    client.lab.delay("lte", 30)
    time.sleep(SETTLE)


def _removed_far(client: Client) -> float | None:
    _far(client)
    return _removed(client)


def _switch_far(client: Client) -> float | None:
    _far(client)
    return _clean_switch(client)


def _new_first(client: Client) -> float | None:
    """From LTE: the better Wi-Fi comes, and a second later LTE goes."""
    client.lab.roam("lte", "mbb", gap=0.5)
    if not client.back():
        return None
    time.sleep(1.0)
    with client.stream() as stream:
        time.sleep(SETTLE)
        client.lab.roam("wifi", "mbb", gap=1.0)
        client.back()
        time.sleep(SETTLE)
    return float(len(lost(stream.probes[:-2])))


def _tunnel(client: Client) -> float | None:
    """1 s without any link: from when the kernel has its route back."""
    with client.stream() as stream:
        time.sleep(SETTLE)
        client.lab.link("wifi", "nm")
        time.sleep(1.0)
        client.lab.link("wifi", "up")
        there = time.monotonic()
        client.back()
        return client.late(stream, there)


def _versions(client: Client) -> float | None:
    """IPv4-only Wi-Fi → IPv6-only LTE → back; the longer of the two, each from when the other network is there."""
    lab, lte, wifi = client.lab, plan.UPLINKS["lte"], plan.UPLINKS["wifi"]
    lab.exec("client", "ip", "-6", "addr", "flush", "dev", "wifi0", "scope", "global")
    time.sleep(SETTLE)
    longest = 0.0
    with client.stream() as stream:
        time.sleep(SETTLE)
        lab.link("lte", "up")
        lab.exec("client", "ip", "addr", "del", f"{lte.client}/24", "dev", "lte0")
        time.sleep(_READY)
        gone = time.monotonic()
        lab.link("wifi", "nm")
        if not client.back():
            return None
    longest = max(longest, client.outage(stream, gone) or 0.0)
    with client.stream() as stream:
        time.sleep(SETTLE)
        lab.link("lte", "nm")
        lab.link("wifi", "up")
        lab.exec("client", "ip", "addr", "del", f"{wifi.client6}/64", "dev", "wifi0")
        there = time.monotonic()
        if not client.back():
            return None
    late = client.late(stream, there)
    return None if late is None else max(longest, late)


ROWS = (
    Row("address removed, other uplink up, RTT 0", "≤ 30 ms", 0.030, _removed),
    Row("the same, the other uplink comes after, RTT 0", "≤ 30 ms", 0.030, _clean_switch),
    Row("address removed, RTT 40 → 60 ms", "≤ RTT + 30 ms", 0.090, _removed_far, lab={"relay": True}),
    Row("the same, the other uplink comes after", "≤ RTT + 30 ms", 0.090, _switch_far, lab={"relay": True}),
    Row("make before break", "0 lost", 0.0, _new_first, unit="lost"),
    Row("carrier lost, address stays", "≤ 50 ms", 0.050, _carrier),
    Row("path silently dead, other uplink up", "≤ 3 s", 3.0, _silent, unit="s"),
    Row("1 s without any link", "≤ 100 ms", 0.100, _tunnel),
    Row("IPv4-only → IPv6-only → back", "≤ 50 ms", 0.050, _versions, lab={"v6": True}),
)
