"""Rows a person enjoys reading."""

from collections.abc import Sequence
from statistics import median


def row(what: str, ours: Sequence[float], theirs: Sequence[float], unit: str, goal: str, ratio: float, met: bool
        ) -> str:
    """``ratio`` is ours to theirs as the goal wants it, of the medians."""
    return (f"  {what:<28} {median(ours):>9.3g} {unit:<7} {median(theirs):>9.3g} {unit:<7} {ratio:>6.2f}   {goal:<8} "
            f"{'yes' if met else 'NO'}   (n={len(ours)})")


HEAD = f"  {'':<28} {'Rove':>9} {'':<7} {'strongSwan':>9} {'':<6} {'ratio':>6}   {'goal':<8} met"
