"""What the agent holds between Prepare and Cancel, and the bounds within which it answers."""

import base64
import binascii
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from client.agent.keys import Credential
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapType
from client.core.eap.peer import EapPeer
from client.model.cause import Cause, RoveError
from client.model.profile import Profile

VALID_FOR = 600.0           # seconds after Prepare
RATE_WINDOW = 60.0
MAX_SIGNATURES = 8          # per profile and window; a connection needs one
MAX_PSK_VALUES = 16         # per profile and window; a connection needs two
REHEARSAL = bytes((1, 0, 0, 21, 16, *bytes(16)))    # an MSCHAPv2 Challenge without a name


@dataclass
class Attempt:
    """One Prepare. ``secret`` is the password or PSK as typed; a key's passphrase is not kept."""

    profile: Profile
    prepared_at: float
    secret: str = field(default="", repr=False)
    credential: Credential | None = None
    eap: EapPeer | None = field(default=None, repr=False)
    tried: bool = False         # the gateway has seen something of the secret that it may count as a failure
    accepted: bool = False

    def start_eap(self, random: Callable[[int], bytes]) -> None:
        """A new conversation. Raises EapError when the name or the password cannot be used."""
        user, password, challenge = self.profile.user.identity, self.secret, random(16)
        MsChapV2(user, password, challenge)     # says now what cannot work, before the gateway is troubled
        self.eap = EapPeer(user, {EapType.MSCHAPV2: lambda: MsChapV2(user, password, challenge)})

    def rehearse(self) -> None:
        """What a method does for the first time takes milliseconds: while IKE_SA_INIT is on its way they are free."""
        if self.eap is not None:
            MsChapV2("", "rehearsal", bytes(16)).process(REHEARSAL)


@dataclass
class RateLimit:
    """At most ``most`` uses in any RATE_WINDOW seconds; survives a new Prepare."""

    most: int
    _times: deque[float] = field(default_factory=deque)

    def use(self, now: float) -> None:
        """Raises RoveError (NOT_AUTHORISED) when there were too many."""
        while self._times and now - self._times[0] >= RATE_WINDOW:
            self._times.popleft()
        if len(self._times) >= self.most:
            raise RoveError(Cause.NOT_AUTHORISED, f"more than {self.most} requests in a minute")
        self._times.append(now)


def psk_octets(text: str) -> bytes:
    """A pre-shared key as people write it: text, or ``0x`` and hex, or ``0s`` and Base64 (as swanctl).

    Raises RoveError (CREDENTIAL_UNUSABLE).
    """
    try:
        if text[:2] == "0x":
            octets = bytes.fromhex(text[2:])
        elif text[:2] == "0s":
            octets = base64.b64decode(text[2:], validate=True)
        else:
            octets = text.encode()
    except (ValueError, binascii.Error):
        # not chained: the other error quotes what was typed
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, "the pre-shared key is not valid hex or Base64") from None
    if not octets:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, "the pre-shared key is empty")
    return octets
