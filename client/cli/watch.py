"""watch, log: one line per thing that happened."""

import argparse
import asyncio
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from client.bus.client import VpnClient, VpnEvent
from client.cli.screen import Screen
from client.model.cause import ExitCode
from client.model.units import clock, parse_time
from client.texts import plain, state_text, step_text

_AGE = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LEVELS = {"error": "bad", "warning": "warn", "debug": "dim"}


def run_watch(options: argparse.Namespace) -> int:
    """All events but the log's lines, which ``rove log -f`` has."""
    async def work() -> int:
        screen = Screen()
        async with VpnClient() as client:
            await client.subscribe()
            async for event in client.events():
                if event.kind != "log":
                    screen.line(json.dumps(dict(event.fields)) if options.json else event_text(screen, event))
        return ExitCode.ERROR.value     # events never end by themselves
    return _until_interrupted(work())


def run_log(options: argparse.Namespace) -> int:
    since = since_time(options.since)
    if since is None:
        Screen().error(f"--since: {options.since!r} is neither a time nor an age like 10m.")
        return ExitCode.USAGE.value
    return _until_interrupted(_log(since, options.follow, options.json))


def since_time(text: str, now: datetime | None = None) -> float | None:
    """ "", an age, a time of today (or of yesterday, when it is still to come), date and time → Unix time."""
    now = now or datetime.now().astimezone()
    if not text:
        return 0.0
    age = _AGE.fullmatch(text)
    if age:
        return now.timestamp() - int(age[1]) * _UNITS[age[2]]
    try:
        if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
            parts = [int(part) for part in text.split(":")]
            today = now.replace(hour=parts[0], minute=parts[1], second=[*parts, 0][2], microsecond=0)
            return (today if today <= now else today - timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def event_text(screen: Screen, event: VpnEvent) -> str:
    fields = event.fields
    match event.kind:
        case "state":
            state = fields.get("state")
            words = state_text(str(state.get("state", "")) if isinstance(state, dict) else str(state))
        case "step":
            words = f"{step_text(str(fields.get('step', '')))} {fields.get('detail', '')}"
        case "error":
            words = f"{fields.get('message', '')} {fields.get('advice', '')}"
        case "prompt":
            words = f"waiting for you: {fields.get('what', '')}"
        case "log":
            words = str(fields.get("text", ""))
        case _:
            words = json.dumps(dict(fields))
    colour = "bad" if event.kind == "error" else "dim"
    when = clock(event.time, datetime.now(UTC))
    return f"{when:8}  {plain(event.connection, 64):12}  {screen.paint(f'{event.kind:6.6}', colour)}  {plain(words)}"


async def _log(since: float, follow: bool, as_json: bool) -> int:
    screen = Screen()
    async with VpnClient() as client:
        if follow:
            await client.subscribe()    # before asking: no line falls between the two
        shown: set[tuple[int, str, str]] = set()
        for line in await client.log(since):
            shown.add(_key(line))
            _print_line(screen, line, as_json)
        if not follow:
            return 0
        begun = time.time()
        async for event in client.events():
            if event.kind != "log" or _key(event.fields) in shown:
                continue
            if shown and time.time() - begun > 30:
                shown.clear()           # whatever both knew has passed
            _print_line(screen, {key: value for key, value in event.fields.items() if key != "kind"}, as_json)
    return ExitCode.ERROR.value


def _print_line(screen: Screen, line: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        screen.line(json.dumps(dict(line)))
        return
    when = parse_time(line.get("time"))
    stamp = when.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if when else ""
    level = str(line.get("level", ""))
    text = plain(str(line.get("text", "")))
    screen.line(f"{stamp}  {plain(str(line.get('connection', '')), 64):12}  "
                f"{screen.paint(text, _LEVELS[level]) if level in _LEVELS else text}")


def _key(line: Mapping[str, Any]) -> tuple[int, str, str]:
    when = parse_time(line.get("time"))
    return int(when.timestamp() * 1000) if when else 0, str(line.get("connection")), str(line.get("text"))


def _until_interrupted(work: Any) -> int:
    try:
        return int(asyncio.run(work))
    except KeyboardInterrupt:
        return ExitCode.DONE.value      # that is how one ends it
