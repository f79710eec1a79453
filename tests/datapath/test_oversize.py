"""Inner packets that do not fit: pieces by RFC 791 and RFC 8200, answers by RFC 1191, RFC 1812 and RFC 4443."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.datapath.inner import parse_inner
from client.core.datapath.oversize import answer, checksum, pieces
from tests.datapath.packets import ipv4, ipv6, udp

LARGE4 = ipv4("10.9.0.2", "10.1.0.7", 17, udp(1, 53, bytes(range(256)) * 5))
LARGE6 = ipv6("fd09::2", "fd10::80", 17, udp(1, 53, bytes(range(240)) * 5))


def with_df(packet: bytes, flags: int = 0x4000) -> bytes:
    new = bytearray(packet)
    new[6:8] = flags.to_bytes(2, "big")
    new[10:12] = bytes(2)
    new[10:12] = checksum(bytes(new[: (new[0] & 15) * 4])).to_bytes(2, "big")
    return bytes(new)


def together4(parts: list[bytes]) -> bytes:
    """As a receiver puts them together."""
    whole = bytearray()
    for number, part in enumerate(parts):
        header = (part[0] & 15) * 4
        flags = int.from_bytes(part[6:8], "big")
        assert checksum(part[:header]) == 0
        assert int.from_bytes(part[2:4], "big") == len(part)
        assert (flags & 0x1FFF) * 8 == len(whole)
        assert bool(flags & 0x2000) == (number + 1 < len(parts))
        whole += part[header:]
    return bytes(whole)


@pytest.mark.parametrize("limit", [68, 576, 1200, 1279])
def test_ipv4_without_df_is_cut(limit: int) -> None:
    parts = pieces(with_df(LARGE4, 0), limit, 1)
    assert len(parts) > 1
    assert max(map(len, parts)) <= limit
    assert together4(parts) == LARGE4[20:]
    assert {part[4:6] for part in parts} == {LARGE4[4:6]}


def test_a_fragment_is_cut_again() -> None:
    """RFC 791 §3.2: offsets go on, and only the very last one ends it."""
    first, second = pieces(with_df(LARGE4, 0), 1000, 1)
    parts = pieces(first, 500, 1) + pieces(second, 200, 1)
    assert together4(parts) == LARGE4[20:]


def test_options_go_along_where_they_say_so() -> None:
    """RFC 791 §3.1: the copied flag."""
    body = bytes(1200)
    options = b"\x07\x04\x00\x00" + b"\x82\x04\x12\x34"     # record route (first only), security (each)
    head = struct.pack(">BBHHHBBH4s4s", 0x47, 0, 28 + len(body), 7, 0, 64, 17, 0, bytes(4), bytes(4)) + options
    first, *others = pieces(head + body, 600, 1)
    assert first[20:28] == options
    assert {part[20:24] for part in others} == {options[4:]}
    assert together4([first, *others]) == body


def test_ipv4_with_df_is_answered() -> None:
    packet = with_df(LARGE4)
    assert pieces(packet, 1200, 1) == []
    reply = answer(packet, 1200)
    inner = parse_inner(reply)
    assert inner is not None
    assert (inner.source, inner.destination, inner.protocol) == (packet[16:20], packet[12:16], 1)
    assert checksum(reply[:20]) == checksum(reply[20:]) == 0
    assert reply[20:22] == b"\x03\x04"
    assert int.from_bytes(reply[26:28], "big") == 1200
    assert packet.startswith(reply[28:])
    assert len(reply) == 576


def test_ipv6_above_its_least_mtu_is_answered() -> None:
    packet = ipv6("fd09::2", "fd10::80", 17, udp(1, 53, bytes(1300)))
    for limit, said in ((1350, 1350), (1200, 1280)):
        assert pieces(packet, limit, 1) == []
        reply = answer(packet, limit)
        assert (reply[8:24], reply[24:40], reply[6]) == (packet[24:40], packet[8:24], 58)
        assert reply[40:42] == b"\x02\x00"
        assert int.from_bytes(reply[44:48], "big") == said
        pseudo = reply[8:40] + struct.pack(">IxxxB", len(reply) - 40, 58)
        assert checksum(pseudo + reply[40:]) == 0
        assert len(reply) <= 1280


def together6(parts: list[bytes], header: int = 40) -> tuple[int, bytes]:
    whole = bytearray()
    for number, part in enumerate(parts):
        kind, flags, identification = struct.unpack_from(">BxHI", part, header)
        assert identification == 7
        assert int.from_bytes(part[4:6], "big") == len(part) - 40
        assert flags & 0xFFF8 == len(whole)
        assert flags & 1 == (number + 1 < len(parts))
        whole += part[header + 8 :]
    return kind, bytes(whole)


def test_ipv6_below_its_least_mtu_is_cut() -> None:
    assert len(LARGE6) <= 1280
    parts = pieces(LARGE6, 1200, 7)
    assert max(map(len, parts)) <= 1200
    assert together6(parts) == (17, LARGE6[40:])
    again = [part for piece in parts for part in (pieces(piece, 600, 99) if len(piece) > 600 else [piece])]
    assert len(again) > len(parts)
    assert together6(again) == (17, LARGE6[40:])


def test_headers_before_the_fragment_header_stay_with_each_piece() -> None:
    hop_by_hop = bytes((17, 0, 1, 4, 0, 0, 0, 0))
    packet = ipv6("fd09::2", "fd10::80", 0, hop_by_hop + LARGE6[40 : 40 + 1200])
    parts = pieces(packet, 1200, 7)
    assert {part[40:48] for part in parts} == {b"\x2c" + hop_by_hop[1:]}
    assert together6(parts, 48) == (17, LARGE6[40 : 40 + 1200])


@pytest.mark.parametrize("packet", [
    with_df(ipv4("10.9.0.2", "10.1.0.7", 1, b"\x03\x01" + bytes(1300))),
    with_df(ipv4("10.9.0.2", "10.1.0.7", 1, b"\x0b\x00" + bytes(1300))),
    with_df(ipv4("10.9.0.2", "224.0.0.251", 17, udp(1, 5353, bytes(1300)))),
    with_df(ipv4("10.9.0.2", "255.255.255.255", 17, udp(1, 67, bytes(1300)))),
    with_df(ipv4("0.0.0.0", "10.1.0.7", 17, udp(1, 53, bytes(1300)))),
    with_df(LARGE4, 0x4001),
    ipv6("fd09::2", "fd10::80", 58, b"\x01\x00" + bytes(1300)),
    ipv6("fd09::2", "ff02::fb", 17, udp(1, 5353, bytes(1300))),
    ipv6("::", "fd10::80", 17, udp(1, 53, bytes(1300))),
], ids=["unreachable", "time-exceeded", "multicast", "broadcast", "nobody", "later-fragment", "v6-error",
        "v6-multicast", "v6-nobody"])  # fmt: skip
def test_what_must_not_be_answered(packet: bytes) -> None:
    """RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4 e."""
    assert answer(packet, 1200) == b""


@given(st.binary(max_size=700), st.sampled_from([4, 6]), st.integers(68, 600), st.integers(0, 1 << 31))
def test_any_packet(octets: bytes, version: int, limit: int, random: int) -> None:
    """The loop judges packets before: whole, of one version, with a header. Whatever else is in them."""
    header = struct.pack(">BBHHHBBH", 0x40 | 5 + random % 11, 0, 0, 1, random & 0xFFFF, 64, random >> 8 & 255, 0) \
        if version == 4 else struct.pack(">IHBB", 0x6000_0000, 0, random & 0xFF, 1)
    packet = header + bytes(40 if version == 6 else 60) + octets
    if version == 4:
        packet = packet[:2] + len(packet).to_bytes(2, "big") + packet[4:]
    for part in pieces(packet, limit, 7):
        assert len(part) <= limit
    answer(packet, limit)
