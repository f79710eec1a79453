"""Describe the host, then apply it: HostConfig → Host.apply(); ``cleanup.clean_up`` needs no memory of it."""

import asyncio
import contextlib
from collections.abc import Awaitable

from client.core.platform.config import HostConfig as HostConfig
from client.core.platform.config import RemoteNetwork as RemoteNetwork
from client.core.platform.dns import Dns, dns_settings
from client.core.platform.netlink import Netlink
from client.core.platform.nftables import ruleset, run_nft
from client.core.platform.reconcile import establish, find_interface, withdraw
from client.core.platform.sysctl import hold_sysctls, release_sysctls
from client.model.cause import Cause, Finding, RoveError


class Host:
    """The connections' changes to this host. ``open_tun`` comes first: ``apply`` needs the interface to be there."""

    def __init__(self) -> None:
        self._configs: dict[int, HostConfig] = {}
        self._filter = ""
        self._dns = Dns()
        self._lock = asyncio.Lock()

    async def apply(self, config: HostConfig) -> tuple[Finding, ...]:
        """All of ``config`` or nothing of it: what was there before comes back.

        Only differences are carried out; the same again changes nothing. Raises RoveError(HOST_SETUP).
        """
        async with self._lock:
            before = self._configs.get(config.index)
            try:
                return await self._establish(config)
            except (OSError, RoveError) as error:
                with contextlib.suppress(OSError, RoveError):
                    await (self._withdraw(config.index) if before is None else self._establish(before))
                if isinstance(error, RoveError):
                    raise
                raise RoveError(Cause.HOST_SETUP, _words(error)) from error
            except asyncio.CancelledError:
                with contextlib.suppress(OSError, RoveError):
                    await asyncio.shield(self._withdraw(config.index) if before is None else self._establish(before))
                raise

    async def remove(self, index: int) -> None:
        """Everything is tried. Raises RoveError(HOST_SETUP) when some of it was refused."""
        async with self._lock:
            try:
                await self._withdraw(index)
            except OSError as error:
                raise RoveError(Cause.HOST_SETUP, _words(error)) from error

    async def _establish(self, config: HostConfig) -> tuple[Finding, ...]:
        configs = {**self._configs, config.index: config}
        self._configs = configs
        settings, findings = dns_settings(config)
        filtering = asyncio.create_task(self._follow_filter())
        try:
            with Netlink() as netlink:
                interface = establish(netlink, config)
            hold_sysctls()      # after what lets packets out: replies take a round trip, saving takes milliseconds
            if settings is not None:
                findings += await self._dns.apply(config.index, interface, settings)
            else:
                await self._dns.remove(config.index, interface)
        finally:
            await filtering
        return findings

    async def _withdraw(self, index: int) -> None:
        self._configs.pop(index, None)
        with Netlink() as netlink:
            link = find_interface(netlink, index)
        refused: OSError | None = None
        for step in (self._dns.remove(index, link.index if link else None), self._withdraw_network(index),
                     self._follow_filter(), self._release()):
            refused = await _attempt(step) or refused
        if refused is not None:
            raise refused

    async def _withdraw_network(self, index: int) -> None:
        with Netlink() as netlink:
            withdraw(netlink, index)

    async def _release(self) -> None:
        if not self._configs:
            release_sysctls()

    async def _follow_filter(self) -> None:
        wanted = ruleset(self._configs.values()) if self._configs else ""
        if wanted != self._filter:
            # Without connections the transaction only deletes the table.
            await asyncio.to_thread(run_nft, ruleset(self._configs.values()))
            self._filter = wanted


async def _attempt(step: Awaitable[None]) -> OSError | None:
    try:
        await step
    except OSError as error:
        return error
    return None


def _words(error: OSError) -> str:
    return error.strerror or str(error)
