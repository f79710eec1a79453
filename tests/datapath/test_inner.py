"""RFC 4301 §4.4.1.1: which inner packets meet a selector. Everything that is not one whole packet meets none."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.datapath.base import Selector
from client.core.datapath.inner import addresses_only, meets, parse_inner
from client.core.datapath.sadb import flow_of
from tests.datapath.packets import icmp, ipv4, ipv6, udp

HERE, THERE = "10.9.0.2", "10.1.0.7"
HERE6, THERE6 = "fd09::2", "fd01::7"


def selector(start: str, end: str = "", protocol: int = 0, ports: tuple[int, int] = (0, 0xFFFF)) -> Selector:
    first, last = ip_address(start), ip_address(end or start)
    return Selector(first.version, protocol, first.packed, last.packed, *ports)


ANY4 = selector("0.0.0.0", "255.255.255.255")
ANY6 = selector("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
UDP_53 = selector("10.1.0.0", "10.1.0.255", 17, (53, 53))
FRAGMENT_1, MORE_FRAGMENTS = 185, 0x2000
PING = selector("0.0.0.0", "255.255.255.255", 1, (0x0800, 0x08FF))
HOP_BY_HOP, ROUTING, FRAGMENT, ICMPV6, OPTIONS = 0, 43, 44, 58, 60


@pytest.mark.parametrize(
    ("packet", "source", "destination", "verdict"),
    [
        (ipv4(HERE, THERE, 17, udp(1, 2)), ANY4, ANY4, True),
        (ipv4(HERE, THERE, 17, udp(1, 2)), ANY6, ANY6, False),
        (ipv6(HERE6, THERE6, 17, udp(1, 2)), ANY6, ANY6, True),
        (ipv4(HERE, THERE, 17, udp(1, 2)), selector(HERE), selector(THERE), True),
        (ipv4(HERE, THERE, 17, udp(1, 2)), selector("10.9.0.3"), ANY4, False),
        (ipv4(HERE, THERE, 17, udp(1, 2)), ANY4, selector("10.1.0.0", "10.1.0.6"), False),
        (ipv4(HERE, THERE, 17, udp(9, 53)), ANY4, UDP_53, True),
        (ipv4(HERE, THERE, 17, udp(9, 54)), ANY4, UDP_53, False),
        (ipv4(HERE, THERE, 6, udp(9, 53)), ANY4, UDP_53, False),
        # IP options move the ports.
        (ipv4(HERE, THERE, 17, udp(9, 53), options=b"\x01" * 4), ANY4, UDP_53, True),
        # Fragments: the first one has ports; later ones travel only where ports do not matter (RFC 4301 §7.1).
        (ipv4(HERE, THERE, 17, udp(9, 53), fragment=MORE_FRAGMENTS), ANY4, UDP_53, True),
        (ipv4(HERE, THERE, 17, udp(9, 53), fragment=FRAGMENT_1), ANY4, UDP_53, False),
        (ipv4(HERE, THERE, 17, udp(9, 53), fragment=FRAGMENT_1), ANY4, ANY4, True),
        (ipv4(HERE, THERE, 17, udp(9, 53), fragment=FRAGMENT_1), ANY4, selector(THERE, "", 17), True),
        (ipv4(HERE, THERE, 17, udp(9, 53), fragment=FRAGMENT_1), ANY4, selector(THERE, "", 17, (0xFFFF, 0)), True),
        (ipv4(HERE, THERE, 17, b"\x00\x09"), ANY4, UDP_53, False),  # too short to have a destination port
        # ICMP: type and code are the sender's (RFC 4301 §4.4.1.3 C and D).
        (ipv4(HERE, THERE, 1, icmp(8)), PING, ANY4, True),
        (ipv4(HERE, THERE, 1, icmp(8)), PING, selector(THERE, "", 1, (0xFFFF, 0)), True),
        (ipv4(HERE, THERE, 1, icmp(0)), PING, ANY4, False),
        (ipv4(HERE, THERE, 1, icmp(8)), selector(HERE, "", 1, (0xFFFF, 0)), PING, False),
        # A protocol without ports: only ANY and OPAQUE.
        (ipv4(HERE, THERE, 47, bytes(8)), selector(HERE, "", 47), selector(THERE, "", 47, (0xFFFF, 0)), True),
        (ipv4(HERE, THERE, 47, bytes(8)), selector(HERE, "", 47, (0, 80)), ANY4, False),
        # IPv6 extension headers are walked.
        (
            ipv6(HERE6, THERE6, HOP_BY_HOP, bytes((OPTIONS, 0, *bytes(6), ICMPV6, 0, *bytes(6))) + icmp(128)),
            selector(HERE6, "", ICMPV6, (0x8000, 0x8000)), ANY6, True,
        ),
        (
            ipv6(HERE6, THERE6, FRAGMENT, bytes((17, 0, 0, 1, 0, 0, 0, 1)) + udp(9, 53)),
            ANY6, selector(THERE6, "", 17, (53, 53)), True,
        ),
        (
            ipv6(HERE6, THERE6, FRAGMENT, bytes((17, 0, 5, 200, 0, 0, 0, 1)) + udp(9, 53)),
            ANY6, selector(THERE6, "", 17, (53, 53)), False,
        ),
        (
            ipv6(HERE6, THERE6, FRAGMENT, bytes((OPTIONS, 0, 5, 200, 0, 0, 0, 1, 17, 0, *bytes(6))) + udp(9, 53)),
            ANY6, selector(THERE6, "", 17), False,
        ),
    ],
)  # fmt: skip
def test_meets(packet: bytes, source: Selector, destination: Selector, verdict: bool):
    inner = parse_inner(memoryview(packet))
    assert inner is not None
    assert inner.length == len(packet)
    assert meets(inner, (source,), (destination,)) is verdict


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        bytes(19),
        b"\x45" + bytes(19),                              # total length 0
        b"\x44\0\0\x14" + bytes(16),                      # header of 16
        b"\x4f\0\0\x14" + bytes(16),                      # header longer than the packet
        ipv4(HERE, THERE, 17, udp(1, 2))[:-1],            # shorter than it says
        b"\x75" + ipv4(HERE, THERE, 17, udp(1, 2))[1:],   # no IP version
        ipv6(HERE6, THERE6, 17, udp(1, 2))[:-1],
        ipv6(HERE6, THERE6, 17, b"")[:39],
        ipv6(HERE6, THERE6, HOP_BY_HOP, bytes(7)),        # a truncated extension header
        ipv6(HERE6, THERE6, ROUTING, bytes((17, 9)) + bytes(20)),
        ipv6(HERE6, THERE6, OPTIONS, bytes((OPTIONS, 0, *bytes(6))) * 9 + udp(1, 2)),
    ],
)
def test_malformed(packet: bytes):
    assert parse_inner(memoryview(packet)) is None


def test_traffic_flow_padding_is_not_part_of_the_packet():
    packet = ipv4(HERE, THERE, 17, udp(1, 2))
    inner = parse_inner(memoryview(packet + bytes(100)))
    assert inner is not None
    assert inner.length == len(packet)
    assert flow_of(packet + bytes(100), True)[1] == len(packet)


def test_when_addresses_alone_decide():
    assert addresses_only((ANY4, ANY6))
    assert not addresses_only((ANY4, UDP_53))


@given(st.binary(max_size=120), st.sampled_from((b"", b"\x45", b"\x60", b"\x46")))
def test_anything_is_parsed_or_malformed_and_the_quick_way_agrees(tail: bytes, head: bytes):
    packet = head + tail
    inner = parse_inner(memoryview(packet))
    _, exact = flow_of(packet, False)
    key, quick = flow_of(packet, True)
    assert exact == (inner.length if inner else -1)
    if inner:
        assert (key, quick) == (inner.source + inner.destination, inner.length)
