"""Collisions while additional key exchanges go on (RFC 9370 §2.2.4). → is the client, ← the gateway, × is lost.

A CREATE_CHILD_SA with an additional key exchange has made nothing until its last IKE_FOLLOWUP_KE is answered.
"""

from dataclasses import replace

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.payloads import KE, Notify
from client.core.ikev2.proposal import DEFAULT_IKE
from tests.ikev2.conftest import GATEWAY, MakeWorld
from tests.ikev2.crossing import HIGH, LOW, Crossing
from tests.ikev2.dialogue import CHILD, Said, listen, requests
from tests.ikev2.test_established import agree
from tests.sim.world import LTE, WIFI, Faults

BOTH = ("client", "gateway")
FOLLOW_UP = ExchangeType.IKE_FOLLOWUP_KE
HYBRID = {"ike_proposals": DEFAULT_IKE, "gateway": replace(GATEWAY, ike_proposals=DEFAULT_IKE)}
# (client's Ni, client's Nr), (gateway's Ni, gateway's Nr)
LOWEST = [((LOW, HIGH), (HIGH, HIGH)), ((HIGH, HIGH), (HIGH, LOW)), ((HIGH, HIGH), (LOW, HIGH)),
          ((HIGH, LOW), (HIGH, HIGH))]


def crossing_of(connected: MakeWorld, seed: int = 0) -> Crossing:
    # Large KE payloads without fragments: here one message is one datagram.
    world = connected(**HYBRID, seed=seed, fragmentation=False)
    return Crossing(world)


def errors(heard: list[Said]) -> set[int]:
    return {notify.type for said in heard if said.response for notify in said.of(Notify) if notify.is_error}


@pytest.mark.parametrize("who", BOTH)
def test_a_child_rekeying(connected: MakeWorld, who: str) -> None:
    """→ CREATE_CHILD_SA { N(REKEY_SA) SA Ni KEi TSi TSr } ← { SA Nr KEr TSi TSr N(ADDITIONAL_KEY_EXCHANGE) }
    → IKE_FOLLOWUP_KE { KEi(1) N(ADDITIONAL_KEY_EXCHANGE) } ← { KEr(1) }: only now is there a CHILD_SA"""
    crossing = crossing_of(connected)
    heard = listen(crossing.world)
    crossing.rekey_child(who)
    other = "gateway" if who == "client" else "client"
    crossing.arrives(who, other)
    assert len(crossing.installed("client")) == len(crossing.installed("gateway")) == 1
    crossing.arrives(who, other)
    assert len(crossing.installed("client")) == len(crossing.installed("gateway")) == 2
    (said,) = requests(heard, who, FOLLOW_UP)
    assert [payload.group for payload in said.of(KE)] == [36]
    (first,) = [said for said in heard if said.response and said.exchange == CHILD]
    assert said.notify(NotifyType.ADDITIONAL_KEY_EXCHANGE) == first.notify(NotifyType.ADDITIONAL_KEY_EXCHANGE)
    crossing.rest()
    assert agree(crossing.world) != crossing.child.spi_in


@pytest.mark.parametrize("who", BOTH)
def test_an_ike_rekeying(connected: MakeWorld, who: str) -> None:
    """→ CREATE_CHILD_SA { SA Ni KEi } ← { SA Nr KEr N(ADDITIONAL_KEY_EXCHANGE) } → IKE_FOLLOWUP_KE { … } ← { … }"""
    crossing = crossing_of(connected)
    crossing.rekey_ike(who)
    other = "gateway" if who == "client" else "client"
    crossing.arrives(who, other)
    assert len(crossing.world.client._ctx.sas) == len(crossing.world.gateway._ctx.sas) == 1
    crossing.arrives(who, other)
    assert len(crossing.world.of(ike.IkeRekeyed)) == 1
    crossing.rest()
    assert agree(crossing.world) == crossing.child.spi_in


@pytest.mark.parametrize("lost", [None, 0, 1, 2, 3])
@pytest.mark.parametrize(("client", "gateway"), LOWEST)
@pytest.mark.parametrize("kind", ["child", "ike"])
def test_both_rekey(connected: MakeWorld, kind: str, client: tuple[int, int], gateway: tuple[int, int],
                    lost: int | None) -> None:
    """→ CREATE_CHILD_SA ← CREATE_CHILD_SA both answered, → IKE_FOLLOWUP_KE ← IKE_FOLLOWUP_KE; × of each message once:
    whatever is refused meanwhile, one is left, and it is hybrid"""
    crossing = crossing_of(connected)
    crossing.nonces(client, gateway)
    (crossing.rekey_child if kind == "child" else crossing.rekey_ike)(*BOTH)
    for step in range(4):
        for who in BOTH:
            if crossing.waiting[who]:
                if step == lost and who == "client":
                    crossing.is_lost(who)
                else:
                    crossing.arrives(who)
    crossing.rest(120.0)
    child = agree(crossing.world)
    if kind == "child":
        assert child != crossing.child.spi_in
        kept = next(info for info in crossing.installed("client") if info.spi_in == child)
        assert kept.proposal.additional == (36,)
    else:
        (sa,) = crossing.world.client._ctx.sas.values()
        assert sa.spi_i != crossing.spi_i
        assert sa.require()[0].additional == (36,)
        assert child == crossing.child.spi_in


@pytest.mark.parametrize("of_ike", BOTH)
@pytest.mark.parametrize("step", [0, 1, 2])
def test_an_ike_rekeying_crosses_a_child_rekeying(connected: MakeWorld, of_ike: str, step: int) -> None:
    """→ { SA Ni KEi } × ← { N(REKEY_SA) … }, the one after as many messages of the other: N(TEMPORARY_FAILURE) to what
    comes between its key exchanges (§2.25.2); both are done in the end"""
    crossing = crossing_of(connected)
    of_child = "gateway" if of_ike == "client" else "client"
    crossing.rekey_child(of_child)
    for i in range(step):
        crossing.arrives((of_child, of_ike)[i % 2])
    crossing.rekey_ike(of_ike)
    heard = listen(crossing.world)
    crossing.rest(120.0)
    assert errors(heard) <= {NotifyType.TEMPORARY_FAILURE}
    (sa,) = crossing.world.client._ctx.sas.values()
    assert sa.spi_i != crossing.spi_i
    assert agree(crossing.world) != crossing.child.spi_in


@pytest.mark.parametrize("step", [1, 2, 3])
def test_the_gateway_deletes_the_child_between_the_key_exchanges(connected: MakeWorld, step: int) -> None:
    """→ { N(REKEY_SA, old) … } ← { … N(ADDITIONAL_KEY_EXCHANGE) } ← { D(old) } → IKE_FOLLOWUP_KE
    ← { N(STATE_NOT_FOUND) }: there is nothing to replace any more; a tunnel is made anew"""
    crossing = crossing_of(connected)
    crossing.rekey_child("client")
    for i in range(step):
        crossing.arrives(BOTH[i % 2])
    if step < 3:        # with the last key exchange answered there is a successor
        crossing.gateway_deletes_child()
    crossing.rest(120.0)
    assert agree(crossing.world) != crossing.child.spi_in


def test_all_else_goes_on_between_the_gateways_key_exchanges(connected: MakeWorld) -> None:
    """← { N(REKEY_SA) … } → { … N(ADDITIONAL_KEY_EXCHANGE) } × and a rekeying of ours waits for the rest of it;
    what is no key exchange does not, although it is behind"""
    crossing = crossing_of(connected)
    crossing.rekey_child("gateway")
    crossing.arrives("gateway")
    crossing.is_lost("client")
    crossing.rekey_ike("client")
    assert crossing.on_the_way("client") == []
    world = crossing.world
    world.do(lambda: world.client.set_paths([WIFI, LTE], world.now), 5.0)       # it is told of another address
    assert set(crossing.on_the_way("client")) == {("INFORMATIONAL", False)}


@pytest.mark.parametrize("seed", range(4))
def test_both_rekey_over_a_bad_link_in_fragments(connected: MakeWorld, seed: int) -> None:
    """IKE_INTERMEDIATE, CREATE_CHILD_SA and IKE_FOLLOWUP_KE in fragments (RFC 7383), a third of them lost or doubled"""
    world = connected(**HYBRID, seed=seed, fragment_size=576)
    world.faults = Faults(loss=0.2, duplication=0.2, delay=0.02, jitter=0.1)
    for _ in range(4):
        for engine in (world.client, world.gateway):
            engine.rekey_ike(world.now)
            for spi in [spi for sa in engine._ctx.sas.values() for spi in sa.children]:
                engine.rekey_child(spi, world.now)
        world.do(lambda: None, 40.0)
    world.faults = Faults()
    world.run(70.0)
    assert not world.of(ike.Failed)
    assert max(len(data) for _, data, _ in world.sent) <= 1280
    agree(world)
