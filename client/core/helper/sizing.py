"""Keeps the tunnel's MTU, the data path's limit and the clamp of TCP's MSS in step with what the path carries."""

import asyncio
from collections.abc import Callable

from client.core.helper.path_mtu import PathMtu, inner_size
from client.core.helper.tunnel import carried_in
from client.core.ikev2.events import MtuProbed, Path

UNKNOWN = 1280           # octets of an inner packet, while there is no CHILD_SA yet


class Sizing:
    """Of one connection. ``probe(octets)`` asks the gateway, False where that cannot be now; ``left`` says when the
    last packet left; ``known`` and ``learn`` are the memory of networks."""

    def __init__(self, clock: Callable[[], float], probe: Callable[[int], bool], left: Callable[[], float],
                 changed: Callable[[], None], known: Callable[[], int], learn: Callable[[int], None]) -> None:
        self._clock, self._probe, self._left = clock, probe, left
        self._changed, self._known, self._learn = changed, known, learn
        self._search = PathMtu()
        self._path: Path | None = None
        self._transport, self._mtu_of_link = "udp", 0
        self._looked = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def on(self, path: Path, nat: bool) -> None:
        """The connection's path is this now."""
        transport = carried_in(path, nat)
        if path.same_way(self._path) and path.mtu == self._mtu_of_link and transport == self._transport:
            return
        self._path, self._transport, self._mtu_of_link = path, transport, path.mtu
        self._search.begin(path, self._known(), self._clock(), probes=transport != "tcp")
        self._changed()
        self._schedule()

    def end(self) -> None:
        self._path = None
        self._search.end()
        self._schedule()

    def probed(self, event: MtuProbed) -> None:
        changed = self._search.probed(event.path, event.octets, self._clock(), arrived=event.arrived)
        if self._search.settled:
            self._learn(self._search.mtu)
        if changed:
            self._changed()
        self._schedule()

    def refused(self) -> None:
        """Too large, says ICMP, or this host's own interface."""
        self._search.hint(self._clock())
        self._schedule()

    def inner(self, suites: tuple[str, ...]) -> int:
        """The largest inner packet."""
        if self._path is None or not suites:
            return UNKNOWN
        return inner_size(self._search.mtu, self._path, self._transport, suites)

    @property
    def outer(self) -> int:
        return self._search.mtu

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._search.due is not None:
            wait = max(0.0, self._search.due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(wait, self._step)

    def _step(self) -> None:
        self._timer = None
        now, left = self._clock(), self._left()
        size = self._search.step(now, traffic=left > self._looked)
        if size:
            self._looked = left
            if not self._probe(size):
                self._search.could_not_ask(now)
        self._schedule()
