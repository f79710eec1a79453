"""MD4 (RFC 1320), which hashlib no longer has: MSCHAPv2's NtPasswordHash is made of it, nothing else here is."""

import struct
from collections.abc import Callable

_MASK = 0xFFFFFFFF
_START: tuple[int, ...] = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)


def md4(data: bytes) -> bytes:
    """The 16-octet digest of ``data``. Broken as a hash; never use it where a collision would matter."""
    # RFC 1320 §3.1-3.2: one 0x80, zeros up to 56 mod 64, then the length in bits, little-endian
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + struct.pack("<Q", 8 * len(data))
    state = _START
    for offset in range(0, len(padded), 64):
        state = _block(state, struct.unpack_from("<16I", padded, offset))
    return struct.pack("<4I", *state)


def _f(x: int, y: int, z: int) -> int:
    return (x & y) | (~x & z)


def _g(x: int, y: int, z: int) -> int:
    return (x & y) | (x & z) | (y & z)


def _h(x: int, y: int, z: int) -> int:
    return x ^ y ^ z


_Round = tuple[Callable[[int, int, int], int], int, tuple[int, ...], tuple[int, ...]]
# RFC 1320 §3.4: function, constant, order of the words, rotations
_ROUNDS: tuple[_Round, ...] = (
    (_f, 0x00000000, tuple(range(16)), (3, 7, 11, 19)),
    (_g, 0x5A827999, (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
    (_h, 0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)


def _block(state: tuple[int, ...], words: tuple[int, ...]) -> tuple[int, ...]:
    a, b, c, d = state
    for function, constant, order, rotations in _ROUNDS:
        for step, index in enumerate(order):
            total = (a + function(b, c, d) + words[index] + constant) & _MASK
            turn = rotations[step % 4]
            a, b, c, d = d, ((total << turn) | (total >> (32 - turn))) & _MASK, b, c
    return tuple((old + new) & _MASK for old, new in zip(state, (a, b, c, d), strict=True))
