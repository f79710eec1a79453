"""What has to hold of two engines after every step, and of a connection that came to rest."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from client.core.ikev2 import events as ike
from client.core.ikev2.child_sa import ChildState
from client.core.ikev2.exchange import LONGEST_INTERVAL
from client.core.ikev2.fragment import MAX_MESSAGES
from client.core.ikev2.ike_sa import LINGER, Context, IkeSa, IkeState
from client.core.ikev2.informational import DeleteChild
from client.core.ikev2.timers import Timer
from tests.sim.world import World

# Nothing that a peer, a link or a user does makes an engine remember more than this.
_MOST = (("IKE_SAs", 5), ("CHILD_SAs", 8), ("lingering CHILD_SAs", 12), ("timers", 48), ("queued exchanges", 24),
         ("questions", 2), ("unsent datagrams", 0), ("untold events", 0))


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass
class DataPath:
    """What one side's data path was told: inbound SPI → its CHILD_SA, and what packets leave with (the last)."""

    inbound: dict[bytes, ike.ChildSaInfo] = field(default_factory=dict)
    outbound: list[bytes] = field(default_factory=list)
    seen: int = 0

    def learn(self, events: list[ike.Event]) -> Iterator[ike.ChildSaInfo]:
        """Takes in what is new of ``events``; yields what was installed."""
        for event in events[self.seen:]:
            match event:
                case ike.ChildInstalled(child=child):
                    if child.spi_in in self.inbound:
                        raise Broken("an inbound SPI twice")
                    self.inbound[child.spi_in] = child
                    if event.outbound:
                        self.outbound.append(child.spi_out)
                    yield child
                case ike.ChildOutbound(child=child):
                    self.outbound = [spi for spi in self.outbound if spi != child.spi_out] + [child.spi_out]
                case ike.ChildRemoved(child=child):
                    if self.inbound.pop(child.spi_in, None) is None:
                        raise Broken("what was never installed is removed")
                    self.outbound = [spi for spi in self.outbound if spi != child.spi_out]
                case _:
                    pass
        self.seen = len(events)


class Invariants:
    """``check`` belongs after every step of ``world``; ``at_rest`` at its end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ours, self.theirs = DataPath(), DataPath()
        self._keys: dict[tuple[bytes, bytes], ike.ChildKeys] = {}
        self.checks = 0

    def check(self) -> None:
        self.checks += 1
        world = self.world
        for child in self.ours.learn(world.events):
            self._compare(child, (child.spi_in, child.spi_out))
        for child in self.theirs.learn(world.gateway_events):
            self._compare(child, (child.spi_out, child.spi_in))
        for who, engine, path in (("client", world.client, self.ours), ("gateway", world.gateway, self.theirs)):
            ctx = engine._ctx
            if ctx.finished:
                if engine.next_timeout() is not None or ctx.sas or ctx._pending:
                    raise Broken(f"{who}: something lives on after the end")
            else:
                _bounded(who, ctx)
                _timers(who, ctx, world.now)
                _requests(who, ctx, world.now)
                if path.inbound.keys() != {*ctx.lingering, *(spi for sa in ctx.sas.values() for spi in sa.children)}:
                    raise Broken(f"{who}: the data path has other CHILD_SAs than the engine")
        if all(any(sa.children for sa in engine._ctx.sas.values()) for engine in (world.client, world.gateway)):
            for who, engine, sender, receiver in (("client", world.client, self.ours, self.theirs),
                                                  ("gateway", world.gateway, self.theirs, self.ours)):
                if sender.outbound and sender.outbound[-1] not in receiver.inbound \
                        and not _is_closing(engine._ctx, sender.outbound[-1]):
                    raise Broken(f"{who}: its packets go to an SPI that the other side does not have")

    def idle(self) -> bool:
        """Nothing is under way, on either side or between them."""
        return self.world.in_the_air == 0 and all(
            not ctx.lingering and all(
                sa.window.outstanding is None and not sa.window.queue and sa.follow_up is None
                and sa.state is IkeState.ESTABLISHED for sa in ctx.sas.values())
            for ctx in (self.world.client._ctx, self.world.gateway._ctx))

    def at_rest(self) -> None:
        """Both sides live, and agree on everything."""
        world, ours, theirs = self.world, self.world.client._ctx, self.world.gateway._ctx
        if ours.finished or theirs.finished:
            raise Broken(f"ended by itself: {world.of(ike.Failed)} {world.gateway_events[-1:]}")
        if len(ours.sas) != 1 or len(theirs.sas) != 1:
            raise Broken(f"{len(ours.sas)} and {len(theirs.sas)} IKE_SAs")
        (mine,), (other,) = ours.sas.values(), theirs.sas.values()
        if (mine.spi_i, mine.spi_r, mine.keys) != (other.spi_i, other.spi_r, other.keys):
            raise Broken("different IKE_SAs")
        pairs = {(c.spi_in, c.spi_out) for c in mine.children.values()}
        if not pairs or pairs != {(c.spi_out, c.spi_in) for c in other.children.values()}:
            raise Broken(f"CHILD_SAs differ: {len(pairs)} and {len(other.children)}")
        if len(pairs) != 1:
            raise Broken(f"{len(pairs)} CHILD_SAs for the same traffic")
        for who, path, other_path in (("client", self.ours, self.theirs), ("gateway", self.theirs, self.ours)):
            if len(path.outbound) != 1 or path.outbound[0] not in other_path.inbound:
                raise Broken(f"{who}: {len(path.outbound)} outbound SAs after all")

    def over(self) -> None:
        """The connection has ended, and the client knows."""
        world = self.world
        if not world.client._ctx.finished or not (world.of(ike.Failed) or world.of(ike.Closed)):
            raise Broken("somebody left and the client does not know")

    def _compare(self, child: ike.ChildSaInfo, pair: tuple[bytes, bytes]) -> None:
        """The second of the two to install a pair of SAs has the keys of the first, the other way round."""
        keys = self._keys.setdefault(pair, child.keys)
        if keys is not child.keys and (keys.encr_in, keys.integ_in, keys.encr_out, keys.integ_out) != (
                child.keys.encr_out, child.keys.integ_out, child.keys.encr_in, child.keys.integ_in):
            raise Broken("the two sides have other keys for the same CHILD_SA")


def _is_closing(ctx: Context, spi_out: bytes) -> bool:
    """The side itself has deleted what it sends with: it had no other."""
    return any(child.spi_out == spi_out and child.state is ChildState.DELETING
               for sa in ctx.sas.values() for child in sa.children.values())


def _bounded(who: str, ctx: Context) -> None:
    children = queued = 0
    for sa in ctx.sas.values():
        children += len(sa.children)
        queued += len(sa.window.queue)
        if len(sa.reassembly._partials) > MAX_MESSAGES:
            raise Broken(f"{who}: {len(sa.reassembly._partials)} partial messages")
    lengths = (len(ctx.sas), children, len(ctx.lingering), len(ctx.timers._deadlines), queued, len(ctx._pending),
               len(ctx.outbox), len(ctx.events))
    for length, (what, most) in zip(lengths, _MOST, strict=True):
        if length > most:
            raise Broken(f"{who}: {length} {what}")


def _timers(who: str, ctx: Context, now: float) -> None:
    owners = {b"", *ctx.lingering, *(wanted.name.encode() for wanted in ctx.wanted)}
    for sa in ctx.sas.values():
        owners.add(sa.own_spi)
        owners.update(sa.children)
    for (timer, owner), at in ctx.timers._deadlines.items():
        if owner not in owners:
            raise Broken(f"{who}: {timer} without an owner")
        if at <= now:
            raise Broken(f"{who}: {timer} was due {now - at:.3f} s ago")
    for sa in ctx.sas.values():
        for spi in sa.children:
            if (Timer.EXPIRE_CHILD, spi) not in ctx.timers._deadlines and not _is_going(sa, spi):
                raise Broken(f"{who}: a CHILD_SA in {sa.children[spi].state} that no timer ends")


def _is_going(sa: IkeSa, spi: bytes) -> bool:
    """It has expired, and its DELETE is said or waits to be said."""
    asked = [sa.window.outstanding.task] if sa.window.outstanding is not None else []
    return any(isinstance(task, DeleteChild) and task.child.spi_in == spi for task in (*asked, *sa.window.queue))


def _requests(who: str, ctx: Context, now: float) -> None:
    """A request ends: by its answer, or with its IKE_SA. Without a network time stands still."""
    if ctx.path is None:
        return
    for sa in ctx.sas.values():
        outstanding = sa.window.outstanding
        patience = max(ctx.config.retransmit_give_up, ctx.config.connect_give_up) + 2 * LONGEST_INTERVAL + LINGER
        if outstanding is not None and now - outstanding.first_sent > patience:
            raise Broken(f"{who}: a request of {now - outstanding.first_sent:.0f} s ago in {sa.state}")
