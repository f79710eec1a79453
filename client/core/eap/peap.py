"""PEAPv0 (MS-PEAP; RFC 9427 for TLS 1.3) on the peer's side: EAP within a tunnel to the server, without its headers.

The end is said in the tunnel, by a result that both sides give; where the server binds the inner method to the tunnel
(cryptobinding), that is verified, and the MSK comes of both.
"""

from client.core.eap import peap_tlv
from client.core.eap.packet import EapCode, EapError, EapPacket, EapType, malformed, parse_packet
from client.core.eap.peap_tlv import EAP_TYPE_TLV, Status
from client.core.eap.peer import EapPeer, EapResult, MethodReply
from client.core.eap.questions import Answer, Asked
from client.core.eap.tls_method import MSK, TlsCredential, TlsMethod
from client.model.cause import Cause

_HEADER = 4


class Peap(TlsMethod):
    """One conversation; ``inner`` is the one within."""

    type = EapType.PEAP

    def __init__(self, inner: EapPeer, *, tls13: bool = True) -> None:
        super().__init__(TlsCredential(), tls13=tls13)
        self._inner = inner
        self._refused = ""
        self._over = False

    def _established(self, plaintext: bytes) -> MethodReply | Asked:
        if not plaintext:
            return self._send()     # the end of the handshake, session tickets
        if self._over:
            raise EapError(Cause.PROTOCOL_ERROR, "PEAP goes on after its result")
        if _is_whole(plaintext, EapCode.REQUEST, EAP_TYPE_TLV):
            return self._finish(parse_packet(plaintext))
        if plaintext[:1] + plaintext[2:] in (b"\3\0\4", b"\4\0\4"):
            # PEAPv0 says its end by a result; an inner EAP-Failure leaves no doubt either.
            if plaintext[0] == EapCode.SUCCESS:
                raise EapError(Cause.PROTOCOL_ERROR, "PEAP: EAP-Success in the place of a result")
            return self._send(then=MethodReply(b"", refused=self._refused or "the server refused within PEAP"))
        # MS-PEAP §3.1.5.6: all else comes without Code, Identifier and Length
        return self._say(self._inner.receive(
            EapPacket(EapCode.REQUEST, self._identifier, plaintext[0], plaintext[1:]).encode()))

    def _answered(self, answer: Answer) -> MethodReply | Asked:
        return self._say(self._inner.answer(answer))

    def _say(self, result: EapResult) -> MethodReply | Asked:
        if result.question is not None:
            return Asked(result.question)
        self._refused = result.refused or self._refused
        return self._send(result.response[_HEADER:],
                          MethodReply(b"", refused=result.refused, words=result.notice))

    def _finish(self, request: EapPacket) -> MethodReply:
        outcome = peap_tlv.parse(request.data)
        self._over = True
        if outcome.status is Status.FAILURE or self._refused:
            return self._result(request, peap_tlv.result_tlv(Status.FAILURE), MethodReply(
                b"", refused=self._refused or "the server refused within PEAP"))
        if not self._inner.proven:
            raise EapError(Cause.GATEWAY_NO_AUTH, "PEAP: success before the inner method was done")
        material = self._key_material(b"client EAP encryption")
        msk, tlvs = material[:MSK], peap_tlv.result_tlv(Status.SUCCESS)
        if outcome.binding is not None:
            keys = peap_tlv.compound_keys(material, self._inner.msk)
            if not peap_tlv.is_bound(outcome.binding, keys.cmk):
                raise EapError(Cause.GATEWAY_NO_AUTH, "PEAP: the inner method is not bound to this tunnel")
            msk = keys.session_key()[:MSK]
            tlvs += peap_tlv.binding_response(outcome.binding.nonce, keys.cmk)
        return self._result(request, tlvs, MethodReply(b"", msk, unsettled=True))

    def _result(self, request: EapPacket, tlvs: bytes, then: MethodReply) -> MethodReply:
        """These keep their header."""
        return self._send(EapPacket(EapCode.RESPONSE, request.identifier, EAP_TYPE_TLV, tlvs).encode(), then)


def _is_whole(packet: bytes, code: int, kind: int) -> bool:
    """Is this an EAP packet with its header? One without begins with its type, and 1 is Identity."""
    if len(packet) < 5 or packet[0] != code or packet[4] != kind:
        return False
    if int.from_bytes(packet[2:4], "big") != len(packet):
        raise malformed("PEAP: a TLV packet of another length")
    return True
