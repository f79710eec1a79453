"""The worker against real servers that misbehave. On loopback, which is allowed here alone."""

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from client.core.helper import fetch as module
from client.core.helper.fetch import Fetcher
from client.core.helper.fetch_rules import FetchError, Reply
from client.core.platform.conventions import MARK_BASE

LIMIT = 1000


class Server:
    """Answers every connection by ``script``, which gets the request and the socket."""

    def __init__(self, script: Callable[[bytes, socket.socket], None]) -> None:
        self.requests: list[bytes] = []
        self._script = script
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/x.crl"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                data = connection.recv(65536)
                if data.startswith(b"POST") and data.endswith(b"\r\n\r\n"):      # its body comes by itself
                    data += connection.recv(65536)
                self.requests.append(data)
                self._script(data, connection)


def says(*parts: bytes) -> Callable[[bytes, socket.socket], None]:
    return lambda _request, connection: connection.sendall(b"".join(parts))


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Server]]:
    monkeypatch.setattr(module, "may_reach", lambda address, link: True)
    monkeypatch.setattr(module, "_is_ours", lambda address, mark: False)
    servers: list[Server] = []

    def start(script: Callable[[bytes, socket.socket], None]) -> Server:
        servers.append(Server(script))
        return servers[-1]
    yield start
    for server in servers:
        server.close()


def get(url: str, content: bytes = b"") -> bytes:
    return asyncio.run(Fetcher().fetch(url, MARK_BASE, LIMIT, content, "application/ocsp-request" if content else ""))


def ask(url: str, **how: Any) -> Reply:
    return asyncio.run(Fetcher().ask(url, MARK_BASE, LIMIT, **how))


def refusal(url: str) -> str:
    with pytest.raises(FetchError) as error:
        get(url)
    assert str(error.value).isprintable()
    return str(error.value)


def test_get_and_post(serve: Callable[..., Server]) -> None:
    server = serve(says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh\0llo"))
    assert get(server.url) == b"h\0llo"
    assert get(server.url, b"question") == b"h\0llo"
    first, second = server.requests
    assert first.startswith(b"GET /x.crl HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"Accept-Encoding: identity\r\n" in first
    assert second.startswith(b"POST /x.crl HTTP/1.1\r\n")
    assert b"Content-Type: application/ocsp-request\r\n" in second
    assert second.endswith(b"\r\n\r\nquestion")


def test_chunks_and_an_end_without_a_length(serve: Callable[..., Server]) -> None:
    chunked = serve(says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
    assert get(chunked.url) == b"abcde"
    assert get(serve(says(b"HTTP/1.0 200 OK\r\n\r\nabc")).url) == b"abc"


@pytest.mark.parametrize(("answer", "words"), [
    (b"", "closed connection"), (b"SSH-2.0-x\r\n", "SSH"), (b"HTTP/1.1 404 no\r\n\r\n", "status 404"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "ended early"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", "too large"),
    (b"HTTP/1.0 200 OK\r\n\r\n" + bytes(LIMIT + 1), "too large"),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nabc", "compressed"),
    (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "headers"),
    (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n", "header"),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ""),
    (b"HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\n\r\n", "neither http"),
    (b"HTTP/1.1 302 x\r\nLocation: http://[::1]:22/\r\n\r\n", "port 22"),
    (b"HTTP/1.1 302 x\r\n\r\n", "neither http")])
def test_servers_that_answer_badly(serve: Callable[..., Server], answer: bytes, words: str) -> None:
    assert words in refusal(serve(says(answer)).url)


def test_redirects_are_followed_and_not_for_ever(serve: Callable[..., Server]) -> None:
    end = serve(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    begin = serve(says(b"HTTP/1.1 307 x\r\nLocation: ", end.url.encode(), b"\r\n\r\n"))
    assert get(begin.url) == b"ok"
    circle = serve(lambda _, connection: connection.sendall(
        b"HTTP/1.1 302 x\r\nLocation: " + circle.url.encode() + b"\r\n\r\n"))
    assert "in a circle" in refusal(circle.url)
    assert len(circle.requests) == module.MAX_REDIRECTS + 1
    with pytest.raises(FetchError, match="status 307"):
        get(begin.url, b"posted")


def test_one_that_takes_its_time(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 1.5)

    def drip(_request: bytes, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100):
            connection.sendall(b"X: y\r\n")
            time.sleep(0.1)
    began = time.monotonic()
    assert "in time" in refusal(serve(drip).url)
    assert time.monotonic() - began < 4


def test_nothing_listens(serve: Callable[..., Server]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "refused" in refusal(f"http://127.0.0.1:{port}/").lower()


def test_the_worker_has_no_privileges(serve: Callable[..., Server]) -> None:
    """Looked at from outside, while it waits for an answer."""
    seen: dict[str, list[str]] = {}

    def look(_request: bytes, connection: socket.socket) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if b"client.core.helper.fetch_child" in (folder / "cmdline").read_bytes():
                    lines = (folder / "status").read_text().splitlines()
                    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
                    if int(status["PPid"]) == os.getpid():
                        seen.update({key: value.split() for key, value in status.items()})
                        seen["environ"] = [str(len(os.listdir(folder / "fd")))]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert get(serve(look).url) == b""
    assert set(seen["Uid"]) == set(seen["Gid"]) == {"65534"}
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(seen[kind][0], 16) == 0, kind
    assert seen["NoNewPrivs"] == ["1"]
    assert seen["Groups"] == []
    assert int(seen["environ"][0]) <= 4         # the control channel, the connection, /dev/null twice


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "169.254.1.1"])
def test_this_machine_is_out_of_reach(host: str) -> None:
    assert "nothing is fetched from" in refusal(f"http://{host}:8080/")


def test_an_own_address_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for an address of a real interface here."""
    monkeypatch.setattr(module, "may_reach", lambda address, link: True)
    assert "nothing is fetched from" in refusal("http://127.0.0.1:8080/")


def test_one_answer_as_it_is(serve: Callable[..., Server]) -> None:
    server = serve(says(b"HTTP/1.1 302 Found\r\nLocation: http://login.example/?a\r\nContent-Length: 0\r\n\r\n"))
    answer = ask(server.url, accept="application/captive+json", interface="lo")
    assert answer == Reply(302, "http://login.example/?a", b"")
    assert b"\r\nAccept: application/captive+json\r\n" in server.requests[0]
    assert len(server.requests) == 1
    for status, answer in ((204, b""), (511, b""), (200, b"body")):
        page = serve(says(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(answer), answer)))
        assert ask(page.url) == Reply(status, "", answer)


def test_on_another_uplink_it_is_not_found(serve: Callable[..., Server]) -> None:
    server = serve(says(b"HTTP/1.1 204 No Content\r\n\r\n"))
    with pytest.raises(FetchError, match="No such device"):
        ask(server.url, interface="nosuchlink0")
    assert server.requests == []
