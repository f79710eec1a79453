"""What roved and its data path say to each other."""

from dataclasses import dataclass

from client.core.datapath.base import DataPathEndpoint, InboundSa, OutboundSa
from client.model.endpoint import Endpoint


@dataclass(frozen=True)
class InstallInbound:
    """``highest``: everything up to this sequence number has been seen."""

    slot: int
    highest: int
    sa: InboundSa


@dataclass(frozen=True)
class InstallOutbound:
    """``next_seq`` is the first sequence number to use, ``epoch`` how often the data path was restarted."""

    slot: int
    next_seq: int
    epoch: int
    sa: OutboundSa


@dataclass(frozen=True)
class Remove:
    spi: bytes


@dataclass(frozen=True)
class Rebind:
    endpoint: DataPathEndpoint


@dataclass(frozen=True)
class SetKeepalive:
    milliseconds: int


@dataclass(frozen=True)
class SetPatience:
    milliseconds: int


@dataclass(frozen=True)
class Unanswered:
    """ESP goes out, and nothing comes back."""


@dataclass(frozen=True)
class SetLimit:
    """Of an inner packet, in octets; 0 for none."""

    octets: int


@dataclass(frozen=True)
class AttachStream:
    """Comes with the descriptor of a connected TCP socket. The originator begins with the stream prefix."""

    number: int
    originator: bool


@dataclass(frozen=True)
class DetachStream:
    """Close it."""


@dataclass(frozen=True)
class SendStreamIke:
    """An IKE message for the stream, which only one can write to."""

    data: bytes


@dataclass(frozen=True)
class Checkpoint:
    """Answered by Reached: everything said before it is in force."""

    number: int


@dataclass(frozen=True)
class Together:
    """What is in force from the same packet on. In it is what is ours to say, but no stream and no other of these."""

    messages: "tuple[Message, ...]"


@dataclass(frozen=True)
class Ready:
    """The data path has dropped its privileges and reads."""


@dataclass(frozen=True)
class IkeReceived:
    local: Endpoint
    remote: Endpoint
    data: bytes


@dataclass(frozen=True)
class SoftExpired:
    spi: bytes


@dataclass(frozen=True)
class HardExpired:
    spi: bytes


@dataclass(frozen=True)
class SendRefused:
    remote: Endpoint
    errno: int


@dataclass(frozen=True)
class StreamIke:
    data: bytes


@dataclass(frozen=True)
class StreamLost:
    """``errno`` 0: the peer has closed it."""

    number: int
    errno: int


@dataclass(frozen=True)
class Reached:
    number: int


Message = (
    InstallInbound | InstallOutbound | Remove | Rebind | SetKeepalive | SetPatience | Checkpoint | SetLimit
    | AttachStream | DetachStream | SendStreamIke | Together
    | Ready | IkeReceived | SoftExpired | HardExpired | SendRefused | Reached | Unanswered | StreamIke | StreamLost
)  # fmt: skip
