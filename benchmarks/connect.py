"""Connect time by what is on the wire, the same for both clients; the same proposals for both.

The clock starts with the first IKE_SA_INIT request and stops twice: at the last IKE_AUTH response, and at the first
ESP packet of a ping that waits for the tunnel, when SAs, addresses and routes are in force. Logs are no clock here:
Rove writes "CHILD_SA installed" before its routes are there, charon "established" after.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.table import HEAD, row
from tests.lab import plan, profiles
from tests.lab.lab import Lab
from tests.lab.shell import run as call

NAMES = ("psk", "certec", "mschap")
SAME = {"proposals": ["aes256gcm16-prfsha384-ecp384"], "esp_proposals": ["aes256gcm16"]}
BLOCK = 4        # counted connects per turn; the slowest of one more, which finds caches cold, is not
PROBE = 0.002    # s between the pings that wait for the tunnel
GOAL = 1.05      # 5 % is what two runs of the same client differ by here
_IKE_SA_INIT, _IKE_AUTH = "34", "35"


@dataclass(frozen=True)
class Times:
    """ms since the first IKE_SA_INIT request."""

    ike: float       # the last IKE_AUTH response
    traffic: float   # the first ESP packet out


def run(rtt_ms: int, runs: int) -> bool:
    """One table; the clients take turns. True when every goal is met."""
    print(f"\nConnect at RTT {rtt_ms} ms, medians", flush=True)
    print(HEAD)
    met = True
    with Lab("rvbench", relay=True) as lab:
        for uplink in ("wifi", "lte"):
            lab.delay(uplink, rtt_ms / 2)
        lab.gateway.start()
        lab.roved.start(fresh=True)
        for name in NAMES:
            lab.rove("import", str(lab.profile(name, ike=SAME)))
            ours: list[Times] = []
            theirs: list[Times] = []
            walls: list[float] = []
            while len(ours) < runs:     # in blocks: charon holds ports 500 and 4500 while it runs; both are warm then
                theirs += _strongswan(lab, name)
                ours += _rove(lab, name, walls)
            for what, field in (("IKE_AUTH done", "ike"), ("first packet", "traffic")):
                a, b = ([getattr(times, field) for times in each] for each in (ours, theirs))
                ratio = median(a) / median(b)
                met = met and ratio <= GOAL
                print(row(f"{name}: {what}", a, b, "ms", f"≤ {GOAL}", ratio, ratio <= GOAL), flush=True)
            print(f"  {'':<28} `rove connect` as a command: {median(walls):.2f} s", flush=True)
    return met


def _strongswan(lab: Lab, name: str) -> list[Times]:
    lab.swan_client.start(log_level=1)
    with (lab.capture("client", "wifi0", "udp port 500 or udp port 4500") as capture,
          lab.ping_stream("client", plan.CORP_HOST, PROBE)):
        for _ in range(BLOCK + 1):
            lab.swan_client.connect(name)
            _wait_for_traffic(lab)
            lab.swan_client.terminate(name)
    lab.swan_client.stop()
    return _times(capture.path)


def _rove(lab: Lab, name: str, walls: list[float]) -> list[Times]:
    with (lab.capture("client", "wifi0", "udp port 500 or udp port 4500") as capture,
          lab.ping_stream("client", plan.CORP_HOST, PROBE)):
        for _ in range(BLOCK + 1):
            done = lab.rove("connect", name, secrets=profiles.secrets(name))
            if done.returncode:
                raise RuntimeError(f"rove connect {name}: {done.stderr}")
            walls.append(done.elapsed)
            _wait_for_traffic(lab)
            lab.rove("disconnect", name)
    return _times(capture.path)


def _wait_for_traffic(lab: Lab) -> None:
    if not lab.ping("client", plan.CORP_HOST):
        raise RuntimeError("connected, but nothing passes")


def _times(path: Path) -> list[Times]:
    """Of the BLOCK fastest connects in a capture."""
    fields = ("frame.time_epoch", "ip.src", "isakmp.ispi", "isakmp.exchangetype", "isakmp.flag_r", "esp.spi")
    done = call("tshark", "-r", str(path), "-T", "fields", *(word for name in fields for word in ("-e", name)))
    begun: dict[str, float] = {}
    answered: dict[str, float] = {}
    traffic: dict[str, float] = {}
    last = ""
    for line in done.stdout.splitlines():
        at, source, spi, exchange, response, esp = line.split("\t")
        out = source == plan.UPLINKS["wifi"].client
        if exchange == _IKE_SA_INIT and out:
            begun.setdefault(spi, float(at))
            last = spi
        elif exchange == _IKE_AUTH and response in ("1", "True") and spi == last:
            answered[spi] = float(at)
        elif esp and out and last in answered:
            traffic.setdefault(last, float(at))
    found = [Times(*((when[spi] - begun[spi]) * 1000 for when in (answered, traffic))) for spi in begun]
    if len(found) != BLOCK + 1:
        raise RuntimeError(f"{len(found)} connects in the capture instead of {BLOCK + 1}")
    return sorted(found, key=lambda times: times.traffic)[:BLOCK]
