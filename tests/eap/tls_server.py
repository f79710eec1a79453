"""An EAP-TLS, TTLS or PEAP server for the tests: OpenSSL by way of Python's ssl, framing and keys from the RFCs' texts.

It shares nothing with the client but the numbers. Python's ssl has no exporter, so keys are made here from what
SSLKEYLOGFILE tells: RFC 5705 from the master secret, RFC 8446 §7.5 from the exporter secret.
"""

import hashlib
import hmac
import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.pki.factory import Issued, make_ca

_NOW = datetime.now(UTC)        # OpenSSL's clock is the machine's
VALID: dict[str, Any] = {"before": _NOW - timedelta(days=1), "after": _NOW + timedelta(days=30)}
SERVER_NAME = "radius.lab.test"
CA = make_ca("ca", **VALID)
SERVER = CA.issue("server", san=(x509.DNSName(SERVER_NAME),), **VALID)
CLIENT = CA.issue("alice", san=(x509.RFC822Name("alice@lab.test"),), **VALID)

# What is said within the tunnel: plaintext → answer; True and False end it (EAP-Success, EAP-Failure).
Inner = Callable[[bytes], bytes | bool]


def context(server: Issued = SERVER, *, tls13: bool = True, client_ca: Issued | None = CA,
            chain: tuple[Issued, ...] = ()) -> tuple[ssl.SSLContext, Path]:
    """A server's, and the file where it tells its keys."""
    folder = Path(tempfile.mkdtemp(prefix="rove-eap-"))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.maximum_version = ssl.TLSVersion.TLSv1_3 if tls13 else ssl.TLSVersion.TLSv1_2
    key = server.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(key + "".join(one.pem for one in (server, *chain)).encode())
    made.load_cert_chain(folder / "server.pem")
    if client_ca is not None:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=client_ca.pem)
    made.keylog_filename = str(folder / "keys")
    return made, folder / "keys"


class TlsServer:
    """``start()`` → first request; ``receive(response)`` → the next packet. ``fragment``: octets of its messages."""

    def __init__(self, kind: int, made: tuple[ssl.SSLContext, Path], inner: Inner | None = None, *,
                 fragment: int = 1200, always_length: bool = False, version: int = 0, greeting: bytes = b"") -> None:
        self.kind, self._keys, self.inner = kind, made[1], inner
        self.fragment, self.always_length, self.version, self.greeting = fragment, always_length, version, greeting
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = made[0].wrap_bio(self._in, self._out, server_side=True)
        self.identifier = 40
        self.queue: list[bytes] = []
        self.received = b""
        self.heard: list[bytes] = []        # plaintexts
        self.messages: list[bytes] = []     # TLS messages of the client
        self.sent: list[bytes] = []
        self.established = False
        self.ending: bool | None = None
        self._committed = False
        self._client_random = b""

    # --- EAP ---

    def start(self) -> bytes:
        return self._request(bytes((0x20 | self.version,)))

    def receive(self, response: bytes) -> bytes:
        code, identifier, length, kind = response[0], response[1], int.from_bytes(response[2:4], "big"), response[4]
        assert (code, identifier, length, kind) == (2, self.identifier, len(response), self.kind)
        assert len(response) <= 1020
        flags, octets = response[5], response[6:]
        assert not flags & 0x3F
        self.identifier = (self.identifier + 1) % 256
        if self.queue:
            assert (flags, octets) == (0, b"")
            return self._request(self.queue.pop(0))
        if flags & 0x80:
            assert int.from_bytes(octets[:4], "big") >= len(octets) - 4
            octets = octets[4:]
        self.received += octets
        if flags & 0x40:
            return self._request(b"\0")
        message, self.received = self.received, b""
        return self.message(message)

    def message(self, message: bytes) -> bytes:
        """One TLS message of the client, whole."""
        if message:
            self.messages.append(message)
            self._in.write(message)
        if not self._client_random and message:
            self._client_random = message[11:43]        # record, handshake header, version
        if self.ending is not None and not self._out.pending:
            return self.end(self.ending)
        try:
            if not self.established:
                self.tls.do_handshake()
                self.established = True
        except ssl.SSLWantReadError:
            return self.say()
        except ssl.SSLError:
            self.ending = False
            return self.say()
        return self.after_handshake()

    def after_handshake(self) -> bytes:
        plaintext = self.read()
        if plaintext:
            self.heard.append(plaintext)
        if self.inner is None:                  # EAP-TLS
            if self.version_of_tls == "TLSv1.3" and not self._committed:
                self._committed = True
                self.tls.write(b"\0")
                return self.say()
            if self._out.pending:
                return self.say()
            return self.end(True)
        if plaintext:
            return self.answer(self.inner(plaintext))
        if self.greeting and not self._out.pending:
            self.tls.write(self.greeting)
            self.greeting = b""
        return self.say()

    def answer(self, answer: bytes | bool) -> bytes:
        if isinstance(answer, bool):
            return self.end(answer)
        if answer:
            self.tls.write(answer)
        return self.say()

    def read(self) -> bytes:
        found = b""
        try:
            while part := self.tls.read():
                found += part
        except ssl.SSLWantReadError:
            pass
        return found

    def say(self, octets: bytes | None = None) -> bytes:
        octets = self._out.read() if octets is None else octets
        self.sent.append(octets)
        parts = [octets[i:i + self.fragment] for i in range(0, len(octets), self.fragment)] or [b""]
        for index, part in enumerate(parts):
            more = 0x40 if index + 1 < len(parts) else 0
            length = 0x80 if (self.always_length and octets) or (index == 0 and more) else 0
            self.queue.append(bytes((more | length,)) + (len(octets).to_bytes(4, "big") if length else b"") + part)
        return self._request(self.queue.pop(0))

    def end(self, well: bool) -> bytes:
        return bytes((3 if well else 4, (self.identifier - 1) % 256, 0, 4))

    def _request(self, data: bytes) -> bytes:
        return bytes((1, self.identifier)) + (5 + len(data)).to_bytes(2, "big") + bytes((self.kind,)) + data

    # --- keys ---

    @property
    def version_of_tls(self) -> str:
        return self.tls.version() or ""

    def export(self, label: bytes, context: bytes | None, length: int) -> bytes:
        lines = dict(line.split()[::2] for line in self._keys.read_text().splitlines()
                     if not line.startswith("#") and line.split()[1] == self._client_random.hex())
        name = self.tls.cipher()[0]     # type: ignore[index] # there is one by now
        digest = "sha384" if "384" in name else "sha256"
        if self.version_of_tls == "TLSv1.3":
            secret = bytes.fromhex(lines["EXPORTER_SECRET"])
            empty = hashlib.new(digest).digest()
            size = len(empty)
            derived = expand_label(digest, secret, label, empty, size)
            return expand_label(digest, derived, b"exporter", hashlib.new(digest, context or b"").digest(), length)
        master = bytes.fromhex(lines["CLIENT_RANDOM"])
        seed = label + self._client_random + self.sent[0][11:43]
        if context is not None:
            seed += len(context).to_bytes(2, "big") + context
        made, a = b"", seed
        while len(made) < length:
            a = hmac.digest(master, a, digest)
            made += hmac.digest(master, a + seed, digest)
        return made[:length]

    def key_material(self, label: bytes) -> bytes:
        if self.version_of_tls == "TLSv1.3":
            return self.export(b"EXPORTER_EAP_TLS_Key_Material", bytes((self.kind,)), 128)
        return self.export(label, None, 128)


def expand_label(digest: str, secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    """RFC 8446 §7.1."""
    full = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes((len(full),)) + full + bytes((len(context),)) + context
    made, last, counter = b"", b"", 1
    while len(made) < length:
        last = hmac.digest(secret, last + info + bytes((counter,)), digest)
        made, counter = made + last, counter + 1
    return made[:length]
