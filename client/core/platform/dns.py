"""The host's resolver: systemd-resolved where it runs, else resolvconf, else /etc/resolv.conf itself.

Where resolved runs but programs do not get to it (a static resolv.conf and no nss-resolve), the next way is used
too. Only resolved can split by domain. The others know one list for everything, so the tunnel's servers go there
only when they are to answer everything (``full``); else nothing changes and a Finding says so.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from client.core.platform import dns_resolvconf
from client.core.platform.config import HostConfig, IpAddress
from client.core.platform.conventions import interface_name
from client.core.platform.dns_file import RESOLV_CONF, restore_resolv_conf, rewrite_resolv_conf
from client.core.platform.dns_resolved import Resolved, find_resolved
from client.core.platform.files import read_bounded
from client.model.cause import Finding

MAX_SERVERS = 8
MAX_DOMAINS = 32

_NSSWITCH = Path("/etc/nsswitch.conf")
_MAX_FILE = 65536
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_STUBS = (b"127.0.0.53", b"127.0.0.54")

SPLIT_UNAVAILABLE = Finding("dns-split-unavailable", "This host's resolver cannot ask different servers for different "
                            "domains (systemd-resolved can), so the gateway's name servers are not used.")


@dataclass(frozen=True)
class DnsSettings:
    """``full``: these servers answer everything, not only ``domains``."""

    servers: tuple[IpAddress, ...]
    domains: tuple[str, ...]
    full: bool


def dns_settings(config: HostConfig) -> tuple[DnsSettings | None, tuple[Finding, ...]]:
    """What of the gateway's wishes is sound; None where it names no servers. The names are hostile input."""
    servers = tuple(dict.fromkeys(server for server in config.dns_servers if _is_server(server)))[:MAX_SERVERS]
    names = [checked_domain(domain) for domain in config.dns_domains[: 4 * MAX_DOMAINS]]
    domains = tuple(dict.fromkeys(name for name in names if name))[:MAX_DOMAINS]
    findings: tuple[Finding, ...] = ()
    if None in names or len(config.dns_domains) > MAX_DOMAINS:
        findings = (Finding("dns-domains-ignored", "Some of the domains for split DNS are no domain names, or there "
                            f"are more than {MAX_DOMAINS}: they were left out."),)
    return (DnsSettings(servers, domains, config.dns_full) if servers else None), findings


def checked_domain(domain: str) -> str | None:
    """Lower case without the final dot; None where it is no host domain name (RFC 1035 §2.3.1, with underscores)."""
    name = domain.strip().lower().removesuffix(".")
    if not name or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return name


class Dns:
    """The DNS settings of every connection. Raises OSError (CommandError, DBusRefused) where the host refuses."""

    def __init__(self) -> None:
        self._settings: dict[int, tuple[str, DnsSettings]] = {}

    async def apply(self, index: int, interface: int, settings: DnsSettings) -> tuple[Finding, ...]:
        """``interface`` is the interface index. Doing it again changes nothing."""
        self._settings[index] = (interface_name(index), settings)
        async with find_resolved() as resolved:
            if resolved is not None:
                await resolved.set_link(interface, settings.servers, settings.domains, settings.full)
            if not await self._is_enough(resolved):
                return await asyncio.to_thread(self._apply_elsewhere, index)
        return ()

    async def remove(self, index: int, interface: int | None) -> None:
        """Also of an interface that is gone (None): resolved has forgotten it by itself."""
        if self._settings.pop(index, None) is None:
            return
        if interface is not None:
            async with find_resolved() as resolved:
                if resolved is not None:
                    await resolved.revert_link(interface)
        await asyncio.to_thread(self._remove_elsewhere, index)

    async def _is_enough(self, resolved: Resolved | None) -> bool:
        return resolved is not None and await asyncio.to_thread(_programs_use_resolved)

    def _apply_elsewhere(self, index: int) -> tuple[Finding, ...]:
        name, settings = self._settings[index]
        if not settings.full:
            self._remove_elsewhere(index)
            return (SPLIT_UNAVAILABLE,)
        if dns_resolvconf.is_available():
            dns_resolvconf.add(name, settings.servers, settings.domains)
        else:
            self._rewrite()
        return ()

    def _remove_elsewhere(self, index: int) -> None:
        dns_resolvconf.remove(interface_name(index))
        self._rewrite()

    def _rewrite(self) -> None:
        """One list for all connections that want everything."""
        full = [settings for _, (_, settings) in sorted(self._settings.items()) if settings.full]
        if full and not dns_resolvconf.is_available():
            rewrite_resolv_conf(tuple(dict.fromkeys(server for settings in full for server in settings.servers)),
                                tuple(dict.fromkeys(domain for settings in full for domain in settings.domains)))
        else:
            restore_resolv_conf()


def _is_server(server: IpAddress) -> bool:
    return not (server.is_unspecified or server.is_multicast or server.is_loopback or server.is_link_local)


def _programs_use_resolved() -> bool:
    """Do libc's lookups end at resolved: by its stub in resolv.conf, or by nss-resolve?"""
    try:
        content = read_bounded(RESOLV_CONF, _MAX_FILE) or b""
    except (OSError, ValueError):
        content = b""
    for line in content.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == b"nameserver" and words[1] in _STUBS:
            return True
    try:
        switch = read_bounded(_NSSWITCH, _MAX_FILE) or b""
    except (OSError, ValueError):
        return False
    hosts = next((line.partition(b"#")[0] for line in switch.splitlines() if line.startswith(b"hosts:")), b"")
    return b"resolve" in hosts.split()
