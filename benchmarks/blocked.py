"""Hotel networks: all UDP blocked. Start to connected by TCP, and from unblocking until UDP carries the IKE_SA again.

strongSwan has no TCP, so its column is a dash; the gateway is the scripted responder with a data path of ours.
"""

import re
import time
from statistics import median

from tests.interop.rovetest import connect, imported, status
from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.peer import Peer
from tests.lab.ping import outage

NAME = "psk"
TO_CONNECT, TO_RETURN = 6.0, 60.0     # s, the goals


def run(runs: int) -> bool:
    """True when the medians meet the goals, traffic flows in TCP, and no return has cost the IKE_SA."""
    connects: list[float] = []
    returns: list[float] = []
    gaps: list[float] = []
    kept = True
    with Lab("rvbtcp") as lab, Peer(lab, "--tcp", "4500"):
        for _ in range(runs):
            lab.udp("wifi", "block")
            lab.roved.start(fresh=True)         # it would remember that TCP works here
            imported(lab, NAME, tunnel={"remote": ["10.10.0.0/24"]})
            done = connect(lab, NAME)
            taken = re.search(r"^Connected to .* in ([\d.]+) s", done.stdout, re.MULTILINE)
            if done.returncode or taken is None:
                raise RuntimeError(f"rove connect: {done.stdout}{done.stderr}")
            connects.append(float(taken[1]))
            before = status(lab, NAME)
            kept &= before["path"]["transport"] == "tcp" and lab.ping("client", plan.CORP_HOST)
            with lab.ping_stream("client", plan.CORP_HOST) as stream:
                time.sleep(0.3)
                opened = time.monotonic()
                lab.udp("wifi", "open")
                measure.wait_until(lambda: status(lab, NAME)["path"]["transport"] == "udp", "it is back",
                                   TO_RETURN + 10)
                returns.append(time.monotonic() - opened)
                time.sleep(0.5)
            gaps.append(outage(stream.probes, opened))
            kept &= status(lab, NAME)["ike"]["spi_i"] == before["ike"]["spi_i"]
            lab.rove("disconnect", NAME)
    rows = (("all UDP blocked: start", connects, TO_CONNECT), ("UDP open again: back on it", returns, TO_RETURN))
    for what, seconds, goal in rows:
        met = kept and median(seconds) <= goal
        print(f"  {what:<28} {median(seconds):>9.3g} {'s':<7} {'no TCP':>9} {'':<7} {'–':>6}   {f'≤ {goal:g} s':<8} "
              f"{'yes' if met else 'NO'}   (n={len(seconds)}, longest {max(seconds):.2f} s)", flush=True)
    print(f"  {'':<28} pings every 10 ms meanwhile: longest gap {max(gaps) * 1000:.0f} ms"
          f"{'' if kept else '; TCP or the IKE_SA was lost'}", flush=True)
    return kept and median(connects) <= TO_CONNECT and median(returns) <= TO_RETURN
