"""systemd-resolved by D-Bus: org.freedesktop.resolve1(5)."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

from client.core.platform.config import IpAddress

_NAME = "org.freedesktop.resolve1"
_PATH = "/org/freedesktop/resolve1"
_MANAGER = "org.freedesktop.resolve1.Manager"
_TIMEOUT = 5.0   # s, for each call


class DBusRefused(OSError):
    """resolved answered with an error, or not at all."""


class Resolved:
    """Settings of one link; resolved forgets them when the link goes, so nothing is left after a crash."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    async def set_link(self, interface: int, servers: Sequence[IpAddress], domains: Sequence[str], full: bool) -> None:
        """Raises DBusRefused. With ``full`` the link takes every name ("~."), before all other links."""
        addresses = [(socket.AF_INET if server.version == 4 else socket.AF_INET6, server.packed) for server in servers]
        # Without ``full`` domains route only: a search list would send mistyped short names to the gateway's side.
        names = [*((domain, not full) for domain in domains), *([(".", True)] if full else [])]
        await self._call("SetLinkDNS", "ia(iay)", interface, addresses)
        await self._call("SetLinkDomains", "ia(sb)", interface, names)
        await self._call("SetLinkDefaultRoute", "ib", interface, full)
        # Multicast lookups would go into the tunnel, where nobody answers; TLS inside it adds nothing, and a host
        # that insists on it would never reach the gateway's servers. Old versions lack some of these.
        for member in ("SetLinkLLMNR", "SetLinkMulticastDNS", "SetLinkDNSOverTLS"):
            with contextlib.suppress(DBusRefused):
                await self._call(member, "is", interface, "no")
        with contextlib.suppress(DBusRefused):
            await self._call("FlushCaches", "")

    async def revert_link(self, interface: int) -> None:
        with contextlib.suppress(DBusRefused):   # the link went first
            await self._call("RevertLink", "i", interface)
        with contextlib.suppress(DBusRefused):
            await self._call("FlushCaches", "")

    async def _call(self, member: str, signature: str, *body: Any) -> None:
        await _call(self._bus, _NAME, _PATH, _MANAGER, member, signature, list(body))


@contextlib.asynccontextmanager
async def find_resolved() -> AsyncIterator[Resolved | None]:
    """None where there is no system bus (DBUS_SYSTEM_BUS_ADDRESS is honoured), or no resolved on it."""
    from dbus_fast import BusType
    from dbus_fast.aio import MessageBus
    bus = None
    try:
        try:
            bus = MessageBus(bus_type=BusType.SYSTEM)
            await asyncio.wait_for(bus.connect(), _TIMEOUT)
            runs = await _call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "NameHasOwner", "s", [_NAME])
        except (OSError, ValueError, EOFError, TimeoutError):   # dbus-fast's own errors are ValueErrors
            runs = [False]
        yield Resolved(bus) if runs[0] else None
    finally:
        if bus is not None:
            bus.disconnect()


async def _call(bus: Any, destination: str, path: str, interface: str, member: str, signature: str,
                body: list[Any]) -> list[Any]:
    from dbus_fast import Message, MessageType
    message = Message(destination=destination, path=path, interface=interface, member=member, signature=signature,
                      body=body)
    try:
        reply = await asyncio.wait_for(bus.call(message), _TIMEOUT)
    except TimeoutError as error:
        raise DBusRefused(f"{member}: no answer") from error
    except (ValueError, EOFError) as error:
        raise DBusRefused(f"{member}: {error}") from error
    if reply is None or reply.message_type is MessageType.ERROR:
        words = reply.body[0] if reply is not None and reply.body else "the bus went away"
        raise DBusRefused(f"{member}: {words}")
    return list(reply.body)
