"""TLS in EAP packets: fragments and their acknowledgements (RFC 5216 §2.1.5, §3): EAP-TLS, TTLS, PEAP."""

from dataclasses import dataclass, field

from client.core.eap.packet import EapError, malformed
from client.model.cause import Cause

LENGTH, MORE, START = 0x80, 0x40, 0x20      # the L, M and S bits
MAX_MESSAGE = 64 * 1024     # octets: a long chain of certificates, several times over
MAX_FRAGMENT = 1000         # octets: an EAP packet of at most 1020 (RFC 3748 §3.1), and RADIUS around it
VERSION = 0                 # of TTLS and PEAP: the only one that we speak


@dataclass(frozen=True)
class Start:
    """The server begins."""


@dataclass(frozen=True)
class Message:
    """All of one TLS message; empty: the server has nothing more to say."""

    octets: bytes


@dataclass
class Framing:
    """Type-data of requests in, type-data of responses out. ``versioned``: the low bits are a version, not reserved."""

    versioned: bool
    _started: bool = field(default=False, init=False)
    _received: bytearray = field(default_factory=bytearray, init=False, repr=False)
    _expected: int | None = field(default=None, init=False)
    _more: bool = field(default=False, init=False)      # of what we receive
    _queue: list[bytes] = field(default_factory=list, init=False, repr=False)

    def receive(self, data: bytes) -> Start | Message | None:
        """None: a fragment either way, and ``next`` has the response. Raises EapError."""
        if not data:
            raise malformed("a TLS method without flags")
        flags, octets = data[0], data[1:]
        if flags & START:
            return self._start(flags, octets)
        if not self._started:
            raise EapError(Cause.PROTOCOL_ERROR, "a TLS method that does not begin at its start")
        if self.versioned and flags & 0x07 != VERSION:
            raise EapError(Cause.PROTOCOL_ERROR, f"version {flags & 0x07} in the middle of a TLS method")
        if self._queue:
            if flags & (LENGTH | MORE) or octets:
                raise EapError(Cause.PROTOCOL_ERROR, "no acknowledgement of a fragment")
            return None
        return self._collect(flags, octets)

    def send(self, octets: bytes) -> bytes:
        """The first response, maybe the only one, of a message."""
        parts = [octets[i:i + MAX_FRAGMENT] for i in range(0, len(octets), MAX_FRAGMENT)] or [b""]
        last = len(parts) - 1
        for index, part in enumerate(parts):
            flags = (MORE if index < last else 0) | (LENGTH if index == 0 and last else 0)
            self._queue.append(bytes((flags,)) + (len(octets).to_bytes(4, "big") if flags & LENGTH else b"") + part)
        return self.next()

    def next(self) -> bytes:
        """A fragment, or the acknowledgement of one."""
        return self._queue.pop(0) if self._queue else bytes((VERSION,))

    @property
    def sending(self) -> bool:
        """Are there fragments left?"""
        return bool(self._queue)

    def _start(self, flags: int, octets: bytes) -> Start:
        # A higher version is the server's offer; ours is the answer (RFC 5281 §9.1). A start has no octets that we
        # know a use for.
        if self._started or octets or flags & (LENGTH | MORE):
            raise EapError(Cause.PROTOCOL_ERROR, "a TLS method starts again, or not empty")
        self._started = True
        return Start()

    def _collect(self, flags: int, octets: bytes) -> Message | None:
        if flags & LENGTH:
            if len(octets) < 4:
                raise malformed("a TLS message length")
            length, octets = int.from_bytes(octets[:4], "big"), octets[4:]
            # Some servers say it in every fragment; it is the length of all of them.
            if length > MAX_MESSAGE or self._expected not in (None, length) or (self._more and self._expected is None):
                raise malformed(f"a TLS message length of {length}")
            self._expected = length
        if flags & MORE and not octets:
            raise malformed("an empty fragment")
        if flags & MORE and self._expected is None:
            raise malformed("a first fragment without the length of all")
        self._received += octets
        limit = MAX_MESSAGE if self._expected is None else self._expected
        if len(self._received) > limit:
            raise malformed("more fragments than the length says")
        self._more = bool(flags & MORE)
        if self._more:
            return None
        if self._expected not in (None, len(self._received)):
            raise malformed("fewer fragments than the length says")
        message, self._expected = bytes(self._received), None
        self._received.clear()
        return Message(message)
