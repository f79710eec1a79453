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
        self.expired = False            # then the right password gets ``failure``, and may be changed
        self.change_failure = b""

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
        if name.decode() != self.user or not self._right(peer, answer):
            self.stage = "failure"
            return self._request(self._op(4, self.failure))
        if self.expired:
            self.stage = "change"
            return self._request(self._op(4, self.failure))
        return self._proof(peer, answer)

    def _after_change(self, body: bytes) -> bytes:
        """RFC 2759 §7: decrypts the new password with the hash of the old, and checks the other two with it."""
        if body == b"\x1a\x04":
            return self._after_failure(body)
        assert body[:3] == b"\x1a\x07\x56"       # the Failure's identifier, plus one
        assert int.from_bytes(body[3:5], "big") == len(body) - 1 == 4 + 516 + 16 + 16 + 8 + 24 + 2
        block, hashed, peer = body[5:521], body[521:537], body[537:553]
        assert body[553:561] == bytes(8)
        answer, flags = body[561:585], body[585:]
        assert flags == bytes(2)
        old = md4(self.password.encode("utf-16-le"))
        clear = arc4(old, block)
        length = int.from_bytes(clear[512:], "little")
        self.password = clear[512 - length:512].decode("utf-16-le")
        new = md4(self.password.encode("utf-16-le"))
        assert hashed == des(new[:7], old[:8]) + des(new[7:14], old[8:])
        self.challenge = bytes.fromhex(self.failure.split(b"C=")[1][:32].decode())
        assert self._right(peer, answer)
        if self.change_failure:
            self.stage = "failure"
            return self._request(self._op(4, self.change_failure))
        return self._proof(peer, answer)

    def _hashes(self, peer: bytes) -> tuple[bytes, bytes]:
        user = self.user.encode().split(b"\\")[-1]
        return md4(self.password.encode("utf-16-le")), hashlib.sha1(peer + self.challenge + user).digest()[:8]

    def _right(self, peer: bytes, answer: bytes) -> bool:
        hashed, challenge = self._hashes(peer)
        expected = b"".join(des(part, challenge) for part in (hashed[:7], hashed[7:14], hashed[14:] + bytes(5)))
        return hmac.compare_digest(expected, answer)

    def _proof(self, peer: bytes, answer: bytes) -> bytes:
        hashed, challenge = self._hashes(peer)
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


def arc4(key: bytes, data: bytes) -> bytes:
    box = list(range(256))
    swap = 0
    for index, value in enumerate(list(range(256))):
        swap = (swap + box[index] + key[value % len(key)]) & 255
        box[index], box[swap] = box[swap], box[index]
    stream, swap = [], 0
    for index in range(1, len(data) + 1):
        at = index & 255
        swap = (swap + box[at]) & 255
        box[at], box[swap] = box[swap], box[at]
        stream.append(box[(box[at] + box[swap]) & 255])
    return bytes(one ^ other for one, other in zip(data, stream, strict=True))
