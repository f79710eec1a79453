"""SAs with fixed keys between two ends, and a listener that remembers."""

from hashlib import shake_256

from client.core.crypto.algorithms import ESP_SUITES
from client.core.datapath.base import DataPathEndpoint, InboundSa, OutboundSa, Selector
from client.model.endpoint import Endpoint
from tests.datapath.network import PORT, End

EVERYTHING = (
    Selector(4, 0, bytes(4), b"\xff" * 4, 0, 0xFFFF),
    Selector(6, 0, bytes(16), b"\xff" * 16, 0, 0xFFFF),
)


class Recorder:
    """A DataPathListener."""

    def __init__(self) -> None:
        self.ike: list[tuple[bytes, Endpoint, Endpoint]] = []
        self.soft: list[bytes] = []
        self.hard: list[bytes] = []
        self.refused: list[tuple[Endpoint, int]] = []
        self.restarts = self.suspicions = 0
        self.failed: list[str] = []
        self.streamed: list[bytes] = []
        self.lost: list[tuple[int, int]] = []

    def ike_datagram(self, data: bytes, local: Endpoint, remote: Endpoint) -> None:
        self.ike.append((data, local, remote))

    def soft_expired(self, spi: bytes) -> None:
        self.soft.append(spi)

    def hard_expired(self, spi: bytes) -> None:
        self.hard.append(spi)

    def send_refused(self, remote: Endpoint, errno: int) -> None:
        self.refused.append((remote, errno))

    def unanswered(self) -> None:
        self.suspicions += 1

    def stream_ike(self, data: bytes) -> None:
        self.streamed.append(data)

    def stream_lost(self, number: int, errno: int) -> None:
        self.lost.append((number, errno))

    def data_path_restarted(self) -> None:
        self.restarts += 1

    def data_path_failed(self, detail: str) -> None:
        self.failed.append(detail)


def keys(suite: str, seed: bytes) -> tuple[bytes, bytes]:
    """(encr_key with its salt, integ_key): the same at both ends."""
    encr, integ = ESP_SUITES[suite]
    stream = shake_256(seed).digest(256)
    end = encr.key_len + encr.salt_len
    return stream[:end], stream[end : end + (integ.key_len if integ else 0)]


def sas(
    suite: str,
    spi_in: bytes,
    spi_out: bytes,
    local_ts: tuple[Selector, ...] = EVERYTHING,
    remote_ts: tuple[Selector, ...] = EVERYTHING,
    hard_packets: int = 0xFFFF_F000,
    esn: bool = False,
) -> tuple[InboundSa, OutboundSa]:
    """One end's SAs; the other end's are the same with the SPIs exchanged."""
    return (
        InboundSa(spi_in, suite, *keys(suite, spi_in), local_ts, remote_ts, hard_packets, esn),
        OutboundSa(spi_out, suite, *keys(suite, spi_out), local_ts, remote_ts, hard_packets, esn),
    )


def endpoint(local: End, remote: End, family: int = 4) -> DataPathEndpoint:
    if family == 4:
        return DataPathEndpoint(Endpoint(local.outer4, PORT), Endpoint(remote.outer4, PORT))
    return DataPathEndpoint(Endpoint(local.outer6, PORT), Endpoint(remote.outer6, PORT))
