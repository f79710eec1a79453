"""The worker that fetches one thing: ``python -m client.core.helper.fetch_child``, started by fetch.py alone.

Everything is imported before the privileges go. Over the socket that is its standard input come one request and one
connected TCP socket; back goes one answer. It can open no connection that bears our mark, and it has nothing to tell:
what it reads, the first octet on, is what strangers send.
"""

import http.client
import json
import resource
import signal
import socket
import ssl
import sys
import time

from client.core.datapath.privileges import PrivilegeError, close_all_but, drop_privileges
from client.core.helper.fetch_rules import LENGTH, REDIRECTS, Request, decode_request, encode_reply

LIFE = 20               # s, whatever happens
_MEMORY = 1 << 30       # octets of address space
_CHUNK = 64 * 1024
_PATIENCE = 8.0         # s for the exchange


def main() -> int:
    uid, gid, parent = map(int, sys.argv[1:])
    signal.alarm(LIFE)
    close_all_but(())
    try:
        drop_privileges(uid, gid, parent)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (LIFE, LIFE))
    except (PrivilegeError, OSError, ValueError):
        return 1
    control = socket.socket(fileno=0)
    control.setblocking(True)
    try:
        request, connection = _receive(control)
    except (OSError, ValueError, EOFError):         # roved thought better of it
        return 0
    try:
        status, location, body = exchange(request, connection, time.monotonic() + _PATIENCE)
        answer = encode_reply(status, location, body)
    except (OSError, http.client.HTTPException, ValueError, ssl.SSLError, EOFError, MemoryError) as error:
        answer = encode_reply(0, "", b"", _why(error))
    try:
        control.sendall(answer)
    except OSError:
        return 0
    return 0


def exchange(request: Request, connection: socket.socket, deadline: float) -> tuple[int, str, bytes]:
    """(status, Location, body) over a connected socket. Raises OSError, HTTPException, ValueError."""
    target = request.target
    connection.settimeout(_left(deadline))
    if target.scheme == "https":        # what is fetched is signed: the certificate only keeps eavesdroppers away
        connection = ssl.create_default_context().wrap_socket(connection, server_hostname=target.host)
    host = f"[{target.host}]" if ":" in target.host else target.host
    client = http.client.HTTPConnection(target.host, target.port)
    client.auto_open = 0
    client.sock = connection
    headers = {"Host": host if target.port in (80, 443) else f"{host}:{target.port}", "User-Agent": "rove",
               "Accept": request.accept, "Accept-Encoding": "identity", "Connection": "close"}
    if request.content:
        headers["Content-Type"] = request.kind
    client.request("POST" if request.content else "GET", target.path, request.content or None, headers)
    response = client.getresponse()
    if response.status in REDIRECTS:
        return response.status, response.getheader("Location") or "", b""
    if response.status != http.client.OK:
        return response.status, "", b""
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise ValueError("it is compressed")
    if (response.length or 0) > request.limit:
        raise ValueError("it is too large")
    body = bytearray()
    while True:
        connection.settimeout(_left(deadline))
        chunk = response.read1(_CHUNK)
        if not chunk:
            break
        body += chunk
        if len(body) > request.limit:
            raise ValueError("it is too large")
    if response.length:         # read1 does not tell a connection that ended early
        raise EOFError("the connection ended early")
    return response.status, "", bytes(body)


def _receive(control: socket.socket) -> tuple[Request, socket.socket]:
    data, descriptors, _, _ = socket.recv_fds(control, LENGTH, 1)
    if len(data) != LENGTH or len(descriptors) != 1:
        raise EOFError
    connection = socket.socket(fileno=descriptors[0])
    text, length = b"", int.from_bytes(data, "big")
    while len(text) < length:
        more = control.recv(length - len(text))
        if not more:
            raise EOFError
        text += more
    return decode_request(text), connection


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it takes too long")
    return left


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it takes too long"
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        return error.strerror or str(error) or "the connection broke"
    text = str(error) or type(error).__name__
    return json.dumps(text)[1:-1]


if __name__ == "__main__":
    sys.exit(main())
