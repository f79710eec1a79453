"""Several CHILD_SAs, each on its own, and what becomes of one that is refused or lost. → client, ← gateway."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.answer_child import MAX_KEPT
from client.core.ikev2.children import MAX_CHILDREN
from client.core.ikev2.constants import ConfigType, NotifyType, ProtocolId
from client.core.ikev2.ike_sa import MAX_LINGERING
from client.core.ikev2.message import Message, parse_header
from client.core.ikev2.payloads import CP, KE, SA, Delete, Nonce, Notify, Payload, TSi, TSr
from client.core.ikev2.rekey_ike import MAX_IKE_SAS, RekeyIke
from client.core.ikev2.traffic_selector import TrafficSelector, without
from client.model.cause import Cause
from tests.ikev2.conftest import ANY, CONFIG, MakeWorld
from tests.ikev2.dialogue import AUTH, CHILD, INFO, Said, ask, gateway_sa, listen, requests
from tests.peer.responder import Behaviour
from tests.sim.world import World

NETS = {"lab": "10.10.0.0/24", "office": "10.20.0.0/24", "home": "10.30.0.0/24"}


def selector(text: str) -> TrafficSelector:
    return TrafficSelector.from_text(text)


def three(**changes: Any) -> tuple[ike.ChildConfig, ...]:
    """One CHILD_SA for each network."""
    return tuple(ike.ChildConfig(name, ANY, (selector(net),), CONFIG.esp_proposals, **changes)
                 for name, net in NETS.items())


def standing(world: World) -> dict[str, tuple[bytes, bytes]]:
    """name → SPIs, and the gateway has the other halves of exactly these."""
    (sa,) = [sa for sa in world.client._ctx.sas.values() if sa.children or world.client._ctx.current() is sa]
    theirs = {(c.spi_out, c.spi_in) for c in gateway_sa(world).children.values()}
    assert theirs == {(c.spi_in, c.spi_out) for c in sa.children.values()}
    return {child.info.name: (child.spi_in, child.spi_out) for child in sa.children.values()}


def steps(world: World) -> list[tuple[str, str]]:
    return [(event.step, event.detail) for event in world.of(ike.Progress)]


def creations(heard: list[Said]) -> list[Said]:
    """Our CREATE_CHILD_SA requests for what does not stand yet."""
    return [said for said in requests(heard, "client", CHILD) if said.of(TSi) and not said.notify(NotifyType.REKEY_SA)]


def refuse_new(world: World, name: str, notify: int) -> None:
    """← N(notify) whenever this network is asked for anew."""
    itself, net = world.gateway._answer, (selector(NETS[name]),) if name else world.client._ctx.config.remote_ts

    def answer(sa: Any, message: Message, now: float) -> list[Payload]:
        tsr = message.get(TSr)
        if tsr is not None and tsr.selectors == net and not message.notify(NotifyType.REKEY_SA):
            return [Notify.of(notify)]
        return itself(sa, message, now)
    world.gateway._answer = answer      # type: ignore[method-assign]


# --- created (§1.2, §1.3.1) ---

def test_the_first_in_ike_auth_and_the_others_after_it(make_world: MakeWorld) -> None:
    """→ IKE_AUTH { … SA TSi TSr(lab) } then → CREATE_CHILD_SA { SA Ni KEi TSi TSr(office) }, { … TSr(home) }"""
    world = make_world(children=three())
    heard = listen(world)
    world.start()
    world.run(3.0)
    assert requests(heard, "client", AUTH)[0].of(TSr)[0].selectors == (selector(NETS["lab"]),)
    assert [said.of(TSr)[0].selectors for said in creations(heard)] == [
        (selector(NETS["office"]),), (selector(NETS["home"]),)]
    assert all(said.of(KE) for said in creations(heard))
    assert list(standing(world)) == list(NETS)
    assert [event.child.name for event in world.of(ike.ChildInstalled)] == list(NETS)
    assert [event.rekeyed_spi for event in world.of(ike.ChildInstalled)] == [None] * 3


def test_each_has_its_own_proposals_and_groups(make_world: MakeWorld) -> None:
    """→ { SA(of this one alone) Ni [KEi of its group] }"""
    lab, office, home = three()
    children = (lab, replace(office, pfs_groups=(20,), esp_proposals=CONFIG.esp_proposals[1:]),
                replace(home, pfs_groups=()))
    world = make_world(children=children)
    heard = listen(world)
    world.start()
    world.run(3.0)
    second, third = creations(heard)
    assert [ke.group for ke in second.of(KE)] == [20]
    assert len(second.of(SA)[0].proposals) == len(CONFIG.esp_proposals) - 1
    assert not third.of(KE)
    assert [event.child.proposal.ke for event in world.of(ike.ChildInstalled)] == [0, 20, 0]


# --- renewed (§1.3.3, §2.8) ---

def test_each_is_renewed_with_its_own_selectors(connected: MakeWorld) -> None:
    """→ { N(REKEY_SA, office) … TSr(office) }: the others stay as they are; then ← the same of home"""
    world = connected(children=three())
    before = standing(world)
    heard = listen(world)
    world.do(lambda: world.client.rekey_child(before["office"][0], world.now), 3.0)
    (said,) = requests(heard, "client", CHILD)
    assert (said.of(TSi)[0].selectors, said.of(TSr)[0].selectors) == (ANY, (selector(NETS["office"]),))
    between = standing(world)
    assert {name for name in NETS if between[name] != before[name]} == {"office"}
    world.do(lambda: world.gateway.rekey_child(before["home"][1], world.now), 3.0)
    after = standing(world)
    assert {name for name in NETS if after[name] != between[name]} == {"home"}


def test_lifetimes_are_each_ones_own(connected: MakeWorld) -> None:
    lab, office, home = three(rekey=1e5, expire=2e5)
    world = connected(children=(lab, replace(office, rekey=100.0, expire=150.0), home), dpd=1e6)
    before = standing(world)
    world.run(150.0)
    assert {name for name in NETS if standing(world)[name] != before[name]} == {"office"}


@pytest.mark.parametrize("who", ["client", "gateway"])
def test_all_move_to_the_new_ike_sa(connected: MakeWorld, who: str) -> None:
    """CREATE_CHILD_SA { SA Ni KEi } of either side (§2.8): three CHILD_SAs, their SPIs as they were"""
    world = connected(children=three())
    before = standing(world)
    world.do(lambda: getattr(world, who).rekey_ike(world.now), 3.0)
    assert world.of(ike.IkeRekeyed)
    assert standing(world) == before


def test_creations_that_wait_move_too(connected: MakeWorld) -> None:
    """→ { SA Ni TSi TSr(office) } ← N(TEMPORARY_FAILURE), ← { SA Ni KEi }: then office and home on the new IKE_SA"""
    world = connected(Behaviour(child_errors=[NotifyType.TEMPORARY_FAILURE] * 2), children=three())
    world.run(8.0)
    assert set(standing(world)) == set(NETS)
    world = connected(Behaviour(child_errors=[NotifyType.TEMPORARY_FAILURE] * 20), children=three())
    world.do(lambda: world.gateway.rekey_ike(world.now), 1.0)
    world.gateway.behaviour.child_errors.clear()
    world.run(20.0)
    assert set(standing(world)) == set(NETS)


# --- refused, lost, made anew (§1.3.1, §2.25) ---

@pytest.mark.parametrize("notify", [NotifyType.TS_UNACCEPTABLE, NotifyType.NO_PROPOSAL_CHOSEN, 9999])
def test_one_refused_costs_the_others_nothing(make_world: MakeWorld, notify: int) -> None:
    """→ { SA Ni TSi TSr(office) } ← N(error): told, and asked for again, more and more rarely; then it stands"""
    world = make_world(children=three())
    itself = world.gateway._answer
    refuse_new(world, "office", notify)
    heard = listen(world)
    world.start()
    world.run(100.0)
    assert set(standing(world)) == {"lab", "home"}
    assert not world.of(ike.Failed)
    assert any(step == "child-refused" and "office" in detail for step, detail in steps(world))
    times = [said.at for said in creations(heard) if said.of(TSr)[0].selectors == (selector(NETS["office"]),)]
    waits = [later - earlier for earlier, later in pairwise(times)]
    settled = waits[2:] if notify == NotifyType.NO_PROPOSAL_CHOSEN else waits     # each try is two: with PFS, without
    assert all(later >= earlier - 0.5 for earlier, later in pairwise(settled[::2]))
    assert 4 <= len(times) <= 16
    world.gateway._answer = itself      # type: ignore[method-assign]
    world.run(700.0)
    assert set(standing(world)) == set(NETS)


def test_no_additional_sas_is_not_asked_again_soon(make_world: MakeWorld) -> None:
    """→ { SA Ni TSi TSr(office) } ← N(NO_ADDITIONAL_SAS) (§1.3): what stands stays; ten minutes later once more"""
    world = make_world(children=three()[:2])
    refuse_new(world, "office", NotifyType.NO_ADDITIONAL_SAS)
    heard = listen(world)
    world.start()
    world.run(500.0)
    assert len(creations(heard)) == 1
    assert set(standing(world)) == {"lab"}
    assert ("child-refused", "office: NO_ADDITIONAL_SAS") in steps(world)
    world.run(200.0)
    assert len(creations(heard)) == 2


def test_temporary_failure_is_not_believed_for_ever(make_world: MakeWorld) -> None:
    """→ { SA Ni TSi TSr } ← N(TEMPORARY_FAILURE), for minutes (§2.25): refused, and with nothing else the end"""
    world = make_world(Behaviour(child_error=NotifyType.TS_UNACCEPTABLE, only_first=True))
    refuse_new(world, "", NotifyType.TEMPORARY_FAILURE)
    heard = listen(world)
    world.start()
    world.run(100.0)
    assert not world.of(ike.Failed)
    assert all(3.0 <= later.at - earlier.at <= 6.5 for earlier, later in pairwise(creations(heard)[1:]))
    world.run(900.0)
    assert world.of(ike.Failed)


def test_one_that_the_gateway_deletes_is_made_anew(connected: MakeWorld) -> None:
    """← { D(office) } → { D } … → { SA Ni KEi TSi TSr(office) } ← { SA … }"""
    world = connected(children=three())
    before, heard = standing(world), listen(world)
    sa = gateway_sa(world)
    sa.children.pop(before["office"][1])
    ask(world, Delete(ProtocolId.ESP, (before["office"][1],)))
    world.run(5.0)
    after = standing(world)
    assert {name for name in NETS if after[name] != before[name]} == {"office"}
    assert len(creations(heard)) == 1
    assert any(step == "child-lost" and "office" in detail for step, detail in steps(world))


def test_a_gateway_that_deletes_it_again_and_again_is_asked_less_and_less(connected: MakeWorld) -> None:
    """← { D(office) } within a second of each creation: within ten minutes no more than a dozen"""
    world = connected(children=three())
    heard = listen(world)
    for _ in range(600):
        held = standing(world)
        if "office" in held:
            gateway_sa(world).children.pop(held["office"][1])
            ask(world, Delete(ProtocolId.ESP, (held["office"][1],)), seconds=0.5)
        world.run(0.5)
    assert 3 <= len(creations(heard)) <= 12
    assert not world.of(ike.Failed)


def test_when_all_are_deleted_the_connection_ends(connected: MakeWorld) -> None:
    """← { D(lab, office, home) } → { D } and → { D(IKE) }"""
    world = connected(children=three())
    spis = tuple(spi_out for _, spi_out in standing(world).values())
    heard = listen(world)
    assert len(ask(world, Delete(ProtocolId.ESP, spis)).require(Delete).spis) == 3
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_CLOSED
    assert requests(heard, "client", INFO)[-1].payloads == (Delete(ProtocolId.IKE, ()),)


def test_one_that_the_gateway_forgot_is_made_anew(connected: MakeWorld) -> None:
    """→ { N(REKEY_SA, office) … } ← N(CHILD_SA_NOT_FOUND) → { SA Ni TSi TSr(office) } (§2.25)"""
    world = connected(children=three())
    before, heard = standing(world), listen(world)
    gateway_sa(world).children.pop(before["office"][1])
    world.do(lambda: world.client.rekey_child(before["office"][0], world.now), 3.0)
    (said,) = creations(heard)
    assert said.of(TSr)[0].selectors == (selector(NETS["office"]),)
    after = standing(world)
    assert {name for name in NETS if after[name] != before[name]} == {"office"}


def test_one_that_cannot_be_renewed_in_time_ends_alone(connected: MakeWorld) -> None:
    """§2.8: its lifetime is over → { D(office) }, and it is asked for anew"""
    lab, office, home = three(rekey=1e5, expire=2e5)
    world = connected(children=(lab, replace(office, rekey=100.0, expire=150.0), home), dpd=1e6)
    before, itself = standing(world), world.gateway._answer
    world.gateway._answer = lambda sa, message, now: (      # type: ignore[method-assign]
        [Notify.of(NotifyType.NO_ADDITIONAL_SAS)] if message.notify(NotifyType.REKEY_SA) else itself(sa, message, now))
    world.run(160.0)
    assert not world.of(ike.Failed)
    after = standing(world)
    assert {name for name in NETS if after[name] != before[name]} == {"office"}


# --- the first one refused (§1.2, §2.21.2) ---

@pytest.mark.parametrize("notify", [
    NotifyType.TS_UNACCEPTABLE, NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.INTERNAL_ADDRESS_FAILURE,
    NotifyType.FAILED_CP_REQUIRED])
def test_the_ike_sa_outlives_its_first_child(make_world: MakeWorld, notify: int) -> None:
    """← IKE_AUTH { IDr AUTH N(error) } → CREATE_CHILD_SA { SA Ni KEi TSi TSr } ← { SA … }: on the same IKE_SA"""
    world = make_world(Behaviour(child_error=notify, only_first=True))
    heard = listen(world)
    world.start()
    world.run(3.0)
    assert len(world.of(ike.Established)) == 1
    assert len(creations(heard)) == 1
    assert not world.of(ike.Failed)
    assert list(standing(world)) == [""]


def test_addresses_come_with_the_child_where_ike_auth_had_none(make_world: MakeWorld) -> None:
    """← { AUTH N(INTERNAL_ADDRESS_FAILURE) } → CREATE_CHILD_SA { CP(CFG_REQUEST) SA … } ← { CP(CFG_REPLY) SA … }"""
    world = make_world(Behaviour(child_error=NotifyType.INTERNAL_ADDRESS_FAILURE, only_first=True))
    heard = listen(world)
    world.start()
    world.run(3.0)
    assert world.of(ike.Established)[0].virtual_ips == ike.VirtualIps()
    (said,) = creations(heard)
    assert said.of(CP)[0].type == ConfigType.CFG_REQUEST
    assert [type(payload) for payload in said.payloads[:2]] == [CP, SA]      # §2.19: before the SA payload
    (configured,) = world.of(ike.Configured)
    assert [str(address.ip) for address in configured.virtual_ips.addresses] == ["10.99.0.10"]
    assert world.events.index(configured) < world.events.index(world.of(ike.ChildInstalled)[0])


@pytest.mark.parametrize(("notify", "tries"), [
    (NotifyType.TS_UNACCEPTABLE, 1), (NotifyType.INTERNAL_ADDRESS_FAILURE, 2)])
def test_without_any_it_ends_soon_and_says_why(make_world: MakeWorld, notify: int, tries: int) -> None:
    """… ← N(error) to each: a few tries within seconds, then → { D(IKE) }"""
    world = make_world(Behaviour(child_error=notify))
    heard = listen(world)
    world.start()
    world.run(10.0)
    assert len(creations(heard)) == tries
    assert requests(heard, "client", INFO)[-1].payloads == (Delete(ProtocolId.IKE, ()),)
    assert requests(heard, "client", INFO)[-1].at - heard[0].at < 4.0
    assert len(world.of(ike.Failed)) == 1


def test_another_one_keeps_the_connection(make_world: MakeWorld) -> None:
    """← IKE_AUTH { AUTH N(TS_UNACCEPTABLE) } for lab, which is refused for ever; office stands"""
    world = make_world(Behaviour(child_error=NotifyType.TS_UNACCEPTABLE, only_first=True), children=three()[:2])
    refuse_new(world, "lab", NotifyType.TS_UNACCEPTABLE)
    world.start()
    world.run(60.0)
    assert set(standing(world)) == {"office"}
    assert not world.of(ike.Failed)


# --- SINGLE_PAIR_REQUIRED, ADDITIONAL_TS_POSSIBLE (§2.9) ---

def test_single_pairs(make_world: MakeWorld) -> None:
    """← { AUTH CP N(SINGLE_PAIR_REQUIRED) } → { TSi(our address) TSr(one) } for each; one selector in each payload"""
    nets = tuple(selector(net) for net in NETS.values())
    world = make_world(Behaviour(child_error=NotifyType.SINGLE_PAIR_REQUIRED, only_first=True), remote_ts=nets)
    world.gateway.behaviour.change_auth = lambda payloads: [
        *payloads, CP(ConfigType.CFG_REPLY, ((1, bytes([10, 99, 0, 10])),))]
    heard = listen(world)
    world.start()
    world.run(3.0)
    assert [(said.of(TSi)[0].selectors, said.of(TSr)[0].selectors) for said in creations(heard)] == [
        ((selector("10.99.0.10"),), (net,)) for net in nets]
    assert len(standing(world)) == 3
    assert ("single-pairs", "") in steps(world)


def test_single_pairs_are_bounded(make_world: MakeWorld) -> None:
    """← N(SINGLE_PAIR_REQUIRED) to everything, pairs too: at most 16 are asked for, and then it ends"""
    nets = tuple(selector(f"10.{n}.0.0/24") for n in range(100))
    world = make_world(Behaviour(child_error=NotifyType.SINGLE_PAIR_REQUIRED), remote_ts=nets, local_ts=ANY[:1])
    heard = listen(world)
    world.start()
    world.run(60.0)
    asked = {said.of(TSr)[0].selectors for said in creations(heard)}
    assert len(asked) == MAX_CHILDREN
    assert len(creations(heard)) <= 2 * MAX_CHILDREN
    assert world.of(ike.Failed)[0].cause is Cause.TS_UNACCEPTABLE
    assert any(step == "too-many-children" for step, _ in steps(world))


def test_what_the_gateway_left_out_is_asked_for_separately(make_world: MakeWorld) -> None:
    """← { SA TSi TSr(10.10.0.0/24) N(ADDITIONAL_TS_POSSIBLE) } of 10.10/16 → { SA Ni TSi TSr(the rest) }"""
    world = make_world(Behaviour(additional=True, local_networks=(selector("10.10.0.0/24"),)),
                       remote_ts=(selector("10.10.0.0/16"),))
    itself = world.gateway._tunnel

    def tunnel(*arguments: Any) -> list[Any]:
        payloads = itself(*arguments)
        world.gateway.behaviour.local_networks = (selector("10.10.1.0/24"),)
        world.gateway.behaviour.additional = False
        return payloads
    world.gateway._tunnel = tunnel      # type: ignore[method-assign]
    heard = listen(world)
    world.start()
    world.run(3.0)
    (said,) = creations(heard)
    assert said.of(TSr)[0].selectors == (selector("10.10.1.0-10.10.255.255"),)
    assert [str(event.child.remote_ts[0]) for event in world.of(ike.ChildInstalled)] == ["10.10.0.0/24", "10.10.1.0/24"]


def test_parts_come_once(make_world: MakeWorld) -> None:
    """The narrowed one is deleted and made anew, ADDITIONAL_TS_POSSIBLE again: its rest is there already"""
    world = make_world(Behaviour(additional=True), remote_ts=(selector("10.10.0.0/16"),))
    itself = world.gateway._answer

    def answer(sa: Any, message: Message, now: float) -> list[Payload]:
        tsr = message.get(TSr)
        if tsr is not None:
            first = tsr.selectors == (selector("10.10.0.0/16"),)
            world.gateway.behaviour.local_networks = (selector("10.10.0.0/24" if first else "10.10.1.0-10.10.255.255"),)
        return itself(sa, message, now)
    world.gateway.behaviour.local_networks = (selector("10.10.0.0/24"),)
    world.gateway._answer = answer      # type: ignore[method-assign]
    world.start()
    world.run(3.0)
    assert set(standing(world)) == {"", "/2"}
    spi = standing(world)[""][1]
    gateway_sa(world).children.pop(spi)
    ask(world, Delete(ProtocolId.ESP, (spi,)))
    world.run(5.0)
    assert set(standing(world)) == {"", "/2"}


def test_parts_are_bounded(make_world: MakeWorld) -> None:
    """← ADDITIONAL_TS_POSSIBLE with one address each: no more than 16 CHILD_SAs come of it"""
    world = make_world(Behaviour(additional=True), remote_ts=(selector("10.10.0.0/16"),))
    itself, count = world.gateway._answer, iter(range(1, 1000))

    def answer(sa: Any, message: Message, now: float) -> list[Payload]:
        if message.get(TSr) is not None:
            world.gateway.behaviour.local_networks = (selector(f"10.10.0.{next(count)}"),)
        return itself(sa, message, now)
    world.gateway.behaviour.local_networks = (selector("10.10.0.0"),)
    world.gateway._answer = answer      # type: ignore[method-assign]
    world.start()
    world.run(30.0)
    assert len(standing(world)) == MAX_CHILDREN


def test_the_rest_of_a_selector() -> None:
    offered = (selector("10.0.0.0/8"), selector("fd00::/8[tcp/22]"))
    assert [str(ts) for ts in without(offered, (selector("10.0.0.0/9"), selector("fd00::/9[tcp/22]")))] == [
        "10.128.0.0/9", "fd80::/9[tcp/22]"]
    assert without(offered, offered) == ()
    assert without(offered[:1], (selector("10.1.0.0/16[tcp/22]"),)) == ()
    assert without(offered[:1], (selector("192.0.2.0/24"),)) == offered[:1]


# --- childless (RFC 6023) ---

def test_childless_where_it_is_asked_for(make_world: MakeWorld) -> None:
    """← IKE_SA_INIT { … N(CHILDLESS_IKEV2_SUPPORTED) } → IKE_AUTH { IDi IDr AUTH CP } ← { IDr AUTH CP } → all three"""
    world = make_world(Behaviour(childless="allow"), children=three(), childless=True)
    heard = listen(world)
    world.start()
    world.run(3.0)
    first = requests(heard, "client", AUTH)[0]
    assert not first.of(SA) + first.of(TSi) + first.of(TSr)
    assert first.of(CP)
    assert len(creations(heard)) == 3
    assert all(said.of(Nonce) and said.of(KE) for said in creations(heard))
    assert set(standing(world)) == set(NETS)


def test_childless_only_where_the_gateway_can(make_world: MakeWorld) -> None:
    """← IKE_SA_INIT without N(CHILDLESS_IKEV2_SUPPORTED) → IKE_AUTH { … SA TSi TSr } (RFC 6023 §4)"""
    world = make_world(childless=True)
    heard = listen(world)
    world.start()
    world.run(3.0)
    assert requests(heard, "client", AUTH)[0].of(SA)
    assert not creations(heard)
    assert list(standing(world)) == [""]


def test_a_gateway_that_takes_no_child_in_ike_auth_is_noticed(make_world: MakeWorld) -> None:
    """← IKE_SA_INIT { N(CHILDLESS_IKEV2_SUPPORTED) } … → IKE_AUTH { SA … } ← { AUTH N(INVALID_SYNTAX) }: said so"""
    world = make_world(Behaviour(childless="force"))
    world.drop = lambda who, data: who == "client" and parse_header(data).exchange == INFO     # it is deaf by then
    world.start()
    world.run(3.0)
    assert ("childless-only", "") in steps(world)
    assert world.of(ike.Failed)[0].cause is Cause.CHILD_FAILED


# --- bounds against an authenticated gateway ---

def test_a_gateway_that_replaces_and_never_deletes(connected: MakeWorld) -> None:
    """← { N(REKEY_SA) … } of each new one, without end: TEMPORARY_FAILURE once 64 are kept"""
    world = connected(child_expire=1e6)
    refused = 0
    spi = next(iter(gateway_sa(world).children.values())).spi_in
    for n in range(100):
        proposals = tuple(replace(p, spi=(1000 + n).to_bytes(4, "big")) for p in CONFIG.esp_proposals[:1])
        answer = ask(world, Notify.of(NotifyType.REKEY_SA, protocol=ProtocolId.ESP, spi=spi), SA(proposals),
                     Nonce(bytes(32)), TSi(ANY), TSr(ANY), exchange=CHILD)
        if answer.get(SA) is None:
            refused += 1
        else:
            spi = proposals[0].spi
    assert refused == 100 - (MAX_KEPT - 1)
    (sa,) = world.client._ctx.sas.values()
    assert len(sa.children) == MAX_KEPT


def test_a_gateway_that_renews_the_ike_sa_and_never_deletes(connected: MakeWorld) -> None:
    """← { SA Ni KEi } on each new IKE_SA: TEMPORARY_FAILURE once 8 are kept, until their time is over"""
    world = connected()
    world.drop = lambda who, data: False
    for _ in range(12):
        world.gateway._ctx.enqueue(gateway_sa(world), _RekeyAndKeep(world))
        world.do(lambda: world.gateway._pump(world.now), 0.2)
        assert len(world.client._ctx.sas) <= MAX_IKE_SAS
    assert len(world.client._ctx.sas) == MAX_IKE_SAS
    assert len(world.of(ike.IkeRekeyed)) == MAX_IKE_SAS - 1


def test_what_lingers_is_bounded(connected: MakeWorld) -> None:
    """← { N(REKEY_SA) … }, { D(old) } a thousand times a second"""
    world = connected()
    ctx = world.client._ctx
    (sa,) = ctx.sas.values()
    child = next(iter(sa.children.values()))
    for n in range(3 * MAX_LINGERING):
        info = replace(child.info, spi_in=(5000 + n).to_bytes(4, "big"))
        ctx.drop_child(sa, replace(child, info=info), world.now)
        assert len(ctx.lingering) <= MAX_LINGERING
    world.run(2.0)
    assert len(world.of(ike.ChildRemoved)) == 3 * MAX_LINGERING
    assert not ctx.lingering


# --- more security than was asked for ---

def test_pfs_off_takes_a_stronger_rekeying(connected: MakeWorld) -> None:
    """pfs = off: ← { N(REKEY_SA) SA(with group 20) Ni KEi(20) TSi TSr } → { SA(20) Nr KEr(20) TSi TSr }"""
    world = connected(pfs_groups=(), gateway=replace(CONFIG, ike_rekey=1e6, child_rekey=1e6, child_expire=2e6, dpd=1e6,
                                                     pfs_groups=(20,)))
    before = standing(world)
    world.do(lambda: world.gateway.rekey_child(before[""][1], world.now), 3.0)
    assert world.of(ike.ChildInstalled)[-1].child.proposal.ke == 20
    assert standing(world) != before
    theirs = [e.child for e in world.gateway_events if isinstance(e, ike.ChildInstalled)][-1]
    assert world.of(ike.ChildInstalled)[-1].child.keys.encr_in == theirs.keys.encr_out


def test_pfs_off_without_a_known_group(connected: MakeWorld) -> None:
    """← { … SA(a group nobody knows, and without) KEi } → { SA(without) }: never more than we can"""
    world = connected(pfs_groups=())
    old = standing(world)[""][1]
    proposals = tuple(replace(p, spi=b"\x0a\x0b\x0c\x0d") for p in CONFIG.esp_proposals)
    answer = ask(world, Notify.of(NotifyType.REKEY_SA, protocol=ProtocolId.ESP, spi=old), SA(proposals),
                 Nonce(bytes(32)), KE(999, bytes(32)), TSi(ANY), TSr(ANY), exchange=CHILD)
    assert answer.require(SA).proposals[0].ke == 0


class _RekeyAndKeep:
    """The gateway's rekeying of an IKE_SA, whose predecessor it forgets to delete."""

    def __init__(self, world: World) -> None:
        self._world, self._task = world, RekeyIke(world.gateway._ctx, gateway_sa(world))
        self.exchange = self._task.exchange

    def build_request(self, now: float) -> Any:
        return self._task.build_request(now)

    def process_response(self, message: Message, now: float) -> None:
        self._task.process_response(message, now)
        for sa in self._world.gateway._ctx.sas.values():
            sa.window.queue.clear()

    def moved_to(self, sa: Any) -> None:
        """It is for that IKE_SA."""

