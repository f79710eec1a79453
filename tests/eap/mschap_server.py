"""The authenticator's side of EAP-MSCHAPv2, written from the draft and RFC 2759 for the tests.

It shares MD4 with the client (which has its own vectors) and nothing else: DES comes as the library's
three-key form with keys set out bit by bit, the keys of RFC 3079 from the texts of the RFC.
"""

import hashlib
import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from client.core.eap.md4 import md4


class MsChapServer:
    """``start()`` → first request; ``answer(response)`` → next packet; ``msk`` after success."""

    def __init__(self, user: str, password: str, challenge: bytes, identifier: int = 7) -> None:
        self.user, self.password, self.challenge, self.identifier = user, password, challenge, identifier
        self.msk = b""
        self.identity = b""
        self.stage = "identity"
        self.proof_prefix = b"S="
        self.failure = b"E=691 R=1 C=" + b"00" * 16 + b" V=3 M=Go away\x07\x1b[31m now"

    def start(self) -> bytes:
        return self._request(b"\x01")

    def answer(self, response: bytes) -> bytes:
        code, identifier, length = response[0], response[1], int.from_bytes(response[2:4], "big")
        assert (code, identifier, length) == (2, self.identifier, len(response))
        self.identifier = (self.identifier + 1) % 256
        return getattr(self, f"_after_{self.stage}")(response[4:])

    def _after_identity(self, body: bytes) -> bytes:
        assert body[0] == 1
        self.identity = body[1:]
        self.stage = "challenge"
        value = b"\x10" + self.challenge + b"gateway"
        return self._request(b"\x1a\x01\x55" + (4 + len(value)).to_bytes(2, "big") + value)

    def _after_challenge(self, body: bytes) -> bytes:
        assert body[0] == 26
        assert body[1:3] == b"\x02\x55"
        assert int.from_bytes(body[3:5], "big") == len(body) - 1
        value = body[5:]
        assert value[0] == 49
        peer, reserved, answer, flags, name = value[1:17], value[17:25], value[25:49], value[49], value[50:]
        assert reserved == bytes(8)
        assert flags == 0
        user = name.split(b"\\")[-1]
        hashed = md4(self.password.encode("utf-16-le"))
        challenge = hashlib.sha1(peer + self.challenge + user).digest()[:8]
        expected = b"".join(des(part, challenge) for part in (hashed[:7], hashed[7:14], hashed[14:] + bytes(5)))
        if not hmac.compare_digest(expected, answer) or name.decode() != self.user:
            self.stage = "failure"
            return self._request(self._op(4, self.failure))
        double = md4(hashed)
        first = hashlib.sha1(double + answer + b"Magic server to client signing constant").digest()
        proof = hashlib.sha1(first + challenge + b"Pad to make it do more than one iteration").hexdigest().upper()
        master = hashlib.sha1(double + answer + b"This is the MPPE Master Key").digest()[:16]
        receive = (b"On the client side, this is the send key; on the server side, it is the receive key.")
        send = (b"On the client side, this is the receive key; on the server side, it is the send key.")
        self.msk = b"".join(hashlib.sha1(master + bytes(40) + text + b"\xf2" * 40).digest()[:16]
                            for text in (receive, send)) + bytes(32)
        self.stage = "success"
        return self._request(self._op(3, self.proof_prefix + proof.encode() + b" M=Welcome"))

    def _after_success(self, body: bytes) -> bytes:
        assert body == b"\x1a\x03"
        return bytes((3, self.identifier - 1, 0, 4))

    def _after_failure(self, body: bytes) -> bytes:
        assert body == b"\x1a\x04"
        return bytes((4, self.identifier - 1, 0, 4))

    def _op(self, opcode: int, text: bytes) -> bytes:
        return b"\x1a" + bytes((opcode, 0x55)) + (4 + len(text)).to_bytes(2, "big") + text

    def _request(self, body: bytes) -> bytes:
        return bytes((1, self.identifier)) + (4 + len(body)).to_bytes(2, "big") + body


def des(key: bytes, block: bytes) -> bytes:
    bits = "".join(f"{octet:08b}" for octet in key)
    spread = bytes(int(bits[7 * i:7 * i + 7] + "1", 2) for i in range(8))
    encryptor = Cipher(TripleDES(spread * 3), modes.ECB()).encryptor()
    return encryptor.update(block)
