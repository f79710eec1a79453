"""Putting fragmented messages together again (RFC 7383 §2.6). Only authenticated fragments get here."""

from dataclasses import dataclass, field

MAX_FRAGMENTS = 64
MAX_OCTETS = 64 * 1024      # of one message
MAX_MESSAGES = 4            # under way at once: one request, one response, and what was left unfinished


@dataclass(frozen=True)
class MessageKey:
    """Fragments of one message agree in these."""

    exchange: int
    response: bool
    message_id: int


@dataclass
class _Partial:
    total: int
    next_payload: int = 0       # from the first fragment (RFC 7383 §2.5)
    pieces: dict[int, bytes] = field(default_factory=dict, repr=False)
    octets: int = 0


class Reassembly:
    """Of one IKE_SA's peer. Bounded; a message that goes over a bound never completes."""

    def __init__(self) -> None:
        self._partials: dict[MessageKey, _Partial] = {}

    def add(self, key: MessageKey, number: int, total: int, next_payload: int, piece: bytes
            ) -> tuple[int, bytes] | None:
        """(first payload's type, the payloads) once complete, None while more is needed or ``piece`` is of no use.

        RFC 7383 §2.6: another, larger total means that the sender found a smaller MTU and began anew; a smaller
        one is left over from before.
        """
        if not 1 <= number <= total <= MAX_FRAGMENTS:
            return None
        partial = self._partials.get(key)
        if partial is not None and total < partial.total:
            return None
        if partial is None or total > partial.total:
            partial = self._begin(key, total)
        if number in partial.pieces or partial.octets + len(piece) > MAX_OCTETS:
            return None
        partial.pieces[number] = piece
        partial.octets += len(piece)
        if number == 1:
            partial.next_payload = next_payload
        if len(partial.pieces) < total:
            return None
        del self._partials[key]
        return partial.next_payload, b"".join(partial.pieces[i] for i in range(1, total + 1))

    def _begin(self, key: MessageKey, total: int) -> _Partial:
        self._partials.pop(key, None)
        if len(self._partials) >= MAX_MESSAGES:
            del self._partials[next(iter(self._partials))]      # the oldest
        partial = self._partials[key] = _Partial(total)
        return partial
