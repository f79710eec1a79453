"""ESP once more, straight from the RFCs and with other primitives than the product uses."""

import hashlib
import hmac
import struct

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, ChaCha20
from cryptography.hazmat.primitives.ciphers.modes import CBC, GCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

MAC_LENGTHS = {"sha1": 12, "sha256": 16, "sha384": 24, "sha512": 32}  # RFC 4868 §2.1.1: half of the hash; RFC 2404


def pad(payload: bytes, next_header: int, alignment: int) -> bytes:
    padding = bytearray()
    while (len(payload) + len(padding) + 2) % alignment:
        padding.append(len(padding) + 1)
    return payload + padding + bytes((len(padding), next_header))


def seal(
    suite: str, spi: bytes, seq: int, iv: bytes, encr: bytes, integ: bytes, plaintext: bytes, esn: bool = False
) -> bytes:
    """``plaintext`` has its trailer already. With ESN ``seq`` is the whole number (RFC 4303 §2.2.1)."""
    whole = seq.to_bytes(8, "big")
    head = spi + whole[4:]
    aad = spi + whole if esn else head
    if suite.startswith("chacha20"):
        return head + iv + _chacha(encr[:32], encr[32:] + iv, aad, plaintext)
    if "gcm" in suite:
        encryptor = Cipher(AES(encr[:-4]), GCM(encr[-4:] + iv)).encryptor()
        encryptor.authenticate_additional_data(aad)
        return head + iv + encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag
    encryptor = Cipher(TripleDES(encr) if suite.startswith("3des") else AES(encr), CBC(iv)).encryptor()
    mac = suite.partition("-")[2]
    packet = head + iv + encryptor.update(plaintext) + encryptor.finalize()
    implicit = whole[:4] if esn else b""
    return packet + hmac.new(integ, packet + implicit, getattr(hashlib, mac)).digest()[: MAC_LENGTHS[mac]]


def _chacha(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """RFC 8439 §2.8: one block for Poly1305's key, then the text."""
    stream = Cipher(ChaCha20(key, bytes(4) + nonce), None).encryptor()
    one_time = stream.update(bytes(64))[:32]
    sealed = stream.update(plaintext)
    data = _zero_padded(aad) + _zero_padded(sealed) + struct.pack("<QQ", len(aad), len(sealed))
    return sealed + Poly1305.generate_tag(one_time, data)


def _zero_padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)
