"""The client's own CPU for one handshake: ``python -m benchmarks.handshake [RUNS]``; no root, no network.

Both sides run in this process, and only what the client does is counted, by the thread's CPU time: the engine, signing,
and judging the gateway's certificates. The keys and certificates themselves were made before.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import AuthMethod, ProtocolId
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE, number_proposals, parse_proposal
from client.core.ikev2.traffic_selector import TrafficSelector
from client.core.pki.trust import verify_gateway
from client.model.cause import Cause
from tests.peer.responder import Behaviour, Responder
from tests.pki.factory import NOW, dns, make_ca
from tests.sim.world import WIFI, seeded

RUNS = 300
GOAL = 5.0              # ms, for ECDH P-256 and ECDSA P-256 both ways
PSK = b"Vq7-uH2k-9sLw"
ANY = tuple(TrafficSelector.from_text(text) for text in ("0.0.0.0/0", "::/0"))
CLASSIC = number_proposals([parse_proposal("aes256gcm16-prfsha384-ecp256", ProtocolId.IKE)])
CONFIG = ike.EngineConfig(
    ike_proposals=DEFAULT_IKE, esp_proposals=DEFAULT_ESP, local_id=(2, b"alice.lab.test"),
    remote_id=(2, b"gw.lab.test"), auth="psk", local_ts=ANY, remote_ts=ANY)

ROOT = make_ca("Root")
BETWEEN = ROOT.issue("Intermediate", ca=True)
GATEWAY = BETWEEN.issue("gateway", san=dns("gw.lab.test"))
USER = BETWEEN.issue("alice", san=dns("alice.lab.test"))
WITH_CERTIFICATES = {"auth": "certificate", "certificates": (USER.der, BETWEEN.der), "signatures": ("ecdsa-sha256",)}


@dataclass(frozen=True)
class Row:
    """One way to log in; ``goal`` in ms where there is one."""

    what: str
    config: ike.EngineConfig
    behaviour: Callable[[], Behaviour]
    goal: float | None = None


def _by_key() -> Behaviour:
    return Behaviour(psk=PSK, identity=(2, b"gw.lab.test"))


def _by_certificate() -> Behaviour:
    return Behaviour(private_key=GATEWAY.key, certificates=(GATEWAY.der, BETWEEN.der), identity=(2, b"gw.lab.test"))


ROWS = (
    Row("ECDH P-256, ECDSA P-256", replace(CONFIG, ike_proposals=CLASSIC, **WITH_CERTIFICATES), _by_certificate, GOAL),
    Row("ML-KEM-768 beside it", replace(CONFIG, **WITH_CERTIFICATES), _by_certificate),
    Row("ECDH P-256, PSK", replace(CONFIG, ike_proposals=CLASSIC), _by_key),
    Row("ML-KEM-768 beside it, PSK", CONFIG, _by_key),
)


class Client:
    """The engine with its user and its certificate store; ``cpu`` is what all of them used, in seconds."""

    def __init__(self, config: ike.EngineConfig, seed: int) -> None:
        self.cpu = 0.0
        self.established = False
        self.engine = self._timed(lambda: Ikev2Engine(config, seeded(seed)))

    def do(self, command: Callable[[Ikev2Engine], None], now: float) -> list[ike.Datagram]:
        """A call, what it asks for, and what is to be sent then."""
        return self._timed(lambda: self._do(command, now))

    def _timed(self, call: Callable[[], Any]) -> Any:
        began = time.thread_time()
        result = call()
        self.cpu += time.thread_time() - began
        return result

    def _do(self, command: Callable[[Ikev2Engine], None], now: float) -> list[ike.Datagram]:
        engine = self.engine
        command(engine)
        while (event := engine.next_event()) is not None:
            match event:
                case ike.SignatureNeeded(algorithm="psk"):
                    engine.provide_signature(event.request_id, auth.psk_auth(event.prf, PSK, _octets(event)), now)
                case ike.SignatureNeeded():
                    engine.provide_signature(
                        event.request_id, auth.sign(USER.key, event.algorithm, _octets(event)), now)
                case ike.PeerAuth():
                    engine.provide_peer_verdict(event.request_id, _verdict(event), now)
                case ike.Established():
                    self.established = True
                case _:
                    pass
        return engine.datagrams_to_send(now)


def handshake(row: Row, seed: int) -> float:
    """Seconds of the client's CPU until the CHILD_SA is there. Raises RuntimeError when it does not come."""
    client = Client(row.config, seed)
    gateway = Responder(replace(CONFIG, ike_proposals=row.config.ike_proposals), seeded(f"gateway{seed}"),
                        row.behaviour())
    now, back = 1000.0, ike.Path(WIFI.remote, WIFI.local)
    flying = client.do(lambda engine: engine.start([WIFI], now), now)
    while flying and not client.established:
        now += 0.01
        for datagram in flying:
            gateway.receive_datagram(datagram.data, back, now)
        answers, flying = gateway.datagrams_to_send(now), []
        for answer in answers:
            data = answer.data
            flying += client.do(lambda engine, data=data, at=now: engine.receive_datagram(data, WIFI, at), now)
    if not client.established:
        raise RuntimeError(f"{row.what}: no CHILD_SA")
    return client.cpu


def run(runs: int = RUNS) -> bool:
    """One table. True when every goal is met."""
    print("\nCPU of the client for one handshake, ms, both sides in one process, no network\n"
          f"  {'':<28} {'median':>8} {'90 %':>8}   {'goal':<8} met", flush=True)
    met = True
    for row in ROWS:
        for seed in range(10):      # caches warm, as after the first connect
            handshake(row, -1 - seed)
        times = sorted(handshake(row, seed) * 1000 for seed in range(runs))
        fine = row.goal is None or median(times) < row.goal
        met = met and fine
        goal = f"< {row.goal:g}" if row.goal else ""
        print(f"  {row.what:<28} {median(times):>8.2f} {times[len(times) * 9 // 10]:>8.2f}   {goal:<8} "
              f"{('yes' if fine else 'NO') if row.goal else '':<4} (n={len(times)})", flush=True)
    return met


def _octets(event: ike.SignatureNeeded) -> bytes:
    return auth.signed_octets(event.ike_sa_init, event.nonce_r, event.maced_id, event.int_auth)


def _verdict(event: ike.PeerAuth) -> ike.PeerVerdict:
    if event.method == AuthMethod.SHARED_KEY:
        good = auth.psk_auth(event.prf, PSK, event.octets) == event.auth_data
        return ike.PeerVerdict(None if good else Cause.GATEWAY_BAD_SIGNATURE)
    verify_gateway(event.certificates, (ROOT.pem,), event.id_type, event.id_data, "gw.lab.test", NOW, event.method,
                   event.auth_data, event.octets)
    return ike.PeerVerdict()


if __name__ == "__main__":
    sys.exit(0 if run(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS) else 1)
