"""One connection on the ladder: which rung carries IKE_SA_INIT, and TCP as the way out for an IKE_SA that stands.

Before there is an answer one rung after the other is tried, each with an IKE_SA_INIT of its own (RFC 9329 §6.1). Later
TCP is brought in where UDP has fallen silent: with MOBIKE the IKE_SA moves (§8.1). While it travels in TCP, UDP is
asked again and again, and once it answers the IKE_SA goes back, make before break.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol

from client.core.helper.ladder import Memory, Rung, rungs
from client.core.ikev2.events import Path
from client.core.platform.neighbours import network_fingerprint
from client.core.platform.paths import Candidate
from client.model.endpoint import Endpoint
from client.model.profile import Roaming

CONNECT_PATIENCE = 3.0       # s that a TCP handshake may take before the next port is tried as well
AFTER_REFUSAL = 0.05         # s: an ICMP message proves nothing, so an answer that is under way still counts
DOUBT = 2.0                  # s without an answer by a new way before TCP is brought in
AGAIN = (0.2, 1.0, 3.0, 10.0, 20.0)      # s between tries for a connection that was lost, or could not be made
RETURN = (5.0, 10.0, 20.0, 30.0)         # s between looks whether UDP works again
BUSY = 0.5                   # s, where something else was being said
STALE = 8.0                  # s for which a lost connection is expected back before UDP is asked instead
_REFUSALS = frozenset((errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM,
                       errno.EPROTO))


class StreamMaker(Protocol):
    """helper.transport.Transport, as far as the ladder uses it."""

    def path(self, interface: str, local: str, gateway: str, mtu: int = 1500, index: int = 0) -> Path: ...
    async def open_stream(self, way: Path, port: int) -> Path: ...
    def close_stream(self) -> None: ...


class Climb:
    """Of one connection, for all of its attempts. ``follow`` makes the engine look at ``paths`` again; ``asked_again``
    tells it that a stream is another one (RFC 9329 §7.2), ``ask`` has it ask on a path, False where that cannot be now;
    ``say`` takes a step and its detail."""

    def __init__(self, roaming: Roaming, memory: Memory, follow: Callable[[], None], asked_again: Callable[[], None],
                 ask: Callable[[Path], bool], say: Callable[[str, str], None]) -> None:
        self._rungs = rungs(roaming)
        self._udp = any(rung.transport == "udp" for rung in self._rungs)
        self._memory = memory
        self._follow, self._asked_again, self._ask, self._say = follow, asked_again, ask, say
        self._transport: StreamMaker | None = None
        self._candidates: tuple[Candidate, ...] = ()
        self._at: int | None = None             # the rung of an IKE_SA_INIT that is not answered yet
        self._round = 0
        self._standing = False                  # an IKE_SA is established
        self._stream: Path | None = None        # the connection that there is, or was a moment ago
        self._only_stream = False               # the engine is in it, or shall be
        self._looks = 0                         # for UDP, since then
        self._moved_to: Path | None = None      # where the engine is
        self._timer: asyncio.TimerHandle | None = None
        self._connecting: asyncio.Task[None] | None = None

    # --- from the connection ---

    def begin(self, transport: StreamMaker, candidates: Sequence[Candidate]) -> None:
        """An attempt begins; the engine is started with ``paths`` after this."""
        self.end()
        self._transport = transport
        self._candidates = tuple(candidates)
        known = self._memory.of(*self.network()).rung
        self._round = 0
        self._enter(self._rungs.index(known) if known in self._rungs else 0)

    def end(self) -> None:
        """The attempt is over."""
        self._stop()
        self._at, self._standing, self._only_stream, self._moved_to = None, False, False, None
        self._drop_stream()
        self._transport = None

    def paths(self, candidates: Sequence[Candidate]) -> list[Path]:
        """Those that the engine may use now, best first."""
        assert self._transport is not None
        before, self._candidates = self._place(), tuple(candidates)
        ways = [self._way(candidate) for candidate in candidates]
        stream = self._stream
        if stream is not None and not any(_fits(stream, way) for way in ways):
            self._drop_stream()         # it was of an uplink that is gone
            stream = None
        if self._at is not None:
            if before != self._place() and candidates:
                self._another_network()
            return self._initial(ways)
        if stream is None:
            return ways if self._udp or not ways else self._without_udp(ways[0])
        return [stream] if self._only_stream or not self._udp else ways

    def answered(self) -> None:
        """IKE_SA_INIT was."""
        if self._at is None:
            return
        rung, self._at = self._rungs[self._at], None
        self._stop()
        self._only_stream = rung.transport == "tcp" and self._stream is not None
        self._memory.learn(*self.network(), rung=rung)
        if rung.transport == "udp":
            self._drop_stream()

    def established(self, path: Path) -> None:
        self._standing, self._moved_to = True, path
        if path.transport == "tcp":
            self._look_back()

    def moved(self, path: Path, *, confirmed: bool) -> None:
        """The engine uses this path now; ``confirmed``: and the gateway has answered there."""
        self._moved_to = path
        if confirmed:
            self._stop()
            self._memory.learn(*self.network(), rung=self._rung_of(path))
            if path.transport == "tcp":
                self._look_back()
            else:
                self._drop_stream()     # RFC 9329 §8.1
        elif path.transport != "tcp":
            known = self._memory.of(*self.network()).rung
            self._wait(0.0 if known is not None and known.transport == "tcp" else DOUBT, self._bring_in_tcp)

    def way_answers(self, path: Path) -> None:
        """The gateway has, on the path that was asked."""
        if self._standing and self._only_stream and path.transport != "tcp":
            self._only_stream = False
            self._say("ladder", "UDP")
            self._follow()

    def heard(self) -> None:
        """The gateway has answered where the engine is, after all."""
        if self._standing and self._moved_to is not None and self._moved_to.transport != "tcp":
            self._stop()

    def silent(self) -> None:
        """The gateway of an IKE_SA that stands does not answer where the engine is."""
        if self._standing and self._moved_to is not None and self._moved_to.transport != "tcp":
            self._bring_in_tcp()

    def refused(self, port: int, number: int) -> None:
        """By ICMP, or by this host: the port of UDP that was asked is closed, they say."""
        if number not in _REFUSALS or self._at is None or self._round:
            return
        rung = self._rungs[self._at]
        if rung.transport == "udp" and rung.port == port:
            self._wait(AFTER_REFUSAL, self._next)

    def stream_lost(self, number: int) -> None:
        """The connection has ended; its SAs have not (§7.1)."""
        if self._at is not None:
            if self._rungs[self._at].transport == "tcp":
                self._drop_stream()
                self._next()
        elif self._stream is not None and self._moved_to is not None and self._moved_to.transport == "tcp":
            self._say("stream-lost", os.strerror(number) if number else "closed by the gateway")
            self._start(self._reconnect(self._stream))
        else:
            self._drop_stream()

    # --- IKE_SA_INIT, rung by rung ---

    def _enter(self, at: int) -> None:
        self._at = at
        rung = self._rungs[at]
        if rung.transport == "udp":
            self._wait(rung.patience(self._round > 0), self._next)
        else:
            self._start(self._try_stream(rung))

    def _next(self) -> None:
        if self._at is None:
            return
        self._drop_stream()
        at = (self._at + 1) % len(self._rungs)
        self._round += at == 0
        self._say("ladder", str(self._rungs[at]))
        self._enter(at)
        if self._rungs[at].transport == "udp":
            self._follow()

    async def _try_stream(self, rung: Rung) -> None:
        if await self._open(rung.port):
            self._wait(rung.patience(self._round > 0), self._next)
            self._follow()
        else:
            if len(self._rungs) == 1 or self._round:
                await asyncio.sleep(AGAIN[min(self._round, len(AGAIN) - 1)])
            self._wait(0.0, self._next)

    def _another_network(self) -> None:
        known = self._memory.of(*self.network()).rung
        self._round = 0
        self._stop()
        self._enter(self._rungs.index(known) if known in self._rungs else 0)

    def _initial(self, ways: list[Path]) -> list[Path]:
        """For an IKE_SA_INIT. While a connection is made the engine goes on as it was."""
        assert self._at is not None
        rung = self._rungs[self._at]
        if rung.transport == "tcp" and self._stream is not None:
            return [self._stream]
        if not self._udp:
            return [_nowhere(way) for way in ways[:1]]
        return ways if rung == Rung("udp", _IKE_PORT) else [way.natt() for way in ways]

    # --- TCP for an IKE_SA that stands ---

    def _bring_in_tcp(self) -> None:
        if self._standing and self._connecting is None and (
                self._stream is None or (self._moved_to is not None and self._moved_to.transport != "tcp")):
            ports = [rung.port for rung in self._rungs if rung.transport == "tcp"]
            if ports:
                self._start(self._offer(ports))

    def _without_udp(self, way: Path) -> list[Path]:
        """The profile wants TCP alone, and it is not there yet."""
        if self._connecting is None:
            self._start(self._offer([rung.port for rung in self._rungs]))
        return [_nowhere(way)]

    async def _offer(self, ports: list[int]) -> None:
        """Until it is there, or UDP answers after all."""
        for number in range(1000):
            for port in ports:
                if await self._open(port):
                    self._say("ladder", f"TCP {port}")
                    self._only_stream = True
                    self._follow()
                    self._asked_again()
                    return
            await asyncio.sleep(AGAIN[min(number + 1, len(AGAIN) - 1)])

    async def _reconnect(self, lost: Path) -> None:
        loop = asyncio.get_running_loop()
        since = loop.time()
        for number in range(1000):
            wait = AGAIN[min(number, len(AGAIN) - 1)]
            await asyncio.sleep(min(wait, STALE / 4) if self._udp else wait)
            if await self._open(lost.remote.port):
                self._say("stream-back", str(lost.remote))
                self._follow()
                self._asked_again()
                self._look_back()
                return
            if loop.time() - since > STALE and self._udp:
                self._drop_stream()
                self._only_stream = False
                self._follow()          # by UDP, if that works; if not, the engine is silent soon
                return

    def _look_back(self) -> None:
        self._looks = 0
        if self._udp and self._only_stream:
            self._wait(RETURN[0], self._ask_udp)

    def _ask_udp(self) -> None:
        if not self._only_stream or not self._candidates:
            return
        asked = self._ask(self._way(self._candidates[0]).natt())
        self._looks += asked
        self._wait(RETURN[min(self._looks, len(RETURN) - 1)] if asked else BUSY, self._ask_udp)

    # --- the stream ---

    async def _open(self, port: int) -> bool:
        transport, candidate = self._transport, self._candidates[0] if self._candidates else None
        if transport is None or candidate is None:
            return False
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_PATIENCE):
                self._stream = await transport.open_stream(self._way(candidate), port)
                return True
        return False

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream = None
            if self._transport is not None:
                self._transport.close_stream()

    # --- inside ---

    def _way(self, candidate: Candidate) -> Path:
        assert self._transport is not None
        return self._transport.path(candidate.interface, candidate.local, candidate.gateway, candidate.mtu,
                                    candidate.index)

    def _place(self) -> tuple[Candidate, str] | None:
        """What is cheap to compare, on the roaming path."""
        return (self._candidates[0], self._candidates[0].router) if self._candidates else None

    def network(self) -> tuple[str, str]:
        """As the memory knows it: fingerprint, and the gateway."""
        if not self._candidates:
            return "", ""
        first = self._candidates[0]
        return network_fingerprint(first.interface, first.router, first.local), first.gateway

    def _rung_of(self, path: Path) -> Rung:
        if path.transport == "tcp":
            return Rung("tcp", path.remote.port)
        known = self._memory.of(*self.network()).rung
        return known if known is not None and known.transport == "udp" else Rung("udp", _IKE_PORT)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._stop()
        self._connecting = asyncio.get_running_loop().create_task(work)
        self._connecting.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        if self._connecting is task:
            self._connecting = None

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None


_IKE_PORT = 500


def _nowhere(way: Path) -> Path:
    """A stream that is still to be made."""
    return replace(way, local=Endpoint(way.local.address, 0), remote=Endpoint(way.remote.address, 0), transport="tcp")


def _fits(stream: Path, way: Path) -> bool:
    return replace(stream, transport=way.transport).same_way(way)
