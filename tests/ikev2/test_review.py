"""Interleavings that wedge toys: what is lost, late or crossed while SAs are replaced, the laptop moves or we leave.

The notation is RFC 7296's; × is a message that is lost, ⇢ one that arrives late.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.informational import DeleteChild
from client.core.ikev2.intermediate import FollowUp
from client.core.ikev2.message import parse_header, parse_plain
from client.core.ikev2.payloads import Notify
from client.core.ikev2.proposal import DEFAULT_IKE
from client.model.cause import Cause
from tests.ikev2.conftest import GATEWAY, MakeWorld
from tests.ikev2.test_established import agree, first_child, gateway_child
from tests.peer.responder import Behaviour
from tests.sim.world import LTE, WIFI, World

CHILD, INFO = ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL


def losing(world: World, who: str, *, exchange: int, response: bool, times: int = 10**6) -> Callable[[], None]:
    """Drops such messages until the returned function is called."""
    left = [times]

    def drop(sender: str, data: bytes) -> bool:
        header = parse_header(data)
        if sender == who and header.exchange == exchange and header.response == response and left[0] > 0:
            left[0] -= 1
            return True
        return False

    def stop() -> None:
        world.drop = lambda _who, _data: False

    world.drop = drop
    return stop


def gateway_says(world: World, monkeypatch: pytest.MonkeyPatch, kind: int, data: bytes = b"") -> list[int]:
    """The gateway answers each CREATE_CHILD_SA with this notify; the message IDs of those it has answered."""
    answered: list[int] = []
    answer = world.gateway._answer

    def refuse(sa: Any, message: Any, now: float) -> list[Any]:
        if message.exchange != CHILD:
            return answer(sa, message, now)
        answered.append(message.message_id)
        return [Notify.of(kind, data)]

    monkeypatch.setattr(world.gateway, "_answer", refuse)
    return answered


def gateway_deletes_child(world: World) -> None:
    (sa,) = world.gateway._ctx.sas.values()
    (child,) = sa.children.values()
    world.gateway._ctx.enqueue(sa, DeleteChild(world.gateway._ctx, sa, child))
    world.gateway._pump(world.now)


# --- before there is an IKE_SA ---


def test_a_cookie_changes_nothing_else(make_world: MakeWorld) -> None:
    """→ { SA KE Ni NATD… } ← { N(COOKIE) } → { N(COOKIE) SA KE Ni NATD… }, the rest unchanged (§2.6)"""
    world = make_world(Behaviour(cookie=b"crumbs"))
    world.start()
    world.run(1.0)
    first, second = (parse_plain(data) for who, data, _ in world.sent[:3] if who == "client")
    assert second.payloads[0] == Notify.of(NotifyType.COOKIE, b"crumbs")
    assert second.payloads[1:] == first.payloads


@pytest.mark.parametrize("behaviour", [Behaviour(cookie=b"crumbs"), Behaviour(insist_group=14), Behaviour()])
def test_an_answer_while_there_is_no_network(make_world: MakeWorld, behaviour: Behaviour) -> None:
    """→ IKE_SA_INIT; the network goes; ← any answer to it; the network is back: connected."""
    world = make_world(behaviour)
    world.start()
    world.do(lambda: world.client.set_paths([], world.now), 2.0)
    assert not world.of(ike.Established)
    world.do(lambda: world.client.set_paths([LTE], world.now), 3.0)
    assert world.of(ike.Established)[0].path.interface == "lte0"


def test_the_network_goes_while_the_gateway_is_judged(make_world: MakeWorld) -> None:
    """← { IDr AUTH … }; the network goes; the verdict is "good": the IKE_SA stands, and is told of the next address."""
    asked: list[ike.PeerAuth] = []
    world = make_world(answer={ike.PeerAuth: lambda _engine, event, _now: asked.append(event)})
    world.start()
    world.run(1.0)
    world.client.set_paths([], world.now)
    world.do(lambda: world.client.provide_peer_verdict(asked[0].request_id, ike.PeerVerdict(), world.now), 1.0)
    assert world.of(ike.Established)
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert world.of(ike.PathChanged)[-1].confirmed


def test_moving_during_ike_auth_is_told_afterwards(make_world: MakeWorld) -> None:
    """→ IKE_AUTH over Wi-Fi; × its answer; → the same over LTE, answered from the cache: it knows Wi-Fi."""
    world = make_world()
    stop = losing(world, "gateway", exchange=ExchangeType.IKE_AUTH, response=True)
    world.start()
    world.run(0.3)
    stop()
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert world.of(ike.Established)
    assert [change.path.interface for change in world.of(ike.PathChanged) if change.confirmed] == ["lte0"]


def test_a_question_that_nobody_asks_any_more_ends_nothing(connected: MakeWorld) -> None:
    world = connected()
    world.do(lambda: world.client.decline(1, Cause.PROMPT_CANCELLED, "too late", world.now), 1.0)
    assert not world.of(ike.Failed)


# --- IKE_SA rekeying ---


def test_the_gateway_uses_its_ike_sa_before_ours_is_answered(connected: MakeWorld) -> None:
    """As before, and ← { D(ESP) } in the gateway's new IKE_SA: it has the children."""
    world = connected()
    stop = losing(world, "client", exchange=CHILD, response=False)
    world.client.rekey_ike(world.now)
    world.gateway.rekey_ike(world.now)
    world.do(lambda: None, 0.3)
    newest = world.gateway._ctx.current()
    assert newest is not None
    (child,) = newest.children.values()
    world.gateway._ctx.enqueue(newest, DeleteChild(world.gateway._ctx, newest, child))
    world.gateway._pump(world.now)
    world.do(lambda: None, 1.0)
    stop()
    world.run(10.0)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_CLOSED     # it left us without any CHILD_SA


@pytest.mark.parametrize("by_gateway", [False, True])
def test_a_roam_during_an_ike_rekey_is_not_forgotten(connected: MakeWorld, by_gateway: bool) -> None:
    """→ × UPDATE_SA_ADDRESSES waits behind, or is in flight beside, an IKE_SA rekeying: the new IKE_SA says it."""
    world = connected()
    stop = losing(world, "gateway", exchange=INFO if by_gateway else CHILD, response=True)
    if by_gateway:
        world.do(lambda: world.client.set_paths([LTE], world.now), 0.1)
        world.do(lambda: world.gateway.rekey_ike(world.now), 1.0)
    else:
        world.do(lambda: world.client.rekey_ike(world.now), 0.1)
        world.do(lambda: world.client.set_paths([LTE], world.now), 0.5)
    stop()
    world.run(10.0)
    assert world.of(ike.IkeRekeyed)
    last = world.of(ike.PathChanged)[-1]
    assert (last.path.interface, last.confirmed) == ("lte0", True)
    (sa,) = world.client._ctx.sas.values()
    assert sa.window.outstanding is None


def test_leaving_during_an_ike_rekey(connected: MakeWorld) -> None:
    """→ { SA Ni KEi }, then the user leaves; ← { SA Nr KEr }: the new IKE_SA is closed too."""
    world = connected()
    world.client.rekey_ike(world.now)
    world.do(lambda: world.client.close(world.now), 4.0)
    assert world.of(ike.Closed)
    assert not world.of(ike.Failed)
    assert not [sa for sa in world.gateway._ctx.sas.values() if sa.children]


def test_an_unanswered_request_of_a_replaced_ike_sa_ends_only_itself(connected: MakeWorld) -> None:
    """→ × { } while the gateway replaces the IKE_SA and forgets the old one without a word."""
    world = connected(retransmit_give_up=20.0, dpd=5.0)
    world.drop = lambda who, data: who == "client" and parse_header(data).exchange == INFO \
        and not parse_header(data).response
    world.run(6.0)      # liveness is under way
    (old,) = world.gateway._ctx.sas.values()
    world.do(lambda: world.gateway.rekey_ike(world.now), 0.3)
    world.gateway._ctx.remove_sa(old)
    world.drop = lambda _who, _data: False
    world.run(60.0)
    assert not world.of(ike.Failed)
    agree(world)


@pytest.mark.parametrize("rekey", ["child", "ike"])
def test_a_gateway_that_asks_for_ever_other_groups(
        connected: MakeWorld, monkeypatch: pytest.MonkeyPatch, rekey: str) -> None:
    """→ { … KEi } ← N(INVALID_KE_PAYLOAD) 14, → ← 20, → ← 14 …: an end, and another try later."""
    world = connected()
    answered: list[int] = []
    answer = world.gateway._answer

    def refuse(sa: Any, message: Any, now: float) -> list[Any]:
        if message.exchange != CHILD:
            return answer(sa, message, now)
        answered.append(message.message_id)
        return [Notify.of(NotifyType.INVALID_KE_PAYLOAD, (14, 20)[len(answered) % 2].to_bytes(2, "big"))]

    monkeypatch.setattr(world.gateway, "_answer", refuse)
    world.do(lambda: world.client.rekey_ike(world.now) if rekey == "ike"
             else world.client.rekey_child(first_child(world), world.now), 2.5)
    assert 1 < len(answered) <= 4
    assert not world.of(ike.Failed)


# --- CHILD_SAs ---


@pytest.mark.parametrize("kind", [NotifyType.TEMPORARY_FAILURE, NotifyType.NO_ADDITIONAL_SAS,
                                  NotifyType.CHILD_SA_NOT_FOUND])
def test_a_rekeying_refused_after_the_child_was_deleted(
        connected: MakeWorld, monkeypatch: pytest.MonkeyPatch, kind: NotifyType) -> None:
    """→ { N(REKEY_SA) … } ← { D(old) } → { D } ← N(…): never an IKE_SA without any CHILD_SA and without a plan."""
    world = connected()
    stop = losing(world, "gateway", exchange=CHILD, response=True)
    answered = gateway_says(world, monkeypatch, kind)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.1)
    gateway_deletes_child(world)
    world.do(lambda: None, 0.1)
    stop()
    world.run(30.0)
    assert len(answered) > 1 or world.of(ike.Failed)[0].cause is Cause.GATEWAY_CLOSED


def test_a_new_child_that_waits_outlives_an_ike_rekey(connected: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """← N(CHILD_SA_NOT_FOUND); → { SA Ni TSi TSr } ← N(TEMPORARY_FAILURE); ← IKE_SA rekeying; → { SA Ni TSi TSr }"""
    world = connected()
    (sa,) = world.gateway._ctx.sas.values()
    sa.children.clear()         # the gateway lost it
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.05)
    answered = gateway_says(world, monkeypatch, NotifyType.TEMPORARY_FAILURE)
    world.run(0.5)
    assert len(answered) == 1
    world.do(lambda: world.gateway.rekey_ike(world.now), 1.0)
    assert len(answered) > 1


def test_a_rival_child_that_the_gateway_deleted_is_forgotten(
        connected: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """→ × { N(REKEY_SA) … } ← { N(REKEY_SA) … } → { … } ← { D(its new one) }, ours refused: the old one lives on."""
    world = connected()
    old = first_child(world)
    stop = losing(world, "client", exchange=CHILD, response=False)
    world.client.rekey_child(old, world.now)
    world.gateway.rekey_child(gateway_child(world), world.now)
    drop = world.drop
    world.drop = lambda who, data: drop(who, data) or (who == "gateway" and parse_header(data).exchange == INFO)
    world.do(lambda: None, 0.5)
    (sa,) = world.gateway._ctx.sas.values()
    rival = next(c for c in sa.children.values() if c.made_by_us and c.spi_out != old)
    sa.window.queue.clear()
    if sa.window.outstanding is not None:
        sa.window.outstanding.task = None
        world.gateway._answered(sa)
    (mine,) = world.client._ctx.sas.values()
    (their_new,) = [c for c in mine.children.values() if c.spi_in != old]
    assert their_new.spi_out == rival.spi_in
    world.client._ctx.drop_child(mine, their_new, world.now)      # as by ← { D }
    gateway_says(world, monkeypatch, NotifyType.NO_ADDITIONAL_SAS)
    stop()
    world.run(5.0)
    assert [c.spi_in for c in mine.children.values()] == [old]
    assert mine.children[old].state.name == "INSTALLED"


def test_an_old_child_that_the_gateway_never_deletes(connected: MakeWorld) -> None:
    """← { N(REKEY_SA) … } → { … }, and no { D(old) }: when the old one expires the new one carries our packets."""
    world = connected(child_rekey=1e6, child_expire=60.0)
    world.run(30.0)
    losing(world, "gateway", exchange=INFO, response=False)
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 1.0)
    new = world.of(ike.ChildInstalled)[1].child.spi_in
    assert not world.of(ike.ChildOutbound)
    world.run(35.0)
    assert [event.child.spi_in for event in world.of(ike.ChildOutbound)] == [new]
    assert agree(world) == new


def test_a_child_spi_that_cannot_be_is_refused(connected: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """← { N(REKEY_SA) SA(SPI 0) … } → N(INVALID_SYNTAX)"""
    world = connected()
    monkeypatch.setattr(world.gateway._ctx, "new_child_spi", lambda: bytes(4))
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 1.0)
    assert len(world.of(ike.ChildInstalled)) == 1
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR


# --- roaming and leaving ---


@pytest.mark.parametrize("leave", [False, True])
def test_a_postponed_exchange_holds_up_neither_a_roam_nor_leaving(
        connected: MakeWorld, monkeypatch: pytest.MonkeyPatch, leave: bool) -> None:
    """← N(TEMPORARY_FAILURE) holds the queue for seconds; UPDATE_SA_ADDRESSES and DELETE do not wait for that."""
    world = connected()
    gateway_says(world, monkeypatch, NotifyType.TEMPORARY_FAILURE)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.3)
    world.do(lambda: world.client.close(world.now) if leave else world.client.set_paths([LTE], world.now), 0.3)
    if leave:
        assert world.of(ike.Closed)
    else:
        assert world.of(ike.PathChanged)[-1].confirmed


def test_leaving_is_not_undone_by_a_new_network(connected: MakeWorld) -> None:
    """→ × { D(IKE) }, then Wi-Fi → LTE: → { D(IKE) } over LTE, and never an IKE_SA_INIT."""
    world = connected()
    world.drop = lambda who, data: True
    world.do(lambda: world.client.close(world.now), 0.1)
    world.drop = lambda who, data: False
    begun = len(world.sent)
    world.do(lambda: world.client.set_paths([LTE], world.now), 3.0)
    assert ExchangeType.IKE_SA_INIT not in [exchange for _, exchange, _ in world.exchanges()[begun:]]
    assert world.of(ike.Closed)


def test_the_gateway_deletes_the_child_while_we_leave(connected: MakeWorld) -> None:
    """→ { D(IKE) } × ← { D(ESP) }: we left, nothing failed."""
    world = connected()
    gateway_deletes_child(world)
    world.client.close(world.now)
    world.do(lambda: None, 3.0)
    assert world.of(ike.Closed)
    assert not world.of(ike.Failed)


def test_an_address_that_the_gateway_does_not_accept(connected: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """→ { N(UPDATE_SA_ADDRESSES) … } ← { N(UNACCEPTABLE_ADDRESSES) }: it sends to the old one, so begin anew."""
    world = connected()
    answer = world.gateway._answer

    def refuse(sa: Any, message: Any, now: float) -> list[Any]:
        if message.notify(NotifyType.UPDATE_SA_ADDRESSES):
            return [Notify.of(NotifyType.UNACCEPTABLE_ADDRESSES)]
        return answer(sa, message, now)

    monkeypatch.setattr(world.gateway, "_answer", refuse)
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert not [change for change in world.of(ike.PathChanged) if change.confirmed]
    assert world.of(ike.Failed)[0].cause is Cause.DEAD_PEER


def test_roaming_without_mobike_is_confirmed_by_an_answer(connected: MakeWorld) -> None:
    world = connected(Behaviour(mobike=False))
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert [(change.path.interface, change.confirmed) for change in world.of(ike.PathChanged)] == [
        ("lte0", False), ("lte0", True)]


def test_a_gateway_without_nat_traversal_is_spoken_to_on_4500(connected: MakeWorld,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """Our ESP travels in UDP; on port 500 it would be taken for IKE."""
    monkeypatch.setattr("client.core.ikev2.first_exchange.detect_nat", lambda *_: None)
    world = connected()
    assert world.of(ike.Established)[0].path.remote.port == 4500
    assert WIFI.remote.port == 500


def test_both_ends_rekey_everything_at_once(connected: MakeWorld) -> None:
    """CHILD_SA and IKE_SA, both sides, in one instant, for several orders of nonces."""
    for seed in range(6):
        world = connected(seed=seed, gateway=replace(GATEWAY, dpd=30.0))
        old = first_child(world)
        world.client.rekey_child(old, world.now)
        world.gateway.rekey_ike(world.now)
        world.client.rekey_ike(world.now)
        world.gateway.rekey_child(gateway_child(world), world.now)
        world.do(lambda: None, 40.0)
        assert not world.of(ike.Failed)
        assert agree(world) != old


# --- additional key exchanges ---


def test_key_exchanges_that_the_gateway_never_continues(connected: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """← { N(REKEY_SA) SA Ni KEi … } → { … N(ADDITIONAL_KEY_EXCHANGE) } and nothing more: not refused for ever after."""
    world = connected(ike_proposals=DEFAULT_IKE, gateway=replace(GATEWAY, ike_proposals=DEFAULT_IKE))
    with monkeypatch.context() as patch:
        patch.setattr(FollowUp, "build_request", lambda *_: None)
        world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 70.0)
    assert len(world.of(ike.ChildInstalled)) == 1
    world.do(lambda: world.gateway.rekey_ike(world.now), 2.0)
    assert world.of(ike.IkeRekeyed)


def test_a_child_that_the_gateway_may_not_know_yet_is_not_rekeyed(connected: MakeWorld) -> None:
    """← { N(REKEY_SA) … } → × { … }, then the user wants new keys: → { N(REKEY_SA)(theirs) } would find nothing."""
    world = connected(pfs_groups=(), gateway=replace(GATEWAY, pfs_groups=()))
    stop = losing(world, "client", exchange=CHILD, response=True)
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 0.1)
    new = world.of(ike.ChildInstalled)[1].child.spi_in
    world.do(lambda: world.client.rekey_child(new, world.now), 0.1)
    stop()
    world.run(20.0)
    assert not world.of(ike.Failed)
    assert agree(world) not in (first_child(world), new)
