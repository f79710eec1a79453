"""A CHILD_SA: SPIs, selectors and how far its replacement or removal has gone."""

from dataclasses import dataclass
from enum import Enum, auto

from client.core.ikev2.events import ChildConfig, ChildSaInfo


class ChildState(Enum):
    INSTALLED = auto()
    REKEYING = auto()    # our CREATE_CHILD_SA request with REKEY_SA is out
    REKEYED = auto()     # has a successor; a DELETE of either side is awaited
    DELETING = auto()    # our DELETE is out


@dataclass
class ChildSa:
    info: ChildSaInfo
    wanted: ChildConfig                 # what was asked for, and is asked for again when it is replaced
    state: ChildState = ChildState.INSTALLED
    outbound: bool = True
    lowest_nonce: bytes = b""           # of the exchange that created it, to settle collisions (RFC 7296 §2.8.1)
    made_by_us: bool = True
    successor: bytes | None = None      # spi_in of the CHILD_SA that replaces this one
    peer_successor: "ChildSa | None" = None   # made by the peer's rekeying while ours was under way

    @property
    def spi_in(self) -> bytes:
        return self.info.spi_in

    @property
    def spi_out(self) -> bytes:
        return self.info.spi_out
