"""Rove's table of the packet filter: one text, replaced in one transaction."""

import os
import subprocess
from collections.abc import Iterable

from client.core.platform.config import HostConfig
from client.core.platform.conventions import MARK_BASE, MARK_MASK, NFT_TABLE, interface_name

_TIMEOUT = 20.0   # s
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CommandError(OSError):
    """A tool of the host was missing or refused; the text has its own words."""


def ruleset(configs: Iterable[HostConfig]) -> str:
    """The transaction that makes the table say what ``configs`` need; without any it is removed.

    Replies to our marked sockets get the mark back before the kernel looks whether their source would be routed to
    where they came from (rp_filter with src_valid_mark, or firewalld's ``fib saddr . mark`` at priority -290): by
    the socket, so without connection tracking. ICMP errors about them come from any router on the way. And
    nobody but the tunnel may talk to the virtual addresses, as in wg-quick. TCP in the tunnel hears of no larger
    segments than fit it, whoever begins the connection, and behind whatever this host forwards for.
    """
    lines = [f"table inet {NFT_TABLE}", f"delete table inet {NFT_TABLE}"]  # the first makes the second possible
    active = sorted(configs, key=lambda config: config.index)
    if active:
        ours = f'"{interface_name(active[0].index)}"' if len(active) == 1 else (
            "{ " + ", ".join(f'"{interface_name(config.index)}"' for config in active) + " }")
        mark, mask = f"{MARK_BASE:#x}", f"{MARK_MASK:#x}"
        lines += [
            f"table inet {NFT_TABLE} {{",
            "  chain prerouting {",
            "    type filter hook prerouting priority raw; policy accept;",
            f"    meta l4proto {{ tcp, udp }} socket mark & {mask} == {mark} meta mark set socket mark",
            f"    iifname != {ours} icmp type {{ destination-unreachable, time-exceeded }} meta mark set {mark}",
            f"    iifname != {ours} icmpv6 type {{ destination-unreachable, packet-too-big, time-exceeded }} "
            f"meta mark set {mark}",
            *(f'    iifname != "{interface_name(config.index)}" {"ip" if entry.version == 4 else "ip6"} '
              f"daddr {entry.ip} fib saddr type != local drop"
              for config in active for entry in config.addresses),
            *(line for config in active for line in _clamp("iifname", config)),
            "  }",
            "  chain postrouting {",
            "    type filter hook postrouting priority mangle; policy accept;",
            *(line for config in active for line in _clamp("oifname", config)),
            "  }",
            "}",
        ]
    return "\n".join(lines) + "\n"


def _clamp(direction: str, config: HostConfig) -> list[str]:
    """TCP's MSS in what comes from the tunnel or goes there; nft only ever lowers it."""
    return [f'    {direction} "{interface_name(config.index)}" meta nfproto {family} tcp flags syn '
            f"tcp option maxseg size set {config.mtu - headers}" for family, headers in (("ipv4", 40), ("ipv6", 60))]


def run_nft(text: str) -> None:
    """Blocks for some 10 ms. Raises CommandError; then nothing has changed."""
    run_tool(["nft", "-f", "-"], text)


def table_exists() -> bool:
    try:
        run_tool(["nft", "list", "table", "inet", NFT_TABLE])
    except CommandError:
        return False
    return True


def run_tool(command: list[str], stdin: str = "") -> str:
    """What a tool of the host printed. Raises CommandError with what it complained about.

    A frozen Rove carries libraries of its own; the host's tools must not meet them.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LD_")}
    environment["PATH"] = f"{environment.get('PATH', '')}:{SEARCH_PATH}".lstrip(":")
    environment["LC_ALL"] = "C"
    try:
        done = subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True,
                              errors="replace", timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(f"{command[0]}: {error}") from error
    if done.returncode:
        words = " ".join(done.stderr.split())[:300]
        raise CommandError(f"{command[0]}: {words or f'exit status {done.returncode}'}")
    return done.stdout
