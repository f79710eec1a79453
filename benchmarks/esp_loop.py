"""TCP through two Python data paths back to back: ``python -m benchmarks.esp_loop [suite] [seconds]`` as root.

Prints Gbit/s, and the CPU seconds per gigabyte that each data path used.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from client.core.datapath.process import ProcessDataPath
from tests.datapath.network import End, Pair
from tests.datapath.peers import Recorder, endpoint, sas

SPI_A, SPI_B = b"\xc0\0\0\x01", b"\xc0\0\0\x02"


async def measure(first: End, second: End, suite: str, seconds: int) -> None:
    paths = []
    for here, there, spi_in, spi_out in ((first, second, SPI_A, SPI_B), (second, first, SPI_B, SPI_A)):
        path = ProcessDataPath(here.tun, here.sockets, Recorder())
        await path.start()
        inbound, outbound = sas(suite, spi_in, spi_out)
        path.install_inbound(inbound)
        path.install_outbound(outbound)
        path.rebind(endpoint(here, there))
        paths.append(path)
    server = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", second.namespace, "iperf3", "-s", "-1", stdout=asyncio.subprocess.DEVNULL
    )
    await asyncio.sleep(0.5)
    before = [_cpu_seconds(path.pid or 0) for path in paths]
    client = await asyncio.create_subprocess_exec(
        "ip", "netns", "exec", first.namespace, "iperf3", "-J", "-C", "cubic", "-t", str(seconds), "-c", second.inner4,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await client.communicate()
    await server.wait()
    after = [_cpu_seconds(path.pid or 0) for path in paths]
    end = json.loads(output)["end"]
    gigabytes = end["sum_received"]["bytes"] / 1e9
    each = " / ".join(f"{(b - a) / gigabytes:.2f}" for a, b in zip(before, after, strict=True))
    rate = end["sum_received"]["bits_per_second"] / 1e9
    retransmits = end["sum_sent"]["retransmits"]
    print(f"{suite}: {rate:.2f} Gbit/s, CPU-s/GB {each}, {retransmits} retransmissions")
    for path in paths:
        print("  ", path.stats())
        await path.close()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    suite = sys.argv[1] if len(sys.argv) > 1 else "aes256gcm16"
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with Pair("dpx") as (first, second):
        asyncio.run(measure(first, second, suite, seconds))


if __name__ == "__main__":
    main()
