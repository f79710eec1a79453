"""MOBIKE (RFC 4555) as its initiator, beyond the roaming of test_established.py. → client, ← gateway."""

from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.message import Message, parse_header
from client.core.ikev2.payloads import Notify, Payload
from client.model.cause import Cause
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.dialogue import AUTH, INFO, Said, answer_once, ask, listen, requests
from tests.ikev2.test_established import agree, first_child
from tests.peer.responder import Behaviour
from tests.sim.world import LTE, WIFI, World

UPDATE = NotifyType.UPDATE_SA_ADDRESSES
NATD = (NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP)


def updates(heard: list[Said]) -> list[Said]:
    return [said for said in requests(heard, "client", INFO) if said.notify(UPDATE)]


def gateway_answers(world: World, change: Any) -> None:
    """The gateway's answers to INFORMATIONAL requests, changed."""
    itself = world.gateway._answer

    def answer(sa: Any, message: Message, now: float) -> list[Payload]:
        payloads = itself(sa, message, now)
        return change(payloads) if message.exchange == INFO else payloads
    world.gateway._answer = answer      # type: ignore[method-assign]


def test_support_is_announced_in_ike_auth(make_world: MakeWorld) -> None:
    """§3.1: → IKE_AUTH { … N(MOBIKE_SUPPORTED) }; not where the profile does without"""
    for wanted in (True, False):
        world = make_world(mobike=wanted)
        heard = listen(world)
        world.start()
        world.run(3.0)
        assert bool(requests(heard, "client", AUTH)[0].notify(NotifyType.MOBIKE_SUPPORTED)) is wanted


@pytest.mark.parametrize("ours", [True, False])
def test_without_support_of_both_no_address_is_updated(connected: MakeWorld, ours: bool) -> None:
    """§3.1"""
    world = connected(Behaviour(mobike=not ours), mobike=ours)
    heard = listen(world)
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert requests(heard, "client", INFO)
    assert not updates(heard)


def test_an_update_says_what_it_must(connected: MakeWorld) -> None:
    """§3.5, §4.2: → from LTE, port 4500: { N(UPDATE_SA_ADDRESSES) N(NATD_S) N(NATD_D) N(COOKIE2) }"""
    world = connected()
    heard, begun = listen(world), len(world.sent)
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    (said,) = updates(heard)
    assert said.notify(UPDATE).data == b""
    assert all(len(said.notify(kind).data) == 20 for kind in NATD)
    assert 8 <= len(said.notify(NotifyType.COOKIE2).data) <= 64
    path = next(path for who, _, path in world.sent[begun:] if who == "client")
    assert (path.local.address, path.local.port, path.remote.port) == (LTE.local.address, 4500, 4500)


def test_another_cookie_ends_the_ike_sa(connected: MakeWorld) -> None:
    """§3.7: ← { N(COOKIE2 of its own) }"""
    world = connected()
    gateway_answers(world, lambda payloads: [Notify.of(NotifyType.COOKIE2, b"something else")])
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR


def test_a_cookie_comes_back_as_it_is(connected: MakeWorld) -> None:
    """§3.7: ← INFORMATIONAL { N(COOKIE2) } → { N(COOKIE2) }"""
    world = connected()
    for octets in (8, 64):
        cookie = Notify.of(NotifyType.COOKIE2, bytes(range(octets)))
        assert ask(world, cookie).notifies() == (cookie,)


def test_nat_detection_is_answered_with_nat_detection(connected: MakeWorld) -> None:
    """§3.8: ← INFORMATIONAL { N(NATD_S) N(NATD_D) } → { N(NATD_S) N(NATD_D) }"""
    world = connected()
    answer = ask(world, *(Notify.of(kind, bytes(20)) for kind in NATD))
    assert [notify.type for notify in answer.notifies()] == list(NATD)
    assert all(len(notify.data) == 20 for notify in answer.notifies())


def test_the_gateway_does_not_decide_where_we_are(connected: MakeWorld) -> None:
    """§3.2: only the initiator updates; other addresses of the gateway are taken note of by nobody (§3.4)"""
    world = connected()
    begun = len(world.events)
    ask(world, Notify.of(UPDATE), Notify.of(NotifyType.ADDITIONAL_IP4_ADDRESS, bytes([192, 0, 2, 9])),
        Notify.of(NotifyType.NO_ADDITIONAL_ADDRESSES))
    assert not [event for event in world.events[begun:] if isinstance(event, ike.PathChanged)]
    agree(world)


def test_an_old_answer_does_not_confirm_the_new_address(connected: MakeWorld) -> None:
    """§3.6, §3.7: what was asked from the old address proves nothing of the new: a new request does"""
    world = connected()
    world.drop = lambda who, data: who == "gateway"
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.1)
    heard = listen(world)
    world.drop = lambda who, data: who == "gateway" and parse_header(data).exchange == INFO
    world.do(lambda: world.client.set_paths([LTE], world.now), 1.0)
    assert not [event for event in world.of(ike.PathChanged) if event.confirmed]
    assert updates(heard)
    world.drop = lambda who, data: False
    world.run(3.0)
    assert world.of(ike.PathChanged)[-1].confirmed


def test_each_move_is_a_new_request(connected: MakeWorld) -> None:
    """§3.5: moved again before the answer: → N(UPDATE_SA_ADDRESSES) once more, with another cookie"""
    world = connected()
    heard = listen(world)
    world.client.set_paths([LTE], world.now)
    world.do(lambda: world.client.set_paths([WIFI], world.now), 3.0)
    first, second = updates(heard)
    assert first.notify(NotifyType.COOKIE2).data != second.notify(NotifyType.COOKIE2).data
    assert world.of(ike.PathChanged)[-1].path.interface == "wifi0"


def test_the_initiator_stays_the_initiator(connected: MakeWorld) -> None:
    """§2.2: who began the first IKE_SA updates addresses, also after ← a rekeying that made the gateway's roles ours"""
    world = connected()
    world.do(lambda: world.gateway.rekey_ike(world.now), 3.0)
    assert not next(iter(world.client._ctx.sas.values())).initiator
    heard = listen(world)
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert len(updates(heard)) == 1
    assert world.of(ike.PathChanged)[-1].confirmed


def test_nat_is_looked_for_on_every_path(connected: MakeWorld) -> None:
    """§3.5, §3.8: ← { N(NATD_S) N(NATD_D) } of the new path tells whether there is a NAT on it"""
    import hashlib
    from ipaddress import ip_address
    world = connected()
    sa = next(iter(world.client._ctx.sas.values()))

    def digest(address: str, port: int) -> bytes:
        return hashlib.sha1(sa.spi_i + sa.spi_r + ip_address(address).packed + port.to_bytes(2, "big")).digest()

    def clear(payloads: list[Payload]) -> list[Payload]:
        others = [p for p in payloads if getattr(p, "type", 0) not in NATD]
        return [*others, Notify.of(NATD[0], digest(LTE.remote.address, 4500)),
                Notify.of(NATD[1], digest(LTE.local.address, 4500))]
    assert world.of(ike.Established)[0].nat
    gateway_answers(world, clear)
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert not world.of(ike.PathChanged)[-1].nat


def test_moving_changes_no_sa(connected: MakeWorld) -> None:
    """§1.3: the same IKE_SA and CHILD_SAs, without any other exchange"""
    world = connected()
    begun = len(world.sent)
    child = agree(world)
    world.do(lambda: world.client.set_paths([LTE], world.now), 3.0)
    assert agree(world) == child
    assert {exchange for _, exchange, _ in world.exchanges()[begun:]} == {ExchangeType.INFORMATIONAL}


def test_moving_while_the_gateway_waits_for_our_answer(connected: MakeWorld) -> None:
    """← CREATE_CHILD_SA { SA Ni KEi } → × { SA Nr KEr }, and we move: the gateway asks again, but where we were,
    and knows nothing of the new IKE_SA. → on the old one too: { N(UPDATE_SA_ADDRESSES) … } ← CREATE_CHILD_SA again"""
    world = connected()
    world.one_uplink()
    before, heard = world.of(ike.Established)[0].spi_i, listen(world)
    world.drop = lambda who, data: who == "client" and parse_header(data).exchange == ExchangeType.CREATE_CHILD_SA
    world.do(lambda: world.gateway.rekey_ike(world.now), 0.1)
    assert len(world.of(ike.IkeRekeyed)) == 1
    world.drop = lambda who, data: False
    world.do(lambda: world.client.set_paths([LTE], world.now), 20.0)
    assert {said.spi_i for said in requests(heard, "client", INFO)} >= {before, world.of(ike.IkeRekeyed)[0].spi_i}
    assert [change.confirmed for change in world.of(ike.PathChanged)] == [False, True]
    agree(world)


def test_moving_before_the_gateway_settles_whose_rekeying_stands(connected: MakeWorld) -> None:
    """→ { SA Ni KEi } ⇢ ← { SA Ni KEi } → × { SA Nr KEr }, and we move; ← { N(TEMPORARY_FAILURE) }: the gateway's own
    stands, and it waits for our answer where we were. → on the old IKE_SA too: { N(UPDATE_SA_ADDRESSES) … }"""
    world = connected()
    world.one_uplink()
    world.drop = lambda who, data: who == "client" and parse_header(data).exchange == ExchangeType.CREATE_CHILD_SA
    world.client.rekey_ike(world.now)
    world.do(lambda: world.gateway.rekey_ike(world.now), 0.05)
    assert not world.of(ike.IkeRekeyed)
    heard = listen(world)
    answer_once(world, Notify.of(NotifyType.TEMPORARY_FAILURE))
    world.drop = lambda who, data: False
    world.do(lambda: world.client.set_paths([LTE], world.now), 20.0)
    assert len({said.spi_i for said in updates(heard)}) == 2
    assert world.of(ike.PathChanged)[-1].confirmed
    agree(world)


def test_a_probe_asks_at_once(connected: MakeWorld) -> None:
    """RFC 7296 §2.4: → INFORMATIONAL { } ← { }; what is outstanding already is asked again instead"""
    world = connected()
    begun = len(world.sent)
    world.do(lambda: world.client.probe(world.now), 1.0)
    assert [who for who, _, _ in world.sent[begun:]] == ["client", "gateway"]
    world.drop = lambda who, data: who == "gateway"
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.01)
    asked = world.sent[-1][1]
    world.do(lambda: world.client.probe(world.now), 0.001)
    assert world.sent[-1][:2] == ("client", asked)
    assert [data for _, data, _ in world.sent].count(asked) == 2
