"""One page of memory that roved and its data path share: counters, and what must survive the data path's death.

The data path writes a sequence number here *before* the packet that uses it leaves, so that its successor never uses
it again (RFC 4303 §3.3.3), and never takes an old packet for new. The page is an array of native 64-bit words: each
is written whole, and there is one writer for each.

roved reads it as it reads anything from that unprivileged process: as numbers, and nothing else follows from them.
"""

import fcntl
import mmap
import os
from enum import IntEnum

MAX_SAS = 128


class Header(IntEnum):
    """Words at the beginning. Times are CLOCK_BOOTTIME in nanoseconds, 0 = never."""

    LAST_INBOUND = 0
    LAST_OUTBOUND = 1
    LAST_IKE = 2      # roved's own sending, which also keeps a NAT mapping alive
    NO_SA_DROPS = 3
    MALFORMED_DROPS = 4
    SEND_ERRORS = 5


class Sa(IntEnum):
    """Words of one SA."""

    SEQ = 0           # outbound: the last one used; inbound: the highest one accepted
    BYTES = 1
    PACKETS = 2
    REPLAYS = 3
    AUTH_FAILURES = 4
    SELECTOR_DROPS = 5


_HEADER_WORDS = 16
_SA_WORDS = 8
SIZE = 8 * (_HEADER_WORDS + MAX_SAS * _SA_WORDS)


def create_page() -> int:
    """A descriptor of a new, zeroed page whose size nobody can change any more (else reading it could kill roved)."""
    fd = os.memfd_create("rove-datapath", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, SIZE)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return fd


class Page:
    """``words`` is the whole page; ``sa(slot)`` gives the index of an SA's first word in it."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE)
        self.words = memoryview(self._map).cast("Q")

    @staticmethod
    def sa(slot: int) -> int:
        if not 0 <= slot < MAX_SAS:
            raise ValueError("no such slot")
        return _HEADER_WORDS + slot * _SA_WORDS

    def clear_sa(self, slot: int) -> None:
        start = self.sa(slot)
        for word in range(start, start + _SA_WORDS):
            self.words[word] = 0

    def close(self) -> None:
        self.words.release()
        self._map.close()
