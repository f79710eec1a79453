"""RFC 7296: CREATE_CHILD_SA and DELETE: what we send, answer, and do when refused. → client, ← gateway."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.answer_child import answer_rekey_child
from client.core.ikev2.child_sa import ChildState
from client.core.ikev2.constants import NotifyType, ProtocolId
from client.core.ikev2.message import Message, parse_header
from client.core.ikev2.payloads import KE, SA, Delete, Nonce, Notify, Payload, TSi, TSr
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE, parse_proposal, verify_chosen, without_ke
from client.core.ikev2.timers import Timer
from client.core.ikev2.traffic_selector import TrafficSelector
from client.model.cause import Cause
from tests.ikev2.conftest import ANY, CLASSIC, GATEWAY, MakeWorld
from tests.ikev2.dialogue import CHILD, INFO, Said, answer_once, ask, gateway_sa, listen, requests
from tests.ikev2.test_established import agree, first_child, gateway_child
from tests.peer.responder import Behaviour
from tests.sim.world import World

TEMPORARY = Notify.of(NotifyType.TEMPORARY_FAILURE)


def offered_child(world: World, *, rekey: bytes = b"") -> list[Payload]:
    """What a gateway sends to make or replace a CHILD_SA, without a key exchange."""
    selectors: list[Payload] = [TSi(ANY), TSr(ANY)]
    first = [Notify.of(NotifyType.REKEY_SA, protocol=ProtocolId.ESP, spi=rekey)] if rekey else []
    proposals = tuple(replace(without_ke(p), spi=b"\x0a\x0b\x0c\x0d") for p in DEFAULT_ESP)
    return [*first, SA(proposals), Nonce(bytes(32)), *selectors]


def notify_of(message: Message) -> Notify:
    (notify,) = message.payloads
    assert isinstance(notify, Notify)
    return notify


def deletes(heard: list[Said]) -> list[tuple[str, bool, Delete]]:
    return [(said.who, said.response, delete) for said in heard for delete in said.of(Delete)]


# --- DELETE (§1.4.1) ---

def test_delete_names_the_senders_inbound_spis(connected: MakeWorld) -> None:
    """→ INFORMATIONAL { D(ESP, our inbound) } ← { D(ESP, the gateway's inbound) }"""
    world = connected()
    old = world.of(ike.ChildInstalled)[0].child
    heard = listen(world)
    world.do(lambda: world.client.rekey_child(old.spi_in, world.now), 3.0)
    assert deletes(heard) == [("client", False, Delete(ProtocolId.ESP, (old.spi_in,))),
                              ("gateway", True, Delete(ProtocolId.ESP, (old.spi_out,)))]


def test_the_answer_to_a_delete_names_the_other_half(connected: MakeWorld) -> None:
    """← { D(ESP, its inbound, an unknown one) } → { D(ESP, our inbound) }"""
    world = connected()
    child = world.of(ike.ChildInstalled)[0].child
    answer = ask(world, Delete(ProtocolId.ESP, (child.spi_out, b"\x77\x77\x77\x77")))
    assert answer.payloads == (Delete(ProtocolId.ESP, (child.spi_in,)),)


def test_a_delete_of_unknown_spis_gets_an_empty_answer(connected: MakeWorld) -> None:
    world = connected()
    assert ask(world, Delete(ProtocolId.ESP, (b"\x77\x77\x77\x77",)), Delete(ProtocolId.AH, (bytes(4),))).payloads == ()
    agree(world)


def test_what_is_being_deleted_already_is_left_out(connected: MakeWorld) -> None:
    """→ { D(old) } × ← { D(old) }: both answers are empty, and the SPIs are gone at both"""
    world = connected()
    old = world.of(ike.ChildInstalled)[0].child
    world.drop = lambda who, data: (who, parse_header(data).exchange, parse_header(data).response) == (
        "client", INFO, False)
    world.do(lambda: world.client.rekey_child(old.spi_in, world.now), 0.3)
    answer = ask(world, Delete(ProtocolId.ESP, (old.spi_out,)))
    assert answer.payloads == ()
    world.drop = lambda who, data: False
    world.run(5.0)
    assert agree(world) != old.spi_in
    assert [e.child.spi_in for e in world.of(ike.ChildRemoved)] == [old.spi_in]


def test_an_ike_sa_is_deleted_under_itself_without_spis(connected: MakeWorld) -> None:
    """§1.4.1, §2.8: after the rekeying → INFORMATIONAL { D(IKE) } on the old IKE_SA, its children untouched"""
    world = connected(mobike=False)
    before = world.of(ike.Established)[0].spi_i
    heard = listen(world)
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    (said,) = requests(heard, "client", INFO)
    assert said.payloads == (Delete(ProtocolId.IKE, ()),)
    assert said.spi_i == before
    assert not world.of(ike.ChildRemoved)


def test_the_gateway_deletes_everything_we_have(connected: MakeWorld) -> None:
    """← { D(ESP) } of the last CHILD_SA: answered, then → { D(IKE) }, and the user hears why"""
    world = connected()
    heard = listen(world)
    answer = ask(world, Delete(ProtocolId.ESP, (world.of(ike.ChildInstalled)[0].child.spi_out,)))
    assert answer.get(Delete)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_CLOSED
    assert requests(heard, "client", INFO)[-1].payloads == (Delete(ProtocolId.IKE, ()),)


# --- what we offer when we rekey (§1.3.3, §2.8, §2.9.2) ---

def test_a_rekeying_offers_the_selectors_first_offered(connected: MakeWorld) -> None:
    """§2.9.2: the gateway narrowed; → CREATE_CHILD_SA has what was asked for at first, never less than is in use"""
    narrow = (TrafficSelector.from_text("10.10.0.0/25"), TrafficSelector.from_text("10.20.0.0/25[tcp/8080]"))
    world = connected(Behaviour(local_networks=narrow))
    in_use = world.of(ike.ChildInstalled)[0].child
    assert set(in_use.remote_ts) == set(narrow)
    heard = listen(world)
    world.do(lambda: world.client.rekey_child(in_use.spi_in, world.now), 3.0)
    (said,) = requests(heard, "client", CHILD)
    assert said.of(TSi)[0].selectors == world.client._ctx.config.local_ts
    assert said.of(TSr)[0].selectors == world.client._ctx.config.remote_ts
    assert all(ts.is_subset(said.of(TSr)[0].selectors) for ts in in_use.remote_ts)
    # Nor algorithms: what is in use would be a valid answer.
    assert verify_chosen(in_use.proposal, [without_ke(p) for p in said.of(SA)[0].proposals])


def test_a_rekeying_names_the_old_and_offers_a_new_spi(connected: MakeWorld) -> None:
    """§1.3.3: → { N(REKEY_SA, our inbound SPI) SA(new SPI) Ni KEi TSi TSr }: the KE payload's group is offered too"""
    world = connected()
    old, heard = first_child(world), listen(world)
    world.do(lambda: world.client.rekey_child(old, world.now), 3.0)
    (said,) = requests(heard, "client", CHILD)
    rekey = said.notify(NotifyType.REKEY_SA)
    assert (rekey.protocol, rekey.spi, rekey.data) == (ProtocolId.ESP, old, b"")
    spis = {proposal.spi for proposal in said.of(SA)[0].proposals}
    assert len(spis) == 1
    assert old not in spis
    groups = {t.id for p in said.of(SA)[0].proposals for t in p.transforms_of_ke()}
    assert said.of(KE)[0].group in groups
    assert len(said.of(Nonce)[0].data) >= 32


def test_an_ike_rekeying_has_a_key_exchange_and_new_spis(connected: MakeWorld) -> None:
    """§1.3.2, §2.18: → { SA(new SPI) Ni KEi }, no selectors; never without a key exchange"""
    world = connected()
    heard = listen(world)
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    (said,) = requests(heard, "client", CHILD)
    assert [type(payload) for payload in said.payloads] == [SA, Nonce, KE]
    assert all(len(p.spi) == 8 and any(p.spi) for p in said.of(SA)[0].proposals)
    assert all(p.transforms_of_ke() for p in said.of(SA)[0].proposals)
    assert 0 not in {t.id for p in said.of(SA)[0].proposals for t in p.transforms_of_ke()}


@pytest.mark.parametrize("selector", [TSi, TSr])
def test_a_rekeying_that_grants_other_networks_is_not_taken(connected: MakeWorld, selector: type) -> None:
    """§2.9: ← { SA Nr KEr TSi TSr } of other networks → { D(ESP, the new one) }: the old one stays, with a finding"""
    world = connected(remote_ts=(TrafficSelector.from_text("10.10.0.0/24"),),
                      local_ts=(TrafficSelector.from_text("10.99.0.10/32"),))
    itself = world.gateway._answer

    def answer(sa: Any, message: Message, now: float) -> list[Payload]:
        return [replace(p, selectors=(TrafficSelector.from_text("10.66.0.0/24"),)) if isinstance(p, selector) else p
                for p in itself(sa, message, now)]
    world.gateway._answer = answer      # type: ignore[method-assign]
    heard = listen(world)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 3.0)
    assert len(world.of(ike.ChildInstalled)) == 1
    assert "rekey-refused" in [event.step for event in world.of(ike.Progress)]
    (sa,) = world.client._ctx.sas.values()
    assert [child.spi_in for child in sa.children.values()] == [first_child(world)]
    assert sa.children[first_child(world)].state is ChildState.INSTALLED
    (delete,) = requests(heard, "client", INFO)[0].of(Delete)
    assert delete.spis == (requests(heard, "client", CHILD)[0].of(SA)[0].proposals[0].spi,)


@pytest.mark.parametrize(("gateway", "esn"), [("aes256gcm16-esn-noesn", True), ("aes256gcm16", False),
                                              ("aes256gcm16-esn", True)])
def test_extended_sequence_numbers_stay_when_it_is_rekeyed(connected: MakeWorld, gateway: str, esn: bool) -> None:
    """→ { … SA(ESN, no ESN) … } ← { … SA(ESN where the gateway has it) … }, and so by its own rekeying"""
    world = connected(gateway=replace(GATEWAY, esp_proposals=(parse_proposal(gateway, ProtocolId.ESP),)))
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 3.0)
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 3.0)
    agree(world)
    assert [event.child.proposal.esn for event in world.of(ike.ChildInstalled)] == [esn] * 3


# --- refusals (§1.3, §2.25) ---

def test_temporary_failure_is_tried_again_later(connected: MakeWorld) -> None:
    """→ { N(REKEY_SA) … } ← { N(TEMPORARY_FAILURE) } … 3 to 6 s … → { N(REKEY_SA) … } ← { SA … } (§2.25)"""
    world = connected()
    old, heard = first_child(world), listen(world)
    answer_once(world, TEMPORARY, TEMPORARY)
    world.do(lambda: world.client.rekey_child(old, world.now), 20.0)
    times = [said.at for said in requests(heard, "client", CHILD)]
    assert len(times) == 3
    assert all(3.0 <= later - earlier <= 6.5 for earlier, later in pairwise(times))
    assert agree(world) != old


def test_temporary_failure_of_an_ike_rekeying(connected: MakeWorld) -> None:
    world = connected()
    heard = listen(world)
    answer_once(world, TEMPORARY)
    world.do(lambda: world.client.rekey_ike(world.now), 10.0)
    times = [said.at for said in requests(heard, "client", CHILD)]
    assert len(times) == 2
    assert 3.0 <= times[1] - times[0] <= 6.5
    assert len(world.of(ike.IkeRekeyed)) == 1
    agree(world)


def test_a_child_that_the_gateway_lost_is_made_anew(connected: MakeWorld) -> None:
    """→ { N(REKEY_SA) … } ← { N(CHILD_SA_NOT_FOUND) } → { SA Ni KEi TSi TSr } ← { SA … }: a new CHILD_SA (§2.25)"""
    world = connected()
    old, heard = first_child(world), listen(world)

    def lost(sa: Any, message: Message, now: float) -> list[Payload]:
        return [Notify.of(NotifyType.CHILD_SA_NOT_FOUND, protocol=ProtocolId.ESP, spi=old)]

    def make(sa: Any, message: Message, now: float) -> list[Payload]:
        assert message.notify(NotifyType.REKEY_SA) is None
        payloads = answer_rekey_child(world.gateway._ctx, sa, message, Notify.of(
            NotifyType.REKEY_SA, protocol=ProtocolId.ESP, spi=old), now)
        for child in [child for child in sa.children.values() if child.spi_out == old]:
            del sa.children[child.spi_in]
        return payloads
    answer_once(world, lost, make)
    world.do(lambda: world.client.rekey_child(old, world.now), 3.0)
    assert [bool(said.notify(NotifyType.REKEY_SA)) for said in requests(heard, "client", CHILD)] == [True, False]
    new = world.of(ike.ChildInstalled)[-1]
    assert (new.rekeyed_spi, new.outbound) == (None, True)
    assert [event.child.spi_in for event in world.of(ike.ChildRemoved)] == [old]
    assert agree(world) == new.child.spi_in
    theirs = [e.child for e in world.gateway_events if isinstance(e, ike.ChildInstalled)][-1]
    assert new.child.keys.encr_out == theirs.keys.encr_in


@pytest.mark.parametrize("notify", [
    NotifyType.NO_ADDITIONAL_SAS, NotifyType.TS_UNACCEPTABLE, NotifyType.SINGLE_PAIR_REQUIRED, 9999])
def test_a_refused_rekeying_leaves_the_old_child_in_use(connected: MakeWorld, notify: int) -> None:
    """← { N(error) }: old CHILD_SA and IKE_SA stand, the user is told, and it is tried again, not often (§1.3, §2.8)"""
    world = connected(child_rekey=600.0, child_expire=900.0)
    itself = world.gateway._answer
    world.gateway._answer = lambda sa, message, now: (      # type: ignore[method-assign]
        [Notify.of(notify)] if message.exchange == CHILD else itself(sa, message, now))
    heard = listen(world)
    world.run(800.0)
    assert agree(world) == first_child(world)
    assert "rekey-refused" in [event.step for event in world.of(ike.Progress)]
    assert 1 < len(requests(heard, "client", CHILD)) <= 4
    assert not world.of(ike.ChildRemoved)


def test_a_lifetime_is_a_lifetime(connected: MakeWorld) -> None:
    """§2.8: each end enforces its own: what cannot be renewed is used no longer, and → { D }"""
    world = connected(child_rekey=600.0, child_expire=900.0)
    itself = world.gateway._answer
    world.gateway._answer = lambda sa, message, now: (      # type: ignore[method-assign]
        [Notify.of(NotifyType.NO_ADDITIONAL_SAS)] if message.exchange == CHILD else itself(sa, message, now))
    heard, begun = listen(world), world.now
    world.run(2000.0)
    assert world.of(ike.Failed)[0].cause is Cause.LIFETIME_EXPIRED
    last = requests(heard, "client", INFO)[-1]
    assert last.payloads == (Delete(ProtocolId.IKE, ()),)
    assert last.at - begun <= 900.0


def test_an_ike_sa_that_cannot_be_renewed_ends(connected: MakeWorld) -> None:
    world = connected(ike_rekey=600.0)
    itself = world.gateway._answer
    world.gateway._answer = lambda sa, message, now: (      # type: ignore[method-assign]
        [Notify.of(NotifyType.NO_PROPOSAL_CHOSEN)] if message.exchange == CHILD else itself(sa, message, now))
    heard, begun = listen(world), world.now
    world.run(2000.0)
    assert world.of(ike.Failed)[0].cause is Cause.LIFETIME_EXPIRED
    assert 600.0 < requests(heard, "client", INFO)[-1].at - begun <= 660.0
    assert len(requests(heard, "client", CHILD)) < 30


def test_another_group_for_pfs(connected: MakeWorld) -> None:
    """→ { … KEi(19) } ← { N(INVALID_KE_PAYLOAD 20) } → { … KEi(20) } ← { SA Nr KEr(20) … } (§1.3)"""
    world = connected(gateway=replace(GATEWAY, pfs_groups=(20,)))
    old, heard = first_child(world), listen(world)
    world.do(lambda: world.client.rekey_child(old, world.now), 3.0)
    first, second = requests(heard, "client", CHILD)
    assert (first.of(KE)[0].group, second.of(KE)[0].group) == (19, 20)
    assert second.notify(NotifyType.REKEY_SA)
    assert {t.id for t in first.of(SA)[0].proposals[0].transforms} == {
        t.id for t in second.of(SA)[0].proposals[0].transforms}
    assert world.of(ike.ChildInstalled)[1].child.proposal.ke == 20
    assert agree(world) != old


def test_a_group_that_the_profile_does_not_allow_is_refused(connected: MakeWorld) -> None:
    """← { N(INVALID_KE_PAYLOAD 14) }, which was not offered: the old CHILD_SA is kept"""
    world = connected(pfs_groups=(19,))
    heard = listen(world)
    answer_once(world, Notify.of(NotifyType.INVALID_KE_PAYLOAD, b"\0\x0e"))
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 3.0)
    assert len(requests(heard, "client", CHILD)) == 1
    assert agree(world) == first_child(world)


# --- what the gateway asks for (§1.3, §2.8, §2.25) ---

def test_a_rekeying_of_what_is_not_there(connected: MakeWorld) -> None:
    """← { N(REKEY_SA, unknown) … } → { N(CHILD_SA_NOT_FOUND, ESP, the same SPI) } (§2.25, §3.10)"""
    world = connected()
    answer = ask(world, *offered_child(world, rekey=b"\x77\x77\x77\x77"), exchange=CHILD)
    notify = notify_of(answer)
    assert (notify.type, notify.protocol, notify.spi) == (
        NotifyType.CHILD_SA_NOT_FOUND, ProtocolId.ESP, b"\x77\x77\x77\x77")
    agree(world)


def test_a_client_takes_no_further_tunnels(connected: MakeWorld) -> None:
    """← { SA Ni TSi TSr } → { N(NO_ADDITIONAL_SAS) } (§1.3.1): the IKE_SA stands"""
    world = connected()
    assert notify_of(ask(world, *offered_child(world), exchange=CHILD)).type == NotifyType.NO_ADDITIONAL_SAS
    agree(world)


def test_nothing_in_common_with_the_gateways_rekeying(connected: MakeWorld) -> None:
    """← { … SA(unknown) … } → { N(NO_PROPOSAL_CHOSEN) }, ← { … TSi(elsewhere) … } → { N(TS_UNACCEPTABLE) }"""
    world = connected(remote_ts=(TrafficSelector.from_text("10.10.0.0/24"),), local_ts=(
        TrafficSelector.from_text("10.99.0.10/32"),))
    old = world.of(ike.ChildInstalled)[0].child.spi_out
    rekey, sa, nonce, tsi, tsr = offered_child(world, rekey=old)
    unknown = SA(tuple(replace(p, transforms=tuple(replace(t, id=999) for t in p.transforms)) for p in sa.proposals))
    assert notify_of(ask(world, rekey, unknown, nonce, tsi, tsr, exchange=CHILD)
                     ).type == NotifyType.NO_PROPOSAL_CHOSEN
    elsewhere = replace(tsi, selectors=(TrafficSelector.from_text("10.66.0.0/24"),))
    assert notify_of(ask(world, rekey, sa, nonce, elsewhere, tsr, exchange=CHILD)).type == NotifyType.TS_UNACCEPTABLE
    agree(world)


def test_the_gateways_offer_is_narrowed_to_what_was_agreed(connected: MakeWorld) -> None:
    """§2.9: ← { … TSi ANY TSr ANY } → { … TSi TSr } of our own policy"""
    asked = TrafficSelector.from_text("10.10.0.0/24[tcp/443]")
    world = connected(remote_ts=(asked,))
    old = world.of(ike.ChildInstalled)[0].child.spi_out
    answer = ask(world, *offered_child(world, rekey=old), exchange=CHILD)
    assert answer.require(TSi).selectors == (asked,)
    assert answer.require(SA).proposals[0].transforms_of_ke() == ()
    (chosen,) = answer.require(SA).proposals
    assert len({t.type for t in chosen.transforms}) == len(chosen.transforms)   # §2.7: one of each type


def test_pfs_that_the_profile_insists_on(connected: MakeWorld) -> None:
    """§1.3: ← { N(REKEY_SA) SA Ni TSi TSr } without KE → { N(NO_PROPOSAL_CHOSEN) }"""
    world = connected(pfs_groups=(19,))
    old = world.of(ike.ChildInstalled)[0].child.spi_out
    assert notify_of(ask(world, *offered_child(world, rekey=old), exchange=CHILD)
                     ).type == NotifyType.NO_PROPOSAL_CHOSEN


def test_an_ike_rekeying_without_a_key_exchange_is_refused(connected: MakeWorld) -> None:
    """§2.18: ← { SA(no KE) Ni } → { N(error) }: no new IKE_SA"""
    world = connected()
    proposals = tuple(replace(without_ke(p), spi=b"gateways") for p in CLASSIC)
    answer = ask(world, SA(proposals), Nonce(bytes(32)), exchange=CHILD)
    assert notify_of(answer).is_error
    assert not world.of(ike.IkeRekeyed)


def test_an_ike_rekeying_with_another_group_is_told_ours(connected: MakeWorld) -> None:
    """§1.3: ← { SA Ni KEi(14) } where we would take 19 of it → { N(INVALID_KE_PAYLOAD 19) }"""
    world = connected(ike_proposals=CLASSIC[:1])
    ours = world.client._ctx.config.ike_proposals[0]
    kept = tuple(t for t in ours.transforms if t not in ours.transforms_of_ke() or t.id == 19)
    offer = replace(ours, spi=b"gateways", transforms=kept)
    answer = ask(world, SA((offer,)), Nonce(bytes(32)), KE(14, bytes(256)), exchange=CHILD)
    assert (notify_of(answer).type, notify_of(answer).data) == (NotifyType.INVALID_KE_PAYLOAD, b"\0\x13")
    agree(world)


def test_temporary_failure_while_the_child_is_being_closed(connected: MakeWorld) -> None:
    """→ { D(old) } × ← { N(REKEY_SA, old) … } → { N(TEMPORARY_FAILURE) } (§2.25.1)"""
    world = connected()
    old = world.of(ike.ChildInstalled)[0].child
    world.drop = lambda who, data: (who, parse_header(data).exchange, parse_header(data).response) == (
        "client", INFO, False)
    world.do(lambda: world.client.rekey_child(old.spi_in, world.now), 0.3)
    answer = ask(world, *offered_child(world, rekey=old.spi_out), exchange=CHILD)
    assert notify_of(answer).type == NotifyType.TEMPORARY_FAILURE
    world.drop = lambda who, data: False
    world.run(5.0)
    agree(world)


def test_temporary_failure_while_the_ike_sa_is_being_rekeyed(connected: MakeWorld) -> None:
    """→ { SA Ni KEi } × ← { N(REKEY_SA) … } → { N(TEMPORARY_FAILURE) } (§2.25.2)"""
    world = connected()
    old = world.of(ike.ChildInstalled)[0].child
    world.drop = lambda who, data: (who, parse_header(data).exchange, parse_header(data).response) == (
        "client", CHILD, False)
    world.do(lambda: world.client.rekey_ike(world.now), 0.3)
    answer = ask(world, *offered_child(world, rekey=old.spi_out), exchange=CHILD)
    assert notify_of(answer).type == NotifyType.TEMPORARY_FAILURE
    world.drop = lambda who, data: False
    world.run(5.0)
    assert agree(world) == old.spi_in


def test_temporary_failure_while_a_child_exchange_is_under_way(connected: MakeWorld) -> None:
    """→ { N(REKEY_SA) … } × ← { SA Ni KEi } → { N(TEMPORARY_FAILURE) } (§2.25.2)"""
    world = connected()
    world.drop = lambda who, data: (who, parse_header(data).exchange, parse_header(data).response) == (
        "client", CHILD, False)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.3)
    offer = tuple(replace(p, spi=b"gateways") for p in DEFAULT_IKE[1:])
    answer = ask(world, SA(offer), Nonce(bytes(32)), KE(19, bytes(64)), exchange=CHILD)
    assert notify_of(answer).type == NotifyType.TEMPORARY_FAILURE
    world.drop = lambda who, data: False
    world.run(5.0)
    assert agree(world) != first_child(world)


def test_temporary_failure_while_the_ike_sa_is_being_closed(connected: MakeWorld) -> None:
    """→ { D(IKE) } × ← CREATE_CHILD_SA → { N(TEMPORARY_FAILURE) } (§2.25.2)"""
    world = connected()
    sa = gateway_sa(world)
    world.drop = lambda who, data: (who, parse_header(data).exchange, parse_header(data).response) == (
        "client", INFO, False)
    old = world.of(ike.ChildInstalled)[0].child
    world.do(lambda: world.client.close(world.now), 0.1)
    answer = ask(world, *offered_child(world, rekey=old.spi_out), exchange=CHILD, seconds=0.5)
    assert notify_of(answer).type == NotifyType.TEMPORARY_FAILURE
    assert sa.children


def test_both_renew_their_own_timers(connected: MakeWorld) -> None:
    """§2.8: a CHILD_SA that the gateway renewed has our lifetimes from then on"""
    world = connected()
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 3.0)
    new = agree(world)
    timers = world.client._ctx.timers
    assert timers.get(Timer.REKEY_CHILD, new)
    assert timers.get(Timer.EXPIRE_CHILD, new)
    assert timers.get(Timer.REKEY_CHILD, first_child(world)) is None
