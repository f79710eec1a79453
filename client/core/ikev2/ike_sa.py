"""An IKE_SA and the context it shares with its successors: one connection, seen from inside the engine.

SA state is not exchange state: an IKE_SA is ESTABLISHED while exchanges wait their turn in its window.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from client.core.crypto.provider import LIBRARY, Cipher, CryptoProvider
from client.core.ikev2.child_sa import ChildSa, ChildState
from client.core.ikev2.constants import ExchangeType, NotifyType, ProtocolId
from client.core.ikev2.events import (
    ChildConfig,
    ChildOutbound,
    ChildRemoved,
    ChildSaInfo,
    Datagram,
    EngineConfig,
    Event,
    Failed,
    IkeRekeyed,
    Path,
    Random,
    VirtualIps,
)
from client.core.ikev2.exchange import Rtt, Task, Window
from client.core.ikev2.fragment import Reassembly
from client.core.ikev2.keymat import IkeKeys
from client.core.ikev2.message import Message, encode_protected
from client.core.ikev2.payloads import Delete, Notify, Payload
from client.core.ikev2.proposal import Proposal
from client.core.ikev2.timers import Timer, TimerTable
from client.core.ikev2.ways import Ways
from client.model.cause import Cause

if TYPE_CHECKING:
    from client.core.ikev2.roaming import Roaming

NAT_PATIENCE = 20.0  # RFC 3948 §4
IKE_EXPIRE = 1.1     # of the time to rekeying: then an IKE_SA that could not be rekeyed ends
REPLACED_EXPIRE = 60.0   # s that a replaced IKE_SA has to be deleted by one side
AGAIN = 3.0          # s until a CHILD_SA that lost its successor is renewed again
LINGER = 1.0         # s that a deleted CHILD_SA still receives
MAX_LINGERING = 64   # such at once


class IkeState(Enum):
    INIT = auto()           # IKE_SA_INIT is out
    AUTH = auto()           # keys exist, nobody is authenticated
    ESTABLISHED = auto()
    RIVAL = auto()          # made by the gateway while our rekeying is under way; which stands is not settled
    REKEYED = auto()        # has a successor; only INFORMATIONAL is spoken here
    DELETING = auto()       # our DELETE is out
    DEAD = auto()


@dataclass
class PendingFollowUp:
    """What the gateway has begun with a CREATE_CHILD_SA and not yet finished; one per IKE_SA at most (RFC 9370)."""

    methods: list[int]
    done: Callable[[bytes, float], None]
    link: bytes
    secrets: bytes = field(default=b"", repr=False)


@dataclass
class Refusal:
    """Why a wanted CHILD_SA does not stand, as it was said first, and how often it was tried since."""

    cause: Cause
    detail: str
    tries: int = 0
    hopeless: bool = False      # it alone is no reason to keep the connection


@dataclass
class IkeSa:
    spi_i: bytes
    spi_r: bytes
    initiator: bool                     # are we the one who began this IKE_SA?
    state: IkeState = IkeState.INIT
    proposal: Proposal | None = None
    keys: IkeKeys | None = field(default=None, repr=False)
    cipher_out: Cipher | None = field(default=None, repr=False)
    cipher_in: Cipher | None = field(default=None, repr=False)
    window: Window = field(default_factory=Window)
    reassembly: Reassembly = field(default_factory=Reassembly)
    children: dict[bytes, ChildSa] = field(default_factory=dict)   # by our inbound SPI
    lowest_nonce: bytes = b""
    rekeying: bool = False              # our CREATE_CHILD_SA request for a new IKE_SA is out
    peer_successor: "IkeSa | None" = None   # made by the peer while ours was under way
    follow_up: PendingFollowUp | None = None

    @property
    def own_spi(self) -> bytes:
        return self.spi_i if self.initiator else self.spi_r

    def require(self) -> tuple[Proposal, IkeKeys]:
        """Proposal and keys of an IKE_SA past IKE_SA_INIT."""
        assert self.proposal is not None
        assert self.keys is not None
        return self.proposal, self.keys


@dataclass
class PeerAbilities:
    """What the gateway said of itself in IKE_SA_INIT and IKE_AUTH; holds for successors too."""

    fragmentation: bool = False
    mobike: bool = False
    childless: bool = False                 # an IKE_SA without a CHILD_SA (RFC 6023)
    intermediate: bool = False              # IKE_INTERMEDIATE (RFC 9242)
    multiple_auth: bool = False             # several authentications (RFC 4739)
    ppk: bool = False                       # post-quantum pre-shared keys (RFC 8784)
    authorities: frozenset[bytes] = frozenset()     # of CERTREQ: whose certificates it takes (§3.7)
    hashes: frozenset[int] | None = None    # SIGNATURE_HASH_ALGORITHMS, None when it sent none


class Context:
    """What all exchanges of one connection share."""

    def __init__(self, config: EngineConfig, random: Random, crypto: CryptoProvider = LIBRARY) -> None:
        self.config = config
        self.wanted: list[ChildConfig] = list(config.wanted())
        self.refusals: dict[str, Refusal] = {}      # by the name of what is wanted; the oldest first
        self.virtual_ips = VirtualIps()
        self.ask_address = False                    # the next CREATE_CHILD_SA asks for virtual addresses (§2.19)
        self.random = random
        self.crypto = crypto
        self.events: deque[Event] = deque()
        self.outbox: deque[Datagram] = deque()
        self.timers = TimerTable()
        self.rtt = Rtt()
        self.peer = PeerAbilities()
        self.last_path: Path | None = None          # where we are, or were while there was a network
        self.arrived: Path | None = None            # on which the datagram came that is being dealt with
        self.moved = False                          # before the gateway could be told (IKE_AUTH)
        self._path: Path | None = None
        self.ways = Ways()
        self.came_on: Path | None = None            # the request that is being answered
        self.roaming: Roaming                       # set by the engine
        self.nat = False
        self.nat_patience = NAT_PATIENCE            # s without a packet after which a NAT may forget us
        self.remote_id: tuple[int, bytes] | None = None     # whom the gateway has proven to be
        self.sas: dict[bytes, IkeSa] = {}           # by our own SPI; the newest last
        self.lingering: dict[bytes, ChildSaInfo] = {}
        self.last_heard = 0.0                       # authenticated IKE or ESP, the caller's clock
        self.last_traffic = 0.0                     # of these ESP
        self.last_addressed = 0.0                   # to where the gateway believes us to be: not an answer of its own
        self.finished = False
        self.after_reply: Callable[[], None] | None = None    # what a request of the peer brings about
        self._pending: dict[int, Callable[[Any, float], None]] = {}
        self._request_ids = 0

    def emit(self, event: Event) -> None:
        if not self.finished:
            self.events.append(event)

    def ask(self, handler: Callable[[Any, float], None]) -> int:
        """A new request id; ``handler`` gets what the caller provides for it."""
        self._request_ids += 1
        self._pending[self._request_ids] = handler
        return self._request_ids

    def is_asked(self, request_id: int) -> bool:
        return request_id in self._pending

    def answer(self, request_id: int, value: Any, now: float) -> None:
        """A late answer to a request that is gone is normal (the attempt ended) and ignored."""
        handler = self._pending.pop(request_id, None)
        if handler is not None and not self.finished:
            handler(value, now)

    @property
    def mobike(self) -> bool:
        """Both sides know it, and want it."""
        return self.peer.mobike and self.config.mobike

    @property
    def liveness_interval(self) -> float:
        """Of silence. Behind a NAT the check takes a keepalive's place (RFC 4555 §3.8, RFC 3948 §4)."""
        return min(self.config.dpd, self.nat_patience) if self.nat else self.config.dpd

    @property
    def path(self) -> Path | None:
        """None while there is no network."""
        return self._path

    @path.setter
    def path(self, path: Path | None) -> None:
        self._path = path
        self.last_path = path or self.last_path

    def current(self) -> IkeSa | None:
        """The IKE_SA on which new exchanges start."""
        for sa in reversed(self.sas.values()):
            if sa.state in (IkeState.INIT, IkeState.AUTH, IkeState.ESTABLISHED):
                return sa
        return None

    def find_child(self, spi_in: bytes) -> tuple[IkeSa, ChildSa] | None:
        for sa in self.sas.values():
            if spi_in in sa.children:
                return sa, sa.children[spi_in]
        return None

    def encode(self, sa: IkeSa, exchange: ExchangeType, payloads: Sequence[Payload], message_id: int, *,
               response: bool, whole: bool = False) -> list[bytes]:
        """A protected message as datagrams, fragmented where the gateway can take that (RFC 7383); in a stream there
        is no need (RFC 9329 §8.5). ``whole``: not in any case."""
        assert sa.cipher_out is not None
        message = Message(sa.spi_i, sa.spi_r, exchange, initiator=sa.initiator, response=response,
                          message_id=message_id, payloads=tuple(payloads))
        whole |= not self.peer.fragmentation or (self.path is not None and self.path.transport == "tcp")
        size = None if whole else self.config.fragment_size
        return encode_protected(message, sa.cipher_out, self.random, size)

    def send(self, datagrams: Sequence[bytes], path: Path | None = None, *, whole: bool = False) -> None:
        """Nothing is sent while there is no path."""
        to = path or self.path
        if to is not None:
            self.outbox.extend(Datagram(data, to, whole) for data in datagrams)

    def new_child_spi(self) -> bytes:
        """RFC 4303 §2.1: 1–255 are reserved; ours are never in use twice."""
        while True:
            spi = self.random(4)
            if int.from_bytes(spi, "big") > 255 and self.find_child(spi) is None:
                return spi

    def add_sa(self, sa: IkeSa) -> None:
        self.sas[sa.own_spi] = sa

    def start_sa_timers(self, sa: IkeSa, now: float) -> None:
        """Rekeying and the hard end of an IKE_SA that was just made."""
        self.timers.set(Timer.REKEY_IKE, sa.own_spi, now + self.config.ike_rekey)
        self.timers.set(Timer.EXPIRE_IKE, sa.own_spi, now + self.config.ike_rekey * IKE_EXPIRE)

    def replace_sa(self, old: IkeSa, new: IkeSa, now: float) -> None:
        """``new`` takes over the children and whatever waits to be said (RFC 7296 §2.8)."""
        self.sas.pop(new.own_spi, None)
        self.add_sa(new)                    # the newest last
        new.state, old.state, old.peer_successor = IkeState.ESTABLISHED, IkeState.REKEYED, None
        new.children.update(old.children)
        old.children.clear()
        outstanding = old.window.outstanding
        under_way = [outstanding.task] if outstanding is not None and outstanding.task is not None else []
        waiting = (*under_way, *old.window.queue)
        old.window.queue.clear()
        for task in waiting:
            moved = task.moved_to(new)
            if moved is not None:
                self.enqueue(new, moved)
        self.timers.cancel(Timer.REKEY_IKE, old.own_spi)
        self.timers.set(Timer.EXPIRE_IKE, old.own_spi, now + REPLACED_EXPIRE)
        self.start_sa_timers(new, now)
        self.roaming.rekeyed(new)
        self.emit(IkeRekeyed(new.spi_i, new.spi_r, new.require()[0], now + self.config.ike_rekey))

    def remove_sa(self, sa: IkeSa) -> None:
        for other in self.sas.values():
            if other.peer_successor is sa:
                other.peer_successor = None
        sa.state = IkeState.DEAD
        self.sas.pop(sa.own_spi, None)
        self.timers.cancel_owner(sa.own_spi)

    def drop_child(self, sa: IkeSa, child: ChildSa, now: float) -> None:
        """Gone between the peers; packets in flight are still taken for a moment."""
        sa.children.pop(child.spi_in, None)
        for other in sa.children.values():
            if other.peer_successor is child:
                other.peer_successor = None
            if other.successor == child.spi_in and other.state is ChildState.REKEYED:
                other.state, other.successor = ChildState.INSTALLED, None
                self.timers.set(Timer.REKEY_CHILD, other.spi_in, now + AGAIN)
        self.timers.cancel_owner(child.spi_in)
        while len(self.lingering) >= MAX_LINGERING:
            oldest = next(iter(self.lingering))
            self.timers.cancel(Timer.LINGER_CHILD, oldest)
            self.emit(ChildRemoved(self.lingering.pop(oldest)))
        self.lingering[child.spi_in] = child.info
        self.timers.set(Timer.LINGER_CHILD, child.spi_in, now + LINGER)

    def use_successor(self, sa: IkeSa, old: ChildSa) -> None:
        """``old`` goes: what the gateway replaced it with carries our packets from now on (RFC 7296 §2.8)."""
        successor = sa.children.get(old.successor or b"")
        if old.peer_successor is not None and old.state is ChildState.REKEYING:
            successor = old.peer_successor      # the gateway closes the old one: its own replacement stands
        if successor is not None and not successor.outbound and successor.state is not ChildState.DELETING:
            successor.outbound = True
            self.emit(ChildOutbound(successor.info))

    def enqueue(self, sa: IkeSa, task: Task, *, front: bool = False) -> None:
        """The engine starts it when the window is free."""
        if front:
            sa.window.queue.appendleft(task)
        else:
            sa.window.queue.append(task)

    def later(self, sa: IkeSa, seconds: float, now: float) -> None:
        """Hold this IKE_SA's queue for a while (TEMPORARY_FAILURE, RFC 7296 §2.25)."""
        self.timers.set(Timer.QUEUE, sa.own_spi, now + seconds)

    def fail(self, cause: Cause, detail: str = "") -> None:
        """The connection is over; SAs and keys are dropped without a word to the peer."""
        self.emit(Failed(cause, detail))
        self.finish()

    def close_with(self, sa: IkeSa, cause: Cause, detail: str, now: float) -> None:
        """Tells the gateway once that the IKE_SA is gone, and ends the connection."""
        self._last_word(sa, Delete(ProtocolId.IKE, ()))
        self.fail(cause, detail)

    def refuse_peer(self, sa: IkeSa, cause: Cause, detail: str, now: float) -> None:
        """The gateway did not prove itself: it hears AUTHENTICATION_FAILED once (RFC 7296 §2.21.2)."""
        self._last_word(sa, Notify.of(NotifyType.AUTHENTICATION_FAILED))
        self.fail(cause, detail)

    def _last_word(self, sa: IkeSa, payload: Payload) -> None:
        if sa.cipher_out is not None:
            self.send(self.encode(sa, ExchangeType.INFORMATIONAL, [payload], sa.window.next_request_id, response=False))

    def finish(self) -> None:
        self.finished = True
        self.sas.clear()
        self.timers.clear()
        self._pending.clear()
