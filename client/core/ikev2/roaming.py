"""Where the conversation goes: which way is taken, when it is in doubt, and when it is another one.

A way that is gone is left at once (RFC 4555 §3.5). One that is merely worse than another is left when the gateway has
answered on that other one: until then it carries on. One that is in doubt is asked together with all the others: the
same octets, one message ID (§3.10 leaves it to us); whichever answers is taken, unless the present way answers in time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from client.core.ikev2.constants import NotifyType
from client.core.ikev2.events import Elsewhere, NatPatience, Path, PathChanged, Progress
from client.core.ikev2.exchange import Outstanding
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.message import Message
from client.core.ikev2.mobike import NatLiveness, TellAddresses, UpdateAddresses, tell_new_address
from client.core.ikev2.natd import detect_nat
from client.core.ikev2.timers import Timer
from client.core.ikev2.way_probe import WayProbe
from client.model.cause import Cause

BASELINE_AFTER = 0.3     # s after IKE_AUTH: whatever follows on it has the window first
ADDRESSES_AFTER = 3.0    # s after a change: not while a roam may be under way
FOLLOWS_AFTER = 0.5      # s that a gateway without MOBIKE has to show that it has followed us
CERTAIN = 1.0            # s that an answer is good for
LEAST_PATIENCE = 5.0     # s between packets for the sake of a NAT, however forgetful it is
SHORTER = 0.6            # of the silence after which a NAT had forgotten us


@dataclass
class Doubt:
    """The present way is asked together with the others."""

    deadline: float             # by then it should have answered
    other: Path | None = None   # the best of those that have


class Roaming:
    """``repeat(sa, now, fresh)`` sends what is outstanding again, ``pump`` starts what waits."""

    def __init__(self, ctx: Context, repeat: Callable[[IkeSa, float, bool], None], pump: Callable[[float], None]
                 ) -> None:
        self._ctx = ctx
        self._repeat = repeat
        self._pump = pump
        self.doubt: Doubt | None = None
        self.watches = True                                 # the initiator, that is (§3.8)
        self.suspicious = False                             # traffic goes out, and nothing comes back
        self.told_addresses: tuple[str, ...] = ()           # the gateway, of ours
        self._answer: tuple[Path | None, bool] = (None, False)   # the last one: on which way; had we asked on several?
        self._mapping: tuple[object, bytes] | None = None   # for which SPIs and path, how the gateway saw us
        self._forgotten = 0                                 # times in a row that a NAT has forgotten us in silence
        self._moved_at = 0.0
        self._certain_at = -CERTAIN                         # when the present way has answered
        self.looked_at = 0.0                                # when the gateway said last from where it sees us
        self._confirmed = True                              # the gateway knows where we are

    # --- which way ---

    def follow(self, best: Path, now: float) -> None:
        """The host says that this is the way now."""
        ctx, sa = self._ctx, self._ctx.current()
        if sa is None or not ctx.ways.has(ctx.path):
            self.move(best, now)
        elif sa.state is not IkeState.ESTABLISHED:
            pass            # looked at again once it is
        elif ctx.mobike:
            tell_new_address(ctx, sa, best.natt())
        else:
            ctx.emit(Elsewhere())

    def move(self, best: Path, now: float) -> None:
        """At once, for whatever the gateway will say."""
        ctx, sa = self._ctx, self._ctx.current()
        ctx.path = best.natt()
        self._certain()
        self._moved_at, self._certain_at = now, -CERTAIN
        for each in ctx.sas.values():
            self._repeat(each, now, True)
            if each.state is IkeState.REKEYED:      # our answer may be lost: then the gateway knows no other IKE_SA
                tell_new_address(ctx, each)
        if sa is not None and sa.state is IkeState.ESTABLISHED:
            tell_new_address(ctx, sa)
            self._say_moved()
            if not ctx.mobike:
                ctx.timers.set(Timer.FOLLOWS, b"", now + max(FOLLOWS_AFTER, 2 * ctx.rtt.first_interval))
        else:
            ctx.moved = True        # the gateway may have answered to where we were
        self._look_back(now)

    def established(self, sa: IkeSa, now: float) -> None:
        """What has happened during IKE_AUTH is made good; and how does the gateway see us, to begin with?"""
        ctx = self._ctx
        if ctx.path is None:
            return
        best = ctx.ways.best()
        if ctx.moved:
            self._confirmed = False
            tell_new_address(ctx, sa)
        elif best is not None and not best.same_way(ctx.path):
            self.follow(best, now)
        elif ctx.mobike:
            ctx.timers.set(Timer.BASELINE, b"", now + BASELINE_AFTER)
        self.addresses_changed(now)

    def rekeyed(self, sa: IkeSa) -> None:
        """How the gateway sees us is said with the SPIs in it. What a NAT has changed meanwhile would not show: we say
        where we are, which is nothing new where all is as it was."""
        if self._ctx.mobike and self.watches and self._ctx.path is not None:
            tell_new_address(self._ctx, sa)

    # --- doubt ---

    def ask_around(self, now: float, *, fresh: bool = False, suspicious: bool = False) -> None:
        """Is the present way alive? And if not, which one is? ``fresh``: silence up to now was nobody's fault."""
        ctx, sa = self._ctx, self._ctx.current()
        if ctx.finished or ctx.path is None or sa is None or sa.state is not IkeState.ESTABLISHED:
            return
        self.suspicious |= suspicious
        self.begin_doubt(now)
        if sa.window.outstanding is not None:
            self._repeat(sa, now, fresh)
            return
        ctx.timers.cancel(Timer.QUEUE, sa.own_spi)
        self.look(sa, suspicious=True)
        self._pump(now)
        if (asked := sa.window.outstanding) is not None:
            self._spread(sa, asked, self.targets(sa, asked)[1:])

    def look(self, sa: IkeSa, *, suspicious: bool = False) -> None:
        """Before what waits: that may wait for something which the gateway sends to where we are no more."""
        under_way = [sa.window.outstanding.task] if sa.window.outstanding is not None else []
        if not any(isinstance(task, UpdateAddresses) or (isinstance(task, NatLiveness) and task.path is None)
                   for task in (*under_way, *sa.window.queue)):
            self._ctx.enqueue(sa, NatLiveness(self._ctx, sa, suspicious=suspicious), front=True)

    def may_doubt(self, now: float) -> bool:
        """One packet is lost now and then; of a way that has answered just before nothing else is to be thought."""
        return now - self._certain_at >= CERTAIN

    def begin_doubt(self, now: float) -> None:
        if self.doubt is not None:
            return
        self.doubt = Doubt(now + self._ctx.rtt.first_interval)
        for sa in self._ctx.sas.values():
            if sa.state is IkeState.REKEYED:    # the gateway may not know its successor: our answer was lost
                tell_new_address(self._ctx, sa)

    def targets(self, sa: IkeSa, outstanding: Outstanding) -> list[Path]:
        """Where a request goes when it is sent again."""
        ctx = self._ctx
        if ctx.path is None:
            return []
        if isinstance(outstanding.task, WayProbe) and outstanding.path is not None:
            return [outstanding.path]
        if outstanding.path is not None:            # a way that was tried for its own sake: the present one answers
            return [outstanding.path, ctx.path] if ctx.ways.has(outstanding.path) else [ctx.path]
        if outstanding.task is None:                # IKE_SA_INIT belongs to nobody's address
            others = ctx.ways.beside(ctx.path) if outstanding.transmissions > 1 else []
            return [ctx.path, *(each for each in others if each.remote.address == ctx.path.remote.address)]
        if self.doubt is None or not ctx.mobike or ctx.current() is not sa:
            return [ctx.path]       # without MOBIKE a gateway would follow whatever comes last
        return [ctx.path, *(each.natt() for each in ctx.ways.beside(ctx.path))]

    def _spread(self, sa: IkeSa, outstanding: Outstanding, others: list[Path]) -> None:
        for each in others:
            self._ctx.send(outstanding.datagrams, each)
        if others:
            outstanding.spread = True
            outstanding.transmissions += 1

    def heard(self, seen: Path, outstanding: Outstanding | None, now: float) -> None:
        """An authentic answer, the first or another copy of it, came on this way."""
        ctx = self._ctx
        way = ctx.ways.find(seen)
        if way is None or way.same_way(ctx.path):
            self._certain_at = now
        if outstanding is not None:
            self._answer = way, outstanding.spread
        if way is not None:
            ctx.ways.answered(way)
        if self.doubt is None or ctx.path is None:
            return
        if way is None or way.same_way(ctx.path):
            other, sa = self.doubt.other, ctx.current()
            self._certain()
            if other is not None and sa is not None and sa.state is IkeState.ESTABLISHED:
                tell_new_address(ctx, sa)       # it may have heard us on the other one first
            return
        self.doubt.other = ctx.ways.prefer(self.doubt.other, way)
        if now >= self.doubt.deadline:
            self._leave(now)
        else:
            ctx.timers.set(Timer.VERDICT, b"", self.doubt.deadline)

    def traffic_came(self) -> None:
        """ESP: nothing proves a way better."""
        if self.doubt is not None and self.doubt.other is None:
            self._certain()

    def expired(self, timer: Timer, now: float) -> None:
        ctx, sa = self._ctx, self._ctx.current()
        if timer is Timer.VERDICT:
            self._leave(now)
        elif sa is None or sa.state is not IkeState.ESTABLISHED or ctx.path is None:
            return
        elif timer is Timer.BASELINE and self._mapping is None:
            self.look(sa)
        elif timer is Timer.RETURN:
            back = ctx.ways.to_return_to(ctx.path)
            if back is not None and ctx.mobike:
                ctx.enqueue(sa, NatLiveness(ctx, sa, back[0].natt()))
        elif timer is Timer.ADDRESSES:
            ctx.enqueue(sa, TellAddresses(ctx))
        elif timer is Timer.FOLLOWS and ctx.last_traffic <= self._moved_at:
            ctx.emit(Elsewhere())

    def _leave(self, now: float) -> None:
        """Another way has answered, and the present one has not."""
        ctx = self._ctx
        other = self.doubt.other if self.doubt is not None else None
        if other is None or ctx.path is None or not ctx.ways.has(other):
            self._certain()
            return
        ctx.ways.fell_silent(ctx.path, other)
        ctx.emit(Progress("way-silent", f"{ctx.path.interface} {ctx.path.local.address}".strip()))
        self.move(other, now)

    def _certain(self) -> None:
        self.doubt, self.suspicious = None, False
        self._ctx.timers.cancel(Timer.VERDICT, b"")

    def _look_back(self, now: float) -> None:
        """A better way that was silent: when is it tried again?"""
        ctx = self._ctx
        back = None if ctx.path is None else ctx.ways.to_return_to(ctx.path)
        if back is None:
            ctx.timers.cancel(Timer.RETURN, b"")
        else:
            ctx.timers.set(Timer.RETURN, b"", now + back[1])

    # --- what the gateway said ---

    def told(self, sa: IkeSa, path: Path, message: Message, now: float) -> None:
        """It has taken note that we are on ``path``, or, had we asked on several ways, on another of them."""
        ctx = self._ctx
        way, spread = self._answer
        current = ctx.current() or sa           # it may have been replaced meanwhile
        if ctx.path is None:
            return                              # said again on the next network
        if way is not None and not way.same_way(path):
            if self.doubt is None:              # the present way has answered in place of a better one
                ctx.ways.fell_silent(path, ctx.path)
                self._look_back(now)
                tell_new_address(ctx, current)
            return                              # else the verdict is near
        if not path.same_way(ctx.path):
            best = ctx.ways.best()
            if best is None or not best.same_way(path):
                tell_new_address(ctx, current)
                return
            ctx.path = path                     # only now: until here the other one carried everything
            self._certain()
            self._look_back(now)
            self._say_moved()
        if spread or sa is not current:
            tell_new_address(ctx, current)      # which copy has it seen first?
            return
        if sa.state is not IkeState.ESTABLISHED:
            return      # said of an IKE_SA that has a successor, on which it is said too
        nat = detect_nat(message, sa.spi_i, sa.spi_r, path)
        news = not self._confirmed or nat not in (ctx.nat, None)
        ctx.nat = ctx.nat if nat is None else nat
        self._note(sa, message)
        self.looked_at = now
        ctx.timers.set(Timer.DPD, b"", now + ctx.liveness_interval)
        if news:
            self._confirmed = True
            ctx.emit(PathChanged(path, ctx.nat, confirmed=True))

    def _say_moved(self) -> None:
        assert self._ctx.path is not None
        self._confirmed = False
        self._ctx.emit(PathChanged(self._ctx.path, self._ctx.nat, confirmed=False))

    def refused(self, sa: IkeSa, path: Path, why: str, now: float) -> None:
        """§3.5: other addresses, those we had, or the end. It goes on sending to where it did."""
        ctx = self._ctx
        ctx.emit(Progress("roam-refused", why))
        ctx.ways.refused(path)
        best = ctx.ways.best()
        if best is None:
            # Only another IKE_SA leads back.
            ctx.close_with(sa, Cause.DEAD_PEER, "the gateway does not accept the new address", now)
        elif not best.same_way(ctx.path):
            self.follow(best, now) if ctx.path is None or not path.same_way(ctx.path) else self.move(best, now)

    def looked(self, sa: IkeSa, asked: NatLiveness, message: Message, now: float) -> None:
        """The answer to a liveness check: does the gateway still see us where it did (§3.8)?"""
        ctx = self._ctx
        way, spread = self._answer
        if ctx.path is None or sa.state is not IkeState.ESTABLISHED:
            return
        if asked.path is not None:
            self._looked_back(asked.path, way, now)
        elif spread:        # which copy it has seen first is not known: ask on this way alone
            if self.doubt is None:
                self.look(sa, suspicious=asked.suspicious)
        elif way is None or way.same_way(ctx.path):
            self.looked_at = now
            self._compare(sa, asked, message)

    def _looked_back(self, path: Path, way: Path | None, now: float) -> None:
        ctx = self._ctx
        if way is not None and way.same_way(path):
            best = ctx.ways.best()
            if best is not None and not best.same_way(ctx.path):
                self.follow(best, now)
        else:
            ctx.ways.still_silent(path)
        self._look_back(now)

    def _compare(self, sa: IkeSa, asked: NatLiveness, message: Message) -> None:
        ctx, before = self._ctx, self._mapping
        seen = self._note(sa, message)
        if seen is None or seen == before:
            self._forgotten = 0
            return
        known = before is not None and before[0] == seen[0]
        if not known and not asked.suspicious:
            return
        if known:
            ctx.emit(Progress("nat-changed"))
            self._learn(asked)
        tell_new_address(ctx, sa)

    def _note(self, sa: IkeSa, message: Message) -> tuple[object, bytes] | None:
        """How the gateway sees us."""
        destination = message.notify(NotifyType.NAT_DETECTION_DESTINATION_IP)
        path = self._ctx.path
        if destination is None or path is None:
            return None
        self._mapping = (sa.spi_i, sa.spi_r, path.local, path.remote), destination.data
        return self._mapping

    def _learn(self, asked: NatLiveness) -> None:
        """A NAT that forgets us whenever nothing was heard for a while wants to hear of us more often."""
        ctx = self._ctx
        self._forgotten += 1
        if asked.suspicious or asked.quiet < LEAST_PATIENCE or self._forgotten < 2:
            return
        patience = max(LEAST_PATIENCE, SHORTER * asked.quiet)
        if patience < ctx.nat_patience:
            ctx.nat_patience, self._forgotten = patience, 0
            ctx.emit(NatPatience(patience))

    # --- our other addresses (§3.4, §3.6) ---

    def addresses_to_tell(self, path: Path) -> tuple[str, ...] | None:
        """None where the gateway knows them."""
        addresses = self._ctx.ways.additional(path)
        return None if addresses == self.told_addresses else addresses

    def addresses_changed(self, now: float) -> None:
        """It hears of them with the next roam, or in a while. Not before it has proved itself: they are ours."""
        ctx = self._ctx
        if ctx.mobike and ctx.path is not None and self.addresses_to_tell(ctx.path) is not None:
            ctx.timers.set(Timer.ADDRESSES, b"", now + ADDRESSES_AFTER)
        else:
            ctx.timers.cancel(Timer.ADDRESSES, b"")
