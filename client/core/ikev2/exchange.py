"""Message IDs, retransmission and the cached reply of one IKE_SA (RFC 7296 §2.1–2.3); window size 1."""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from client.core.ikev2.constants import ExchangeType
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import Payload

if TYPE_CHECKING:
    from client.core.ikev2.events import Path
    from client.core.ikev2.ike_sa import IkeSa

FIRST_INTERVAL = 0.5     # s, before a round trip was measured
LEAST_INTERVAL = 0.2     # s: a gateway that is asked more often than this is being hammered
AUTH_INTERVAL = 0.5      # s, least for IKE_AUTH: a gateway signs, and asks its RADIUS server
GROWTH = 1.5
LONGEST_INTERVAL = 4.0   # s
LONGEST_AUTH_INTERVAL = 2.0
LONGEST_INIT_INTERVAL = 3.0    # a gateway that restarts is found soon after
MAX_MESSAGE_ID = 0xFFFF_0000   # an IKE_SA is replaced long before its message IDs run out (§2.2)


class Rtt:
    """Smoothed round-trip time, as TCP has it (RFC 6298 §2), of requests that were sent once."""

    def __init__(self) -> None:
        self.smoothed: float | None = None
        self._variance = 0.0
        self._least = 0.0

    def ambiguous(self, seconds: float) -> None:
        """A request that was sent several times was answered so long after the first: that much it may take, so the
        next one is given more time, until one is answered that was sent once (RFC 6298 §5.7)."""
        self._least = min(seconds, GROWTH * self.first_interval)

    def sample(self, seconds: float) -> None:
        self._least = 0.0
        if self.smoothed is None:
            self.smoothed, self._variance = seconds, seconds / 2
        else:
            self._variance += (abs(self.smoothed - seconds) - self._variance) / 4
            self.smoothed += (seconds - self.smoothed) / 8

    @property
    def first_interval(self) -> float:
        """Seconds to the first retransmission."""
        if self.smoothed is None:
            return FIRST_INTERVAL
        return min(max(self.smoothed + 4 * self._variance, LEAST_INTERVAL, self._least), LONGEST_INTERVAL)


class Task(Protocol):
    """One exchange that we start: strongSwan's tasks, without their I/O."""

    exchange: ExchangeType

    def build_request(self, now: float) -> list[Payload] | None:
        """The payloads inside the SK payload; None when the exchange is no longer wanted."""

    def process_response(self, message: Message, now: float) -> None:
        """Raises ProtocolError when the response breaks the protocol."""

    def moved_to(self, sa: "IkeSa") -> "Task | None":
        """The same for the IKE_SA that replaces this one's; None where it has no use there."""


@dataclass
class Outstanding:
    """A request of ours that waits for its response; the same bytes are sent each time (§2.1)."""

    message_id: int
    datagrams: list[bytes]
    task: Task | None            # None: IKE_SA_INIT, which has its own flow
    first_sent: float
    last_sent: float
    interval: float
    transmissions: int = 1
    path: "Path | None" = None           # where it goes; None: wherever the conversation goes
    other: list[bytes] | None = None     # what is sent instead every second time, should there be no answer
    spread: bool = False         # it went over several ways: which of them the gateway has seen first is not known


@dataclass
class Window:
    next_request_id: int = 0     # the next request of ours
    next_peer_id: int = 0        # the next request of the peer
    outstanding: Outstanding | None = None
    cached_reply: list[bytes] = field(default_factory=list)   # to the peer's last request (next_peer_id - 1)
    queue: deque[Task] = field(default_factory=deque)
