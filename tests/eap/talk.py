"""A whole EAP conversation between our peer and a server of the tests, with everybody whom a method asks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from client.core.eap.peer import EapPeer, EapResult
from client.core.eap.questions import Answer, Question, ServerToJudge, SignatureNeeded, TextNeeded
from client.core.eap.tls_method import TlsCredential
from client.core.ikev2 import auth
from client.model.cause import Cause, RoveError
from tests.eap.tls_server import CLIENT
from tests.pki.factory import Issued

IDENTITY = bytes((1, 39, 0, 5, 1))
SCHEMES = {0x0403: "ecdsa-sha256", 0x0503: "ecdsa-sha384", 0x0603: "ecdsa-sha512", 0x0804: "rsa-pss-sha256",
           0x0401: "rsa-pkcs1-sha256", 0x0807: "ed25519", 0x0808: "ed448"}


def credential(client: Issued = CLIENT, *schemes: int) -> TlsCredential:
    chosen = schemes or (0x0403,)
    assert isinstance(client.key, ec.EllipticCurvePrivateKey) or schemes
    return TlsCredential((client.der,), chosen)


@dataclass
class Around:
    """Answers what a method asks. ``distrust``: the server is not the one. ``texts``: answers, in order."""

    client: Issued = field(default_factory=lambda: CLIENT)
    distrust: bool = False
    texts: list[str] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    judged: list[bytes] = field(default_factory=list)
    signed: list[int] = field(default_factory=list)

    def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        if isinstance(question, ServerToJudge):
            self.judged = list(question.certificates)
            if self.distrust:
                raise RoveError(Cause.GATEWAY_UNTRUSTED, "not that one")
            return True
        if isinstance(question, SignatureNeeded):
            self.signed.append(question.scheme)
            return auth.sign(self.client.key, SCHEMES[question.scheme], question.octets)
        assert isinstance(question, TextNeeded)
        return self.texts.pop(0)


def converse(peer: EapPeer, server: Any, around: Around | None = None, *,
             change: Callable[[int, bytes], bytes] = lambda number, packet: packet) -> EapResult:
    """To EAP-Success; raises what the peer raises. ``change``: the server's packets on their way."""
    around = around or Around()
    packet, number = server.start(), 0
    while True:
        result = peer.receive(change(number, packet))
        while result.question is not None:
            result = peer.answer(around.answer(result.question))
        if result.done:
            return result
        packet, number = server.receive(result.response), number + 1
