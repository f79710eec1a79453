"""A scripted EAP method that proves both sides and makes a key: what RFC 5998 §4 asks for, and nothing more.

    S → C: nonce_s    C → S: nonce_c, MAC("c")    S → C: MAC("s")    C → S: (nothing)    S → C: EAP-Success
"""

import hmac

from client.core.ikev2 import events as ike
from client.core.ikev2.engine import Ikev2Engine
from client.model.cause import Cause

TYPE = 255      # experimental (RFC 3748 §5.8)


def _packet(code: int, identifier: int, data: bytes) -> bytes:
    return bytes((code, identifier)) + (5 + len(data)).to_bytes(2, "big") + bytes((TYPE,)) + data


class MutualServer:
    """What ``Demands.servers`` wants."""

    def __init__(self, secret: bytes) -> None:
        self._secret, self._nonce, self._seen, self._step = secret, bytes(range(16)), b"", 0

    def start(self) -> bytes:
        return _packet(1, 1, self._nonce)

    def receive(self, packet: bytes) -> tuple[bytes, bytes]:
        self._step += 1
        if self._step == 1:
            nonce_c, mac = packet[5:21], packet[21:]
            self._seen = self._nonce + nonce_c
            if mac != hmac.digest(self._secret, b"c" + self._seen, "sha512"):
                return b"\x04\x01\x00\x04", b""
            return _packet(1, 2, hmac.digest(self._secret, b"s" + self._seen, "sha512")), b""
        return b"\x03\x02\x00\x04", hmac.digest(self._secret, b"msk" + self._seen, "sha512")


class MutualUser:
    """The agent's part; ``heard`` are the codes of the packets that reached it."""

    def __init__(self, secret: bytes) -> None:
        self._secret, self._seen, self.heard = secret, b"", list[int]()

    def answer(self, engine: Ikev2Engine, event: ike.EapReceived, now: float) -> None:
        packet = event.packet
        self.heard.append(packet[0])
        if packet[0] == 3:
            msk = hmac.digest(self._secret, b"msk" + self._seen, "sha512")
            engine.provide_eap(event.request_id, ike.EapReply(b"", msk), now)
        elif packet[0] == 4:
            engine.decline(event.request_id, Cause.USER_REFUSED, "EAP-Failure", now)
        elif packet[1] == 1:
            self._seen = packet[5:] + bytes(16)
            mac = hmac.digest(self._secret, b"c" + self._seen, "sha512")
            engine.provide_eap(event.request_id, ike.EapReply(_packet(2, 1, bytes(16) + mac)), now)
        elif packet[5:] != hmac.digest(self._secret, b"s" + self._seen, "sha512"):
            engine.decline(event.request_id, Cause.GATEWAY_BAD_SIGNATURE, "not the EAP server", now)
        else:
            engine.provide_eap(event.request_id, ike.EapReply(_packet(2, 2, b"")), now)
