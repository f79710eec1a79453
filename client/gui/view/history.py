"""What happened to a connection while the tray was looking: states, moves between networks, throughput. Bounded."""

from collections import deque
from dataclasses import dataclass, field, replace

from client.model.state import State, TunnelState
from client.model.units import parse_time
from client.texts import translated as _

MAX_SPANS = 200
MAX_MOVES = 200
MAX_SAMPLES = 300       # five minutes of seconds


@dataclass(frozen=True)
class Span:
    """A state from ``begin`` on, Unix time."""

    state: str
    begin: float


@dataclass(frozen=True)
class Move:
    """From one way to the gateway to another, and why; ways are "wlan0 192.168.1.5", empty for none."""

    at: float
    before: str
    after: str
    why: str


@dataclass(frozen=True)
class Sample:
    """Octets per second until ``at``."""

    at: float
    received: float
    sent: float


@dataclass
class History:
    spans: deque[Span] = field(default_factory=lambda: deque(maxlen=MAX_SPANS))
    moves: deque[Move] = field(default_factory=lambda: deque(maxlen=MAX_MOVES))
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=MAX_SAMPLES))
    _way: str = ""
    _why: str = ""
    _counted: dict[str, tuple[int, int]] = field(default_factory=dict)
    _counted_at: float = 0.0

    def note_state(self, tunnel: TunnelState, now: float) -> None:
        if not self.spans or self.spans[-1].state != tunnel.state:
            since = parse_time(tunnel.since)
            begin = min(since.timestamp(), now) if since else now
            if self.spans:
                begin = max(begin, self.spans[-1].begin)
            self.spans.append(Span(tunnel.state, begin))
        self._note_path(tunnel, now)

    def note_step(self, step: str) -> None:
        """A step tells why the next move happens."""
        self._why = {"redirected": _("the gateway sent us to another one"), "reauthenticated": _("new log-in"),
                     "roaming": _("the network changed")}.get(step, self._why)

    def sample(self, tunnel: TunnelState, now: float) -> None:
        """The CHILD_SAs' counters as they are now."""
        counted = {child.spi_in: (child.bytes_in, child.bytes_out) for child in tunnel.children}
        if self._counted_at and now > self._counted_at:
            seconds = now - self._counted_at
            rates = [sum(max(count[side] - self._counted.get(spi, (0, 0))[side], 0) for spi, count in counted.items())
                     / seconds for side in (0, 1)]
            self.samples.append(Sample(now, *rates))
        self._counted, self._counted_at = counted, now

    def pause(self) -> None:
        """Nobody looks: the next sample begins anew."""
        self._counted_at = 0.0

    def _note_path(self, tunnel: TunnelState, now: float) -> None:
        if tunnel.path is None or tunnel.state == State.DISCONNECTED.value:
            if tunnel.state in (State.DISCONNECTED.value, State.FAILED.value):
                self._way = ""
            return
        way = f"{tunnel.path.interface} {tunnel.path.local}"
        if way != self._way:
            why = self._why if self._way else _("connected")
            if self._way and not why:
                why = _("the network changed")
            self.moves.append(Move(now, self._way, way, why))
            self._way = way
        self._why = ""


def stretches(spans: list[Span], begin: float, end: float) -> list[tuple[str, float, float]]:
    """(state, from, to) between ``begin`` and ``end``, in order; what was before the first span is left out."""
    found = []
    for index, span in enumerate(spans):
        until = spans[index + 1].begin if index + 1 < len(spans) else end
        shown = replace(span, begin=max(span.begin, begin))
        if until > shown.begin and shown.begin < end:
            found.append((span.state, shown.begin, min(until, end)))
    return found
