"""Inputs of several parts, and IKE payload chains: taken apart, changed and put together with lengths that fit."""

from collections.abc import Callable, Sequence
from random import Random

Octets = Callable[[bytes, int], bytes]
Payload = tuple[int, int, bytes]      # type, flags, body

MOST = 64


def split(data: bytes) -> list[bytes]:
    """Parts behind lengths of two octets; the last one takes what there is."""
    parts = []
    while len(data) >= 2 and len(parts) < MOST:
        length = int.from_bytes(data[:2], "big")
        parts.append(data[2:2 + length])
        data = data[2 + length:]
    return parts


def join(parts: Sequence[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def mutate_parts(data: bytes, limit: int, random: Random, octets: Octets,
                 inner: Callable[[bytes, int], bytes] | None = None) -> bytes:
    """One part is changed (by ``inner``), doubled, moved or left out."""
    parts = split(data)
    if not parts:
        return octets(data, limit)
    at = random.randrange(len(parts))
    match random.randrange(8):
        case 0:
            del parts[at]
        case 1:
            parts.insert(random.randrange(len(parts) + 1), parts[at])
        case 2:
            parts.insert(random.randrange(len(parts)), parts.pop(at))
        case _:
            room = max(1, limit - len(data) + len(parts[at]))
            parts[at] = (inner or octets)(parts[at], min(room, 0xFFFF))
    return join(parts)[:limit]


def unchain(first: int, data: bytes) -> list[Payload]:
    """A chain of IKE payloads (RFC 7296 §3.2), as far as its lengths make sense; the last one takes what is left."""
    found: list[Payload] = []
    while first and len(data) >= 4 and len(found) < MOST:
        length = int.from_bytes(data[2:4], "big")
        whole = 4 <= length <= len(data)
        found.append((first, data[1], data[4:length] if whole else data[4:]))
        first, data = data[0], data[length:] if whole else b""
    return found


def chain(payloads: Sequence[Payload]) -> tuple[int, bytes]:
    """(type of the first, the chain)."""
    types = [number for number, _, _ in payloads] + [0]
    made = bytearray()
    for (_, flags, body), following in zip(payloads, types[1:], strict=True):
        made += bytes((following, flags)) + min(len(body) + 4, 0xFFFF).to_bytes(2, "big") + body
    return types[0], bytes(made)


def mutate_chain(first: int, data: bytes, limit: int, random: Random, octets: Octets) -> tuple[int, bytes]:
    """One payload is changed, doubled, moved, left out or renamed; its neighbours keep their sense."""
    payloads = unchain(first, data)
    if not payloads or random.randrange(8) == 0:
        return first, octets(data, limit)
    at = random.randrange(len(payloads))
    number, flags, body = payloads[at]
    match random.randrange(10):
        case 0:
            del payloads[at]
        case 1:
            payloads.insert(random.randrange(len(payloads) + 1), payloads[at])
        case 2:
            payloads.insert(random.randrange(len(payloads)), payloads.pop(at))
        case 3:
            payloads[at] = (random.choice((*range(33, 55), random.randrange(256))), flags, body)
        case 4:
            payloads[at] = (number, random.choice((0, 0x80, 0xFF)), body)
        case _:
            payloads[at] = (number, flags, octets(body, max(1, min(limit - len(data) + len(body), 0xFFF0))))
    return chain(payloads)
