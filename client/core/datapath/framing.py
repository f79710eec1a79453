"""IKE and ESP in one stream of octets (RFC 9329 §4, §5). Sans-IO.

    "IKETCP"  { length (2 octets, counts itself)  0000 IKE message | ESP packet }*

The prefix is the originator's first word. ESP has no marker: no SPI is zero (RFC 9329 §4.2).
"""

import struct
from collections.abc import Iterator, Sequence

STREAM_PREFIX = b"IKETCP"
MAX_FRAME = 0xFFFF - 2          # octets of one message

_LENGTH = struct.Struct(">H")


class StreamError(Exception):
    """What the stream says is no frame: whoever is at the other end, it must be closed (RFC 9329 §4)."""


def frame_header(length: int) -> bytes:
    """Before a message of so many octets. Raises ValueError for more than a frame can hold."""
    if not 0 < length <= MAX_FRAME:
        raise ValueError(f"a message of {length} octets fits no frame")
    return _LENGTH.pack(length + 2)


def frames(pieces: Sequence[bytes]) -> list[bytes]:
    """Messages in two pieces each, as an ESP packet is made, with their lengths between them."""
    framed: list[bytes] = []
    for at in range(0, len(pieces), 2):
        head, body = pieces[at], pieces[at + 1]
        framed += (_LENGTH.pack(len(head) + len(body) + 2), head, body)
    return framed


class FrameReader:
    """Takes octets as they come, gives whole messages. Never holds more than two frames' worth of an unfinished one."""

    def __init__(self) -> None:
        self._rest = b""

    def __len__(self) -> int:
        """Octets of a message that is not whole yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> Iterator[memoryview]:
        """Raises StreamError, after the messages before the place where the stream stops making sense."""
        octets = memoryview(self._rest + data if self._rest else data)
        self._rest = b""
        at, end = 0, len(octets)
        while end - at >= 2:
            (length,) = _LENGTH.unpack_from(octets, at)
            if length < 2:
                raise StreamError(f"a frame of {length} octets")
            if end - at < length:
                break
            if length > 2:
                yield octets[at + 2 : at + length]
            at += length
        self._rest = bytes(octets[at:])
