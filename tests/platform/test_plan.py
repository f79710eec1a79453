"""From a HostConfig to routes and rules, without a kernel."""

from ipaddress import ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.platform.config import HostConfig, RemoteNetwork
from client.core.platform.conventions import (
    MAX_CONNECTIONS,
    first_priority,
    interface_index,
    interface_name,
    mark,
    priority_owner,
    selected_table,
    table,
    table_owner,
)
from client.core.platform.nftables import ruleset
from client.core.platform.plan import make_plan
from client.core.platform.routes import GOTO, NOP, RTN_UNREACHABLE, TO_TABLE
from client.model.cause import Cause, RoveError

ADDRESSES = (ip_interface("10.9.0.2/24"), ip_interface("fd00:9::2/64"))


def config(*remote, index=0, addresses=ADDRESSES, **more):
    networks = tuple(RemoteNetwork(ip_network(entry[0]), *entry[1:]) for entry in remote)
    return HostConfig(index, 1400, addresses, networks, **more)


def test_numbers_of_all_connections_are_apart_and_known_again():
    seen = set()
    for index in range(MAX_CONNECTIONS):
        assert interface_index(interface_name(index)) == index
        assert table_owner(table(index)) == table_owner(selected_table(index)) == index
        for full in (False, True):
            first = first_priority(index, full)
            assert 0 < first < 32000
            assert priority_owner(first) == priority_owner(first + 255) == index
            seen.add(first)
        seen |= {mark(index), table(index), selected_table(index)}
    assert len(seen) == 5 * MAX_CONNECTIONS
    assert min(first_priority(n, True) for n in range(MAX_CONNECTIONS)) > max(
        first_priority(n, False) for n in range(MAX_CONNECTIONS))


@pytest.mark.parametrize("name", ["rove", "rove16", "rove01", "rove-1", "rover0", "xrove0", "rove0 ", "ROVE0",
                                  "rove999", "rove٣"])
def test_other_names_are_none_of_ours(name):
    assert interface_index(name) is None


@pytest.mark.parametrize("index", [-1, MAX_CONNECTIONS])
def test_no_such_connection(index):
    with pytest.raises(ValueError, match="index"):
        mark(index)


def test_equal_networks_become_one_route():
    plan = make_plan(config(("10.0.0.0/9",), ("10.128.0.0/9",), ("10.0.0.0/9",)), 7)
    assert [str(route.destination) for route in plan.routes] == ["10.0.0.0/8"]


def test_an_opaque_or_icmp_port_range_is_no_range():
    plan = make_plan(config(("10.0.0.0/8", 17, 65535, 0), ("10.0.0.0/8", 1, 0x0800, 0x08FF)), 7)
    selected = [rule for rule in plan.rules if rule.action == TO_TABLE and rule.protocol]
    assert [(rule.protocol, rule.ports) for rule in selected] == [(17, None), (1, None)]


def test_networks_of_a_version_without_virtual_address_are_unreachable_not_open():
    plan = make_plan(config(("10.0.0.0/8",), ("fd00:1::/32",), addresses=ADDRESSES[:1]), 7)
    assert [(route.destination.version, route.kind == RTN_UNREACHABLE) for route in plan.routes] == [
        (4, False), (6, True)]


def test_without_any_virtual_address_the_hosts_own_are_used():
    plan = make_plan(config(("10.0.0.0/8",), addresses=()), 7)
    assert [(route.interface, route.source) for route in plan.routes] == [(7, None)]


def test_a_host_without_ipv6():
    plan = make_plan(config(("0.0.0.0/0",), ("::/0",)), 7, (4,))
    assert {rule.family for rule in plan.rules} == {4}
    assert {address.version for address in plan.addresses} == {4}


def test_nothing_remote_is_nothing_routed():
    plan = make_plan(config(), 7)
    assert (plan.routes, plan.rules) == ((), ())


def test_too_many_networks():
    many = [(f"10.{n >> 7}.{(n & 127) * 2}.0/24",) for n in range(5000)]
    with pytest.raises(RoveError) as caught:
        make_plan(config(*many), 7)
    assert caught.value.cause is Cause.HOST_SETUP


PORTS = st.integers(0, 65535)
REMOTE = st.tuples(st.sampled_from(("10.0.0.0/8", "0.0.0.0/0", "192.0.2.0/24", "fd00::/8", "::/0", "10.1.0.0/16")),
                   st.sampled_from((0, 1, 6, 17, 58, 255)), PORTS, PORTS)


@given(st.lists(REMOTE, max_size=20), st.booleans(), st.integers(0, MAX_CONNECTIONS - 1),
       st.lists(st.sampled_from(("10.2.0.0/16", "2001:db8::/32")), max_size=2))
def test_every_plan_is_one_the_kernel_takes_and_lets_our_own_traffic_out(remote, lan, index, exclude):
    made = make_plan(config(*remote, index=index, lan=lan, exclude=tuple(map(ip_network, exclude))), 7)
    assert len(set(made.rules)) == len(made.rules)
    assert len({route.place for route in made.routes}) == len(made.routes)
    for family in (4, 6):
        rules = [rule for rule in made.rules if rule.family == family]
        if not rules:
            continue
        first = min(rules, key=lambda rule: rule.priority)
        assert (first.action, first.mark) == (GOTO, (0x524F0000, 0xFFFF0000))
        end = max(rules, key=lambda rule: rule.priority)
        assert (end.action, end.priority) == (NOP, first.goto)
        there = {rule.priority for rule in rules}
        for rule in rules:
            assert priority_owner(rule.priority) == index
            if rule.action == GOTO:
                assert rule.goto in there
                assert rule.goto > rule.priority
            if rule.ports is not None:
                assert 1 <= rule.ports[0] <= rule.ports[1] <= 65534


def test_the_packet_filters_text():
    text = ruleset([config(("0.0.0.0/0",)), config(("10.0.0.0/8",), index=3)])
    assert text.startswith("table inet rove\ndelete table inet rove\n")
    assert 'iifname != { "rove0", "rove3" } icmp type' in text
    assert 'iifname != "rove3" ip6 daddr fd00:9::2 fib saddr type != local drop' in text
    assert ruleset([]) == "table inet rove\ndelete table inet rove\n"
