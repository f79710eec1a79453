"""Makes the recordings anew: ``python -m tests.recorded.record``, as root, about half a minute."""

import hashlib
import select
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from tests.lab import gateways, netns, pki
from tests.lab.lab import Lab
from tests.lab.plan import CLIENT
from tests.recorded.recording import PATHS, START, Client, Recording, config, replay, with_certificate

IP_FREEBIND = 15        # linux/in.h; Python 3.11 has no name for it
MARKER = bytes(4)       # non-ESP, RFC 3948 §2.2
QUIET = 0.3             # s without a word: a scene is over
HOWS: dict[str, Mapping[str, str]] = {
    "psk": {"auth": "psk", "local": gateways.USER, "secret": gateways.PSK, "ike": "aes256-sha256-curve25519",
            "esp": "aes256-sha256"},
    "certec": {"auth": "certificate", "local": "bob@lab.test", "secret": "",
               "ike": "chacha20poly1305-prfsha256-curve25519", "esp": "chacha20poly1305"},
    "mschapec": {"auth": "eap", "local": gateways.USER, "secret": gateways.PASSWORD,
                 "ike": "aes128gcm16-prfsha256-curve25519", "esp": "aes128gcm16"},
}
RETRY = {**HOWS["psk"], "ike": "aes256gcm16-prfsha384-ecp256-ecp384"}      # COOKIE, then INVALID_KE_PAYLOAD
CERTIFICATES = {"certec": "server-ec", "mschapec": "server-ec"}


class Conversation:
    """A client with sockets on both uplinks; everything that reaches it is written down."""

    def __init__(self, lab: Lab, name: str, how: Mapping[str, str]) -> None:
        how = dict(how) | {"remote": gateways.identity(name)}
        files = pki.directory()
        if name in CERTIFICATES:
            how["certificate"] = hashlib.sha256(_der(files / f"{CERTIFICATES[name]}.crt")).hexdigest()
        self.recording = Recording(how)
        settings, sign = config(how), None
        if how["auth"] == "certificate":
            key = serialization.load_pem_private_key((files / "client-ec.key").read_bytes(), None)
            settings = with_certificate(settings, (_der(files / "client-ec.crt"),))

            def sign(event: ike.SignatureNeeded) -> bytes:
                return auth.sign(key, event.algorithm, auth.signed_octets(
                    event.ike_sa_init, event.nonce_r, event.maced_id, event.int_auth))
        self.client = Client(how, settings, sign)
        self._sockets = netns.inside(lab.spaces[CLIENT], lambda: {
            (interface, port): _socket(interface, path.local.address, port)
            for interface, path in PATHS.items() for port in (500, 4500)})
        self._began = time.monotonic()

    def step(self, what: str, argument: str = "") -> None:
        at = round(START + time.monotonic() - self._began, 4)
        self.recording.steps.append((at, what, argument))
        self.client.take(at, what, argument)
        for datagram in self.client.sent:
            path, marker = datagram.path, MARKER if datagram.path.remote.port == 4500 else b""
            self._sockets[path.interface, path.local.port].sendto(
                marker + datagram.data, (str(path.remote.address), path.remote.port))
        self.client.sent.clear()

    def run(self, quiet: float = QUIET) -> None:
        """Until nothing was said for so long, and nothing is awaited."""
        heard = time.monotonic()
        while time.monotonic() - heard < quiet or any(
                sa.window.outstanding for sa in self.client.engine._ctx.sas.values()):
            ready, _, _ = select.select(list(self._sockets.values()), [], [], 0.02)
            for (interface, port), sock in self._sockets.items():
                if sock in ready:
                    data = sock.recv(65536)
                    if port == 500 or data[:4] == MARKER:      # the gateway has no traffic for us
                        self.step("receive", f"{interface} {(data[4:] if port == 4500 else data).hex()}")
                        heard = time.monotonic()
            due = self.client.engine.next_timeout()
            if due is not None and due <= START + time.monotonic() - self._began:
                self.step("timeout")

    def finish(self) -> Recording:
        for sock in self._sockets.values():
            sock.close()
        self.recording.events = [type(event).__name__ for event in self.client.events]
        assert self.recording.events[-1] in ("Failed", "Closed"), self.recording.events
        again = [type(event).__name__ for event in replay(self.recording).events]
        assert again == self.recording.events, (again, self.recording.events)
        return self.recording


def _socket(interface: str, address: object, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)      # LTE has no address yet
    sock.bind((str(address), port))
    return sock


def _der(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.DER)


def whole(lab: Lab, name: str, last: Callable[[Conversation], None]) -> Recording:
    """Set-up, every rekeying by either side, a roam there and back, and ``last``."""
    talk = Conversation(lab, name, HOWS[name])
    talk.step("start", "wifi0")
    talk.run()
    assert any(isinstance(event, ike.Established) for event in talk.client.events), talk.client.events
    lab.gateway.initiate_rekey(child="net")
    talk.run()
    lab.gateway.initiate_rekey(ike=name)
    talk.run()
    talk.step("rekey-child")
    talk.run()
    talk.step("rekey-ike")
    talk.run()
    lab.roam("lte", "mbb")
    talk.step("paths", "lte0")
    talk.run()
    lab.roam("wifi", "mbb")
    talk.step("paths", "wifi0")
    talk.run()
    last(talk)
    talk.run()
    return talk.finish()


def setup_only(lab: Lab, name: str, how: Mapping[str, str]) -> Recording:
    talk = Conversation(lab, name, how)
    talk.step("start", "wifi0")
    talk.run()
    talk.step("close")
    talk.run()
    return talk.finish()


def main() -> int:
    with Lab("rovrec", host=False) as lab:
        lab.gateway.start()
        whole(lab, "psk", lambda talk: lab.gateway.terminate("psk", timeout=0.1)).write("psk")
        whole(lab, "certec", lambda talk: talk.step("close")).write("certificate")
        whole(lab, "mschapec", lambda talk: talk.step("close")).write("eap")
        setup_only(lab, "mschapec", {**HOWS["mschapec"], "secret": "wrong"}).write("eap-refused")
        lab.gateway.start(cookies=True)
        setup_only(lab, "psk", RETRY).write("retry")
    return 0


if __name__ == "__main__":
    sys.exit(main())
