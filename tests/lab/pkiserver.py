"""The lab's web server for CRLs and OCSP, as a thread of the test: http://pki.lab.test, at the internet's name server.

It answers from the PKI's folder, and remembers who asked what.
"""

import contextlib
import socket
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ocsp

from tests.lab import netns, pki


class PkiServer:
    """TCP port 80 of ``address`` in a namespace. ``requests`` grows: "GET /int.crl"."""

    def __init__(self, space: str, address: str) -> None:
        self.requests: list[str] = []
        self._socket = netns.inside(space, lambda: socket.create_server((address, 80)))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        requests = self.requests

        class Handler(_Handler):
            def version_string(self) -> str:
                return "lab"

            def heard(self) -> None:
                requests.append(f"{self.command} {self.path}")
        while True:
            try:
                connection, client = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError, ValueError):
                connection.settimeout(5)
                Handler(connection, client, None)  # type: ignore[arg-type]  # it does without the server


class _Handler(BaseHTTPRequestHandler):
    def heard(self) -> None: ...

    def do_GET(self) -> None:
        self.heard()
        path = pki.directory() / Path(self.path).name
        self._answer(path.read_bytes() if path.suffix == ".crl" and path.is_file() else None, "application/pkix-crl")

    def do_POST(self) -> None:
        self.heard()
        request = ocsp.load_der_ocsp_request(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(respond(request), "application/ocsp-response")

    def log_message(self, format: str, *args: object) -> None:  # the base class calls it so
        pass

    def _answer(self, body: bytes | None, kind: str) -> None:
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


def respond(request: ocsp.OCSPRequest) -> bytes:
    """What ``pki.CHECKED`` says of one of its certificates, by its list."""
    folder = pki.directory()
    issuer = x509.load_pem_x509_certificate((folder / f"{pki.CHECKED}.crt").read_bytes())
    key = serialization.load_pem_private_key((folder / f"{pki.CHECKED}.key").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    crl = x509.load_der_x509_crl((folder / f"{pki.CHECKED}.crl").read_bytes())
    entry = crl.get_revoked_certificate_by_serial_number(request.serial_number)
    now = datetime.now(UTC).replace(microsecond=0)
    status = ocsp.OCSPCertStatus.REVOKED if entry else ocsp.OCSPCertStatus.GOOD
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        request.issuer_name_hash, request.issuer_key_hash, request.serial_number, request.hash_algorithm, status, now,
        now + timedelta(hours=1), entry.revocation_date_utc if entry else None, None)
    for extension in request.extensions:
        builder = builder.add_extension(extension.value, critical=False)
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
