"""A stream of frames (RFC 9329), however it is cut, and inner packets that do not fit: cut or answered."""

from random import Random

from client.core.datapath import oversize
from client.core.datapath.framing import FrameReader, StreamError, frame_header, frames
from client.core.datapath.inner import parse_inner
from tests.fuzz.frames import Octets, join, mutate_parts, split

MAX_LEN = 8192


def one(data: bytes) -> None:
    """An octet for the limit of inner packets, then parts: what one read of the socket gave."""
    if not data:
        return
    limit, whole, cut = 68 + data[0] * 5, FrameReader(), FrameReader()
    parts = split(data[1:])
    messages, problem = _read(whole, [b"".join(parts)])
    assert (messages, problem) == _read(cut, parts), "where the stream is cut matters"
    if not problem:
        again = b"".join(frame_header(len(message)) + message for message in messages)
        assert len(again) + len(cut) <= sum(map(len, parts))
        assert _read(FrameReader(), [again]) == (messages, False)
    for message in messages:
        assert b"".join(frames([message[:3], message[3:]])) == frame_header(len(message)) + message
        _packet(message, limit)


def _read(reader: FrameReader, reads: list[bytes]) -> tuple[list[bytes], bool]:
    messages: list[bytes] = []
    try:
        for octets in reads:
            messages.extend(bytes(message) for message in reader.feed(octets))
    except StreamError:
        return messages, True
    return messages, False


def _packet(packet: bytes, limit: int) -> None:
    """As the packet loop does it: whole ones only."""
    inner = parse_inner(packet)
    if inner is None or inner.length <= limit:
        return
    packet = packet[:inner.length]
    pieces = oversize.pieces(packet, limit, 7)
    carried = 0
    for piece in pieces:
        assert len(piece) <= limit
        again = parse_inner(piece)
        assert again is not None
        assert (again.source, again.destination, again.length) == (inner.source, inner.destination, len(piece))
        carried += len(piece)
    assert not pieces or carried > len(packet)
    reply = oversize.answer(packet, limit)
    if reply:
        said = parse_inner(reply)
        assert said is not None
        assert (said.source, said.destination) == (inner.destination, inner.source)
        assert said.length == len(reply) <= 1280


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    if len(data) < 4 or random.randrange(16) == 0:
        return octets(data, limit)
    first = bytes((random.randrange(256),)) if random.randrange(4) == 0 else data[:1]
    return first + mutate_parts(data[1:], limit - 1, random, octets)


def seeds() -> dict[str, bytes]:
    from tests.datapath.packets import ipv4, ipv6, udp
    v4 = ipv4("10.9.0.2", "10.1.0.7", 17, udp(1, 53, bytes(900)))
    v6 = ipv6("fd09::2", "fd10::80", 17, udp(1, 53, bytes(900)))
    options = ipv4("10.9.0.2", "10.1.0.7", 17, udp(1, 53, bytes(900)), 0, b"\x07\x04\x00\x00\x82\x04\x12\x34")
    fragment = ipv6("fd09::2", "fd10::80", 44, b"\x11\x00\x05\xa9\x00\x00\x00\x07" + bytes(900))
    routed = ipv6("fd09::2", "fd10::80", 0, b"\x2b\x00\x01\x04\x00\x00\x00\x00\x11\x00" + bytes(6) + bytes(900))
    made = {"v4": v4, "v6": v6, "options": options, "fragment": fragment, "routed": routed,
            "df": v4[:6] + b"\x40\x00" + v4[8:], "ike": bytes(4) + bytes(28), "keepalive": b"\xff"}
    found = {name: b"\x40" + join([frame_header(len(packet)) + packet]) for name, packet in made.items()}
    stream = b"".join(frame_header(len(packet)) + packet for packet in made.values())
    return found | {"cut": b"\x20" + join([stream[at:at + 333] for at in range(0, len(stream), 333)]),
                    "fatal": b"\x00" + join([b"\x00\x03a\x00\x01rest"]), "empty": b"\x00" + join([b"\x00\x02" * 5])}
