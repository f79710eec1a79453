"""IKE over TCP (RFC 9329) and between UDP and TCP, as its initiator; plain ESP. → client, ← gateway."""

from dataclasses import replace

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.message import parse_plain
from client.core.ikev2.natd import detect_nat
from client.core.ikev2.payloads import Notify
from client.model.cause import Cause
from client.model.endpoint import Endpoint
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.dialogue import INFO, ask, listen, requests
from tests.ikev2.test_established import agree, first_child
from tests.peer.responder import Behaviour
from tests.sim.world import LTE, WIFI, World

TCP = ike.Path(Endpoint("192.168.1.10", 40_000), Endpoint("192.0.2.1", 4500), "wifi0", transport="tcp")
ESP = replace(WIFI, transport="esp")


def by(transport: str, world: World, since: int = 0) -> list[bytes]:
    return [data for who, data, path in world.sent[since:] if who == "client" and path.transport == transport]


def test_all_of_it_by_tcp(make_world: MakeWorld) -> None:
    """The ports stay as they are, and nothing is fragmented (§8.5)."""
    world = make_world(fragment_size=300)
    world.start(TCP)
    world.run(3.0)
    assert world.of(ike.Established)[0].path == TCP
    assert {(path.local.port, path.remote.port) for who, _, path in world.sent if who == "client"} == {(40_000, 4500)}
    assert max(map(len, by("tcp", world))) > 300
    agree(world)


def test_nat_detection_tells_the_truth_of_the_stream(make_world: MakeWorld) -> None:
    """§7.5: with the ports of TCP; over UDP a NAT is claimed."""
    for path, nat in ((TCP, False), (WIFI, True), (ESP, False)):
        world = make_world()
        world.start(path)
        (first,) = by(path.transport, world)
        seen = ike.Path(path.remote, path.local)
        assert detect_nat(parse_plain(first), parse_plain(first).spi_i, bytes(8), seen) is nat


def test_another_transport_is_another_ike_sa_init(make_world: MakeWorld) -> None:
    """§6.1: another SPI, other NAT detection; and no more patience than for the first"""
    world = make_world(connect_give_up=10.0)
    world.passes = lambda _who, datagram: datagram.path.transport == "none"
    world.start()
    world.run(2.0)
    world.do(lambda: world.client.set_paths([WIFI.natt()], world.now), 2.0)
    world.do(lambda: world.client.set_paths([TCP], world.now), 2.0)
    firsts = {parse_plain(data).spi_i: path for who, data, path in world.sent if who == "client"}
    assert [(path.transport, path.remote.port) for path in firsts.values()] == [
        ("udp", 500), ("udp", 4500), ("tcp", 4500)]
    world.run(3.9)
    assert not world.of(ike.Failed)
    world.run(4.5)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_SILENT


def test_the_same_way_again_changes_nothing(make_world: MakeWorld) -> None:
    world = make_world()
    world.passes = lambda _who, _datagram: False
    world.start(WIFI.natt())
    world.do(lambda: world.client.set_paths([WIFI.natt()], world.now), 0.1)
    assert len({parse_plain(data).spi_i for data in by("udp", world)}) == 1


def test_a_stream_is_not_spoken_to_twice(connected: MakeWorld) -> None:
    """§7.2: the initiator should not retransmit; silence is said and ends it all the same"""
    world = connected()
    world.do(lambda: world.client.set_paths([TCP], world.now), 1.0)
    world.passes = lambda who, _datagram: who == "client"
    begun = len(world.sent)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 30.0)
    assert len(by("tcp", world, begun)) == 1
    assert len(world.of(ike.GatewaySilent)) == 1
    world.run(40.0)
    assert world.of(ike.Failed)[0].cause is Cause.DEAD_PEER


def test_a_new_connection_is_asked_again(connected: MakeWorld) -> None:
    """§7.2: the outstanding request MUST be retransmitted, byte by byte; it is no roam"""
    world = connected()
    world.do(lambda: world.client.set_paths([TCP], world.now), 1.0)
    moves = len(world.of(ike.PathChanged))
    world.passes = lambda who, _datagram: False
    begun = len(world.sent)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 1.0)
    world.passes = lambda who, _datagram: True
    again = replace(TCP, local=Endpoint(TCP.local.address, 40_001))
    world.do(lambda: (world.client.set_paths([again], world.now), world.client.probe(world.now)), 2.0)
    first, second, *_ = by("tcp", world, begun)
    assert first == second
    assert {path.local.port for who, _, path in world.sent[begun + 1:] if who == "client"} == {40_001}
    assert len(world.of(ike.PathChanged)) == moves
    agree(world)


def test_from_udp_to_tcp_and_back(connected: MakeWorld) -> None:
    """§8.1: → by the new transport: { N(UPDATE_SA_ADDRESSES) N(NATD_S) N(NATD_D) N(COOKIE2) }, the same IKE_SA"""
    world = connected()
    heard = listen(world)
    for number, path in enumerate((TCP, WIFI), 1):
        begun = len(world.sent)
        world.do(lambda path=path: world.client.set_paths([path], world.now), 2.0)   # type: ignore[misc] # bound
        update = requests(heard, "client", INFO)[-1]
        assert update.notify(NotifyType.UPDATE_SA_ADDRESSES)
        assert len(by(path.transport, world, begun)) >= 1
        told, confirmed = world.of(ike.PathChanged)[2 * number - 2:2 * number]
        assert (told.confirmed, confirmed.confirmed, confirmed.path) == (False, True, path.natt())
    assert len(world.of(ike.Established)) == 1
    agree(world)


def test_the_request_under_way_goes_by_the_new_transport(connected: MakeWorld) -> None:
    """§8.1: what UDP swallowed is said again by TCP, and then where we are"""
    world = connected()
    world.passes = lambda _who, datagram: datagram.path.transport == "tcp"
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 2.0)
    begun = len(world.sent)
    world.do(lambda: world.client.set_paths([TCP], world.now), 2.0)
    assert by("tcp", world, begun)[0] == by("udp", world)[-1]
    assert world.of(ike.PathChanged)[-1].confirmed
    agree(world)


def test_another_way_is_asked_and_nothing_moves(connected: MakeWorld) -> None:
    """§8.1, make before break: → by UDP { } ← { }, while everything stays in TCP"""
    world = connected()
    world.do(lambda: world.client.set_paths([TCP], world.now), 1.0)
    moves, begun = len(world.of(ike.PathChanged)), len(world.sent)
    world.do(lambda: world.client.probe_way(WIFI.natt(), world.now), 1.0)
    assert [path.transport for _, _, path in world.sent[begun:]] == ["udp", "udp"]
    assert world.of(ike.WayAnswers) == [ike.WayAnswers(WIFI.natt())]
    assert len(world.of(ike.PathChanged)) == moves
    agree(world)


def test_a_way_that_is_closed_costs_a_moment_and_nothing_else(connected: MakeWorld) -> None:
    """→ by UDP { } twice, → by TCP { } once ← { }"""
    world = connected()
    world.do(lambda: world.client.set_paths([TCP], world.now), 1.0)
    begun = len(world.sent)
    world.passes = lambda _who, datagram: datagram.path.transport == "tcp"
    world.do(lambda: world.client.probe_way(WIFI.natt(), world.now), 3.0)
    assert [path.transport for who, _, path in world.sent[begun:] if who == "client"] == ["udp", "udp", "tcp"]
    assert len({data for who, data, _ in world.sent[begun:] if who == "client"}) == 1
    assert not world.of(ike.WayAnswers)
    agree(world)


def test_without_mobike_a_gateway_might_follow(connected: MakeWorld) -> None:
    world = connected(Behaviour(mobike=False))
    assert not world.client.probe_way(LTE.natt(), world.now)


@pytest.mark.parametrize("hidden", [False, True])
def test_plain_esp_where_no_nat_is(make_world: MakeWorld, hidden: bool) -> None:
    """RFC 7296 §2.23: both tell the truth, both see the same; IKE is on 4500 all the same (RFC 4555 §3.3)"""
    world = make_world(Behaviour(truthful=True))
    world.start(ESP if not hidden else replace(ESP, local=Endpoint("10.0.0.9", 501)))
    if hidden:      # a NAT: the gateway sees another address
        receive = world.gateway.receive_datagram
        world.gateway.receive_datagram = lambda data, path, now: receive(       # type: ignore[method-assign]
            data, replace(path, remote=Endpoint("198.51.100.2", 20_000)), now)
    world.run(3.0)
    (established,) = world.of(ike.Established)
    assert established.nat is hidden is world.gateway.nat
    assert (established.path.transport, established.path.remote.port) == ("esp", 4500)


# --- path MTU ---


def probed(world: World, octets: int, narrow: int = 1500, seconds: float = 3.0) -> list[ike.MtuProbed]:
    """What is larger than ``narrow`` does not arrive; nothing is said of it."""
    world.passes = lambda _who, datagram: len(datagram.data) + 32 <= narrow
    begun = len(world.events)
    world.do(lambda: world.client.probe_mtu(octets, world.now), seconds)
    return [event for event in world.events[begun:] if isinstance(event, ike.MtuProbed)]


@pytest.mark.parametrize("octets", [1280, 1281, 1400, 1493, 1500])
def test_a_probe_is_as_large_as_it_says_and_in_one_piece(connected: MakeWorld, octets: int) -> None:
    """→ { N(40960) } of IP, UDP, marker and IKE together ← { }"""
    world = connected()
    begun = len(world.sent)
    (event,) = probed(world, octets)
    (data,) = by("udp", world, begun)
    assert len(data) + 4 + 8 + 20 == event.octets == octets
    assert event.arrived
    assert not world.of(ike.Unreachable)


def test_one_that_does_not_arrive_is_followed_by_a_small_one(connected: MakeWorld) -> None:
    """The exchange does not fail because its request was too large: → { N(40960) } … → { } ← { }"""
    world = connected()
    begun = len(world.sent)
    (event,) = probed(world, 1500, narrow=1400)
    assert (event.octets, event.arrived) == (1500, False)
    whole, small = by("udp", world, begun)
    assert (len(whole), len(small)) == (1468, 57)
    world.passes = lambda _who, _datagram: True
    agree(world)


def test_a_gateway_that_takes_identical_repetitions_only(connected: MakeWorld) -> None:
    """RFC 7296 §2.1: it has seen the large one, its answer was lost: the large one comes again"""
    world = connected()
    begun = len(world.sent)
    lost: list[int] = []

    def passes(who: str, datagram: ike.Datagram) -> bool:
        if who == "gateway":
            lost.append(1)
            return len(lost) > 1
        return len(datagram.data) > 60
    world.passes = passes
    events = len(world.events)
    world.do(lambda: world.client.probe_mtu(1400, world.now), 5.0)
    assert [len(data) for data in by("udp", world, begun)] == [1368, 57, 1368]
    (event,) = [event for event in world.events[events:] if isinstance(event, ike.MtuProbed)]
    assert not event.arrived        # it was, but that is not known
    world.passes = lambda _who, _datagram: True
    agree(world)


def test_nothing_is_asked_where_it_could_cost_the_ike_sa(connected: MakeWorld) -> None:
    """Another exchange under way, a stream, no network"""
    world = connected()
    world.passes = lambda _who, _datagram: False
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.1)
    assert not world.client.probe_mtu(1400, world.now)
    world = connected()
    world.do(lambda: world.client.set_paths([TCP], world.now), 1.0)
    assert not world.client.probe_mtu(1400, world.now)
    world.do(lambda: world.client.set_paths([], world.now), 1.0)
    assert not world.client.probe_mtu(1400, world.now)


def test_blocks_of_a_cipher_are_counted(connected: MakeWorld) -> None:
    """An IKE cipher with blocks of 16 octets: a little less than asked for, and that is what it says"""
    from client.core.ikev2.constants import ProtocolId
    from client.core.ikev2.proposal import number_proposals, parse_proposal
    cbc = number_proposals([parse_proposal("aes256-sha256-prfsha256-ecp256", ProtocolId.IKE)])
    world = connected(ike_proposals=cbc)
    begun = len(world.sent)
    (event,) = probed(world, 1407)
    (data,) = by("udp", world, begun)
    assert event.octets == len(data) + 32
    assert 1407 - 16 < event.octets <= 1407


def test_the_gateway_may_pad_its_own(connected: MakeWorld) -> None:
    """← { N(40960, …) } → { }: passed over (RFC 7296 §3.10.1)"""
    world = connected()
    assert ask(world, Notify.of(40960, bytes(1000))).payloads == ()
