"""What the agent holds between Prepare and Cancel, and the bounds within which it answers."""

import base64
import binascii
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from client.agent.conversations import conversation, outer_identity
from client.agent.keys import Credential, SoftwareSigner
from client.agent.tls_keys import tls_credential
from client.agent.vault import PASSPHRASE
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapCode
from client.core.eap.peer import EapPeer
from client.core.eap.tls_method import TlsCredential
from client.model.cause import Cause, RoveError
from client.model.profile import Profile

VALID_FOR = 600.0           # seconds after Prepare
RATE_WINDOW = 60.0
MAX_SIGNATURES = 8          # per profile and window; a connection needs one
MAX_PSK_VALUES = 16         # per profile and window; a connection needs two
REHEARSAL = bytes((1, 0, 0, 21, 16, *bytes(16)))    # an MSCHAPv2 Challenge without a name
MAX_PPK_VALUES = 8          # per profile and window; a connection needs one
PPK = "ppk"                 # in Attempt.secrets, beside the numbers of the rounds


@dataclass
class Attempt:
    """One Prepare. ``secrets`` are passwords and pre-shared keys as typed, by the round (from 0) that they are for, or
    PPK; ``passphrase`` is that of the certificate's key, where it needed one. ``eaps``: the conversations of the EAP
    rounds, in their order."""

    profile: Profile
    prepared_at: float
    secrets: dict[int | str, str] = field(default_factory=dict, repr=False)
    credential: Credential | None = None
    eaps: list[tuple[int, EapPeer]] = field(default_factory=list, repr=False)
    _under_way: int = 0         # of eaps
    passphrase: str = field(default="", repr=False)
    _made: int = 0              # of eaps: so many have been accepted
    given: set[int] = field(default_factory=set)    # rounds whose password an EAP method has been given when it asked
    tried: bool = False         # the gateway has seen something of a secret that it may count as a failure
    stored: set[int | str] = field(default_factory=set)     # of secrets: those that the vault gave
    to_keep: dict[int | str, str] = field(default_factory=dict, repr=False)     # once the gateway has accepted them

    @property
    def accepted(self) -> bool:
        """The gateway has proven to know all passwords, or has taken them."""
        return self._made == len(self.eaps) > 0

    def all_secrets(self) -> dict[int | str, str]:
        return {**self.secrets, **({PASSPHRASE: self.passphrase} if self.passphrase else {})}

    def start(self, random: Callable[[int], bytes]) -> None:
        """New conversations, and keys that can be read. Raises RoveError when a name or a secret cannot be used: said
        now, before the gateway is troubled."""
        for index, each in enumerate(self.profile.user.rounds):
            if each.auth == "psk":
                psk_octets(self.secrets[index])
            elif each.auth.startswith("eap-"):
                tls = TlsCredential() if self.credential is None else tls_credential(self.credential)
                self.eaps.append((index, conversation(each, self.secrets.get(index, ""), random, tls)))
        if self.profile.ike.ppk:
            psk_octets(self.secrets[PPK], "post-quantum key")

    @property
    def unproven(self) -> list[int | str]:
        """Which secrets the gateway has not shown to know, in the order in which they were of use."""
        proven = {index for index, _ in self.eaps[:self._made]}
        return [slot for slot in self.secrets if slot not in proven]

    @property
    def psk(self) -> bytes:
        index = next(index for index, each in enumerate(self.profile.user.rounds) if each.auth == "psk")
        return psk_octets(self.secrets[index])

    def eap(self, packet: bytes) -> tuple[int, EapPeer]:
        """The round that this packet belongs to, and its conversation. A request after one was accepted begins the
        next one: EAP-Success need not come by here."""
        if packet[:1] == bytes((EapCode.REQUEST,)) and self._under_way < self._made < len(self.eaps):
            self._under_way += 1
        return self.eaps[self._under_way]

    @property
    def eap_identity(self) -> str:
        """What answers EAP-Identity in every round, empty where that depends."""
        names = {outer_identity(each) for each in self.profile.user.rounds if each.auth.startswith("eap-")}
        return names.pop() if len(names) == 1 else ""

    def eap_accepted(self) -> None:
        self._made = self._under_way + 1

    def rehearse(self) -> None:
        """What a method does for the first time takes milliseconds: while IKE_SA_INIT is on its way they are free."""
        if self.credential is not None and isinstance(self.credential.signer, SoftwareSigner):
            self.credential.signer.rehearse()
        if self.eaps:
            MsChapV2("", "rehearsal", bytes(16)).process(REHEARSAL)

    def forget(self) -> None:
        self.secrets.clear()
        self.passphrase = ""
        self.to_keep.clear()
        self.eaps.clear()
        if self.credential is not None:
            self.credential.release()
        self.credential = None


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


def psk_octets(text: str, what: str = "pre-shared key") -> bytes:
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
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"the {what} is not valid hex or Base64") from None
    if not octets:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"the {what} is empty")
    return octets
