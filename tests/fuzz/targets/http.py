"""What a web server answers, as the worker reads it; what a worker says, as roved reads it; and addresses."""

import contextlib
import http.client
import socket
import time

from client.core.helper.fetch_child import exchange
from client.core.helper.fetch_rules import FetchError, Request, decode_reply, encode_reply, parse_url
from tests.fuzz.judge import plain_words

MAX_LEN = 8192          # fits a socket's buffer: nobody has to read meanwhile
LIMIT = 1000
TARGET = parse_url("http://pki.lab.test/x.crl")


def one(data: bytes) -> None:
    """An octet of choices: bit 0 posts."""
    if not data:
        return
    _reply(data[1:])
    _address(data[1:].decode("latin-1"))
    here, there = socket.socketpair()
    with here, there:
        there.sendall(data[1:])
        there.shutdown(socket.SHUT_WR)
        request = Request(TARGET, LIMIT, b"question" if data[0] & 1 else b"", "application/ocsp-request")
        try:
            status, location, body = exchange(request, here, time.monotonic() + 5)
        except (OSError, http.client.HTTPException, ValueError, EOFError):      # what the worker's main takes
            return
        assert len(body) <= LIMIT
        assert not body or status == 200
        with contextlib.suppress(FetchError):
            reply = decode_reply(encode_reply(status, location, body), LIMIT)
            assert (reply.status, reply.body) == (status, body)
        _address(location)


def _reply(data: bytes) -> None:
    try:
        assert len(decode_reply(data, LIMIT).body) <= LIMIT
    except FetchError as error:
        plain_words(str(error))


def _address(url: str) -> None:
    try:
        target = parse_url(url)
    except FetchError as error:
        plain_words(str(error))
    else:
        plain_words(target.host + target.path)
        assert target.scheme in ("http", "https")
        assert target.port in (80, 443) or 1024 <= target.port < 65536


def words() -> list[bytes]:
    return [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.0 302 x\r\n", b"Location: ",
            b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: ", b"\r\n\r\n", b"http://",
            b"https://", b"[::1]", b'{"status": 200, "location": "", "error": "", "length": ']


def seeds() -> dict[str, bytes]:
    ok = b"HTTP/1.1 200 OK\r\n"
    return {
        "length": b"\0" + ok + b"Content-Length: 3\r\n\r\nabc", "post": b"\1" + ok + b"Content-Length: 3\r\n\r\nabc",
        "chunked": b"\0" + ok + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: x\r\n\r\n",
        "to-the-end": b"\0HTTP/1.0 200 OK\r\n\r\nabc", "large": b"\0" + ok + b"Content-Length: 99999999999\r\n\r\nabc",
        "redirect": b"\0HTTP/1.1 302 Found\r\nLocation: http://a.test:8080/b?c\r\n\r\n",
        "continue": b"\0" + b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 3 + ok + b"\r\nabc",
        "compressed": b"\0" + ok + b"Content-Encoding: gzip\r\n\r\nabc",
        "reply": b"\0" + encode_reply(200, "http://a.test/", b"abc"), "url": b"\0https://a.test:8443/x?y#z",
        "address": b"\0http://[2001:db8::1]/x"}
