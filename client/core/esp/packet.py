"""Sealing and opening ESP packets in tunnel mode (RFC 4303 §2), with 32-bit or extended (64-bit) sequence numbers.

AES-GCM with a 16-octet ICV: RFC 4106. ChaCha20-Poly1305: RFC 7634. AES-CBC: RFC 3602, with HMAC-SHA2: RFC 4868;
3DES-CBC: RFC 2451, HMAC-SHA1: RFC 2404.
One ``Sealer`` or ``Opener`` serves one SA. Whether a sequence number may be used, or has been seen, is asked elsewhere.

    SPI (4) | sequence number (4) | IV (8 or 16) | payload, padding, pad length, next header | ICV

Of an extended sequence number (ESN) only the lower half travels; the ICV covers all of it (RFC 4303 §2.2.1): as
associated data of an AEAD (RFC 4106 §5), else its upper half behind the packet (RFC 4303 §3.3.2.1).
"""

import struct
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.modes import CBC

from client.core.crypto.algorithms import ESP_SUITES, Encr, Integ
from client.core.crypto.block import block_cipher
from client.core.esp.keyed_hash import KeyedHash

NEXT_IPV4 = 4
NEXT_IPV6 = 41
NEXT_NONE = 59  # a dummy packet, to be discarded silently (RFC 4303 §2.6)

MAX_SEQ = 0xFFFF_FFFF
MAX_ESN = 0xFFFF_FFFF_FFFF  # what an IV has room for beside the epoch; no cipher of ours may be used so long


class EspError(Exception):
    """This packet is not for us to use."""


class AuthenticationFailed(EspError):
    """The ICV is wrong, or the packet too short to have one."""


class MalformedPadding(EspError):
    """Authenticated, but the trailer is not what RFC 4303 §2.4 describes: the sender is broken."""


class Sealer(Protocol):
    def seal(self, payload: bytes, next_header: int, seq: int) -> tuple[bytes, bytes]:
        """The ESP packet in two pieces, one behind the other: joining them would only copy.

        ``next_header`` is one of the NEXT_ constants. ``seq`` is 1…MAX_SEQ, with ESN 1…MAX_ESN, and never used twice
        under one key.
        """


class Opener(Protocol):
    def open(self, packet: memoryview, seq: int) -> tuple[bytes, int, int]:
        """Authenticate and decrypt: (the plaintext with its trailer, the payload's length in it, the next header).

        ``seq`` is the whole sequence number, of which the packet has the lower half; without ESN nobody looks at it.
        Raises EspError.
        """


def make_sealer(
    suite: str, spi: bytes, encr_key: bytes, integ_key: bytes, epoch: int, random: Callable[[int], bytes],
    *, esn: bool = False,
) -> Sealer:  # fmt: skip
    """``encr_key`` ends with the salt where the suite has one.

    ``epoch`` (32 bits, with ESN the lower 16 of them) goes into an AEAD's IV before the sequence number: a sender that
    starts again under the same key takes another one, so that no IV comes twice even if its sequence number were lost.
    Raises ValueError.
    """
    encr, integ = _rows(suite, encr_key, integ_key)
    if integ is not None:
        return (_CbcEsnSealer if esn else _CbcSealer)(encr, integ, spi, encr_key, integ_key, random)
    return (_AeadEsnSealer if esn else _AeadSealer)(encr, spi, encr_key, epoch)


def make_opener(suite: str, spi: bytes, encr_key: bytes, integ_key: bytes, *, esn: bool = False) -> Opener:
    """Raises ValueError for an unknown suite or keys of the wrong length."""
    encr, integ = _rows(suite, encr_key, integ_key)
    if integ is None:
        return (_AeadEsnOpener if esn else _AeadOpener)(encr, encr_key)
    return (_CbcEsnOpener if esn else _CbcOpener)(encr, integ, encr_key, integ_key)


def _rows(suite: str, encr_key: bytes, integ_key: bytes) -> tuple[Encr, Integ | None]:
    rows = ESP_SUITES.get(suite)
    if rows is None:
        raise ValueError("unknown ESP suite")
    encr, integ = rows
    if len(encr_key) != encr.key_len + encr.salt_len or len(integ_key) != (integ.key_len if integ else 0):
        raise ValueError("keys do not have the suite's lengths")
    return rows


def _trailers(alignment: int) -> dict[int, tuple[bytes, ...]]:
    """By next header, then by payload length modulo ``alignment``: padding 1, 2, 3 …, pad length, next header."""
    pad_lengths = [-(length + 2) % alignment for length in range(alignment)]
    return {
        next_header: tuple(_PADDING[:pad] + bytes((pad, next_header)) for pad in pad_lengths)
        for next_header in (NEXT_IPV4, NEXT_IPV6, NEXT_NONE)
    }


_PADDING = bytes(range(1, 256))  # RFC 4303 §2.4
_HEADER = struct.Struct(">4sIII").pack  # SPI, sequence number, and the IV: epoch, sequence number
_ESN_HEADER = struct.Struct(">4sIQ").pack  # the IV: 16 bits of the epoch, 48 of the sequence number
_ESN_AAD = struct.Struct(">4sQ").pack  # SPI and the whole sequence number (RFC 4106 §5, RFC 7634 §2.1)
_TRAILERS_4 = _trailers(4)   # right aligned in a 4-octet word (RFC 4303 §2.4)
_TRAILERS = {8: _trailers(8), 16: _trailers(16)}  # blocks of 3DES and AES (RFC 2451 §2.2, RFC 3602 §3)
_CHACHA20_POLY1305 = 28  # IANA: ENCR_CHACHA20_POLY1305
_AEAD_HEAD = 16
_TAG = 16


class _AeadSealer:
    __slots__ = ("_encrypt", "_epoch", "_salt", "_spi")

    def __init__(self, row: Encr, spi: bytes, key: bytes, epoch: int) -> None:
        cipher = _aead(row, key)
        self._encrypt = cipher.encrypt
        self._salt = key[row.key_len :]
        self._spi = spi
        self._epoch = epoch

    def seal(self, payload: bytes, next_header: int, seq: int) -> tuple[bytes, bytes]:
        header = _HEADER(self._spi, seq, self._epoch, seq)
        # Nonce: salt | IV (RFC 4106 §4, RFC 7634 §2); associated data: SPI | sequence number (RFC 4106 §5).
        plaintext = payload + _TRAILERS_4[next_header][len(payload) & 3]
        return header, self._encrypt(self._salt + header[8:], plaintext, header[:8])


class _AeadEsnSealer(_AeadSealer):
    __slots__ = ()

    def seal(self, payload: bytes, next_header: int, seq: int) -> tuple[bytes, bytes]:
        header = _ESN_HEADER(self._spi, seq & MAX_SEQ, (self._epoch & 0xFFFF) << 48 | seq)
        plaintext = payload + _TRAILERS_4[next_header][len(payload) & 3]
        return header, self._encrypt(self._salt + header[8:], plaintext, _ESN_AAD(self._spi, seq))


class _AeadOpener:
    __slots__ = ("_decrypt", "_salt")

    def __init__(self, row: Encr, key: bytes) -> None:
        self._decrypt = _aead(row, key).decrypt
        self._salt = key[row.key_len :]

    def open(self, packet: memoryview, seq: int) -> tuple[bytes, int, int]:
        if len(packet) < _AEAD_HEAD + 2 + _TAG:
            raise AuthenticationFailed("too short")
        header = packet[:_AEAD_HEAD].tobytes()
        try:
            plaintext = self._decrypt(self._salt + header[8:], packet[_AEAD_HEAD:], header[:8])
        except InvalidTag:
            raise AuthenticationFailed("wrong ICV") from None
        return plaintext, _payload_length(plaintext), plaintext[-1]


class _AeadEsnOpener(_AeadOpener):
    __slots__ = ()

    def open(self, packet: memoryview, seq: int) -> tuple[bytes, int, int]:
        if len(packet) < _AEAD_HEAD + 2 + _TAG:
            raise AuthenticationFailed("too short")
        header = packet[:_AEAD_HEAD].tobytes()
        try:
            plaintext = self._decrypt(self._salt + header[8:], packet[_AEAD_HEAD:], _ESN_AAD(header[:4], seq))
        except InvalidTag:
            raise AuthenticationFailed("wrong ICV") from None
        return plaintext, _payload_length(plaintext), plaintext[-1]


class _CbcSealer:
    """One running CBC context for the SA's life: to make one for each packet costs five times the encryption.

    Every packet begins with a random block. Encrypted under the secret running state it is the packet's IV, as
    unpredictable as RFC 3602 §3 demands, and the payload's first block is chained to it as if the context were new.
    """

    __slots__ = ("_block", "_encryptor", "_icv_len", "_mac", "_random", "_spi", "_stock", "_trailers", "_used")

    _STOCK = 4096  # random octets bought at once: a system call for every 256 packets with AES

    def __init__(
        self, encr: Encr, row: Integ, spi: bytes, key: bytes, integ_key: bytes, random: Callable[[int], bytes]
    ) -> None:
        self._block = encr.block
        self._trailers = _TRAILERS[encr.block]
        self._encryptor = Cipher(block_cipher(encr, key), CBC(random(encr.block))).encryptor()
        self._mac = KeyedHash(row.hash, integ_key)
        self._icv_len = row.icv_len
        self._random = random
        self._spi = spi
        self._stock = b""
        self._used = 0

    def seal(self, payload: bytes, next_header: int, seq: int) -> tuple[bytes, bytes]:
        packet = self._packet(payload, next_header, seq)
        # Over everything before the ICV (RFC 4303 §3.3.2.1)
        return packet, self._mac.digest(packet)[: self._icv_len]

    def _packet(self, payload: bytes, next_header: int, seq: int) -> bytes:
        if self._used == len(self._stock):
            self._stock = self._random(self._STOCK)
            self._used = 0
        size = self._block
        block = self._stock[self._used : self._used + size]
        self._used += size
        plaintext = block + payload + self._trailers[next_header][len(payload) & size - 1]
        return self._spi + seq.to_bytes(4, "big") + self._encryptor.update(plaintext)


class _CbcEsnSealer(_CbcSealer):
    __slots__ = ()

    def seal(self, payload: bytes, next_header: int, seq: int) -> tuple[bytes, bytes]:
        packet = self._packet(payload, next_header, seq & MAX_SEQ)
        return packet, self._mac.digest(packet, (seq >> 32).to_bytes(4, "big"))[: self._icv_len]


class _CbcOpener:
    __slots__ = ("_block", "_decryptor", "_icv_len", "_mac")

    def __init__(self, encr: Encr, row: Integ, key: bytes, integ_key: bytes) -> None:
        self._block = encr.block
        self._decryptor = Cipher(block_cipher(encr, key), CBC(bytes(encr.block))).decryptor()
        self._mac = KeyedHash(row.hash, integ_key)
        self._icv_len = row.icv_len

    def open(self, packet: memoryview, seq: int) -> tuple[bytes, int, int]:
        return self._open(packet, b"")

    def _open(self, packet: memoryview, implicit: bytes) -> tuple[bytes, int, int]:
        end = len(packet) - self._icv_len
        length = end - 8
        if length < 2 * self._block or length % self._block:
            raise AuthenticationFailed("not whole blocks")
        if not self._mac.verify(packet[:end], packet[end:], implicit):
            raise AuthenticationFailed("wrong ICV")
        # The IV goes through the running context as a first block of ciphertext: its plaintext is garbage, and it is
        # what the next block is chained to.
        plaintext = self._decryptor.update(packet[8:end])[self._block :]
        return plaintext, _payload_length(plaintext), plaintext[-1]


class _CbcEsnOpener(_CbcOpener):
    __slots__ = ()

    def open(self, packet: memoryview, seq: int) -> tuple[bytes, int, int]:
        return self._open(packet, (seq >> 32).to_bytes(4, "big"))


def _aead(row: Encr, key: bytes) -> AESGCM | ChaCha20Poly1305:
    secret = key[: row.key_len]
    return ChaCha20Poly1305(secret) if row.id == _CHACHA20_POLY1305 else AESGCM(secret)


def _payload_length(plaintext: bytes) -> int:
    pad = plaintext[-2]
    length = len(plaintext) - 2 - pad
    if length < 0 or (pad and plaintext[length:-2] != _PADDING[:pad]):
        raise MalformedPadding("padding is not 1, 2, 3 …")
    return length
