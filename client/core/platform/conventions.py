"""The names and numbers by which Rove knows its own things on a host, also after a crash.

They are fixed so that ``clean_up`` needs no memory. Connection N gets interface ``roveN``, firewall mark
``MARK_BASE + N``, two routing tables and a block of rule priorities. Every rule and route of ours carries
``ROUTE_PROTOCOL``.
"""

import os
import re
from pathlib import Path

MAX_CONNECTIONS = 16

# What carries a mark of ours is traffic to a gateway (or its lookup) and never enters a tunnel of ours: "RO" + N.
MARK_BASE = 0x524F_0000
MARK_MASK = 0xFFFF_0000

# rtm_protocol and FRA_PROTOCOL: "R"; free in iproute2's rt_protos.
ROUTE_PROTOCOL = 0x52

TABLE_BASE = 51900           # table N: the networks that go into tunnel N with all their protocols
SELECTED_TABLE_BASE = 52000  # table N: a default route, reached only by rules with protocol and ports

# Behind Tailscale's 5210 and before main's 32766, wg-quick's rules directly in front of it included.
# A full tunnel's block lies behind those of all connections that take only some networks.
PRIORITY_BASE = 20000
PRIORITIES = 256             # per block

NFT_TABLE = "rove"           # family inet

_INTERFACE = re.compile(r"rove(\d{1,2})")


def interface_name(index: int) -> str:
    return f"rove{_checked(index)}"


def interface_index(name: str) -> int | None:
    """The N of ``roveN``; None where the name is none of ours."""
    match = _INTERFACE.fullmatch(name)
    if match is None or int(match[1]) >= MAX_CONNECTIONS or name != f"rove{int(match[1])}":
        return None
    return int(match[1])


def mark(index: int) -> int:
    """SO_MARK of connection N's own sockets."""
    return MARK_BASE + _checked(index)


def table(index: int) -> int:
    return TABLE_BASE + _checked(index)


def selected_table(index: int) -> int:
    return SELECTED_TABLE_BASE + _checked(index)


def table_owner(number: int) -> int | None:
    """Which connection a routing table belongs to; None where it is none of ours."""
    for base in (TABLE_BASE, SELECTED_TABLE_BASE):
        if base <= number < base + MAX_CONNECTIONS:
            return number - base
    return None


def first_priority(index: int, full: bool) -> int:
    """Where the block of rules of connection N begins."""
    return PRIORITY_BASE + PRIORITIES * (_checked(index) + (MAX_CONNECTIONS if full else 0))


def priority_owner(priority: int) -> int | None:
    """Which connection's block of rules ``priority`` lies in; None where it is in none."""
    block = (priority - PRIORITY_BASE) // PRIORITIES
    return block % MAX_CONNECTIONS if 0 <= block < 2 * MAX_CONNECTIONS else None


def run_dir() -> Path:
    return Path(os.environ.get("ROVE_RUN_DIR") or "/run/rove")


def state_dir() -> Path:
    return Path(os.environ.get("ROVE_STATE_DIR") or "/var/lib/rove")


def _checked(index: int) -> int:
    if not 0 <= index < MAX_CONNECTIONS:
        raise ValueError(f"connection index {index} is not in 0–{MAX_CONNECTIONS - 1}")
    return index
