"""The captive portal watch: once the gateway is silent, does the network want a log-in first, and when is that over?

Nothing is asked while the gateway answers. Announced portals (RFC 8910) are asked by their API (RFC 8908), the others
give themselves away by answering in somebody else's name.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol
from urllib.parse import urlsplit

from client.core.helper.fetch_rules import FetchError, Reply
from client.core.helper.machine_settings import GATEWAY, OFF
from client.core.helper.portal_rules import API_TYPE, UNRESTRICTED, Captive, by_api, by_check, by_gateway
from client.core.platform.announced import announced_portal

AGAIN = 3.0             # s between two looks while the portal is in the way, for PATIENCE s
AGAIN_LATER = 15.0      # s
PATIENCE = 600.0        # s in which people log in
MAX_BODY = 16 * 1024


class Ask(Protocol):
    """One answer of a web server, as it came; redirects are not followed. Raises FetchError.

    By this uplink. ``announced`` by the network itself: it may be at an address that only this link has.
    """

    async def __call__(self, url: str, *, limit: int, interface: str, accept: str = "*/*", announced: bool = False
                       ) -> Reply: ...


class PortalWatch:
    """Of one connection. ``found(url)`` and ``opened()`` are called in the event loop; ``log`` takes a line."""

    def __init__(self, check: str, names: Collection[str], ask: Ask, found: Callable[[str], None],
                 opened: Callable[[], None], log: Callable[[str], None]) -> None:
        self._check = check
        self._names = names
        self._ask = ask
        self._found = found
        self._opened = opened
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self._interface = ""
        self.captive = False

    def suspect(self, interface: str, gateway: str) -> None:
        """The gateway, an address, is silent on this uplink. While that is being looked into nothing happens."""
        self.now_on(interface)
        if self._check != OFF and (self._task is None or self._task.done()):
            self._interface = interface
            self._task = asyncio.get_running_loop().create_task(self._watch(interface, gateway))

    def now_on(self, interface: str) -> None:
        """The portal of another network does not matter any more."""
        if interface != self._interface:
            self.dismiss()

    def dismiss(self) -> None:
        """The gateway answers, the network is another one, or nobody wants to know any more."""
        self.captive = False
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self, interface: str, gateway: str) -> None:
        captive = await self._look(interface, gateway)
        if captive is None:
            return
        self.captive = True
        self._found(captive.url)
        loop = asyncio.get_running_loop()
        began = loop.time()
        while captive is not None:
            await asyncio.sleep(AGAIN if loop.time() - began < PATIENCE else AGAIN_LATER)
            captive = await self._look(interface, gateway)
        self.captive = False
        self._opened()

    async def _look(self, interface: str, gateway: str) -> Captive | None:
        announced = await asyncio.to_thread(announced_portal, interface)
        if announced == UNRESTRICTED:
            return None
        if announced:
            verdict = await self._ask_api(announced, interface)
            if not isinstance(verdict, bool):
                return verdict
            if not verdict:
                return None
        url = self._check
        if self._check == GATEWAY:
            url = f"http://[{gateway}]/" if ":" in gateway else f"http://{gateway}/"
        try:
            reply = await self._ask(url, limit=MAX_BODY, interface=interface)
        except FetchError as error:
            self._log(f"looking for a captive portal: {error}")
            return None
        if self._check == GATEWAY:
            return by_gateway(reply.status, reply.location, (*self._names, gateway), url)
        return by_check(reply.status, reply.location, url)

    async def _ask_api(self, url: str, interface: str) -> Captive | bool:
        """As ``by_api``."""
        if urlsplit(url).scheme != "https":      # RFC 8908 §4.1
            return True
        try:
            return by_api((await self._ask(url, limit=MAX_BODY, interface=interface, accept=API_TYPE,
                                           announced=True)).body)
        except FetchError as error:
            self._log(f"the captive portal that the network announces: {error}")
            return True

