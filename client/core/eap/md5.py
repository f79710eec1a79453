"""EAP-MD5 (RFC 3748 §5.4) on the peer's side: it proves the user to the gateway, and nothing else."""

import hashlib
from dataclasses import dataclass, field

from client.core.eap.packet import EapError, EapType, malformed
from client.core.eap.peer import MethodReply
from client.model.cause import Cause

MAX_PASSWORD = 512      # octets


@dataclass
class Md5Challenge:
    """One conversation: a challenge, its response."""

    identity: str
    password: str = field(repr=False)
    type: int = field(default=EapType.MD5, init=False)
    _answered: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Raises EapError (CREDENTIAL_UNUSABLE) for a password or name that the method cannot carry."""
        try:
            if not 0 < len(self.password.encode()) <= MAX_PASSWORD:
                raise EapError(Cause.CREDENTIAL_UNUSABLE, f"a password has 1 to {MAX_PASSWORD} octets")
            self.identity.encode()
        except UnicodeEncodeError:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, "the name or the password is not text") from None

    def process(self, data: bytes, identifier: int) -> MethodReply:
        """Type-data of a request: Value-Size, Value, Name. Raises EapError."""
        if self._answered:
            raise EapError(Cause.PROTOCOL_ERROR, "a second EAP-MD5 challenge")
        if len(data) < 2 or not 0 < data[0] < len(data):
            raise malformed("MD5-Challenge")
        self._answered = True
        # RFC 1994 §4.1: the Identifier, the secret, the challenge
        digest = hashlib.md5(bytes((identifier,)) + self.password.encode() + data[1:1 + data[0]],
                             usedforsecurity=False).digest()
        return MethodReply(bytes((len(digest),)) + digest + self.identity.encode(), done=True)
