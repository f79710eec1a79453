"""Several ways at once: doubt, probes, NAT mappings, other addresses (RFC 4555). → client, ← gateway."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.addresses import outside
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.mobike import NatLiveness
from client.core.ikev2.payloads import Notify
from client.core.ikev2.timers import Timer
from client.core.ikev2.traffic_selector import TrafficSelector
from client.model.endpoint import Endpoint
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.dialogue import INFO, ask, listen, requests
from tests.ikev2.test_established import agree, first_child
from tests.ikev2.test_rfc4555 import NATD, UPDATE, gateway_answers, updates
from tests.peer.responder import Behaviour
from tests.sim.world import LTE, WIFI, World

BOTH = [WIFI, LTE]
HERE, THERE = WIFI.local.address, LTE.local.address
SEEN = Endpoint("203.0.113.9", 61000)


def two_ways(world: World) -> World:
    """Wi-Fi is better, and in use."""
    world.do(lambda: world.client.set_paths(BOTH, world.now), 5.0)
    return world


def places(world: World, begun: int) -> list[str]:
    """Where what the client sent since then left from."""
    return [path.local.address for who, _, path in world.sent[begun:] if who == "client"]


def moves(world: World) -> list[tuple[str, bool]]:
    return [(event.path.interface, event.confirmed) for event in world.of(ike.PathChanged)]


# --- a way in doubt ---

def test_suspicion_asks_on_all_ways_at_once_with_the_same_octets(connected: MakeWorld) -> None:
    """→ over Wi-Fi and over LTE: the same INFORMATIONAL { N(NATD_S) N(NATD_D) }, one message ID; Wi-Fi answers"""
    world = two_ways(connected())
    begun = len(world.sent)
    world.do(lambda: world.client.suspect(world.now), 0.0)
    assert places(world, begun) == [HERE, THERE]
    assert len({data for _, data, _ in world.sent[begun:]}) == 1
    world.run(3.0)
    assert moves(world) == []
    agree(world)


def test_a_silent_way_is_left_for_one_that_answers(connected: MakeWorld) -> None:
    """× over Wi-Fi; ← over LTE → over LTE: { N(UPDATE_SA_ADDRESSES) N(NATD_S) N(NATD_D) N(COOKIE2) } ←"""
    world = two_ways(connected())
    world.silent = {HERE}
    heard, began = listen(world), world.now
    world.do(lambda: world.client.suspect(world.now), 1.0)
    assert moves(world) == [("lte0", False), ("lte0", True)]
    (update,) = updates(heard)
    assert update.at - began < 0.3
    assert world.gateway._ctx.path.local.address == "192.0.2.1"
    assert world.gateway._ctx.path.remote.address == THERE
    agree(world)


def test_the_present_way_is_kept_where_it_answers_in_time(connected: MakeWorld) -> None:
    """← over LTE first, ← over Wi-Fi a moment later: one answer is as good as the other, and Wi-Fi is better"""
    world = two_ways(connected())
    send = world._send

    def slowly(who: str, data: bytes, path: ike.Path) -> None:
        if who == "gateway" and path.remote.address == HERE:
            world.faults = replace(world.faults, delay=0.08)
        send(who, data, path)
        world.faults = replace(world.faults, delay=0.02)
    world._send = slowly        # type: ignore[method-assign]
    heard = listen(world)
    world.do(lambda: world.client.suspect(world.now), 3.0)
    assert moves(world) == []
    assert updates(heard)       # the gateway may have taken the one on LTE for a move
    assert world.gateway._ctx.path.remote.address == HERE


def test_a_better_way_is_returned_to_once_it_answers(connected: MakeWorld) -> None:
    world = two_ways(connected())
    world.silent = {HERE}
    world.do(lambda: world.client.suspect(world.now), 25.0)
    assert moves(world)[-1] == ("lte0", True)
    world.silent = set()
    world.run(60.0)
    assert moves(world)[-2:] == [("wifi0", False), ("wifi0", True)]
    agree(world)


def test_a_way_that_stays_silent_is_tried_more_and_more_rarely(connected: MakeWorld) -> None:
    world = two_ways(connected(dpd=1000.0))
    world.silent = {HERE}
    world.do(lambda: world.client.suspect(world.now), 1.0)
    begun = len(world.sent)
    world.run(1000.0)
    tried = places(world, begun).count(HERE)
    assert 5 <= tried <= 30
    assert moves(world)[-1] == ("lte0", True)


def test_one_lost_packet_moves_nothing(connected: MakeWorld) -> None:
    world = two_ways(connected())
    lost = iter([True])
    world.drop = lambda who, data: who == "client" and next(lost, False)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 3.0)
    assert moves(world) == []
    agree(world)


def test_the_gateway_is_silent_on_every_way(connected: MakeWorld) -> None:
    """Said after 2 s where there is traffic, long before the IKE_SA is given up; and taken back."""
    world = two_ways(connected())
    world.silent = {HERE, THERE}
    world.do(lambda: world.client.suspect(world.now), 1.9)
    assert not world.of(ike.GatewaySilent)
    world.run(0.2)
    assert len(world.of(ike.GatewaySilent)) == 1
    world.run(20.0)
    assert not world.of(ike.Failed)
    world.silent = set()
    world.run(3.0)
    assert len(world.of(ike.GatewayHeard)) == 1
    assert len(world.of(ike.GatewaySilent)) == 1
    agree(world)


def test_a_gateway_without_mobike_is_asked_on_one_way_only(connected: MakeWorld) -> None:
    """It would follow whatever comes last (RFC 7296 §2.23)."""
    world = connected(Behaviour(mobike=False))
    world.do(lambda: world.client.set_paths(BOTH, world.now), 5.0)
    begun = len(world.sent)
    world.do(lambda: world.client.suspect(world.now), 3.0)
    assert set(places(world, begun)) == {HERE}


def test_ike_sa_init_goes_over_all_ways_where_the_first_is_silent(make_world: MakeWorld) -> None:
    """§3.1"""
    world = make_world()
    world.silent = {HERE}
    world.start(WIFI, LTE)
    world.run(5.0)
    assert world.of(ike.Established)[0].path.interface == "lte0"
    agree(world)


# --- a better way ---

def test_a_better_way_is_taken_once_the_gateway_answers_on_it(connected: MakeWorld) -> None:
    """Until then everything goes where it went: → over Wi-Fi: { N(UPDATE_SA_ADDRESSES) … } ←, then ESP."""
    world = connected()
    world.do(lambda: world.client.set_paths([LTE], world.now), 3.0)
    world.do(lambda: world.client.set_paths(BOTH, world.now), 0.01)
    assert moves(world)[-1] == ("lte0", True)
    world.run(1.0)
    assert moves(world)[-2:] == [("wifi0", False), ("wifi0", True)]


def test_a_better_way_that_leads_nowhere_is_not_taken(connected: MakeWorld) -> None:
    """A hotel's network, before its portal. The gateway hears it on the old way, and is told to stay there."""
    world = connected()
    world.do(lambda: world.client.set_paths([LTE], world.now), 3.0)
    world.silent = {HERE}
    world.do(lambda: world.client.set_paths(BOTH, world.now), 5.0)
    assert moves(world)[-1] == ("lte0", True)
    assert world.gateway._ctx.path.remote.address == THERE
    agree(world)


def test_without_mobike_a_better_way_needs_another_ike_sa(connected: MakeWorld) -> None:
    world = connected(Behaviour(mobike=False))
    world.do(lambda: world.client.set_paths([LTE], world.now), 3.0)
    world.events.clear()
    world.do(lambda: world.client.set_paths(BOTH, world.now), 3.0)
    assert world.of(ike.Elsewhere)
    assert not world.of(ike.PathChanged)


def test_without_mobike_traffic_that_follows_needs_none(connected: MakeWorld) -> None:
    for follows in (True, False):
        world = connected(Behaviour(mobike=False))
        world.do(lambda: world.client.set_paths([LTE], world.now), 0.2)     # noqa: B023
        if follows:
            world.client.traffic_seen(world.now)
        world.run(2.0)
        assert bool(world.of(ike.Elsewhere)) is not follows


# --- NAT (§3.8) ---

@pytest.mark.parametrize("ways", [[WIFI], BOTH])
def test_a_nat_that_gives_another_mapping_is_noticed_on_suspicion(connected: MakeWorld, ways: list[ike.Path]) -> None:
    """→ { N(NATD_S) N(NATD_D) } ← { N(NATD_S) N(NATD_D) of the new mapping } → { N(UPDATE_SA_ADDRESSES) … }"""
    world = connected()
    world.do(lambda: world.client.set_paths(ways, world.now), 5.0)
    heard = listen(world)
    world.forget_mapping(HERE, SEEN)
    world.do(lambda: world.client.suspect(world.now), 1.0)
    assert len(updates(heard)) == 1
    assert world.gateway._ctx.path.remote == SEEN
    assert [step.step for step in world.of(ike.Progress)][-1] == "nat-changed"
    assert moves(world) == []       # for us nothing has moved


def test_it_is_noticed_by_the_check_that_takes_a_keepalives_place(connected: MakeWorld) -> None:
    world = connected(dpd=1000.0)
    world.run(5.0)
    world.forget_mapping(HERE, SEEN)
    world.run(20.5)
    assert world.gateway._ctx.path.remote == SEEN


def test_answers_to_other_requests_do_not_put_the_check_off(connected: MakeWorld) -> None:
    """They come to where their request came from, whatever the gateway believes."""
    world = connected(dpd=1000.0)
    world.forget_mapping(HERE, SEEN)
    for _ in range(6):
        world.do(lambda: world.client.rekey_child(agree(world), world.now), 4.0)
    assert world.gateway._ctx.path.remote == SEEN


def test_a_request_under_way_does_not_put_the_check_off(connected: MakeWorld) -> None:
    """A gateway that waits for us says "not now" to whatever we ask, and it would give us up meanwhile."""
    world = connected(dpd=20.0)
    world.run(5.0)
    world.forget_mapping(HERE, SEEN)
    for _ in range(2):
        due = world.client._ctx.timers.get(Timer.DPD, b"")
        assert due is not None
        world.run(due - world.now - 0.01)
        world.do(lambda: world.client.rekey_child(agree(world), world.now), 0.02)
    world.run(3.0)
    assert world.gateway._ctx.path.remote == SEEN


def test_a_look_at_another_way_is_no_look_at_this_one(connected: MakeWorld) -> None:
    """The check of a way that was silent waits behind a request; the one that is due on the present way comes first."""
    world = two_ways(connected())
    ctx, sa = world.client._ctx, world.client._ctx.current()
    assert sa is not None
    world.silent = {HERE, THERE}
    world.do(lambda: world.client.rekey_child(agree(world), world.now), 0.0)
    ctx.enqueue(sa, NatLiveness(ctx, sa, LTE))
    for _ in range(2):
        ctx.roaming.look(sa)
    assert [task.path for task in sa.window.queue if isinstance(task, NatLiveness)] == [None, LTE]


def test_a_mapping_that_changes_while_the_ike_sa_is_rekeyed_is_noticed(connected: MakeWorld) -> None:
    """The hashes hold the SPIs: without an update there would be nothing to compare with."""
    world = connected()
    world.forget_mapping(HERE, SEEN)
    world.do(lambda: world.client.rekey_ike(world.now), 2.0)
    assert world.gateway._ctx.path.remote == SEEN


def test_idle_behind_a_nat_costs_one_exchange_per_interval(connected: MakeWorld) -> None:
    world = connected(dpd=1000.0)
    world.run(30.0)
    begun = len(world.sent)
    world.run(600.0)
    assert 2 * 28 <= len(world.sent) - begun <= 2 * 30


def test_a_forgetful_nat_is_spoken_to_more_often(connected: MakeWorld) -> None:
    """Twice in a row it has forgotten us in silence: then we are silent for less."""
    world = connected(dpd=1000.0)
    world.run(1.0)
    for number in range(4):
        world.forget_mapping(HERE, replace(SEEN, port=SEEN.port + number))
        world.run(20.6)
    (learned,) = world.of(ike.NatPatience)
    assert 10 < learned.seconds < 14


# --- addresses that the two sides tell each other (§3.4, §3.6, §3.9) ---

def test_our_other_addresses_are_told_once_things_have_settled(connected: MakeWorld) -> None:
    """→ { N(ADDITIONAL_IP4_ADDRESS) } …  → { N(NO_ADDITIONAL_ADDRESSES) }; not before the gateway has proved itself"""
    world = connected()
    heard = listen(world)
    world.do(lambda: world.client.set_paths(BOTH, world.now), 6.0)
    (told,) = [said for said in requests(heard, "client", INFO) if said.notify(NotifyType.ADDITIONAL_IP4_ADDRESS)]
    assert told.notify(NotifyType.ADDITIONAL_IP4_ADDRESS).data == ip_address(THERE).packed
    world.do(lambda: world.client.set_paths([WIFI], world.now), 6.0)
    assert [said for said in requests(heard, "client", INFO) if said.notify(NotifyType.NO_ADDITIONAL_ADDRESSES)]


def test_they_go_along_with_an_update(connected: MakeWorld) -> None:
    world = two_ways(connected())
    heard = listen(world)
    world.do(lambda: world.client.set_paths([LTE], world.now), 1.0)
    (update,) = updates(heard)
    assert update.notify(NotifyType.NO_ADDITIONAL_ADDRESSES)


def test_the_gateways_other_addresses_are_told_on(connected: MakeWorld) -> None:
    world = connected()
    other = ip_address("192.0.2.9")
    ask(world, Notify.of(NotifyType.ADDITIONAL_IP4_ADDRESS, other.packed),
        Notify.of(NotifyType.ADDITIONAL_IP6_ADDRESS, bytes(4)))     # the second of no length that there is
    ask(world, Notify.of(NotifyType.NO_ADDITIONAL_ADDRESSES))
    assert [event.addresses for event in world.of(ike.GatewayAddresses)] == [("192.0.2.9",), ()]


def selectors(*networks: str) -> list[TrafficSelector]:
    return [TrafficSelector.from_network(ip_network(text)) for text in networks]


@pytest.mark.parametrize(("inside", "in_use", "believed"), [
    (["10.0.0.0/8"], "192.0.2.1", ("192.0.2.5", "2001:db8::1")),        # its other side is none
    (["0.0.0.0/0", "::/0"], "192.0.2.1", ("192.0.2.5", "2001:db8::1")),  # everything says nothing
    (["192.0.2.0/28"], "198.51.100.1", ("192.0.2.20", "2001:db8::1")),
    ([], "172.16.0.1", ("10.1.0.1", "192.0.2.5", "192.0.2.20", "2001:db8::1")),
])
def test_which_of_them_lead_to_it(inside: list[str], in_use: str, believed: tuple[str, ...]) -> None:
    named = ("10.1.0.1", "192.0.2.5", "192.0.2.20", "2001:db8::1", "224.0.0.1", "0.0.0.0")
    found = outside(named, selectors(*inside), in_use)
    assert set(believed) <= set(found)
    assert "224.0.0.1" not in found
    assert ("10.1.0.1" in found) is ("10.1.0.1" in believed)
    assert not set(found) & {one for one in named if any(
        ts.start.version == ip_address(one).version and int(ts.start) <= int(ip_address(one)) <= int(ts.end)
        for ts in selectors(*inside) if "/0" not in str(inside))}


def test_no_nats_allowed_is_judged_by_where_it_came_from(connected: MakeWorld) -> None:
    """§3.9: ← { N(NO_NATS_ALLOWED) } → { N(UNEXPECTED_NAT_DETECTED) } where a NAT has been at it"""
    world = connected()
    addresses = ip_address("192.0.2.1").packed + ip_address(HERE).packed
    truth = addresses + (4500).to_bytes(2, "big") * 2
    for data, expected in ((truth, []), (addresses + bytes(4), [NotifyType.UNEXPECTED_NAT_DETECTED])):
        answer = ask(world, Notify.of(NotifyType.NO_NATS_ALLOWED, data))
        assert [notify.type for notify in answer.notifies()] == expected


@pytest.mark.parametrize("why", [NotifyType.UNACCEPTABLE_ADDRESSES, NotifyType.UNEXPECTED_NAT_DETECTED])
def test_a_refused_address_is_given_up_for_another(connected: MakeWorld, why: NotifyType) -> None:
    """§3.5: → over LTE: { N(UPDATE_SA_ADDRESSES) … } ← { N(UNACCEPTABLE_ADDRESSES) } → over the third …"""
    world = connected()
    third = ike.Path(Endpoint("10.7.7.7", 500), WIFI.remote, "eth0")
    refused = []

    def refuse(payloads: list[object]) -> list[object]:
        if world.gateway._from.remote.address == THERE and not refused:
            refused.append(1)
            return [Notify.of(why)]
        return payloads
    gateway_answers(world, refuse)
    world.do(lambda: world.client.set_paths([LTE, third], world.now), 3.0)
    assert not world.of(ike.Failed)
    assert moves(world)[-1] == ("eth0", True)
    assert [event.detail for event in world.of(ike.Progress) if event.step == "roam-refused"] == [why.name]


def test_an_update_tells_what_every_one_does(connected: MakeWorld) -> None:
    """Whatever brings it about."""
    world = connected()
    heard = listen(world)
    world.forget_mapping(HERE, SEEN)
    world.do(lambda: world.client.suspect(world.now), 1.0)
    (update,) = updates(heard)
    assert update.notify(UPDATE) is not None
    assert update.notify(NotifyType.COOKIE2) is not None
    assert all(update.notify(kind) is not None for kind in NATD)
