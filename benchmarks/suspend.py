"""Waking up: ten minutes asleep, the NAT in front has forgotten us; how long a ping every 10 ms finds no way.

roved's CLOCK_BOOTTIME jumps and a faked logind says so (tests/lab/sleep.py). strongSwan's client has no such clock to
be moved, so its column is the roaming issue's dash.
"""

import time
from statistics import median

from tests.interop.rovetest import connect, imported, status
from tests.lab import plan
from tests.lab.lab import Lab
from tests.lab.ping import outage
from tests.lab.sleep import Machine

NAME = "mschap"
ASLEEP = 600.0      # s
GOAL = 1.0          # s
SETTLE = 0.3        # s before, and GOAL after


def run(runs: int) -> bool:
    """True when the median meets the goal, and no waking has cost the IKE_SA or asked somebody."""
    seconds: list[float] = []
    with Lab("rvbsusp") as lab:
        lab.gateway.start()
        machine = Machine(lab)
        machine.start()
        imported(lab, NAME)
        done = connect(lab, NAME)       # its agent ends with it: whoever had to be asked now could not be
        if done.returncode:
            raise RuntimeError(f"rove connect: {done.stderr}")
        before = status(lab, NAME)["ike"]["spi_i"]
        for _ in range(runs):
            with lab.ping_stream("client", plan.CORP_HOST) as stream:
                time.sleep(SETTLE)
                woke = machine.sleep(ASLEEP)
                time.sleep(GOAL + SETTLE)
            seconds.append(outage(stream.probes, woke - 0.05))
        after = status(lab, NAME)
    kept = (after["ike"]["spi_i"], after["counters"]["reauths"], after["state"]) == (before, 0, "connected")
    met = kept and median(seconds) <= GOAL
    print(f"  {'suspend 10 min, NAT forgets':<28} {median(seconds) * 1000:>9.3g} {'ms':<7} {'–':>9} {'':<7} {'–':>6}   "
          f"{'≤ 1 s':<8} {'yes' if met else 'NO'}   (n={len(seconds)}, longest {max(seconds) * 1000:.0f} ms"
          f"{'' if kept else ', the IKE_SA was lost'})", flush=True)
    return met
