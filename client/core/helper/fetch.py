"""Fetches what a gateway's certificates name, by a worker without privileges: one process for each thing.

roved looks the name up and opens the connection, both over sockets with the tunnel's mark on the uplink, and hands the
connected socket over. Whatever the other end sends is read by the worker alone; its answer is bounded and not believed.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Collection
from ipaddress import ip_address

from client.core.datapath.child_process import end, find_account
from client.core.helper.fetch_rules import (
    MAX_HEAD,
    REDIRECTS,
    FetchError,
    IpAddress,
    Reply,
    Request,
    Target,
    decode_reply,
    encode_request,
    may_reach,
    parse_url,
)
from client.core.platform.resolver import resolve
from client.core.platform.sockets import marked_socket
from client.model.cause import RoveError
from client.model.programs import command

USER = "rove-fetch"         # not the data path's: processes of one account could end each other
PATIENCE = 8.0              # s for one thing, all of it
CONNECT = 2.0               # s for one address
MAX_ADDRESSES = 4
ENDING = 0.5                # s that a worker gets to be gone
MAX_REDIRECTS = 3
MAX_AT_ONCE = 4             # workers
OK = 200
_PROGRAM = "rove-fetch"
_MODULE = "client.core.helper.fetch_child"
_CHUNK = 64 * 1024


class Fetcher:
    """For all connections."""

    def __init__(self, user: str = USER) -> None:
        self._user = user
        self._places = asyncio.Semaphore(MAX_AT_ONCE)

    async def fetch(self, url: str, mark: int, limit: int, content: bytes = b"", kind: str = "",
                    skip: Collection[IpAddress] = ()) -> bytes:
        """The body of at most ``limit`` octets; ``content`` of type ``kind`` is posted. Raises FetchError.

        ``skip``: name servers not to ask, as of ``resolve``.
        """
        async with self._bounded(url):
            for _ in range(MAX_REDIRECTS + 1):
                target = parse_url(url)
                reply = await self._one(Request(target, limit, content, kind), mark, skip)
                if reply.status == OK:
                    return reply.body
                if reply.status not in REDIRECTS or content:
                    raise FetchError(f"{target.host} answers with HTTP status {reply.status}")
                url = reply.location
            raise FetchError(f"{target.host} sends us in a circle")

    async def ask(self, url: str, mark: int, limit: int, skip: Collection[IpAddress] = (), *, accept: str = "*/*",
                  interface: str = "", announced: bool = False) -> Reply:
        """One answer as it is; redirects are not followed, and the body is there with status 200 alone. Raises
        FetchError. ``interface``: on this uplink only. ``announced`` by the network itself, which may have it on the
        link."""
        async with self._bounded(url):
            return await self._one(Request(parse_url(url), limit, accept=accept), mark, skip, interface, announced)

    @contextlib.asynccontextmanager
    async def _bounded(self, url: str) -> AsyncIterator[None]:
        """What goes wrong inside is a FetchError."""
        try:
            async with asyncio.timeout(PATIENCE), self._places:
                yield
        except TimeoutError as error:
            raise FetchError(f"{_host(url)} does not answer in time") from error
        except RoveError as error:
            raise FetchError(error.detail or str(error)) from error
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)       # asyncio words it for programmers
            raise FetchError(f"{_host(url)}: {why}") from error

    async def _one(self, request: Request, mark: int, skip: Collection[IpAddress], interface: str = "",
                   link: bool = False) -> Reply:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            ours.setblocking(False)
            worker = await self._start(theirs)      # it gets ready while names are looked up
            theirs.close()
            try:
                with await _connect(request.target, mark, skip, interface, link) as connection:
                    socket.send_fds(ours, [encode_request(request)], [connection.fileno()])
                return decode_reply(await _read(ours, MAX_HEAD + request.limit), request.limit)
            finally:
                ours.close()
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    worker.kill()       # without CAP_KILL it is given the time to end by itself
                await asyncio.wait({asyncio.ensure_future(worker.wait())}, timeout=ENDING)
                if worker.returncode is None:
                    end(worker, find_account(self._user)[0])

    async def _start(self, control: socket.socket) -> asyncio.subprocess.Process:
        account = find_account(self._user)
        how = command(_PROGRAM, _MODULE, *map(str, (*account, os.getpid())))
        return await asyncio.create_subprocess_exec(
            *how.pop("args"), **how, stdin=control.fileno(), stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL, start_new_session=True, cwd="/")


async def _connect(target: Target, mark: int, skip: Collection[IpAddress], interface: str, link: bool
                   ) -> socket.socket:
    """Raises FetchError, RoveError, OSError."""
    addresses = [ip_address(text) for text in await resolve((target.host,), mark, skip)]
    allowed = [address for address in addresses if may_reach(address, link=link) and not _is_ours(address, mark)]
    if not allowed:
        raise FetchError(f"{target.host} is at an address that nothing is fetched from")
    problem: OSError = TimeoutError(errno.ETIMEDOUT, "it does not answer")
    for address in allowed[:MAX_ADDRESSES]:
        connection = marked_socket(_family(address), socket.SOCK_STREAM, mark)
        try:
            if interface:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            async with asyncio.timeout(CONNECT):
                await asyncio.get_running_loop().sock_connect(connection, (str(address), target.port))
        except OSError as error:        # TimeoutError is one
            connection.close()
            problem = error if error.errno else problem
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise problem


def _is_ours(address: IpAddress, mark: int) -> bool:
    """An address of this machine: the kernel would take it as the source too. Nothing is sent."""
    try:
        with marked_socket(_family(address), socket.SOCK_DGRAM, mark) as probe:
            probe.connect((str(address), 9))
            return ip_address(probe.getsockname()[0]) == address
    except OSError:
        return False        # there is no way to it: connecting says so


async def _read(sock: socket.socket, limit: int) -> bytes:
    """To the end, which comes when the worker does."""
    data = bytearray()
    while more := await asyncio.get_running_loop().sock_recv(sock, _CHUNK):
        data += more
        if len(data) > limit:
            raise FetchError("the worker says too much")
    return bytes(data)


def _family(address: IpAddress) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _host(url: str) -> str:
    with contextlib.suppress(FetchError):
        return parse_url(url).host
    return "the server"
