"""Fifty random roams under a TCP download, with 5 % of the packets lost each way."""

import hashlib
import random
import sys
import time

from benchmarks.roaming.clients import Rove
from tests.lab import plan
from tests.lab.lab import Lab

ROAMS = 50
LOSS = 50           # per mille
RATE = 150_000      # octets per second
_SEED = 5

_SERVER = """
import hashlib, socket, sys, time
host, total, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
listener = socket.create_server((host, 8080)); print("ready", flush=True)
sock, _ = listener.accept(); seen = hashlib.sha256(); begin = time.monotonic(); sent = 0
while sent < total:
    piece = hashlib.shake_256(sent.to_bytes(8, "big")).digest(min(8192, total - sent))
    sock.sendall(piece); seen.update(piece); sent += len(piece)
    time.sleep(max(0.0, begin + sent / rate - time.monotonic()))
sock.shutdown(socket.SHUT_WR); print(seen.hexdigest(), flush=True)
"""
_READER = """
import hashlib, socket, sys
sock = socket.create_connection((sys.argv[1], 8080), 20); sock.settimeout(60); seen = hashlib.sha256(); got = 0
while data := sock.recv(65536):
    seen.update(data); got += len(data)
print(seen.hexdigest(), got, flush=True)
"""


def run(name: str, minutes: float, roams: int = ROAMS) -> bool:
    """The download ends, whole; the IKE_SA is the one that it began with."""
    rng, total = random.Random(_SEED), int(minutes * 60 * RATE)
    with Lab("rvbroam") as lab:
        lab.gateway.start()
        client = Rove(lab, name, 15.0)
        client.connect()
        server = lab.popen(plan.CORP, sys.executable, "-c", _SERVER, plan.CORP_HOST, str(total), str(RATE), stdout=-1)
        assert server.stdout is not None
        server.stdout.readline()
        reader = lab.popen(plan.CLIENT, sys.executable, "-c", _READER, plan.CORP_HOST, stdout=-1)
        for uplink in plan.UPLINKS:
            lab.loss(uplink, LOSS)
        begin, now = time.monotonic(), "wifi"
        for number in range(roams):
            pause = begin + (number + rng.random()) * minutes * 60 / roams - time.monotonic()
            time.sleep(max(0.0, pause))
            now = plan.other(now)
            lab.roam(now, rng.choice(("bbm", "mbb")), rng.choice((0.0, 0.05, 0.5)),
                     rng.choice(("nm", "admin", "carrier")))
        for uplink in plan.UPLINKS:
            lab.loss(uplink, 0)
        assert reader.stdout is not None
        got, octets = [*reader.communicate(timeout=minutes * 60 + 120)[0].split(), "", "0"][:2]
        whole = got == server.stdout.readline().strip() == _expected(total)
        same = client.same_ike_sa()
    yes = whole and same
    print(f"  {f'{roams} random roams in {minutes:g} min, 5 % loss, TCP':<48} {int(octets) / 1e6:>9.1f} MB {'–':>14}   "
          f"{'whole, same SA':<14} {'yes' if yes else 'NO'}   (checksum {'right' if whole else 'WRONG'}, "
          f"{'the same IKE_SA' if same else 'another IKE_SA'})", flush=True)
    return yes


def _expected(total: int) -> str:
    seen = hashlib.sha256()
    for at in range(0, total, 8192):
        seen.update(hashlib.shake_256(at.to_bytes(8, "big")).digest(min(8192, total - at)))
    return seen.hexdigest()
