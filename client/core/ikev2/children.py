"""Which CHILD_SAs a connection wants, and what becomes of one that is refused or lost (RFC 7296 §1.2, §1.3, §2.21.2).

A CHILD_SA that the gateway refuses costs the others nothing: the user is told, and it is asked for again, more and more
rarely. The connection ends when none stands and none is to be expected any more.
"""

from collections.abc import Sequence
from dataclasses import replace

from client.core.ikev2.child_sa import ChildSa, ChildState
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.events import ChildConfig, Progress
from client.core.ikev2.ike_sa import Context, IkeSa, Refusal
from client.core.ikev2.timers import Timer
from client.core.ikev2.traffic_selector import TrafficSelector, without
from client.model.cause import Cause, Retry

MAX_CHILDREN = 16            # that one connection asks for, parts that a gateway makes of one included
FIRST_WAIT, LONGEST_WAIT = 1.0, 600.0      # s until a refused one is asked for again; doubled each time
LASTING = 60.0               # s: one that stood so long begins the waits anew
TRIES, LAST_TRIES = 3, 2     # of each while none stands; the latter where the gateway's settings are against it

# Error notifies that refuse a CHILD_SA and leave the IKE_SA as it is → why there is no tunnel (§2.21.2, §3.10.1).
CHILD_CAUSES = {
    NotifyType.NO_PROPOSAL_CHOSEN: Cause.CHILD_NO_PROPOSAL,
    NotifyType.TS_UNACCEPTABLE: Cause.TS_UNACCEPTABLE,
    NotifyType.SINGLE_PAIR_REQUIRED: Cause.TS_UNACCEPTABLE,
    NotifyType.INTERNAL_ADDRESS_FAILURE: Cause.ADDRESS_FAILURE,
    NotifyType.FAILED_CP_REQUIRED: Cause.CONFIG_REQUIRED,
}


def stands(ctx: Context, wanted: ChildConfig, but: ChildSa | None = None) -> bool:
    """Is there a CHILD_SA that fulfils it, one on its way out not counted?"""
    return any(child.wanted.name == wanted.name for child in _live(ctx) if child is not but)


def find_wanted(ctx: Context, owner: bytes) -> ChildConfig | None:
    """By the owner of its timer."""
    return next((wanted for wanted in ctx.wanted if wanted.name.encode() == owner), None)


def make_missing(ctx: Context, now: float) -> None:
    """Asks for everything that does not stand and has no time of its own; the engine's timers do the rest."""
    for wanted in ctx.wanted:
        if ctx.timers.get(Timer.CREATE_CHILD, wanted.name.encode()) is None:
            make(ctx, wanted, now)


def make(ctx: Context, wanted: ChildConfig, at: float) -> None:
    if wanted in ctx.wanted and not stands(ctx, wanted):
        ctx.timers.set(Timer.CREATE_CHILD, wanted.name.encode(), at)


def refused(ctx: Context, sa: IkeSa, wanted: ChildConfig, notify: int, now: float, detail: str = "", *,
            at_once: bool = False) -> None:
    """The gateway will not make it, or made something else. ``at_once``: IKE_AUTH is not the last word (§2.21.2)."""
    if wanted not in ctx.wanted:
        return
    said = NotifyType(notify).name
    cause = CHILD_CAUSES.get(NotifyType(notify), Cause.CHILD_FAILED)
    if notify == NotifyType.SINGLE_PAIR_REQUIRED and _in_pairs(ctx, wanted, now):
        ctx.emit(Progress("single-pairs", wanted.name))
        return
    ctx.ask_address |= cause in (Cause.ADDRESS_FAILURE, Cause.CONFIG_REQUIRED)      # again, with CP (§2.19)
    final = cause.retry is Retry.NEVER or notify == NotifyType.NO_ADDITIONAL_SAS
    wait = 0.0 if at_once else None
    if notify == NotifyType.NO_ADDITIONAL_SAS and _live(ctx):
        wait = LONGEST_WAIT     # what stands is what there is to be had
    if not at_once and len(ctx.wanted) > 1:
        ctx.emit(Progress("child-refused", f"{wanted.name}: {said}" if wanted.name else said))
    _note(ctx, sa, wanted, cause, detail or said, LAST_TRIES if final else TRIES, now, wait)


def lost(ctx: Context, sa: IkeSa, child: ChildSa, cause: Cause, detail: str, now: float) -> None:
    """It is gone or about to go, and not by our will."""
    wanted = child.wanted
    if wanted not in ctx.wanted or stands(ctx, wanted, but=child):
        return
    if now - (child.info.rekey_at - wanted.rekey) >= LASTING:
        ctx.refusals.pop(wanted.name, None)
    if any(other is not child for other in _live(ctx)):
        ctx.emit(Progress("child-lost", f"{wanted.name}: {detail}" if wanted.name else detail))
    _note(ctx, sa, wanted, cause, detail, 0, now, but=child)


def why_none(ctx: Context, cause: Cause, detail: str) -> tuple[Cause, str]:
    """Why there is no tunnel; what is given where none was refused or one stands."""
    # What may pass by itself comes before what will not.
    reasons = sorted(ctx.refusals.values(), key=lambda one: one.cause.retry is not Retry.BACK_OFF)
    return (reasons[0].cause, reasons[0].detail) if reasons and not _live(ctx) else (cause, detail)


def more_possible(ctx: Context, child: ChildSa, now: float) -> None:
    """ADDITIONAL_TS_POSSIBLE: the gateway narrowed, and would take the rest as another CHILD_SA (§2.9)."""
    wanted = child.wanted
    rest = without(wanted.remote_ts, child.info.remote_ts)
    asked = [ts for other in ctx.wanted if other.derived for ts in other.remote_ts if ts.is_subset(rest)]
    rest = without(rest, asked)
    if not rest:
        return
    ctx.emit(Progress("additional-networks", " ".join(map(str, rest))))
    _add(ctx, [replace(wanted, remote_ts=rest, derived=True)], now)


def _note(ctx: Context, sa: IkeSa, wanted: ChildConfig, cause: Cause, detail: str, most: int, now: float,
          wait: float | None = None, but: ChildSa | None = None) -> None:
    """Remembers why, sets the time of the next try, and ends what has no tunnel and no hope of one."""
    refusal = ctx.refusals.setdefault(wanted.name, Refusal(cause, detail))
    refusal.tries += 1
    refusal.hopeless = refusal.tries >= most
    if but is not None:
        refusal.cause, refusal.detail = cause, detail       # it stood: what was said before counts no longer
    elif wanted.derived and refusal.hopeless:
        ctx.wanted.remove(wanted)       # a part that was our own idea
        wait = None
    if wanted not in ctx.wanted:
        ctx.timers.cancel(Timer.CREATE_CHILD, wanted.name.encode())
    else:
        pause = min(FIRST_WAIT * 2 ** (refusal.tries - 1), LONGEST_WAIT) if wait is None else wait
        ctx.timers.set(Timer.CREATE_CHILD, wanted.name.encode(), now + pause)
    standing = any(child is not but for child in _live(ctx))
    hopeful = any(one.name not in ctx.refusals or not ctx.refusals[one.name].hopeless for one in ctx.wanted)
    if not standing and not hopeful:
        ctx.close_with(sa, *why_none(ctx, cause, detail), now)


def _live(ctx: Context) -> list[ChildSa]:
    everyone = (child for sa in ctx.sas.values() for child in sa.children.values())
    return [child for child in everyone if child.state is not ChildState.DELETING]


def _in_pairs(ctx: Context, wanted: ChildConfig, now: float) -> bool:
    """One CHILD_SA for each pair of selectors instead, at most MAX_CHILDREN in all; False where it is one already."""
    parts = [replace(wanted, local_ts=(local,), remote_ts=(remote,), derived=True)
             for remote in wanted.remote_ts for local in _own_ends(ctx, wanted, remote)]
    if not parts or wanted.derived or wanted not in ctx.wanted or (
            (parts[0].local_ts, parts[0].remote_ts) == (wanted.local_ts, wanted.remote_ts)):
        return False
    ctx.wanted.remove(wanted)
    ctx.refusals.pop(wanted.name, None)
    ctx.timers.cancel(Timer.CREATE_CHILD, wanted.name.encode())
    _add(ctx, parts, now)
    return True


def _own_ends(ctx: Context, wanted: ChildConfig, remote: TrafficSelector) -> Sequence[TrafficSelector]:
    """Our virtual address where we have one of that family, else what the profile says."""
    ours = [TrafficSelector.from_range(one.ip, one.ip) for one in ctx.virtual_ips.addresses]
    found = [ts for ts in ours if ts.start.version == remote.start.version and ts.is_subset(wanted.local_ts)]
    return found[:1] or [ts for ts in wanted.local_ts if ts.start.version == remote.start.version]


def _add(ctx: Context, parts: Sequence[ChildConfig], now: float) -> None:
    room = MAX_CHILDREN - len(ctx.wanted)
    if room < len(parts):
        ctx.emit(Progress("too-many-children", f"{len(parts) - max(room, 0)} of them"))
    for part in parts[:max(room, 0)]:
        base = part.name.partition("/")[0]
        names = {wanted.name for wanted in ctx.wanted}
        name = next(made for n in range(2, MAX_CHILDREN + 3) if (made := f"{base}/{n}") not in names)
        named = replace(part, name=name)
        ctx.wanted.append(named)
        ctx.refusals.pop(name, None)
        make(ctx, named, now)
