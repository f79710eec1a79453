"""Recorded conversations stopped before every datagram of the gateway, to go on from there as often as one likes."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import pytest

from client.core.crypto.kex import KeyExchange
from client.core.crypto.sk_cipher import SkCipher
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, PayloadType
from client.core.ikev2.header import parse_header
from client.core.ikev2.ike_sa import IkeSa, IkeState
from client.core.ikev2.keymat import IkeKeys
from client.core.ikev2.proposal import Proposal
from client.core.ikev2.timers import Timer
from tests.fuzz.frames import mutate_chain
from tests.recorded.recording import PATHS, Client, Recording

LONGEST = 50_000.0      # s: an engine that hears nothing has given up by then, whatever it waited for
MOST_DATAGRAMS = 40     # that one datagram may bring about
_FINAL = (ike.Failed, ike.Closed)
_IMMUTABLE = (SkCipher, KeyExchange, IkeKeys, Proposal, ike.EngineConfig, ike.Datagram, ike.Event)


@dataclass
class Point:
    """Before step ``step`` of ``recording``, which is ``datagram`` from the gateway."""

    recording: Recording
    step: int
    datagram: bytes
    at: float
    interface: str
    _client: Client = field(repr=False)

    def client(self) -> Client:
        """One of your own; needs ``sharing``."""
        return copy.deepcopy(self._client)

    @property
    def states(self) -> set[IkeState]:
        return {sa.state for sa in self._client.engine._ctx.sas.values()}

    @property
    def state(self) -> IkeState | None:
        """Of the IKE_SA that the datagram is for."""
        sa = owner(self._client, self.datagram)
        return None if sa is None else sa.state

    @property
    def sealed(self) -> bool:
        return parse_header(self.datagram).exchange != ExchangeType.IKE_SA_INIT


@contextmanager
def sharing() -> Iterator[None]:
    """Copies of an engine share what never changes; a cipher's counter is nobody's business here."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in _IMMUTABLE:
            patch.setattr(kind, "__deepcopy__", lambda self, memo: self, raising=False)
        yield


def points(recording: Recording) -> list[Point]:
    found, client = [], Client(recording.how)
    for number, (at, what, argument) in enumerate(recording.steps):
        if what == "receive":
            interface, data = argument.split()
            if owner(client, bytes.fromhex(data)) is not None:
                found.append(Point(recording, number, bytes.fromhex(data), at, interface, copy.deepcopy(client)))
        client.take(at, what, argument)
    return found


def owner(client: Client, data: bytes) -> IkeSa | None:
    """The IKE_SA that a well-formed datagram is for."""
    header = parse_header(data)
    return client.engine._ctx.sas.get(header.spi_r if header.initiator else header.spi_i)


def feed(client: Client, point: Point, data: bytes) -> str:
    """One datagram → ``dropped``, ``answered`` (something was sent or told), or how the connection ended."""
    said, told, ended = len(client.sent), len(client.events), client.engine._ctx.finished
    client.engine.receive_datagram(data, PATHS[point.interface].natt(), point.at)
    client.settle(point.at)
    check(client)
    assert len(client.sent) - said <= MOST_DATAGRAMS
    if ended:
        assert (len(client.sent), len(client.events)) == (said, told), "a dead engine spoke"
    last = client.events[-1] if client.events else None
    if client.engine._ctx.finished and isinstance(last, ike.Failed):
        return f"failed: {last.cause.code}"
    return "answered" if (len(client.sent), len(client.events)) != (said, told) else "dropped"


def check(client: Client) -> None:
    """What holds at any time: one end, one beginning, and no more memory than a peer deserves."""
    ctx = client.engine._ctx
    finals = [number for number, event in enumerate(client.events) if isinstance(event, _FINAL)]
    assert finals in ([], [len(client.events) - 1]), "something came after the end"
    assert bool(finals) == ctx.finished
    assert sum(isinstance(event, ike.Established) for event in client.events) <= 1
    assert not ctx.events
    assert not ctx.outbox
    if ctx.finished:
        assert client.engine.next_timeout() is None
        assert not ctx.sas
    assert len(ctx.sas) <= 8
    assert len(ctx._pending) <= 1
    for sa in ctx.sas.values():
        assert len(sa.children) <= 8
        assert len(sa.window.queue) <= 16
        assert sum(map(len, sa.window.cached_reply)) <= 64 * 1024
        partials = sa.reassembly._partials.values()
        assert sum(partial.octets for partial in partials) <= 4 * 64 * 1024
    assert len(client.sent) <= 2000


def goes_on(client: Client, point: Point) -> None:
    """As recorded, to the end: nothing of what came in between has left a trace."""
    for step in point.recording.steps[point.step:]:
        client.take(*step)
    assert [type(event).__name__ for event in client.events] == point.recording.events


def ends(client: Client, now: float, by_command: bool) -> None:
    """When told to, or by itself in the silence that follows."""
    engine = client.engine
    if by_command and not engine._ctx.finished:
        engine.close(now)
        client.settle(now)
    limit = now + (60.0 if by_command else LONGEST)
    for _ in range(5000):
        check(client)
        if engine._ctx.finished:
            return
        due = engine.next_timeout()
        assert due is not None, "nothing is awaited, and it is not over"
        assert due <= limit, f"still there after {due - now:.0f} s"
        now = max(now, due)
        engine.handle_timeout(now)
        client.settle(now)
    raise AssertionError(f"never at rest: {[timer for timer in Timer if engine._ctx.timers.get(timer, b'')]}")


# --- mutations ---


def octets(data: bytes, limit: int, random: Random) -> bytes:
    """Bits, octets, numbers at their limits, pieces cut out, doubled, moved."""
    mutant = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at, size = random.randrange(len(mutant) + 1), random.choice((1, 2, 4, 8, 20, 100))
        match random.randrange(7):
            case 0 if at < len(mutant):
                mutant[at] ^= 1 << random.randrange(8)
            case 1:
                mutant[at:at + 1] = bytes((random.randrange(256),))
            case 2:
                mutant[at:at + 2] = random.choice((b"\0\0", b"\xff\xff", b"\x80\0", b"\0\x04", b"\0\x08", b"\0\x01"))
            case 3:
                del mutant[at:at + size]
            case 4:
                mutant[at:at] = mutant[at:at + size]
            case 5:
                del mutant[at:]
            case _:
                piece = bytes(mutant[at:at + size])
                del mutant[at:at + size]
                to = random.randrange(len(mutant) + 1)
                mutant[to:to] = piece
    return bytes(mutant[:limit])


def plain(data: bytes, random: Random) -> bytes:
    """As anybody on the way can change it; half of them with a length that fits."""
    if random.randrange(3) == 0 and len(data) > 28:
        first, chain = mutate_chain(data[16], data[28:], 3000, random,
                                    lambda body, limit: octets(body, limit, random))
        return fitting(data[:16] + bytes((first,)) + data[17:28] + chain)
    mutant = octets(data, 4000, random)
    return fitting(mutant) if random.randrange(2) else mutant


def fitting(data: bytes) -> bytes:
    """With its own length in the header."""
    return data[:24] + len(data).to_bytes(4, "big") + data[28:] if len(data) >= 28 else data


def opened(client: Client, data: bytes) -> tuple[IkeSa, int, bytes]:
    """(IKE_SA, where the encryption begins, what is inside)."""
    sa = owner(client, data)
    assert sa is not None
    assert sa.cipher_in is not None
    start = 36 if data[16] == PayloadType.SKF else 32
    return sa, start, sa.cipher_in.open(data[:start], data[start:])


def resealed(client: Client, data: bytes, inside: bytes, first: int | None = None, front: bytes | None = None) -> bytes:
    """The datagram with something else inside, as the gateway itself would seal it."""
    sa, start, _ = opened(client, data)
    cipher = sa.cipher_in
    assert cipher is not None
    head = bytearray(front or data[:start])
    if first is not None:
        head[28] = first
    length = start + cipher.sealed_length(len(inside))
    head[24:28] = length.to_bytes(4, "big")
    head[30:32] = (length - 28 & 0xFFFF).to_bytes(2, "big")
    return bytes(head) + cipher.seal(bytes(head), inside, bytes)


def hostile(client: Client, point: Point, others: list[tuple[int, bytes]], random: Random) -> bytes:
    """What an authenticated gateway could send in the place of the recorded datagram."""
    data = point.datagram
    sa, start, inside = opened(client, data)
    first, head = data[28], bytearray(data[:start])
    if random.randrange(4) == 0:        # what belongs elsewhere
        first, inside = random.choice(others)
    if random.randrange(4):
        first, inside = mutate_chain(first, inside, 3000, random, lambda body, limit: octets(body, limit, random))
    match random.randrange(8):
        case 0:
            inside = octets(inside, 3000, random)
        case 1:
            head[18] = random.choice((34, 35, 36, 37, 43, 44, random.randrange(256)))
        case 2:
            head[19] ^= 0x20        # a request instead of a response, and the other way round
            place = sa.window.next_peer_id if not head[19] & 0x20 else (
                sa.window.outstanding.message_id if sa.window.outstanding else 0)
            head[20:24] = place.to_bytes(4, "big")
        case 3:
            head[20:24] = random.choice((0, 1, sa.window.next_peer_id, 0xFFFFFFFF)).to_bytes(4, "big")
        case 4 if start == 36:
            head[32:36] = octets(bytes(head[32:36]), 4, random).ljust(4, b"\1")
    return resealed(client, data, inside, first, bytes(head))
