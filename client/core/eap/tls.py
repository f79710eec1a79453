"""EAP-TLS (RFC 5216, and RFC 9190 for TLS 1.3) on the peer's side: both prove themselves by certificates."""

from client.core.eap.packet import EapError, EapType
from client.core.eap.peer import MethodReply
from client.core.eap.tls_method import MSK, TLS13, TlsMethod
from client.model.cause import Cause

_COMMITMENT = b"\0"         # RFC 9190 §2.5: the protected success indication


class EapTls(TlsMethod):
    """One conversation."""

    type = EapType.TLS
    versioned = False       # RFC 5216 §3.1: five reserved bits, ignored

    _done = False

    def _established(self, plaintext: bytes) -> MethodReply:
        if self._done:
            raise EapError(Cause.PROTOCOL_ERROR, "EAP-TLS goes on after its end")
        if self.tls.version == TLS13:
            # The server has to say that it will send nothing else; EAP-Success alone anybody could have sent.
            if plaintext not in (b"", _COMMITMENT):
                raise EapError(Cause.PROTOCOL_ERROR, "EAP-TLS with application data")
            if not plaintext:
                return self._send()
        elif plaintext:
            raise EapError(Cause.PROTOCOL_ERROR, "EAP-TLS with application data")
        self._done = True
        key = self._key_material(b"client EAP encryption")
        return self._send(then=MethodReply(b"", msk=key[:MSK], unsettled=True))
