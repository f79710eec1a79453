"""A row of the table: a case, its goal, and how one run of it is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.roaming.clients import Client

CAP = 15.0      # s that a client is waited for, unless a row says otherwise


@dataclass(frozen=True)
class Row:
    """``run(client)`` makes one run and returns what was measured in seconds (or lost probes), None for never.

    ``limit`` is the goal in the same unit; ``unit`` "ms", "s" or "lost"; ``lab`` the lab's options; ``runs`` at most,
    where one takes long.
    """

    name: str
    goal: str
    limit: float
    run: Callable[[Client], float | None]
    unit: str = "ms"
    lab: Mapping[str, Any] = field(default_factory=dict)
    cap: float = CAP
    runs: int = 1000
    strongswan: bool = True     # does it recover from such a thing at all?


def shown(values: list[float | None], row: Row) -> str:
    """The median; a client that mostly never recovered has none."""
    if not values:
        return "–"
    if sum(value is None for value in values) * 2 > len(values):
        return f"not in {row.cap:g} s"
    middle = median(row.cap if value is None else value for value in values)
    return {"ms": f"{middle * 1000:.0f} ms", "s": f"{middle:.1f} s", "lost": f"{middle:.0f} lost"}[row.unit]


def met(values: list[float | None], row: Row) -> bool:
    """The median is within the goal, and it always recovered."""
    return bool(values) and None not in values and median(v for v in values if v is not None) <= row.limit
