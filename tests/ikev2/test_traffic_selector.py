"""Traffic selectors: narrowing, covering, prefixes, text and octets."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.ikev2.constants import TsType
from client.core.ikev2.errors import InvalidSyntax, MisuseError
from client.core.ikev2.traffic_selector import OPAQUE, TrafficSelector, intersect_all
from client.core.ikev2.traffic_selector_wire import UnknownSelector, encode_selectors, parse_selectors
from client.core.ikev2.wire import Reader
from tests.ikev2.strategies import quick, ranges, selectors


def ts(text):
    return TrafficSelector.from_text(text)


@pytest.mark.parametrize("text", [
    "10.10.0.0/24", "0.0.0.0/0", "::/0", "2001:db8::/64", "10.20.0.0/25[tcp/8080]", "10.0.0.3-10.0.0.9",
    "10.0.0.1/32[udp]", "10.0.0.0/8[%any/53]", "10.0.0.0/8[tcp/1000-2000]", "10.0.0.0/8[99]", "::1/128[ipv6-icmp]",
    "10.0.0.0/8[tcp/opaque]", "2001:db8::1-2001:db8::7[sctp/1]"])
def test_text_round_trips(text):
    assert str(ts(text)) == text


def test_other_ways_to_write_it():
    assert ts("10.0.0.1") == ts("10.0.0.1/32")
    assert ts(" 10.0.0.0/8[any/any]\n") == ts("10.0.0.0/8")
    assert ts("10.0.0.0/8[6/80-80]") == ts("10.0.0.0/8[tcp/80]")
    assert ts("10.0.0.0-10.0.0.255") == ts("10.0.0.0/24")


@pytest.mark.parametrize("text", [
    "", "10.0.0.1/24", "10.0.0.0/33", "10.0.0.9-10.0.0.3", "10.0.0.1-::1", "10.0.0.0/8[]", "10.0.0.0/8[tcp/]",
    "10.0.0.0/8[256]", "10.0.0.0/8[tcp/65536]", "10.0.0.0/8[tcp/2-1]", "10.0.0.0/8[tcp/80", "lab.test", "1" * 300,
    "10.0.0.0/8[tcp/٣]", "10.0.0.0/8[tcp/999999999999]"])
def test_text_that_is_none(text):
    with pytest.raises(ValueError, match=r"."):
        ts(text)


@quick
@given(selectors)
def test_all_selectors_have_a_text(selector):
    assert ts(str(selector)) == selector


def test_from_network():
    assert TrafficSelector.from_network(ip_network("10.10.0.0/24"), 6, (80, 80)) == TrafficSelector(
        TsType.IPV4_ADDR_RANGE, 6, 80, 80, IPv4Address("10.10.0.0"), IPv4Address("10.10.0.255"))
    assert TrafficSelector.from_network(ip_network("::/0")).ts_type == TsType.IPV6_ADDR_RANGE


@pytest.mark.parametrize(("one", "other", "expected"), [
    ("0.0.0.0/0", "10.1.0.0/16", "10.1.0.0/16"),
    ("10.1.0.0/16", "10.2.0.0/16", None),
    ("10.0.0.0-10.0.0.9", "10.0.0.5-10.0.0.20", "10.0.0.5-10.0.0.9"),
    ("10.0.0.0/8[tcp]", "10.0.0.0/8", "10.0.0.0/8[tcp]"),
    ("10.0.0.0/8[tcp]", "10.0.0.0/8[udp]", None),
    ("10.0.0.0/8[tcp/80-100]", "10.0.0.0/8[tcp/90-200]", "10.0.0.0/8[tcp/90-100]"),
    ("10.0.0.0/8[tcp/80]", "10.0.0.0/8[tcp/81]", None),
    ("10.0.0.0/8[tcp/80]", "10.0.0.0/8[%any/80]", "10.0.0.0/8[tcp/80]"),
    ("0.0.0.0/0", "::/0", None),
    ("10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp]", "10.0.0.0/8[tcp/opaque]"),
    ("10.0.0.0/8[tcp/opaque]", "10.0.0.0/8[tcp/80]", None),
])
def test_intersections(one, other, expected):
    wanted = ts(expected) if expected else None
    assert ts(one).intersect(ts(other)) == wanted
    assert ts(other).intersect(ts(one)) == wanted


@quick
@given(selectors, selectors)
def test_an_intersection_is_a_subset_of_both(one, other):
    common = one.intersect(other)
    if common is None:
        assert not one.is_subset([other])
        return
    assert common.is_subset([one])
    assert common.is_subset([other])
    assert other.intersect(one) == common
    assert one.is_subset([other]) == (common == one)


@quick
@given(ranges(IPv4Address, st.integers(0, 40)), ranges(IPv4Address, st.integers(0, 40)), st.integers(0, 40))
def test_intersections_of_addresses_are_those_of_sets(one, other, probe):
    a, b = TrafficSelector.from_range(*one), TrafficSelector.from_range(*other)
    address = IPv4Address(probe)
    common = a.intersect(b)
    assert (common is not None and common.contains(address)) == (a.contains(address) and b.contains(address))


@pytest.mark.parametrize(("one", "of", "expected"), [
    ("10.1.0.0/16", ["10.0.0.0/8"], True),
    ("10.0.0.0/8", ["10.1.0.0/16"], False),
    ("0.0.0.0/0", ["0.0.0.0/1", "128.0.0.0/1"], True),
    ("0.0.0.0/0", ["128.0.0.0/1", "0.0.0.0/1"], True),
    ("0.0.0.0/0", ["0.0.0.0/1", "128.0.0.1-255.255.255.255"], False),
    ("10.0.0.0/8", [], False),
    ("10.0.0.0/8[tcp]", ["10.0.0.0/8"], True),
    ("10.0.0.0/8", ["10.0.0.0/8[tcp]"], False),
    ("10.0.0.0/8[tcp/80]", ["10.0.0.0/8[tcp/1-100]"], True),
    ("10.0.0.0/8[tcp]", ["10.0.0.0/8[tcp/1-100]"], False),
    ("::/0", ["0.0.0.0/0"], False),
    ("255.255.255.255/32", ["0.0.0.0/0"], True),
])
def test_subsets(one, of, expected):
    assert ts(one).is_subset([ts(text) for text in of]) is expected


def test_contains():
    web = ts("10.0.0.0/24[tcp/80]")
    assert web.contains(ip_address("10.0.0.7"), 6, 80)
    assert not web.contains(ip_address("10.0.0.7"), 6, 81)
    assert not web.contains(ip_address("10.0.0.7"), 17, 80)
    assert not web.contains(ip_address("10.0.1.7"), 6, 80)
    assert not web.contains(ip_address("::1"), 6, 80)
    assert ts("::/0").contains(IPv6Address("::1"))


def test_intersect_all_drops_what_another_covers():
    ours = [ts("0.0.0.0/0"), ts("::/0")]
    assert intersect_all([ts("10.1.0.0/16"), ts("10.0.0.0/8"), ts("10.1.0.0/16")], ours) == (ts("10.0.0.0/8"),)
    assert intersect_all(ours, ours) == tuple(ours)
    assert intersect_all([ts("10.0.0.0/8")], [ts("::/0")]) == ()
    assert intersect_all([], ours) == ()


def test_networks():
    assert ts("10.0.0.0/24").networks() == (ip_network("10.0.0.0/24"),)
    assert ts("10.0.0.1-10.0.0.4").networks() == tuple(
        ip_network(text) for text in ("10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32"))


@quick
@given(st.lists(selectors, max_size=5))
def test_octets_round_trip(wanted):
    assert parse_selectors(Reader(encode_selectors(wanted))) == (tuple(wanted), ())


def test_octets_of_rfc_7296():
    body = bytes.fromhex("01000000 07 06 0010 0050 0051 0a000000 0a0000ff")
    [selector], unknown = parse_selectors(Reader(body))
    assert (selector, unknown) == (ts("10.0.0.0/24[tcp/80-81]"), ())
    assert encode_selectors([selector]) == body


def test_unknown_types_are_passed_over_and_survive():
    """RFC 7296 §2.9; type 10 is TS_SECLABEL (RFC 9478)."""
    body = bytes.fromhex("02000000 0a00 0008 abcdef01 0700 0010 0000 ffff 0a000000 0a0000ff")
    known, unknown = parse_selectors(Reader(body))
    assert (known, unknown) == ((ts("10.0.0.0/24"),), (UnknownSelector(TsType(10), 0, bytes.fromhex("abcdef01")),))
    assert parse_selectors(Reader(encode_selectors(known, unknown))) == (known, unknown)


@pytest.mark.parametrize("body", [
    "",
    "01000000",                                             # one announced, none there
    "00000000 00",
    "01000000 0700 0010 0000 ffff 0a0000ff 0a000000",       # upside down
    "01000000 0706 0010 0051 0050 0a000000 0a0000ff",
    "01000000 0700 0028 0000 ffff" + "00" * 32,             # IPv4 with the length of IPv6
    "01000000 0700 000f 0000 ffff 0a000000 0a0000",
    "01000000 0a00 0003",
])
def test_octets_that_are_none(body):
    with pytest.raises(InvalidSyntax):
        parse_selectors(Reader(bytes.fromhex(body)))


def test_ports_that_are_not_to_be_seen():
    body = bytes.fromhex("01000000 07 06 0010 ffff 0000 0a000000 0a0000ff")
    [selector], _ = parse_selectors(Reader(body))
    assert selector.ports == OPAQUE
    assert encode_selectors([selector]) == body


def test_a_type_that_contradicts_its_addresses_is_our_mistake():
    wrong = TrafficSelector(TsType.IPV6_ADDR_RANGE, 0, 0, 65535, IPv4Address(0), IPv4Address(1))
    with pytest.raises(MisuseError):
        encode_selectors([wrong])
