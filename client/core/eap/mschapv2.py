"""EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2-02) on the peer's side, on RFC 2759 and RFC 3079.

Challenge → Response → Success request with the authenticator's proof → Success response, and the MSK.
Where the password has expired: Failure (E=648) → Change-Password → Success request, proof of the new one.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from client.core.eap.mschap_crypto import (
    NT_RESPONSE_LENGTH,
    PASSWORD_BLOCK,
    authenticator_response,
    challenge_hash,
    msk,
    new_password_block,
    nt_password_hash,
    nt_response,
    old_hash_block,
)
from client.core.eap.packet import EapError, EapType, malformed, safe_text
from client.core.eap.peer import MethodReply
from client.core.eap.questions import Answer, Asked, TextNeeded, Wanted
from client.model.cause import Cause

_CHALLENGE = 16
_MAX_PASSWORD = 256     # characters, RFC 2759 §4
_MAX_NAME = 1024
_PROOF = re.compile(rb"S=([0-9A-Fa-f]{40})(?![0-9A-Fa-f])")
_ERROR = re.compile(rb"E=(\d{1,10})")
_MESSAGE = re.compile(rb"M=(.*)", re.DOTALL)
_FRESH = re.compile(rb"C=([0-9A-Fa-f]{32})(?![0-9A-Fa-f])")
_CHANGEABLE = re.compile(rb"V=3(?![0-9])")
_EXPIRED = 648


class OpCode(IntEnum):
    CHALLENGE = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4
    CHANGE_PASSWORD = 7


# RFC 2759 §6
FAILURES = {
    646: "the account may not log on at this hour",
    647: "the account is disabled",
    648: "the password has expired",
    649: "the account may not dial in",
    691: "wrong name or password",
    709: "the password could not be changed",
}


class _Step(Enum):
    START = 1
    RESPONDED = 2
    PROVEN = 3
    REFUSED = 4
    EXPIRED = 5     # a new password is asked for


@dataclass
class MsChapV2:
    """One conversation. ``peer_challenge`` is 16 fresh random octets; ``identity`` may be ``DOMAIN\\user``.

    ``random``: more of them, for a new password where the old one has expired; without it none is asked for.
    """

    identity: str
    password: str = field(repr=False)
    peer_challenge: bytes = field(repr=False)
    random: Callable[[int], bytes] | None = field(default=None, repr=False)
    type: int = field(default=EapType.MSCHAPV2, init=False)
    _step: _Step = field(default=_Step.START, init=False)
    _expected: bytes = field(default=b"", init=False, repr=False)
    _msk: bytes = field(default=b"", init=False, repr=False)
    _failure: bytes = field(default=b"", init=False, repr=False)
    _failure_id: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Raises EapError (CREDENTIAL_UNUSABLE) for a password or name that the method cannot carry."""
        if len(self.peer_challenge) != _CHALLENGE:
            raise ValueError("the peer challenge is 16 octets")
        check_password(self.password)
        try:
            self.identity.encode()
        except UnicodeEncodeError:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, "the name is not text") from None

    def process(self, data: bytes, identifier: int = 0) -> MethodReply | Asked:
        """Type-data of a request → type-data of the response. Raises EapError."""
        if not data:
            raise malformed("MSCHAPv2 without an OpCode")
        opcode = data[0]
        if opcode == OpCode.CHALLENGE and self._step is _Step.START:
            return self._respond(*_unpack(data))
        if opcode == OpCode.SUCCESS and self._step is _Step.RESPONDED:
            return self._check_proof(_unpack(data)[1])
        if opcode == OpCode.FAILURE and self._step is _Step.RESPONDED:
            self._failure_id, self._failure = _unpack(data)
            if self.random is not None and _may_change(self._failure):
                self._step = _Step.EXPIRED
                return Asked(TextNeeded(Wanted.NEW_PASSWORD, failure_text(self._failure)[1]))
            return self._refused()
        raise EapError(Cause.PROTOCOL_ERROR, f"EAP-MSCHAPv2 OpCode {opcode} does not belong here")

    def answer(self, answer: Answer) -> MethodReply:
        """A new password, or None where there is nobody to think of one. Raises EapError."""
        fresh = _FRESH.search(self._failure)
        if not isinstance(answer, str) or fresh is None or self.random is None:
            return self._refused()
        check_password(answer)
        old, new = nt_password_hash(self.password), nt_password_hash(answer)
        peer_challenge = self.random(_CHALLENGE)
        response = self._prove(new, peer_challenge, bytes.fromhex(fresh[1].decode()))
        # RFC 2759 §7, draft §2.7: Encrypted-Password, Encrypted-Hash, Peer-Challenge, 8 reserved, NT-Response, Flags
        body = (new_password_block(answer, old, self.random(PASSWORD_BLOCK)) + old_hash_block(old, new)
                + peer_challenge + bytes(8) + response + bytes(2))
        self.random = None      # once: what is refused now is refused
        identifier = (self._failure_id + 1) % 256
        return MethodReply(bytes((OpCode.CHANGE_PASSWORD, identifier)) + (4 + len(body)).to_bytes(2, "big") + body)

    def _refused(self) -> MethodReply:
        """draft §2.6: acknowledged, and never answered with a second guess, whatever its R flag says."""
        self._step = _Step.REFUSED
        reason, words = failure_text(self._failure)
        return MethodReply(bytes((OpCode.FAILURE,)), refused=reason, words=words)

    def _respond(self, identifier: int, value: bytes) -> MethodReply:
        # draft §2.1: Value-Size (16), Challenge, Name
        if len(value) < 1 + _CHALLENGE or value[0] != _CHALLENGE or len(value) > 1 + _CHALLENGE + _MAX_NAME:
            raise malformed("MSCHAPv2 Challenge")
        answer = self._prove(nt_password_hash(self.password), self.peer_challenge, value[1:1 + _CHALLENGE])
        # draft §2.2: Value-Size (49), Peer-Challenge, 8 reserved, NT-Response, Flags, Name
        body = (bytes((_CHALLENGE + 8 + NT_RESPONSE_LENGTH + 1,)) + self.peer_challenge + bytes(8) + answer + b"\0"
                + self.identity.encode())
        return MethodReply(bytes((OpCode.RESPONSE, identifier)) + (4 + len(body)).to_bytes(2, "big") + body)

    def _prove(self, password_hash: bytes, peer_challenge: bytes, authenticator: bytes) -> bytes:
        """The NT-Response, and what follows of it."""
        challenge = challenge_hash(peer_challenge, authenticator, hashed_name(self.identity))
        answer = nt_response(challenge, password_hash)
        self._expected = authenticator_response(password_hash, answer, challenge)
        self._msk = msk(password_hash, answer)
        self._step = _Step.RESPONDED
        return answer

    def _check_proof(self, message: bytes) -> MethodReply:
        if not proves(message, self._expected):
            raise EapError(Cause.GATEWAY_NO_AUTH, "the gateway did not prove that it knows the password (MSCHAPv2)")
        self._step = _Step.PROVEN
        return MethodReply(bytes((OpCode.SUCCESS,)), msk=self._msk)


def check_password(password: str) -> None:
    """Raises EapError (CREDENTIAL_UNUSABLE) for one that MSCHAPv2 cannot carry."""
    if not 0 < len(password) <= _MAX_PASSWORD:
        raise EapError(Cause.CREDENTIAL_UNUSABLE, f"a password has 1 to {_MAX_PASSWORD} characters")
    try:
        if len(password.encode("utf-16-le")) > PASSWORD_BLOCK - 4:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, f"a password has 1 to {_MAX_PASSWORD} characters of UTF-16")
    except UnicodeEncodeError:
        raise EapError(Cause.CREDENTIAL_UNUSABLE, "the password is not text") from None


def hashed_name(identity: str) -> bytes:
    """RFC 2759 §4: a domain is sent, but it is no part of the hash."""
    return identity.rsplit("\\", 1)[-1].encode()


def proves(message: bytes, expected: bytes) -> bool:
    """Has it the authenticator's response, ``S=…``, that only one who knows the password can make?"""
    found = _PROOF.search(message)
    return found is not None and hmac.compare_digest(bytes.fromhex(found[1].decode()), expected)


def _may_change(failure: bytes) -> bool:
    """Does it ask for a new password in the way that is written down (RFC 2759 §6: V=3), with a challenge for it?"""
    error = _ERROR.search(failure)
    return (error is not None and int(error[1]) == _EXPIRED and _FRESH.search(failure) is not None
            and _CHANGEABLE.search(failure) is not None)


def _unpack(data: bytes) -> tuple[int, bytes]:
    """OpCode, MS-CHAPv2-ID, MS-Length, value → (ID, value)."""
    if len(data) < 4:
        raise malformed("MSCHAPv2 header")
    length = int.from_bytes(data[2:4], "big")
    if not 4 <= length <= len(data):
        raise malformed(f"MS-Length {length} of {len(data)} octets")
    return data[1], data[4:length]


def failure_text(message: bytes) -> tuple[str, str]:
    """``E=691 R=0 C=… V=3 M=text`` → why, and the gateway's words (RFC 2759 §6)."""
    error = _ERROR.search(message)
    words = _MESSAGE.search(message)
    reason = f"{FAILURES.get(int(error[1]), 'refused')} (E={int(error[1])})" if error else "refused"
    return reason, safe_text(words[1]) if words else ""
