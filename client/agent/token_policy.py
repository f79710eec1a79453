"""What a profile wants when its smartcard comes or goes: policy.autoconnect and policy.token_removed.

Runs beside an agent, in the user's session. Presence is polled, and only while a profile depends on it: PKCS#11's own
event (C_WaitForSlotEvent) is not usable through python-pkcs11 0.10, and asking costs microseconds.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

from client.agent import choices
from client.agent.pkcs11 import TokenId
from client.agent.smartcard import Smartcards
from client.bus.client import RovedNotRunning, VpnClient, VpnEvent
from client.model.cause import Cause, RoveError
from client.model.profile import Profile, ProfileError, parse_profile
from client.model.state import State

log = logging.getLogger(__name__)

POLL = 1.0              # s
GONE_AFTER = 2          # polls without the token in a row: readers vanish for a moment when a computer wakes
RELOAD = 30.0           # s: profiles come and go without an event
CONNECT_TIMEOUT = 60.0
_IDLE = (State.DISCONNECTED.value, State.FAILED.value)


class TokenPolicy:
    """``say`` gets a profile's name and a sentence for the user. ``run`` until cancelled, while ``heard`` takes roved's
    events."""

    def __init__(self, client: VpnClient, cards: Smartcards, say: Callable[[str, str], None], poll: float = POLL
                 ) -> None:
        self._client = client
        self._cards = cards
        self._say = say
        self._poll = poll
        self._profiles: dict[str, Profile] = {}
        self._states: dict[str, str] = {}
        self._started: set[str] = set()             # by us, and not up yet: nobody else says how that ends
        self._stirred = asyncio.Event()             # a state has changed: somebody may depend on a token now
        self._there: dict[TokenId, int] = {}        # token → polls in a row that have missed it

    def heard(self, event: VpnEvent) -> None:
        state = event.fields.get("state")
        if event.kind == "state" and isinstance(state, dict):
            self._states[event.connection] = now = str(state.get("state", ""))
            self._stirred.set()
            if now == State.CONNECTED.value and event.connection in self._started:
                self._started.discard(event.connection)
                self._say(event.connection, f"Connected to {event.connection}.")
        elif event.kind == "error" and event.fields.get("final") and event.connection in self._started:
            self._started.discard(event.connection)
            self._say(event.connection, f"{event.connection}: {event.fields.get('message', '')}")

    async def run(self) -> None:
        """Raises RovedNotRunning."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if loop.time() >= due:
                await self._load()
                due = loop.time() + RELOAD
            await self.look()
            if self._depending:
                await asyncio.sleep(self._poll)
                continue
            self._stirred.clear()       # nothing to poll for: nobody wakes an idle computer
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):     # Python 3.11's wait_for may swallow being cancelled
                    await self._stirred.wait()

    async def look(self) -> None:
        """Once: who is there, and what follows from that."""
        depending = self._depending
        there = await self._cards.present(depending) if depending else None
        if there is None:       # nobody cares, or the drivers do not say: no news is no removal
            return
        arrived = [token for token in there if token not in self._there]
        self._there = {token: 0 if token in there else missed + 1
                       for token, missed in {**self._there, **dict.fromkeys(arrived, 0)}.items()}
        gone = [token for token, missed in self._there.items() if missed >= GONE_AFTER]
        for token in gone:
            del self._there[token]
            await self._removed(token)
        for token in arrived:
            await self._inserted(token)

    @property
    def _depending(self) -> list[Profile]:
        return [profile for profile in self._profiles.values() if self._depends(profile)]

    def _active(self, profile: Profile) -> bool:
        return self._states.get(profile.name, State.DISCONNECTED.value) not in _IDLE

    def _depends(self, profile: Profile) -> bool:
        if self._active(profile):
            return profile.policy.ends_with_token
        return profile.policy.autoconnect

    async def _inserted(self, token: TokenId) -> None:
        for profile in list(self._profiles.values()):
            if profile.policy.autoconnect and not self._active(profile) and await self._has(profile, token):
                self._say(profile.name, f"The smartcard “{token.label}” was inserted: connecting to {profile.name}.")
                with self._told(profile):
                    self._started.add(profile.name)
                    await self._client.connect(profile.name, CONNECT_TIMEOUT)

    async def _removed(self, token: TokenId) -> None:
        for profile in list(self._profiles.values()):
            used = choices.remembered(profile.name)
            if (profile.policy.ends_with_token and self._active(profile) and used is not None
                    and (used.label, used.serial) == (token.label, token.serial)):
                self._say(profile.name, f"The smartcard “{token.label}” was removed: disconnecting {profile.name}.")
                with self._told(profile):
                    await self._client.disconnect(profile.name)

    async def _has(self, profile: Profile, token: TokenId) -> bool:
        try:
            found = await self._cards.candidates(profile)
        except RoveError:
            return False
        return any(each.id == token for each, _ in found)

    @contextlib.contextmanager
    def _told(self, profile: Profile) -> Iterator[None]:
        try:
            yield
        except RoveError as error:
            self._started.discard(profile.name)
            if error.cause is not Cause.ALREADY_ACTIVE:     # another agent of this user was faster
                self._say(profile.name, f"{profile.name}: {error.detail or error.cause.code}")

    async def _load(self) -> None:
        try:
            rows = await self._client.list_profiles()
            tunnels = (await self._client.status()).get("connections", [])
            profiles = {}
            for row in rows:
                with contextlib.suppress(ProfileError):
                    profile = parse_profile(await self._client.get_profile(str(row.get("name", ""))))
                    if profile.user.on_token:
                        profiles[profile.name] = profile
        except RovedNotRunning:
            raise
        except RoveError as error:      # not authorised, say: as before, until the next time
            log.info("profiles could not be read: %s", error)
            return
        self._profiles = profiles
        self._states = {str(each.get("name", "")): str(each.get("state", "")) for each in tunnels
                        if isinstance(each, dict)}
