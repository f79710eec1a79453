"""What a connection costs that nobody uses: wake-ups and packets per minute."""

import time
from pathlib import Path

from benchmarks.roaming.clients import Client, Rove, StrongSwan
from tests.lab.lab import Lab

SECONDS = 60.0
SETTLE = 8.0    # s after connecting


def run(name: str) -> bool:
    """There is no goal but to know; True."""
    with Lab("rvbroam") as lab:
        lab.gateway.start()
        for client in (Rove(lab, name, 15.0), StrongSwan(lab, name, 15.0)):
            lab.reset()
            lab.gateway.start()
            client.connect()
            time.sleep(SETTLE)
            processes = _processes(client)
            before = {what: _switches(pid) for what, pid in processes.items()}
            with lab.capture("client", "wifi0", "udp port 4500") as capture:
                time.sleep(SECONDS)
            woken = ", ".join(f"{what} {(_switches(pid) - before[what]) * 60 / SECONDS:.0f}"
                              for what, pid in processes.items())
            packets = capture.count("udp") * 60 / SECONDS
            print(f"  idle, per minute: {client.who}: {packets:.0f} packets both ways (the gateway itself asks after "
                  f"10 s of silence); wake-ups: {woken}", flush=True)
            client.disconnect()
    return True


def _processes(client: Client) -> dict[str, int]:
    if isinstance(client, Rove):
        roved = client.lab.roved.process
        assert roved is not None
        return {"roved": roved.pid} | {f"data path {number}": pid for number, pid in enumerate(_children(roved.pid), 1)}
    swan = client.lab.swan_client.process
    assert swan is not None
    return {"charon": swan.pid}


def _children(parent: int) -> list[int]:
    text = "".join(path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children"))
    return [pid for pid in map(int, text.split()) if b"datapath" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _switches(pid: int) -> int:
    """Of all its threads."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total
