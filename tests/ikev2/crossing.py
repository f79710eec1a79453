"""A link by hand: what either side sends waits until the test passes it on, so requests cross as the test says."""

from collections.abc import Sequence

from client.core.ikev2 import events as ike
from client.core.ikev2.child_negotiation import NONCE_LENGTH
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.informational import DeleteChild
from client.core.ikev2.message import parse_header
from tests.ikev2.dialogue import gateway_sa
from tests.sim.invariants import Invariants
from tests.sim.world import WIFI, World

HERE = WIFI.natt()
LOW, HIGH = 0x00, 0xFF


class Crossing:
    """Around a connected world. The invariants of the simulator are checked after every step.

    → is "client", ← "gateway". Time stands still until ``rest``.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.invariants = Invariants(world)
        self.invariants.check()
        world.after_step = self.invariants.check
        self.waiting: dict[str, list[bytes]] = {"client": [], "gateway": []}
        world.drop = self._hold
        self.child = world.of(ike.ChildInstalled)[0].child      # the first one
        self.spi_i = world.of(ike.Established)[0].spi_i

    def nonces(self, client: Sequence[int], gateway: Sequence[int]) -> None:
        """The first octets of the nonces that each side makes next."""
        for engine, firsts in ((self.world.client, list(client)), (self.world.gateway, list(gateway))):
            made = engine._ctx.random

            def random(n: int, made: ike.Random = made, firsts: list[int] = firsts) -> bytes:
                return bytes([firsts.pop(0)]) + made(n - 1) if n == NONCE_LENGTH and firsts else made(n)
            engine._ctx.random = random

    def rekey_child(self, *who: str) -> None:
        for each in who:
            engine = self._engine(each)
            for spi in [spi for sa in engine._ctx.sas.values() for spi in sa.children]:
                self._do(lambda engine=engine, spi=spi: engine.rekey_child(spi, self.world.now))

    def rekey_ike(self, *who: str) -> None:
        for each in who:
            self._do(lambda each=each: self._engine(each).rekey_ike(self.world.now))

    def gateway_deletes_child(self) -> None:
        sa = gateway_sa(self.world)
        (child,) = sa.children.values()
        self.world.gateway._ctx.enqueue(sa, DeleteChild(self.world.gateway._ctx, sa, child))
        self._do(lambda: self.world.gateway._pump(self.world.now))

    def client_deletes_child(self) -> None:
        sa = self.world.client._ctx.current()
        assert sa is not None
        (child,) = sa.children.values()
        self.world.client._ctx.enqueue(sa, DeleteChild(self.world.client._ctx, sa, child))
        self._do(lambda: self.world.client._pump(self.world.now))

    def close(self, who: str) -> None:
        self._do(lambda: self._engine(who).close(self.world.now))

    def arrives(self, *senders: str) -> None:
        """The oldest message of each that waits, in this order."""
        for sender in senders:
            self._deliver(sender, self.waiting[sender].pop(0))

    def overtakes(self, sender: str) -> None:
        """The newest instead."""
        self._deliver(sender, self.waiting[sender].pop())

    def is_lost(self, *senders: str) -> None:
        for sender in senders:
            self.waiting[sender].pop(0)

    def on_the_way(self, sender: str) -> list[tuple[str, bool]]:
        """(exchange, response?) of what waits."""
        headers = [parse_header(data) for data in self.waiting[sender]]
        return [(header.exchange.name, header.response) for header in headers]

    def rest(self, seconds: float = 60.0) -> None:
        """Everything arrives, and from now on the link is perfect; both sides agree in the end."""
        self.world.drop = lambda _who, _data: False
        while self.waiting["client"] or self.waiting["gateway"]:
            self.arrives(*(who for who in ("client", "gateway") if self.waiting[who]))
        self.world.run(seconds)
        assert not self.world.of(ike.Failed)
        self.invariants.at_rest()

    def deleted(self, who: str) -> list[bytes]:
        """Inbound SPIs of the CHILD_SAs that ended at that side, in order."""
        events = self.world.events if who == "client" else self.world.gateway_events
        return [event.child.spi_in for event in events if isinstance(event, ike.ChildRemoved)]

    def installed(self, who: str) -> list[ike.ChildSaInfo]:
        events = self.world.events if who == "client" else self.world.gateway_events
        return [event.child for event in events if isinstance(event, ike.ChildInstalled)]

    def _engine(self, who: str) -> Ikev2Engine:
        return self.world.client if who == "client" else self.world.gateway

    def _hold(self, who: str, data: bytes) -> bool:
        self.waiting[who].append(data)
        return True

    def _do(self, command: object) -> None:
        assert callable(command)
        self.world.do(command, 0.0)

    def _deliver(self, sender: str, data: bytes) -> None:
        back = ike.Path(HERE.remote, HERE.local, HERE.interface)
        receiver, path = (self.world.gateway, back) if sender == "client" else (self.world.client, HERE)
        self._do(lambda: receiver.receive_datagram(data, path, self.world.now))
