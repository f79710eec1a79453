"""The EAP peer's state machine (RFC 3748, RFC 4137 in spirit): packets in, responses and an MSK out.

A method that needs something of the user in between asks: the result has a ``question`` instead of a response, and
``answer`` goes on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from client.core.eap.packet import EapCode, EapError, EapPacket, EapType, parse_packet, safe_text, type_name
from client.core.eap.questions import Answer, Asked, Question
from client.model.cause import Cause

MAX_ROUNDS = 160        # packets: two long chains of certificates in fragments, and what is within the tunnel
MAX_NOTICES = 8
MAX_IDENTITY = 1020     # RFC 3748 §5.1 and the smallest EAP MTU


@dataclass(frozen=True)
class MethodReply:
    """``data`` is the response's type-data; ``msk`` once both sides are proven; ``refused`` says why not.

    ``words`` are the gateway's own about it, already safe. ``done``: EAP-Success may come now, without an MSK where the
    method makes none. ``unsettled``: not before EAP-Success is it known that the gateway accepts the user.
    """

    data: bytes
    msk: bytes = field(default=b"", repr=False)
    refused: str = ""
    words: str = ""
    done: bool = False
    unsettled: bool = False


class Method(Protocol):
    """One EAP method in one conversation; ``process`` raises EapError when the gateway breaks its rules.

    One that returns Asked also has ``answer(Answer)``, which returns what ``process`` does.
    """

    @property
    def type(self) -> int: ...

    def process(self, data: bytes, identifier: int) -> MethodReply | Asked: ...


class AskingMethod(Method, Protocol):
    def answer(self, answer: Answer) -> MethodReply | Asked: ...


@dataclass(frozen=True)
class EapResult:
    """What to do after one packet.

    ``response`` is what goes back (empty after EAP-Success), ``msk`` the 64 octets once the method made them, with
    its last response and again with EAP-Success, ``notice`` the gateway's words for the user (already safe),
    ``refused`` why the method ended: the acknowledgement in ``response`` should still be sent. With a ``question``
    there is nothing else. ``done``: EAP-Success came.
    """

    response: bytes = b""
    msk: bytes | None = field(default=None, repr=False)
    notice: str = ""
    refused: str = ""
    question: Question | None = field(default=None, repr=False)
    done: bool = False


class EapPeer:
    """One conversation of one user. ``methods`` maps an EAP type to the maker of its Method, best first."""

    def __init__(self, identity: str, methods: Mapping[int, Callable[[], Method]]) -> None:
        """Raises EapError (CREDENTIAL_UNUSABLE) when EAP cannot carry the identity."""
        try:
            self._identity = identity.encode()
        except UnicodeEncodeError:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, "the user's name is not text") from None
        if len(self._identity) > MAX_IDENTITY:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, f"the user's name is longer than {MAX_IDENTITY} octets")
        self._methods = dict(methods)
        self._method: Method | None = None
        self._request = b""
        self._result = EapResult()
        self._identifier: int | None = None
        self._asking: tuple[EapPacket, bytes] | None = None     # the request whose answer waits for the user's
        self._msk = b""
        self._done = False
        self._refused = ""
        self._wanted = ""
        self._rounds = 0
        self._notices = 0
        self._over = False

    def receive(self, data: bytes) -> EapResult:
        """One packet from the gateway. Raises EapError: the conversation is over, nothing is to be sent."""
        try:
            return self._receive(data)
        except EapError:
            self._over, self._asking = True, None
            raise

    def answer(self, answer: Answer) -> EapResult:
        """To the question of the last result; raises as ``receive`` does."""
        assert self._asking is not None, "nothing was asked"
        (request, data), self._asking = self._asking, None
        method: Any = self._method      # one that asks, so it is an AskingMethod
        try:
            self._result = self._replied(request, data, method.answer(answer))
        except EapError:
            self._over = True
            raise
        return self._result

    @property
    def proven(self) -> bool:
        """The method is over, and well."""
        return self._done and not self._refused

    @property
    def msk(self) -> bytes:
        """What a method has made, with or without EAP-Success."""
        return self._msk

    def _receive(self, data: bytes) -> EapResult:
        self._rounds += 1
        if self._over:
            raise EapError(Cause.PROTOCOL_ERROR, "an EAP packet after the end of the conversation")
        if self._rounds > MAX_ROUNDS:
            raise EapError(Cause.PROTOCOL_ERROR, f"more than {MAX_ROUNDS} EAP packets")
        packet = parse_packet(data)
        if self._asking is not None:
            raise EapError(Cause.PROTOCOL_ERROR, "an EAP packet while the last one is not answered")
        if packet.code == EapCode.REQUEST:
            if data == self._request:
                return self._result     # RFC 3748 §4.1: a duplicate gets the same response
            # An equal Identifier on another request is not taken for a duplicate: a server that draws them at
            # random between its methods repeats itself once in 256.
            self._result = self._answer(packet, data)
            if self._result.question is None:
                self._request, self._identifier = data, packet.identifier
            return self._result
        if packet.code == EapCode.RESPONSE:
            raise EapError(Cause.PROTOCOL_ERROR, "the gateway sent an EAP response")
        return self._finish(packet)

    def _answer(self, request: EapPacket, data: bytes) -> EapResult:
        if request.type == EapType.IDENTITY:
            if self._method:
                raise EapError(Cause.PROTOCOL_ERROR, "asked for the identity in the middle of a method")
            return EapResult(_respond(request, self._identity), notice=safe_text(request.data))
        if request.type == EapType.NOTIFICATION:
            self._notices += 1
            if self._notices > MAX_NOTICES:
                raise EapError(Cause.PROTOCOL_ERROR, f"more than {MAX_NOTICES} EAP notifications")
            return EapResult(_respond(request, b""), notice=safe_text(request.data))
        if request.type == EapType.NAK:
            raise EapError(Cause.PROTOCOL_ERROR, "an EAP-Nak as a request")
        if self._method is None:
            if request.type not in self._methods:
                # RFC 3748 §5.3.1: what we would rather do; for Expanded Types a legacy Nak too
                self._wanted = type_name(request.type)
                return EapResult(EapPacket(EapCode.RESPONSE, request.identifier, EapType.NAK,
                                           bytes(self._methods) or b"\0").encode())
            self._method = self._methods[request.type]()
        if request.type != self._method.type:
            raise EapError(Cause.PROTOCOL_ERROR, f"{type_name(request.type)} in the middle of another method")
        return self._replied(request, data, self._method.process(request.data, request.identifier))

    def _replied(self, request: EapPacket, data: bytes, reply: MethodReply | Asked) -> EapResult:
        if isinstance(reply, Asked):
            self._asking = request, data
            return EapResult(question=reply.question)
        self._request, self._identifier = data, request.identifier
        self._msk = reply.msk or self._msk
        self._done |= reply.done or bool(reply.msk)
        if reply.refused:
            words = f'; the gateway says: "{reply.words}"' if reply.words else ""
            self._refused = self._refused or reply.refused + words
        msk = None if reply.unsettled else reply.msk or None
        return EapResult(_respond(request, reply.data), msk, reply.words, reply.refused)

    def _finish(self, packet: EapPacket) -> EapResult:
        if packet.code == EapCode.FAILURE:      # whatever its Identifier: the IKE_SA says who sent it
            raise self._failure()
        # RFC 3748 §4.2 wants the Identifier of the last response; some servers count one further.
        if self._identifier is not None and (packet.identifier - self._identifier) % 256 > 1:
            raise EapError(Cause.PROTOCOL_ERROR, f"{packet.code.name} with a wrong EAP Identifier")
        if not self._done:
            raise EapError(Cause.GATEWAY_NO_AUTH, "EAP-Success before the gateway has proven itself")
        if self._refused:
            raise EapError(Cause.PROTOCOL_ERROR, "EAP-Success after the method had failed")
        self._over = True
        return EapResult(msk=self._msk or None, done=True)

    def _failure(self) -> EapError:
        if self._refused:
            return EapError(Cause.USER_REFUSED, self._refused)
        if self._method is None and self._wanted:
            mine = ", ".join(type_name(number) for number in self._methods)
            return EapError(Cause.EAP_METHOD_UNSUPPORTED, f"the gateway wants {self._wanted}, the profile has {mine}")
        return EapError(Cause.USER_REFUSED, "the gateway refused without a reason (EAP-Failure)")


def _respond(request: EapPacket, data: bytes) -> bytes:
    return EapPacket(EapCode.RESPONSE, request.identifier, request.type, data).encode()
