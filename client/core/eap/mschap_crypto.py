"""The arithmetic of MSCHAPv2: RFC 2759 §8 (responses) and RFC 3079 §3 (keys). Names as there."""

import hashlib

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from client.core.eap.md4 import md4

NT_RESPONSE_LENGTH = 24
PASSWORD_BLOCK = 516        # RFC 2759 §8.10: 256 characters of two octets, and the length
# RFC 2759 §8.7
_SIGNING = b"Magic server to client signing constant"
_PAD = b"Pad to make it do more than one iteration"
# RFC 3079 §3.4
_MASTER = b"This is the MPPE Master Key"
_CLIENT_SENDS = b"On the client side, this is the send key; on the server side, it is the receive key."
_SERVER_SENDS = b"On the client side, this is the receive key; on the server side, it is the send key."


def nt_password_hash(password: str) -> bytes:
    """RFC 2759 §8.3."""
    return md4(password.encode("utf-16-le"))


def challenge_hash(peer_challenge: bytes, authenticator_challenge: bytes, user: bytes) -> bytes:
    """RFC 2759 §8.2: 8 octets."""
    return _sha1(peer_challenge + authenticator_challenge + user)[:8]


def nt_response(challenge: bytes, password_hash: bytes) -> bytes:
    """RFC 2759 §8.5, ChallengeResponse: 24 octets."""
    padded = password_hash + bytes(5)
    return b"".join(_des(padded[i:i + 7], challenge) for i in (0, 7, 14))


def authenticator_response(password_hash: bytes, response: bytes, challenge: bytes) -> bytes:
    """RFC 2759 §8.7: the 20 octets behind ``S=``."""
    digest = _sha1(md4(password_hash) + response + _SIGNING)
    return _sha1(digest + challenge + _PAD)


def msk(password_hash: bytes, response: bytes) -> bytes:
    """The 64 octets for IKEv2: the server's MasterReceiveKey, its MasterSendKey, zeros (draft-kamath §3)."""
    master = master_key(password_hash, response)
    return start_key(master, server_sends=False) + start_key(master, server_sends=True) + bytes(32)


def master_key(password_hash: bytes, response: bytes) -> bytes:
    """RFC 3079 §3.4, GetMasterKey."""
    return _sha1(md4(password_hash) + response + _MASTER)[:16]


def start_key(master: bytes, *, server_sends: bool) -> bytes:
    """RFC 3079 §3.4, GetAsymmetricStartKey of 128 bits."""
    magic = _SERVER_SENDS if server_sends else _CLIENT_SENDS
    return _sha1(master + bytes(40) + magic + b"\xf2" * 40)[:16]


def new_password_block(password: str, old_hash: bytes, padding: bytes) -> bytes:
    """RFC 2759 §8.9, NewPasswordEncryptedWithOldNtPasswordHash; ``padding``: PASSWORD_BLOCK random octets."""
    clear = password.encode("utf-16-le")
    room = PASSWORD_BLOCK - 4 - len(clear)
    return rc4(old_hash, padding[:room] + clear + len(clear).to_bytes(4, "little"))


def old_hash_block(old_hash: bytes, new_hash: bytes) -> bytes:
    """RFC 2759 §8.12, OldNtPasswordHashEncryptedWithNewNtPasswordHash: 16 octets."""
    return _des(new_hash[:7], old_hash[:8]) + _des(new_hash[7:14], old_hash[8:])


def rc4(key: bytes, data: bytes) -> bytes:
    """The cipher that RFC 2759 §8.10 prescribes. Broken; the libraries have dropped it; used for that alone."""
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    result, i, j = bytearray(), 0, 0
    for octet in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        result.append(octet ^ state[(state[i] + state[j]) % 256])
    return bytes(result)


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _des(key: bytes, block: bytes) -> bytes:
    """RFC 2759 §8.6: 7 octets of key spread over 8; the parity bits do not matter."""
    bits = int.from_bytes(key, "big")
    spread = bytes((bits >> (49 - 7 * i) & 0x7F) << 1 for i in range(8))
    # One DES is three with the same key, the form that the library keeps.
    encryptor = Cipher(TripleDES(spread * 3), modes.ECB()).encryptor()  # noqa: S305 - a single block, by the RFC
    return encryptor.update(block) + encryptor.finalize()
