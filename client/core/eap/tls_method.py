"""What EAP-TLS, TTLS and PEAP have in common: the handshake, the questions in it, the key, the ways it ends.

The server's certificate is judged before anything of the user leaves: rustls asks when it has the chain, and goes on
with our next flight (certificate, signature, Finished) only after the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from client.core.eap.framing import Framing, Start
from client.core.eap.packet import EapError, EapType
from client.core.eap.peer import MethodReply
from client.core.eap.questions import Answer, Asked, ServerToJudge, SignatureNeeded
from client.model.cause import Cause

if TYPE_CHECKING:
    from client.core.eap._tls import TlsClient

TLS12, TLS13 = 0x0303, 0x0304
KEY_MATERIAL = 128          # octets: the MSK and the EMSK (RFC 5216 §2.3)
MSK = 64
# TLS alerts about the user's certificate (RFC 8446 §6.2): it was refused, or is missing
REFUSALS = {41: "none was given", 42: "it is broken", 43: "it is of an unsupported kind", 44: "it was revoked",
            45: "it has expired", 46: "it is not acceptable", 48: "its authority is not known",
            49: "access denied", 51: "its signature is wrong", 116: "one is required"}
_NOTHING_IN_COMMON = (40, 47, 70, 71, 86, 109, 110, 120)
_LOCAL = {"signature": Cause.GATEWAY_BAD_SIGNATURE, "incompatible": Cause.NO_COMMON_PROPOSAL,
          "local": Cause.CREDENTIAL_UNUSABLE}


@dataclass(frozen=True)
class TlsCredential:
    """``certificates``: DER, the user's own first; ``schemes``: the TLS SignatureSchemes of its key, best first."""

    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    schemes: tuple[int, ...] = ()


def check_engine() -> None:
    """Raises EapError (TLS_ENGINE_MISSING) where this installation has none."""
    _engine()


def _engine() -> "Callable[[list[bytes], list[int], bool], TlsClient]":
    try:
        from client.core.eap._tls import TlsClient
    except ImportError as error:
        raise EapError(Cause.TLS_ENGINE_MISSING, "client.core.eap._tls") from error
    return TlsClient


class TlsMethod:
    """A subclass says what to do with the tunnel: ``_established`` gets each message's plaintext, the first time (when
    the handshake is over) often none; ``_answered`` the answers to questions of its own."""

    type: int
    versioned = True

    def __init__(self, credential: TlsCredential, *, tls13: bool = True) -> None:
        self._credential = credential
        self._tls13 = tls13
        self._framing = Framing(self.versioned)
        self._tls: TlsClient | None = None
        self._then: MethodReply | None = None       # what the last fragment under way is to say beside its octets
        self._identifier = 0
        self._signed = False

    def process(self, data: bytes, identifier: int) -> MethodReply | Asked:
        """Type-data of a request. Raises EapError."""
        self._identifier = identifier
        received = self._framing.receive(data)
        if received is None:
            return self._next_fragment()
        if isinstance(received, Start):
            credential = self._credential
            self._tls = _engine()(list(credential.certificates), list(credential.schemes), self._tls13)
            return self._send()
        if received.octets:
            if self.tls.error is not None or self.tls.closed:
                raise EapError(Cause.PROTOCOL_ERROR, "TLS goes on after its end")
            self.tls.receive(received.octets)
        return self._go_on()

    def answer(self, answer: Answer) -> MethodReply | Asked:
        tls = self.tls
        if tls.certificates_to_judge is not None:
            tls.provide_verdict(answer is True)
        elif tls.message_to_sign is not None:
            tls.provide_signature(answer if isinstance(answer, bytes) else None)
            self._signed = True
        else:
            return self._answered(answer)
        return self._go_on()

    # --- for subclasses ---

    @property
    def tls(self) -> "TlsClient":
        assert self._tls is not None, "before the start"
        return self._tls

    def _established(self, plaintext: bytes) -> MethodReply | Asked:
        raise NotImplementedError

    def _answered(self, answer: Answer) -> MethodReply | Asked:
        raise NotImplementedError

    def _send(self, plaintext: bytes = b"", then: MethodReply | None = None) -> MethodReply:
        """What TLS has to say, and ``plaintext`` in it; ``then``: what it means, once all of it is on its way."""
        if plaintext:
            self.tls.write(plaintext)
        self._then = then
        return self._with_meaning(self._framing.send(self.tls.take_output()))

    def _key_material(self, label: bytes, length: int = KEY_MATERIAL) -> bytes:
        """RFC 5216 §2.3 and RFC 5281 §8 are RFC 5705 without a context; RFC 9427 §2.1 for TLS 1.3."""
        if self.tls.version == TLS13:
            return self.tls.export(b"EXPORTER_EAP_TLS_Key_Material", bytes((self.type,)), length)
        return self.tls.export(label, None, length)

    # --- inside ---

    def _next_fragment(self) -> MethodReply:
        return self._with_meaning(self._framing.next())

    def _with_meaning(self, data: bytes) -> MethodReply:
        if self._framing.sending or self._then is None:
            return MethodReply(data)
        then, self._then = self._then, None
        return replace(then, data=data)

    def _go_on(self) -> MethodReply | Asked:
        tls = self.tls
        if tls.certificates_to_judge is not None:
            return Asked(ServerToJudge(tuple(tls.certificates_to_judge)))
        if tls.message_to_sign is not None:
            return Asked(SignatureNeeded(*tls.message_to_sign))
        if tls.error is not None:
            return self._broken(*tls.error)
        if tls.handshaking:
            return self._send()
        return self._established(tls.take_plaintext())

    def _broken(self, kind: str, words: str, alert: int | None) -> MethodReply:
        if alert in REFUSALS and self.type == EapType.TLS:
            # RFC 5216 §2.1.3: acknowledged, and EAP-Failure follows
            return MethodReply(self._framing.send(b""), refused=f"your certificate: {REFUSALS[alert]} (TLS: {words})")
        if alert in _NOTHING_IN_COMMON:
            raise EapError(Cause.NO_COMMON_PROPOSAL, f"TLS: {words}")
        raise EapError(_LOCAL.get(kind, Cause.PROTOCOL_ERROR), f"TLS: {words}")
