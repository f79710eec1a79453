"""``make demo``: Rove against a real strongSwan gateway, a roam from Wi-Fi to LTE included, on this one machine."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import measure, plan, profiles
from tests.lab.lab import Lab
from tests.lab.ping import lost, outage
from tests.lab.shell import LabError

BOLD, DIM, GREEN, RED, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") \
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ("",) * 5
CONNECTION = "mschap"
PROFILE = "work"


@contextmanager
def step(title: str) -> Iterator[None]:
    """A line with its time; what is said inside is indented below it."""
    print(f"{BOLD}▸ {title}{OFF}", flush=True)
    begin = time.monotonic()
    yield
    print(f"  {GREEN}done{OFF} {DIM}in {time.monotonic() - begin:.2f} s{OFF}", flush=True)


def say(text: str) -> None:
    for line in text.rstrip().splitlines():
        print(f"  {line}", flush=True)


def rove(lab: Lab, *arguments: str, **options: object) -> str:
    """A command as its user sees it."""
    print(f"  {DIM}$ rove {' '.join(arguments)}{OFF}", flush=True)
    done = lab.rove(*arguments, **options)
    say(done.stdout + done.stderr)
    if done.returncode:
        raise LabError(f"rove {arguments[0]} ended with {done.returncode}\n{lab.roved.log()[-3000:]}")
    return done.stdout


def main() -> int:
    try:
        with Lab("rovedemo") as lab:
            _show(lab)
    except LabError as error:
        print(f"{RED}The demo failed: {error}{OFF}", file=sys.stderr)
        return 1
    print(f"\n{BOLD}That was Rove.{OFF} Everything is taken down again; `make test` runs all the tests.")
    return 0


def _show(lab: Lab) -> None:
    print(f"""
{BOLD}Rove: a roaming IKEv2 VPN client{OFF}
A laptop with Wi-Fi and LTE behind NAT routers, the internet, a strongSwan gateway and a company
network, all in network namespaces on this machine:

  [laptop] ─ wifi0 ─ [NAT] ─┐
                            ├─ [internet] ─ [gateway {plan.GATEWAY}] ─ [company {plan.CORP_HOST}]
           ─ lte0  ─ [NAT] ─┘
""")
    with step("Starting strongSwan's gateway and roved"):
        lab.gateway.start()
        lab.roved.start(fresh=True)
        before = lab.snapshot()
    with step("Importing a profile"):
        rove(lab, "import", str(lab.profile(CONNECTION, name=PROFILE)))
    with step("Connecting with EAP-MSCHAPv2"):
        rove(lab, "connect", PROFILE, secrets=profiles.secrets(CONNECTION))
    with step("Reaching the company through the tunnel"):
        for host in (plan.CORP_HOST, plan.CORP_HOST6):
            if not lab.ping("client", host):
                raise LabError(f"{host} does not answer")
            say(f"{host} answers")
    with step("Roaming from Wi-Fi to LTE under a ping every 10 ms"), \
            lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(1.0)
        moved = time.monotonic()
        lab.roam("lte")
        measure.wait_until(lambda: lab.gateway.sas()[0].remote[0] == plan.UPLINKS["lte"].outside,
                           "the gateway sends to LTE", 10)
        time.sleep(1.0)
    gone = [probe for probe in lost(stream.probes) if probe.sent >= moved - 0.05]
    say(f"{len(stream.probes)} pings, {len(gone)} lost: an outage of "
        f"{outage(stream.probes, moved - 0.05) * 1000:.0f} ms; the same IKE_SA, the same addresses inside")
    with step("What Rove says of it"):
        rove(lab, "status")
    with step("Disconnecting"):
        rove(lab, "disconnect", PROFILE)
        changed = [name for name, value in lab.snapshot().items() if before[name] != value]
        # The roam has changed the uplinks, which is not Rove's doing: compare what only a tunnel changes.
        left = [name for name in changed if name in ("rule4", "rule6", "nft", "resolv")]
        if left:
            raise LabError(f"left behind: {', '.join(left)}")
        say("rules, nftables and DNS are as they were before")


if __name__ == "__main__":
    sys.exit(main())
