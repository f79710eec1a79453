"""EAP-TTLS (RFC 5281; RFC 9427 for TLS 1.3) on the peer's side: a tunnel to the server, and in it PAP, MSCHAPv2 or EAP.

In the tunnel the client speaks first, with its flight that ends the handshake or right after it.
"""

from collections.abc import Callable
from typing import Protocol

from client.core.eap import avp
from client.core.eap.avp import MICROSOFT, Attribute, Avp, MicrosoftAvp
from client.core.eap.mschap_crypto import authenticator_response, challenge_hash, nt_password_hash, nt_response
from client.core.eap.mschapv2 import check_password, failure_text, hashed_name, proves
from client.core.eap.packet import EapCode, EapError, EapPacket, EapType, malformed, safe_text
from client.core.eap.peer import EapPeer, EapResult, MethodReply
from client.core.eap.questions import Answer, Asked
from client.core.eap.tls_method import MSK, TLS13, TlsCredential, TlsMethod
from client.model.cause import Cause

MAX_PASSWORD = 128          # octets of PAP (RFC 2865 §5.2)
_EAP = (0, int(Avp.EAP_MESSAGE))
_REPLY = (0, int(Avp.REPLY_MESSAGE))
_SUCCESS = (MICROSOFT, int(MicrosoftAvp.CHAP2_SUCCESS))
_ERROR = (MICROSOFT, int(MicrosoftAvp.CHAP_ERROR))


class Inner(Protocol):
    """What is said within the tunnel. Each step: AVPs to send (empty: an empty message), ``done``, ``refused``…"""

    def begin(self, challenge: Callable[[int], bytes]) -> MethodReply:
        """``challenge``: the first octets of the implicit challenge (RFC 5281 §11.1)."""
        ...

    def receive(self, attributes: tuple[Attribute, ...]) -> MethodReply | Asked: ...

    def answer(self, answer: Answer) -> MethodReply | Asked: ...


class EapTtls(TlsMethod):
    """One conversation."""

    type = EapType.TTLS

    def __init__(self, inner: Inner, *, tls13: bool = True) -> None:
        super().__init__(TlsCredential(), tls13=tls13)
        self._inner = inner
        self._begun = False

    def _established(self, plaintext: bytes) -> MethodReply | Asked:
        if not self._begun:
            if plaintext:
                raise EapError(Cause.PROTOCOL_ERROR, "EAP-TTLS: the server speaks first")
            self._begun = True
            return self._say(self._inner.begin(self._challenge))
        if not plaintext:
            return self._send()     # session tickets, or an acknowledgement
        return self._say(self._inner.receive(avp.parse(plaintext)))

    def _answered(self, answer: Answer) -> MethodReply | Asked:
        return self._say(self._inner.answer(answer))

    def _say(self, step: MethodReply | Asked) -> MethodReply | Asked:
        if isinstance(step, Asked):
            return step
        msk = self._key_material(b"ttls keying material")[:MSK] if step.done else b""
        return self._send(step.data, MethodReply(b"", msk, step.refused, step.words, step.done, unsettled=True))

    def _challenge(self, length: int) -> bytes:
        return self.tls.export(b"ttls challenge", b"" if self.tls.version == TLS13 else None, length)


class Pap:
    """RFC 5281 §11.2.5: the password as it is. EAP-Success or EAP-Failure is the answer."""

    def __init__(self, user: str, password: str) -> None:
        """Raises EapError (CREDENTIAL_UNUSABLE)."""
        try:
            self._name, secret = user.encode(), password.encode()
        except UnicodeEncodeError:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, "the name or the password is not text") from None
        if not 0 < len(secret) <= MAX_PASSWORD:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, f"a password has 1 to {MAX_PASSWORD} octets")
        self._secret = secret

    def begin(self, challenge: Callable[[int], bytes]) -> MethodReply:
        padded = self._secret + bytes(-len(self._secret) % 16)      # so that its length does not show
        return MethodReply(avp.encode([Attribute(Avp.USER_NAME, self._name), Attribute(Avp.USER_PASSWORD, padded)]),
                           done=True)

    def receive(self, attributes: tuple[Attribute, ...]) -> MethodReply:
        words = avp.only(attributes, _REPLY).get(_REPLY, b"")
        return MethodReply(b"", words=safe_text(words), done=True)

    def answer(self, answer: Answer) -> MethodReply:
        raise AssertionError("nothing was asked")


class TunnelledMsChapV2:
    """RFC 5281 §11.2.4: the challenge is the tunnel's own, so nobody can carry it elsewhere."""

    def __init__(self, user: str, password: str, random: Callable[[int], bytes]) -> None:
        """Raises EapError (CREDENTIAL_UNUSABLE)."""
        check_password(password)
        try:
            self._name = user.encode()
        except UnicodeEncodeError:
            raise EapError(Cause.CREDENTIAL_UNUSABLE, "the name is not text") from None
        self._user, self._password, self._random = user, password, random
        self._ident = b""
        self._expected = b""
        self._over = False

    def begin(self, challenge: Callable[[int], bytes]) -> MethodReply:
        material = challenge(17)
        server, self._ident = material[:16], material[16:]
        peer = self._random(16)
        hashed = challenge_hash(peer, server, hashed_name(self._user))
        password = nt_password_hash(self._password)
        response = nt_response(hashed, password)
        self._expected = authenticator_response(password, response, hashed)
        # RFC 2548 §2.3.2: Ident, Flags, Peer-Challenge, 8 reserved, Response
        body = self._ident + b"\0" + peer + bytes(8) + response
        return MethodReply(avp.encode([
            Attribute(Avp.USER_NAME, self._name),
            Attribute(MicrosoftAvp.CHAP_CHALLENGE, server, MICROSOFT),
            Attribute(MicrosoftAvp.CHAP2_RESPONSE, body, MICROSOFT)]))

    def receive(self, attributes: tuple[Attribute, ...]) -> MethodReply:
        values = avp.only(attributes, _SUCCESS, _ERROR, _REPLY)
        said = values.get(_ERROR if _ERROR in values else _SUCCESS, b"")
        if self._over or (_SUCCESS in values) == (_ERROR in values) or len(said) < 1:
            raise EapError(Cause.PROTOCOL_ERROR, "EAP-TTLS: neither MS-CHAP2-Success nor MS-CHAP-Error")
        self._over = True
        if _ERROR in values:
            reason, words = failure_text(said[1:])
            return MethodReply(b"", refused=reason, words=words)
        if said[:1] != self._ident or not proves(said[1:], self._expected):
            raise EapError(Cause.GATEWAY_NO_AUTH, "the server did not prove that it knows the password (MSCHAPv2)")
        return MethodReply(b"", done=True)

    def answer(self, answer: Answer) -> MethodReply:
        raise AssertionError("nothing was asked")


class TunnelledEap:
    """RFC 5281 §11.2.1: EAP in EAP-Message AVPs; it begins with our identity, which nobody has asked for."""

    def __init__(self, peer: EapPeer, user: str) -> None:
        self._peer = peer
        self._name = user.encode()      # EapPeer has seen that it can be

    def begin(self, challenge: Callable[[int], bytes]) -> MethodReply:
        return self._avp(EapPacket(EapCode.RESPONSE, 0, EapType.IDENTITY, self._name).encode())

    def receive(self, attributes: tuple[Attribute, ...]) -> MethodReply | Asked:
        packet = avp.only(attributes, _EAP, _REPLY).get(_EAP, b"")
        if not packet:
            raise malformed("EAP-TTLS without an EAP-Message")
        return self._say(self._peer.receive(packet))

    def answer(self, answer: Answer) -> MethodReply | Asked:
        return self._say(self._peer.answer(answer))

    def _say(self, result: EapResult) -> MethodReply | Asked:
        if result.question is not None:
            return Asked(result.question)
        reply = self._avp(result.response) if result.response else MethodReply(b"")
        return MethodReply(reply.data, refused=result.refused, words=result.notice, done=self._peer.proven)

    @staticmethod
    def _avp(packet: bytes) -> MethodReply:
        return MethodReply(avp.encode([Attribute(Avp.EAP_MESSAGE, packet)]))
