"""The ways in which IKE and ESP may travel, easiest first, and which of them worked in which network. Pure.

    UDP 500, then 4500 · UDP 4500 alone · TCP to the profile's port · TCP 4500 · TCP 443 (RFC 9329)

Hotels and trains let some of these through. One that does not answer is left after a moment, and after the last one it
begins anew, with more patience: who answers late is heard in the second round.
"""

from dataclasses import dataclass

from client.core.platform.sockets import IKE_PORT, NAT_PORT
from client.model.profile import Roaming

HTTPS_PORT = 443
MAX_NETWORKS = 64            # remembered, the latest; they are forgotten with roved
# s that an answer to IKE_SA_INIT may take, in the first round and in those after it. Three transmissions fit into the
# first: RFC 9329 §6.1 wants UDP to have been repeated before TCP is tried.
_PATIENCE = {("udp", IKE_PORT): (1.5, 10.0), ("udp", NAT_PORT): (1.2, 3.0)}
_TCP_PATIENCE = (2.5, 5.0)


@dataclass(frozen=True)
class Rung:
    transport: str       # "udp" | "tcp"
    port: int            # of the gateway, for the first message

    def patience(self, again: bool) -> float:
        return _PATIENCE.get((self.transport, self.port), _TCP_PATIENCE)[again]

    def __str__(self) -> str:
        return f"{self.transport.upper()} {self.port}"


def rungs(roaming: Roaming) -> tuple[Rung, ...]:
    """In the profile's order. Plain ESP is no rung: IKE is in UDP with it."""
    made: list[Rung] = []
    for transport in roaming.transports:
        if transport == "tcp":
            made += (Rung("tcp", port) for port in (roaming.tcp_port, NAT_PORT, HTTPS_PORT))
        else:
            made += (Rung("udp", IKE_PORT), Rung("udp", NAT_PORT))
    return tuple(dict.fromkeys(made))


@dataclass(frozen=True)
class Known:
    """Of one network: on which rung the gateway was reached, and the path's MTU (0: not known)."""

    rung: Rung | None = None
    mtu: int = 0


class Memory:
    """By the fingerprint of a network and the gateway's address."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Known] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, network: str, gateway: str) -> Known:
        return self._known.get((network, gateway), Known())

    def learn(self, network: str, gateway: str, *, rung: Rung | None = None, mtu: int = 0) -> None:
        known = self._known.pop((network, gateway), Known())
        self._known[network, gateway] = Known(rung or known.rung, mtu or known.mtu)
        while len(self._known) > MAX_NETWORKS:
            del self._known[next(iter(self._known))]
