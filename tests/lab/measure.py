"""Figures: throughput, the time strongSwan's client needs, and what a host looks like before and after."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.lab import netns, shell
from tests.lab.shell import LabError, run
from tests.lab.strongswan import StrongSwan

_STAMP = r"^(\d\d):(\d\d):(\d\d\.\d{3}) \S+ "
SYSCTLS = ("ipv4/ip_forward", "ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter", "ipv4/conf/all/src_valid_mark",
           "ipv6/conf/all/disable_ipv6", "ipv6/conf/default/disable_ipv6", "ipv6/conf/all/forwarding")


def measure_connect(client: StrongSwan, name: str, runs: int, timeout: float = 15.0) -> list[float]:
    """Seconds from initiating to the CHILD_SA by charon's own log, one per run, sorted. Raises vici.Refused."""
    times = []
    for _ in range(runs):
        client.terminate(name)
        mark = client.mark()
        client.connect(name, timeout)
        begin = client.wait(_STAMP + r".*initiating IKE_SA ", since=mark)
        end = client.wait(_STAMP + r".*CHILD_SA \S+ established ", since=mark)
        times.append((_seconds(end) - _seconds(begin)) % 86400)
        client.terminate(name)
    return sorted(times)


def throughput(source: str, server: str, destination: str, seconds: float = 3.0, reverse: bool = False) -> float:
    """TCP between two namespaces with iperf3, in Gbit/s. Cubic: BBR distorts figures over veth."""
    listening = shell.start([*netns.command(server), "iperf3", "-s", "-1", "-B", destination, "--forceflush"],
                            stdout=subprocess.PIPE)
    try:
        assert listening.stdout is not None
        while "listening" not in (line := listening.stdout.readline()):
            if not line:
                raise LabError("the iperf3 server did not start")
        way = ["-R"] if reverse else []
        done = run(*netns.command(source), "iperf3", "-c", destination, "-t", f"{seconds:g}", "-C", "cubic", "-J", *way,
                   timeout=seconds + 20)
        return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]) / 1e9
    finally:
        shell.stop(listening)


def snapshot(space: str, resolv_conf: str) -> dict[str, str]:
    """What a tunnel may change on a host and must put back, as text to compare."""
    def table(*argv: str) -> str:
        return run(*netns.command(space), *argv).stdout

    def routes(version: str) -> str:  # their order is that of making, and means nothing
        found = _lasting(table("ip", version, "route", "show", "table", "all"))
        return "".join(f"{line.strip()}\n" for line in sorted(found.splitlines()))

    def links() -> str:
        return "".join(f"{line.split()[0]}\n" for line in table("ip", "-br", "link").splitlines())

    def sysctls() -> str:
        return "".join(f"{key} = {(Path('/proc/sys/net') / key).read_text()}" for key in SYSCTLS)
    return {"rule4": table("ip", "-4", "rule"), "rule6": table("ip", "-6", "rule"),
            "route4": routes("-4"), "route6": routes("-6"),
            "nft": table("nft", "-s", "list", "ruleset"), "links": links(),
            "sysctl": netns.inside(space, sysctls), "resolv.conf": resolv_conf}


def wait_until(condition: Callable[[], object], what: str, timeout: float = 5.0) -> None:
    """Poll ``condition()`` every 10 ms, half of the time at most. Raises LabError, saying ``what`` did not happen."""
    began = time.monotonic()
    until = began + timeout
    while not condition():
        if (now := time.monotonic()) > until:
            raise LabError(f"not within {timeout:g} s: {what}")
        time.sleep(max(0.01, min(now - began, 0.5)))    # `rove status` costs a third of a second
        began = time.monotonic()


def _seconds(match: re.Match[str]) -> float:
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


def _lasting(routes: str) -> str:
    """Without what counts down, and the carrier's state."""
    return re.sub(r" (expires|age) \S+| linkdown", "", routes)
