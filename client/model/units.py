"""Times and sizes as people read them."""

import re
from datetime import UTC, datetime
from typing import Any

UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def parse_time(value: Any) -> datetime | None:
    """RFC 3339 text, or Unix time → an aware time; None when it is neither."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        return datetime.fromisoformat(value).astimezone(UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def clock(value: Any, now: datetime) -> str:
    """Local time of day, with the date where that is not today's."""
    when = parse_time(value)
    if when is None:
        return ""
    local = when.astimezone()
    return local.strftime("%H:%M:%S" if local.date() == now.astimezone().date() else "%Y-%m-%d %H:%M:%S")


def with_local_times(text: str, now: datetime) -> str:
    """A sentence of roved's, which knows nobody's time zone: its times as ``clock`` has them."""
    return UTC_TIME.sub(lambda found: clock(found[0], now) or found[0], text)


def duration(seconds: float) -> str:
    """The two greatest units: "2 d 3 h", "4 min 5 s"."""
    rest = max(int(seconds), 0)
    units: list[str] = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count or (name == "s" and not units):
            units.append(f"{count} {name}")
        elif units:
            break
    return " ".join(units[:2])


def octets(count: Any) -> str:
    """"12 bytes", "3.4 MiB"."""
    try:
        value = float(count)
    except (TypeError, ValueError):
        return "?"
    if value < 1024:
        return f"{value:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1024:
            return f"{value:.1f} {unit}"
    return f"{value / 1024:.1f} TiB"
