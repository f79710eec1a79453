"""Where a connection's gateway is to be found: by the profile's names, where it let us in, where it says that it is."""

from collections.abc import Callable, Collection, Sequence

from client.core.ikev2.addresses import outside
from client.core.ikev2.traffic_selector import TrafficSelector
from client.core.platform.config import IpAddress
from client.core.platform.resolver import resolve
from client.model.cause import Cause, RoveError

MAX_ELSEWHERE = 8                 # addresses of a gateway beside those of the profile
_SILENCE = (Cause.GATEWAY_SILENT, Cause.LOGIN_UNANSWERED)


class Gateways:
    """Of one connection, for all of its attempts. ``addresses`` are the profile's hosts or addresses."""

    def __init__(self, addresses: Sequence[str], mark: int, log: Callable[[str, str], None]) -> None:
        self._addresses, self._mark, self._log = tuple(addresses), mark, log
        self.now: tuple[str, ...] = ()          # of the one in use, the present first
        self.next: tuple[str, ...] = ()         # of an IKE_SA in the making, where they are others
        self._elsewhere: tuple[str, ...] = ()
        self._looked_up: tuple[str, ...] = ()   # in this attempt
        self._known: tuple[str, ...] = ()       # the same, when it has let us in last
        self._silences = 0

    async def look_up(self, skip: Collection[IpAddress]) -> tuple[str, ...]:
        """The profile's; where name servers fail or lie, also where it was. ``skip`` and errors as of ``resolve``."""
        try:
            found = await resolve(self._addresses, self._mark, skip)
        except RoveError as error:
            if not self._known:
                raise
            self._log("warning", f"{error}; going on with {self._known[0]}")
            found = ()
        return tuple(dict.fromkeys((*found, *self._known)))

    async def named(self, gateway: str, skip: Collection[IpAddress]) -> tuple[str, ...]:
        """That another gateway names, if it does. Raises RoveError."""
        return await resolve((gateway,), self._mark, skip) if gateway else ()

    def begin(self, found: tuple[str, ...]) -> None:
        """An attempt with what was looked up: after an address that was silent the next is tried first."""
        turn = self._silences % len(found)
        self._looked_up = found
        self.now, self.next = found[turn:] + found[:turn], ()

    def ended(self, cause: Cause) -> None:
        self._silences += cause in _SILENCE

    def let_in(self) -> None:
        self._known = self._looked_up

    def replaced(self) -> None:
        """The IKE_SA in the making is the one in use."""
        self.now, self.next = self.next or self.now, ()

    def also_at(self, addresses: tuple[str, ...]) -> bool:
        """It says so itself. Is that new?"""
        new = addresses != self._elsewhere
        self._elsewhere = addresses
        return new

    def everywhere(self, inside: Sequence[TrafficSelector]) -> tuple[str, ...]:
        """Where else it is reached comes after where it is, and before what may be another gateway; what is ``inside``
        the tunnel cannot be the way to it."""
        if not self.now or not self._elsewhere:
            return self.now
        also = outside(self._elsewhere, inside, self.now[0])[:MAX_ELSEWHERE]
        return tuple(dict.fromkeys((self.now[0], *also, *self.now[1:])))
