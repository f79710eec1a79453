"""A gateway's name to its addresses, over sockets with the connection's mark.

libc's resolver cannot mark its queries: they would go into the tunnel that is to be built, or die in lockdown.
"""

import asyncio
import errno
import secrets
import socket
from collections.abc import Collection, Sequence
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from client.core.platform.config import IpAddress
from client.core.platform.nameservers import NameServer, hosts_addresses, uplink_servers
from client.core.platform.sockets import marked_socket
from client.model.cause import Cause, RoveError

if TYPE_CHECKING:
    import dns.message
    import dns.name

TIMEOUT = 5.0            # s, for all names together
MAX_ADDRESSES = 16

_TRIES = 9               # questions for one name and type
_PATIENCE = 0.5          # s until the next question
_SECOND_FAMILY = 0.3     # s that the slower of A and AAAA gets once the other has addresses
_MAX_MESSAGE = 4096
_NO_WAY = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL))


async def resolve(names: Sequence[str], mark: int, skip: Collection[IpAddress] = ()) -> tuple[str, ...]:
    """Address literals for host names and literals, in the order of ``names``; per name IPv6 and IPv4 in turn.

    /etc/hosts comes first. ``skip`` are name servers not to ask (a tunnel's). Raises RoveError: NO_NETWORK where no
    name server can be reached at all, NAME_NOT_FOUND for everything else, within 5 s.
    """
    servers = await asyncio.to_thread(uplink_servers, skip)
    try:
        async with asyncio.timeout(TIMEOUT):
            answers = await asyncio.gather(*(_resolve(name, servers, mark) for name in names), return_exceptions=True)
    except TimeoutError as error:
        raise RoveError(Cause.NAME_NOT_FOUND, f"{_listed(names)}: the name servers do not answer") from error
    found = list(dict.fromkeys(chain.from_iterable(answer for answer in answers if isinstance(answer, list))))
    for answer in answers:
        if isinstance(answer, BaseException) and not (found and isinstance(answer, RoveError)):
            raise answer
    if not found:
        raise RoveError(Cause.NAME_NOT_FOUND, "no gateway is named")
    return tuple(str(address) for address in found[:MAX_ADDRESSES])


async def _resolve(name: str, servers: list[NameServer], mark: int) -> list[IpAddress]:
    import ipaddress
    try:
        return [ipaddress.ip_address(name)]
    except ValueError:
        pass
    listed = await asyncio.to_thread(hosts_addresses, name)
    if listed:
        return listed
    queries = [asyncio.ensure_future(_ask_servers(name, kind, servers, mark)) for kind in ("AAAA", "A")]
    try:
        done, _ = await asyncio.wait(queries, return_when=asyncio.FIRST_COMPLETED)
        if any(query.exception() is None and query.result() for query in done):
            await asyncio.wait(queries, timeout=_SECOND_FAMILY)
        else:
            await asyncio.wait(queries)
    finally:
        for query in queries:
            query.cancel()
    finished = [query for query in queries if query.done() and not query.cancelled()]
    results = [query.result() for query in finished if query.exception() is None]
    both = [address for address in chain.from_iterable(zip_longest(*results)) if address is not None]
    if both:
        return both
    errors = [query.exception() for query in finished]
    raise next((error for error in errors if error is not None),
               RoveError(Cause.NAME_NOT_FOUND, f"{name} has no address"))


async def _ask_servers(name: str, kind: str, servers: list[NameServer], mark: int) -> list[IpAddress]:
    """An empty list where the name exists without such an address, or not at all.

    Servers are asked in turn, the next (or the same again) when there is no answer soon; the earlier questions stay
    open meanwhile. Who fails twice is not asked again.
    """
    import dns.exception
    import dns.name
    try:
        question = dns.name.from_text(name)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise RoveError(Cause.NAME_NOT_FOUND, f"{name[:80]!r} is no host name") from error
    failures = dict.fromkeys(servers, 0)
    pending: dict[asyncio.Task[list[IpAddress]], NameServer] = {}
    reachable = False
    try:
        for number in range(_TRIES):
            left = [server for server in servers if failures[server] < 2]
            if not left and not pending:
                break
            if left:
                server = left[number % len(left)]
                pending[asyncio.ensure_future(_ask(question, kind, server, mark))] = server
            done, _ = await asyncio.wait(pending, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                server = pending.pop(task)
                refusal = task.exception()
                if refusal is None:
                    return task.result()
                if not isinstance(refusal, (OSError, dns.exception.DNSException)):
                    raise refusal
                failures[server] += 1
                reachable = reachable or getattr(refusal, "errno", None) not in _NO_WAY
            reachable = reachable or bool(pending)
    finally:
        for task in pending:
            task.cancel()
    if not reachable:
        raise RoveError(Cause.NO_NETWORK, "no name server can be reached")
    raise RoveError(Cause.NAME_NOT_FOUND, f"{name[:80]}: the name servers do not answer")


async def _ask(question: "dns.name.Name", kind: str, server: NameServer, mark: int) -> list[IpAddress]:
    """Raises OSError and DNSException (malformed, or a chain of aliases without an end)."""
    import dns.message
    import dns.rcode
    reply = await _exchange(dns.message.make_query(question, kind, id=secrets.randbelow(1 << 16)), server, mark)
    if reply.rcode() == dns.rcode.NXDOMAIN:
        return []
    if reply.rcode() != dns.rcode.NOERROR:
        raise OSError(errno.EPROTO, dns.rcode.to_text(reply.rcode()))
    return _addresses(reply)


async def _exchange(query: "dns.message.Message", server: NameServer, mark: int) -> "dns.message.Message":
    """UDP, and TCP where the answer was cut short (RFC 7766 §5). Raises OSError and DNSException."""
    reply = await _over_udp(query, server, mark)
    if reply is None:
        reply = await _over_tcp(query, server, mark)
    return reply


async def _over_udp(query: "dns.message.Message", server: NameServer, mark: int) -> "dns.message.Message | None":
    """None for a truncated answer."""
    import dns.exception
    import dns.flags
    import dns.message
    loop = asyncio.get_running_loop()
    with marked_socket(_family(server), socket.SOCK_DGRAM, mark) as sock:
        sock.connect(server.socket_address())     # so that the kernel drops what others send, and tells of ICMP
        await loop.sock_sendall(sock, query.to_wire())
        while True:
            data = await loop.sock_recv(sock, _MAX_MESSAGE)
            try:
                reply = dns.message.from_wire(data)
            except dns.exception.DNSException:
                continue                          # forged, or broken: the right one may follow
            if query.is_response(reply):
                return None if reply.flags & dns.flags.TC else reply


async def _over_tcp(query: "dns.message.Message", server: NameServer, mark: int) -> "dns.message.Message":
    import dns.message
    loop = asyncio.get_running_loop()
    with marked_socket(_family(server), socket.SOCK_STREAM, mark) as sock:
        await loop.sock_connect(sock, server.socket_address())
        wire = query.to_wire()
        await loop.sock_sendall(sock, len(wire).to_bytes(2, "big") + wire)
        length = int.from_bytes(await _read_exactly(sock, 2), "big")
        reply = dns.message.from_wire(await _read_exactly(sock, length))
    if not query.is_response(reply):
        raise OSError(errno.EPROTO, "an answer to another question")
    return reply


async def _read_exactly(sock: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = await asyncio.get_running_loop().sock_recv(sock, length - len(data))
        if not more:
            raise OSError(errno.ECONNRESET, "the name server hung up")
        data += more
    return data


def _addresses(reply: "dns.message.Message") -> list[IpAddress]:
    import ipaddress
    answer = reply.resolve_chaining().answer      # type: ignore[attr-defined]  # queries give QueryMessages
    found = [ipaddress.ip_address(record.address) for record in answer or ()]
    return [address for address in found if not (address.is_unspecified or address.is_multicast)][:MAX_ADDRESSES]


def _family(server: NameServer) -> int:
    return socket.AF_INET if server.address.version == 4 else socket.AF_INET6


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:4])
