"""One end of a UDP conversation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """``address`` is an IPv4 or IPv6 literal without a zone."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
