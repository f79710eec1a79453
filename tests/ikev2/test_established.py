"""An established IKE_SA: renewal by either side, collisions, liveness, DELETE, roaming."""


from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.payloads import Notify
from client.model.cause import Cause
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.dialogue import answer_once
from tests.sim.world import LTE, WIFI, World

CHILD, INFO = ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL


def children(world: World) -> tuple[set[bytes], set[bytes]]:
    """Inbound SPIs at the client, outbound ones at the gateway."""
    ours = {spi for sa in world.client._ctx.sas.values() for spi in sa.children}
    theirs = {c.spi_out for sa in world.gateway._ctx.sas.values() for c in sa.children.values()}
    return ours, theirs


def agree(world: World) -> bytes:
    """One IKE_SA, one CHILD_SA, the same at both; its inbound SPI at the client."""
    ours, theirs = children(world)
    assert ours == theirs
    assert len(ours) == 1
    assert len(world.client._ctx.sas) == len(world.gateway._ctx.sas) == 1
    (mine,), (other,) = world.client._ctx.sas.values(), world.gateway._ctx.sas.values()
    assert (mine.spi_i, mine.spi_r) == (other.spi_i, other.spi_r)
    assert mine.initiator != other.initiator
    return ours.pop()


def first_child(world: World) -> bytes:
    return world.of(ike.ChildInstalled)[0].child.spi_in


def gateway_child(world: World) -> bytes:
    return next(spi for sa in world.gateway._ctx.sas.values() for spi in sa.children)


def test_own_child_rekey(connected: MakeWorld) -> None:
    """→ CREATE_CHILD_SA { N(REKEY_SA) SA Ni KEi TSi TSr } ← { SA Nr KEr TSi TSr } → { D(old) } ← { D }"""
    world = connected()
    old = first_child(world)
    world.do(lambda: world.client.rekey_child(old, world.now), 3.0)
    new = world.of(ike.ChildInstalled)[1]
    assert new.outbound
    assert new.rekeyed_spi == old
    assert new.child.proposal.ke == 19
    assert [e.child.spi_in for e in world.of(ike.ChildRemoved)] == [old]
    assert agree(world) == new.child.spi_in


def test_the_gateways_child_rekey_moves_outbound_when_the_old_one_goes(connected: MakeWorld) -> None:
    """← CREATE_CHILD_SA { N(REKEY_SA) … } → { … }; outbound stays on the old one until ← { D(old) }"""
    world = connected()
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 3.0)
    kinds = [type(e) for e in world.events if isinstance(e, ike.ChildInstalled | ike.ChildOutbound | ike.ChildRemoved)]
    assert kinds == [ike.ChildInstalled, ike.ChildInstalled, ike.ChildOutbound, ike.ChildRemoved]
    assert not world.of(ike.ChildInstalled)[1].outbound
    assert agree(world) == world.of(ike.ChildOutbound)[0].child.spi_in


def test_pfs_that_the_gateway_refuses_is_left_out(connected: MakeWorld) -> None:
    world = connected()
    answer_once(world, Notify.of(NotifyType.NO_PROPOSAL_CHOSEN))
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 3.0)
    assert world.of(ike.ChildInstalled)[1].child.proposal.ke in (0, None)
    agree(world)


def test_own_ike_rekey(connected: MakeWorld) -> None:
    """→ CREATE_CHILD_SA { SA Ni KEi } ← { SA Nr KEr } → { D(IKE) } ← { }; the child moves over"""
    world = connected()
    before = world.of(ike.Established)[0].spi_i
    child = first_child(world)
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    assert agree(world) == child
    assert world.of(ike.IkeRekeyed)[0].spi_i != before
    world.do(lambda: world.client.rekey_child(child, world.now), 3.0)
    world.do(lambda: world.gateway.rekey_ike(world.now), 3.0)
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 3.0)
    assert agree(world) != child
    assert not world.of(ike.Failed)


def test_the_gateways_ike_rekey(connected: MakeWorld) -> None:
    world = connected()
    child = first_child(world)
    world.do(lambda: world.gateway.rekey_ike(world.now), 3.0)
    assert agree(world) == child
    assert len(world.of(ike.IkeRekeyed)) == 1


def test_liveness_asks_only_when_nothing_is_heard(connected: MakeWorld) -> None:
    world = connected(dpd=15.0)
    begun = len(world.sent)
    world.client.traffic_seen(world.now + 10.0)
    world.run(24.0)
    assert len(world.sent) == begun          # ESP was heard at +10 s
    world.run(2.0)
    assert [e[1] for e in world.exchanges()[begun:]] == [INFO, INFO]


def test_a_dead_gateway_is_noticed(connected: MakeWorld) -> None:
    world = connected(dpd=10.0, retransmit_give_up=20.0)
    world.drop = lambda who, data: True
    world.run(45.0)
    assert world.of(ike.Failed)[0].cause is Cause.DEAD_PEER


def test_a_suspended_machine_blames_nobody_for_the_silence(connected: MakeWorld) -> None:
    """→ INFORMATIONAL { } (lost) … suspended for ten minutes … → the same again ← { }"""
    world = connected(dpd=10.0, retransmit_give_up=20.0)
    world.drop = lambda who, data: True
    world.run(10.2)
    request = world.sent[-1][1]
    world.drop = lambda who, data: False
    world.now += 600.0
    world.run(1.0)
    assert [data for who, data, _ in world.sent if who == "client"][-1] == request
    assert world.sent[-1][0] == "gateway"
    assert not world.of(ike.Failed)


def test_close_says_goodbye(connected: MakeWorld) -> None:
    """→ INFORMATIONAL { D(IKE) } ← { }"""
    world = connected()
    world.do(lambda: world.client.close(world.now), 3.0)
    assert world.of(ike.Closed)
    assert world.gateway_events[-1].cause is Cause.GATEWAY_CLOSED
    assert world.client.next_timeout() is None


def test_close_does_not_wait_for_a_dead_gateway(connected: MakeWorld) -> None:
    world = connected()
    world.drop = lambda who, data: True
    world.do(lambda: world.client.close(world.now), 4.0)
    assert world.of(ike.Closed)


def test_the_gateway_closes(connected: MakeWorld) -> None:
    world = connected()
    world.do(lambda: world.gateway.close(world.now), 3.0)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_CLOSED


def test_a_lost_answer_is_answered_again(connected: MakeWorld) -> None:
    """The peer's request is answered twice with the same bytes and processed once."""
    world = connected()
    world.drop = lambda who, data: who == "client"
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 1.0)
    world.drop = lambda who, data: False
    world.run(3.0)
    assert len(world.of(ike.ChildInstalled)) == 2
    agree(world)


def test_roaming_moves_at_once_and_tells_the_gateway(connected: MakeWorld) -> None:
    """→ INFORMATIONAL { N(UPDATE_SA_ADDRESSES) N(NATD_S) N(NATD_D) N(COOKIE2) } ← { … N(COOKIE2) }"""
    world = connected()
    spis = world.of(ike.Established)[0].spi_i
    world.do(lambda: world.client.set_paths([LTE, WIFI], world.now), 1.0)
    changes = world.of(ike.PathChanged)
    assert [(c.path.interface, c.confirmed) for c in changes] == [("lte0", False), ("lte0", True)]
    assert world.sent[-1][2].local.address == "192.0.2.1"
    assert world.sent[-2][2].local.address == "100.64.0.10"
    assert next(iter(world.client._ctx.sas.values())).spi_i == spis


def test_the_same_paths_again_change_nothing(connected: MakeWorld) -> None:
    world = connected()
    begun = len(world.sent)
    world.do(lambda: world.client.set_paths([WIFI, LTE], world.now), 1.0)
    assert len(world.sent) == begun


def test_roaming_twice_before_the_answer(connected: MakeWorld) -> None:
    world = connected()
    world.client.set_paths([LTE], world.now)
    world.do(lambda: world.client.set_paths([WIFI], world.now), 2.0)
    assert world.of(ike.PathChanged)[-1].path.interface == "wifi0"
    assert world.of(ike.PathChanged)[-1].confirmed


def test_no_network_for_a_while_costs_nothing(connected: MakeWorld) -> None:
    world = connected(dpd=5.0, retransmit_give_up=20.0)
    world.do(lambda: world.client.set_paths([], world.now), 300.0)
    assert not world.of(ike.Failed)
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert world.of(ike.PathChanged)[-1].confirmed


def test_a_rekey_in_flight_crosses_a_roam(connected: MakeWorld) -> None:
    world = connected()
    world.drop = lambda who, data: True
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.5)
    world.drop = lambda who, data: False
    world.do(lambda: world.client.set_paths([LTE], world.now), 3.0)
    assert agree(world) != first_child(world)
    assert world.of(ike.PathChanged)[-1].confirmed


def test_garbage_changes_nothing(connected: MakeWorld) -> None:
    world = connected()
    last = world.sent[-1][1]
    for data in (b"", b"\0" * 28, last, last[:-1], last[:40], bytes(2000)):
        world.client.receive_datagram(data, WIFI, world.now)
    world.do(lambda: None, 1.0)
    agree(world)
    assert not world.of(ike.Failed)
