"""What charon says of its security associations, as values."""

from dataclasses import dataclass

from tests.lab.vici import Message


@dataclass(frozen=True)
class ChildSa:
    name: str
    uniqueid: str
    state: str
    spi_in: str
    spi_out: str
    suite: str               # as swanctl writes it, "AES_GCM_16-256"
    bytes_in: int
    bytes_out: int
    packets_in: int
    packets_out: int
    local_ts: tuple[str, ...]
    remote_ts: tuple[str, ...]


@dataclass(frozen=True)
class IkeSa:
    """``spi_i`` and ``spi_r`` are those of the SA's own initiator and responder: both ends agree on them."""

    name: str
    uniqueid: str
    state: str
    initiator: bool
    local: tuple[str, int]
    remote: tuple[str, int]
    local_id: str
    remote_id: str
    eap_id: str
    spi_i: str
    spi_r: str
    suite: str
    established: int         # s ago
    virtual_ips: tuple[str, ...]
    children: tuple[ChildSa, ...]

    @property
    def installed(self) -> tuple[ChildSa, ...]:
        """The CHILD_SAs in use; ``children`` also lists those that wait for their end after a rekey."""
        return tuple(child for child in self.children if child.state == "INSTALLED")


def parse(events: list[Message]) -> list[IkeSa]:
    """The events of list-sas, oldest first."""
    rows = [_ike(name, row) for event in events for name, row in event.items() if isinstance(row, dict)]
    return sorted(rows, key=lambda sa: int(sa.uniqueid))


def _ike(name: str, row: Message) -> IkeSa:
    children = row.get("child-sas", {})
    assert isinstance(children, dict)
    return IkeSa(
        name, _text(row, "uniqueid"), _text(row, "state"), _text(row, "initiator") == "yes",
        (_text(row, "local-host"), int(_text(row, "local-port") or 0)),
        (_text(row, "remote-host"), int(_text(row, "remote-port") or 0)),
        _text(row, "local-id"), _text(row, "remote-id"), _text(row, "remote-eap-id"),
        _text(row, "initiator-spi"), _text(row, "responder-spi"),
        "/".join(filter(None, (_suite(row), _text(row, "prf-alg"), _text(row, "dh-group")))),
        int(_text(row, "established") or 0), _texts(row, "local-vips") or _texts(row, "remote-vips"),
        tuple(_child(child) for child in children.values() if isinstance(child, dict)))


def _child(row: Message) -> ChildSa:
    def count(key: str) -> int:
        return int(_text(row, key) or 0)
    return ChildSa(_text(row, "name"), _text(row, "uniqueid"), _text(row, "state"), _text(row, "spi-in"),
                   _text(row, "spi-out"), _suite(row), count("bytes-in"), count("bytes-out"), count("packets-in"),
                   count("packets-out"), _texts(row, "local-ts"), _texts(row, "remote-ts"))


def _suite(row: Message) -> str:
    parts = (_text(row, "encr-alg"), _text(row, "encr-keysize"), _text(row, "integ-alg"))
    return "-".join(filter(None, parts))


def _text(row: Message, key: str) -> str:
    value = row.get(key, "")
    return value if isinstance(value, str) else ""


def _texts(row: Message, key: str) -> tuple[str, ...]:
    value = row.get(key, [])
    return tuple(value) if isinstance(value, list) else ()
