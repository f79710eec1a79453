"""TCP from the client to the company through two user-space data paths: two of Rove's against two of strongSwan's.

The same namespaces, routers (without NAT) and suite for both; they take turns. Rove's far end is its data path with
fixed keys in the gateway's place.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.table import HEAD, row
from client.core.datapath.base import DataPathEndpoint
from client.core.datapath.process import ProcessDataPath
from client.core.platform.sockets import open_ike_sockets
from client.core.platform.tun import open_tun
from client.model.endpoint import Endpoint
from tests.datapath.peers import Recorder, sas
from tests.lab import netns, plan
from tests.lab.lab import Lab

SUITE = "aes256gcm16"
MTU = 1400
GOAL = 1.5
_TUN = "rovebench"
_NAT_PORT = 4500
_SPIS = (b"\xc0\0\0\x01", b"\xc0\0\0\x02")
_INNER = "10.99.0.200"


@dataclass(frozen=True)
class Result:
    gbits: float
    cpu: float      # s per GB, both ends together


def run(rounds: int, seconds: float) -> bool:
    """True when the goal is met."""
    print(f"\nThroughput, TCP over {SUITE}, medians of {rounds} rounds of {seconds:g} s", flush=True)
    print(HEAD)
    ours: list[Result] = []
    theirs: list[Result] = []
    with Lab("rvbench", nat={"wifi": "none"}, host=False) as lab:
        for _ in range(rounds):
            theirs.append(_strongswan(lab, seconds))
            ours.append(asyncio.run(_rove(lab, seconds)))
    rates = [r.gbits for r in ours], [r.gbits for r in theirs]
    ratio = median(rates[0]) / median(rates[1])
    print(row("Gbit/s", *rates, "Gbit/s", f"≥ {GOAL}", ratio, ratio >= GOAL))
    cpu = [r.cpu for r in ours], [r.cpu for r in theirs]
    print(row("CPU, both ends", *cpu, "s/GB", "less", median(cpu[0]) / median(cpu[1]), median(cpu[0]) < median(cpu[1])))
    pairs = ", ".join(f"{a.gbits / b.gbits:.2f}" for a, b in zip(ours, theirs, strict=True))
    print(f"  round by round: {pairs}", flush=True)
    return ratio >= GOAL


def _strongswan(lab: Lab, seconds: float) -> Result:
    lab.gateway.start()
    lab.swan_client.start()
    lab.swan_client.connect("psk")
    charons = [swan.process.pid for swan in (lab.gateway, lab.swan_client) if swan.process]
    result = _measured(lambda: lab.throughput(seconds), charons, seconds)
    lab.swan_client.stop()
    lab.gateway.stop()
    return result


async def _rove(lab: Lab, seconds: float) -> Result:
    client, gateway = lab.spaces["client"], lab.spaces["gw"]
    wifi = plan.UPLINKS["wifi"]
    ends = [(client, wifi.client, plan.GATEWAY, *_SPIS), (gateway, plan.GATEWAY, wifi.client, *_SPIS[::-1])]
    paths: list[ProcessDataPath] = []
    opened: list[tuple[int, tuple[socket.socket, ...]]] = []
    try:
        for space, here, there, spi_in, spi_out in ends:
            tun = netns.inside(space, lambda: open_tun(_TUN))
            sockets = netns.inside(space, lambda: open_ike_sockets(0))
            opened.append((tun, (*sockets.ike, *sockets.nat)))
            path = ProcessDataPath(tun, sockets.nat, Recorder())
            await path.start()
            inbound, outbound = sas(SUITE, spi_in, spi_out)
            path.install_inbound(inbound)
            path.install_outbound(outbound)
            path.rebind(DataPathEndpoint(Endpoint(here, _NAT_PORT), Endpoint(there, _NAT_PORT)))
            paths.append(path)
        netns.ip_batch(client, [f"link set {_TUN} mtu {MTU} up", f"addr add {_INNER}/32 dev {_TUN}",
                                f"route add 10.10.0.0/24 dev {_TUN} src {_INNER}"])
        netns.ip_batch(gateway, [f"link set {_TUN} mtu {MTU} up", f"route add {_INNER}/32 dev {_TUN}"])
        pids = [path.pid for path in paths if path.pid]
        return await asyncio.to_thread(_measured, lambda: lab.throughput(seconds), pids, seconds)
    finally:
        for path in paths:
            await path.close()
        for tun, socks in opened:
            os.close(tun)
            for sock in socks:
                sock.close()


def _measured(traffic: Callable[[], float], pids: list[int], seconds: float) -> Result:
    before = sum(map(_cpu_seconds, pids))
    gbits = traffic()
    used = sum(map(_cpu_seconds, pids)) - before
    return Result(gbits, used / (gbits * seconds / 8))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


