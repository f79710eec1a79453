"""Joining TCP segments: what comes out is what the kernel would have been sent had the sender not cut it up.

The expected packet is built by hand, with checksums from a straightforward sum over all its octets; a wrong octet in
any segment must show in the joined packet's checksum.
"""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.core.datapath.coalesce import VNET_HEADER, Run

TIMESTAMP = b"\x01\x01\x08\x0a\0\0\0\x07\0\0\0\x09"
ACK, PSH_ACK, FIN_ACK, SYN = 0x10, 0x18, 0x11, 0x02

ADDRESSES = {
    version: (ip_address(source).packed, ip_address(destination).packed)
    for version, source, destination in ((4, "10.1.0.7", "10.9.0.2"), (6, "fd01::7", "fd09::2"))
}


def ones_complement(data: bytes) -> int:
    """RFC 1071, the slow way."""
    total = 0
    for (word,) in struct.iter_unpack(">H", data + bytes(len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def segment(
    payload: bytes,
    seq: int,
    version: int = 4,
    flags: int = ACK,
    options: bytes = TIMESTAMP,
    ack: int = 5,
    window: int = 9,
) -> bytes:
    source, destination = ADDRESSES[version]
    doff = (20 + len(options)) // 4 << 4
    tcp = struct.pack(">HHIIBBHHH", 80, 4000, seq & 0xFFFF_FFFF, ack, doff, flags, window, 0, 0) + options + payload
    check = 0xFFFF - ones_complement(source + destination + struct.pack(">II", len(tcp), 6) + tcp)
    tcp = tcp[:16] + check.to_bytes(2, "big") + tcp[18:]
    if version == 6:
        return struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + source + destination + tcp
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 77, 0x4000, 64, 6, 0) + source + destination
    return head[:10] + (0xFFFF - ones_complement(head)).to_bytes(2, "big") + head[12:] + tcp


def joined(*segments: bytes) -> tuple[list[bool], bytes, bytes]:
    """(what became part, the virtio_net_hdr, the packet)."""
    run = Run()
    assert not run
    became = [run.begin(segments[0])] + [run.extend(more, len(more)) for more in segments[1:]]
    taken = bytes(run.take()) if run else b""
    return became, taken[:VNET_HEADER], taken[VNET_HEADER:]


def checksum_is_right(packet: bytes) -> bool:
    tcp, addresses = (20, packet[12:20]) if packet[0] >> 4 == 4 else (40, packet[8:40])
    data = addresses + struct.pack(">II", len(packet) - tcp, 6) + packet[tcp:]
    return ones_complement(data) == 0xFFFF and (tcp == 40 or ones_complement(packet[:20]) == 0xFFFF)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("options", [b"", TIMESTAMP])
@pytest.mark.parametrize("start", [1000, 0xFFFF_FF00])
@settings(max_examples=20)
@given(
    payloads=st.lists(st.binary(min_size=100, max_size=100), min_size=2, max_size=8),
    last=st.binary(min_size=1, max_size=100),
    last_flags=st.sampled_from((ACK, PSH_ACK)),
)
def test_the_whole_is_as_if_it_had_never_been_cut(
    version: int, options: bytes, start: int, payloads: list[bytes], last: bytes, last_flags: int
):
    cut = [segment(payload, start + 100 * at, version, ACK, options) for at, payload in enumerate(payloads)]
    cut.append(segment(last, start + 100 * len(payloads), version, last_flags, options))
    became, header, packet = joined(*cut)
    assert all(became)
    assert checksum_is_right(packet)
    whole = segment(b"".join(payloads) + last, start, version, last_flags, options)
    tcp = 20 if version == 4 else 40
    assert packet[: tcp + 16] + packet[tcp + 18 :] == whole[: tcp + 16] + whole[tcp + 18 :]
    gso = struct.unpack("=BBHHHH", header)
    assert gso == (0, 1 if version == 4 else 4, tcp + 20 + len(options), 100, 0, 0)


@given(st.integers(0, 2), st.integers(20, 131), st.integers(1, 255))
def test_damage_before_the_gateway_sealed_it_shows(which: int, at: int, change: int):
    cut = [bytearray(segment(bytes([index]) * 80, 100 + 80 * index)) for index in range(3)]
    cut[which][at] ^= change
    became, _, packet = joined(*[bytes(one) for one in cut])
    if all(became):
        assert not checksum_is_right(packet)


@pytest.mark.parametrize(
    "second",
    [
        segment(b"b" * 80, 181),                                   # a hole
        segment(b"b" * 80, 100),                                   # the same again
        segment(b"b" * 82, 180),                                   # longer than the first
        segment(b"", 180),                                         # a pure ACK
        segment(b"b" * 80, 180, ack=6),
        segment(b"b" * 80, 180, window=10),
        segment(b"b" * 80, 180, options=TIMESTAMP[:-1] + b"\x0a"),
        segment(b"b" * 80, 180, options=b""),
        segment(b"b" * 80, 180, flags=FIN_ACK),
        segment(b"b" * 80, 180, flags=SYN),
        segment(b"b" * 80, 180, version=6),
        segment(b"b" * 80, 180)[:9] + b"\x11" + segment(b"b" * 80, 180)[10:],   # UDP
        segment(b"b" * 80, 180)[:6] + b"\x20\0" + segment(b"b" * 80, 180)[8:],  # a fragment
        segment(b"b" * 80, 180)[:19] + b"\x03" + segment(b"b" * 80, 180)[20:],  # another address
        segment(b"b" * 80, 180)[:21] + b"\x03" + segment(b"b" * 80, 180)[22:],  # another port
    ],
)
def test_what_does_not_continue_the_run(second: bytes):
    first = segment(b"a" * 80, 100)
    became, header, packet = joined(first, second)
    assert became == [True, False]
    assert (header, packet) == (bytes(VNET_HEADER), first)


@pytest.mark.parametrize(
    "packet",
    [
        segment(b"", 1),
        segment(b"odd", 1),
        segment(b"even", 1, flags=SYN),
        segment(b"even", 1, flags=FIN_ACK),
        b"\x45" + bytes(19),
        b"\x60" + bytes(39),
        segment(b"even", 1)[:10] + b"\0\0" + segment(b"even", 1)[12:],   # a wrong IPv4 header checksum
        segment(b"even", 1)[:32] + b"\xf0" + segment(b"even", 1)[33:],   # a TCP header longer than the packet
        segment(b"even", 1)[:32] + b"\x40" + segment(b"even", 1)[33:],   # and one that is too short
    ],
)
def test_what_no_run_begins_with(packet: bytes):
    run = Run()
    assert not run.begin(packet)
    assert not run


def test_a_run_ends_with_psh_and_with_a_short_segment():
    run = Run()
    assert run.begin(segment(b"a" * 80, 100))
    assert not run.full
    assert run.extend(segment(b"b" * 80, 180, flags=PSH_ACK), 132)
    assert run.full
    run.take()
    assert not run.full
    assert run.begin(segment(b"a" * 80, 100))
    assert run.extend(segment(b"b" * 20, 180), 72)
    assert run.full


def test_never_more_than_an_ip_packet_holds():
    run = Run()
    assert run.begin(segment(b"a" * 1000, 0))
    count = 1
    while run.extend(segment(b"a" * 1000, 1000 * count), 1052):
        count += 1
    assert 64 <= count <= 65
    assert len(run.take()) - VNET_HEADER <= 0xFFFF


@given(st.binary(min_size=20, max_size=120), st.binary(min_size=20, max_size=120), st.sampled_from((b"\x45", b"\x60")))
def test_noise_does_no_harm(first: bytes, second: bytes, head: bytes):
    run = Run()
    run.begin(head + first)
    run.extend(head + second, len(second) + 1)
    if run:
        run.take()
    assert not run
    assert run.begin(segment(b"good", 1))
    assert not run.extend(head + second, len(second) + 1) or run.full
