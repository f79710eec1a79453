"""RFC 7296: requests and responses of an established IKE_SA, their IDs, errors and hints. → client, ← gateway."""

from itertools import pairwise

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ConfigType, NotifyType, PayloadType, ProtocolId
from client.core.ikev2.exchange import MAX_MESSAGE_ID
from client.core.ikev2.ike_sa import IkeState
from client.core.ikev2.message import parse_header
from client.core.ikev2.payload_base import Unknown
from client.core.ikev2.payloads import CP, Delete, Nonce, Notify
from client.model.cause import Cause
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.dialogue import CHILD, INFO, ask, gateway_sa, listen, requests, unprotected
from tests.ikev2.test_established import agree, first_child, gateway_child
from tests.sim.world import LTE, WIFI, World


def client_sa(world: World):
    return next(iter(world.client._ctx.sas.values()))


def is_response(data: bytes) -> bool:
    return parse_header(data).response


def datagrams(world: World, who: str, begin: int) -> list[bytes]:
    return [data for sender, data, _ in world.sent[begin:] if sender == who]


def forged(world: World, notify: int, *, response: bool) -> None:
    """Anybody sends the client an unprotected notification; what the client does about it at once."""
    sa = client_sa(world)
    world.do(lambda: world.client.receive_datagram(
        unprotected(sa.spi_i, sa.spi_r, notify, response=response), WIFI.natt(), world.now), 0.0)


# --- message IDs and the window (§2.1–2.3) ---

def test_each_direction_counts_its_own_requests(connected: MakeWorld) -> None:
    """→ 2, 3 … beside ← 0, 1 …; a response has the ID of its request; after IKE_SA rekeying both begin at 0 (§2.2)"""
    world = connected(mobike=False)
    heard = listen(world)
    ask(world)
    ask(world)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 3.0)
    numbers = {who: [said.message_id for said in heard if said.who == who and not said.response]
               for who in ("client", "gateway")}
    assert numbers == {"client": [2, 3], "gateway": [0, 1]}
    for who, other in (("client", "gateway"), ("gateway", "client")):
        answers = [said.message_id for said in heard if said.who == who and said.response]
        assert answers == numbers[other]
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    heard.clear()
    ask(world)
    world.do(lambda: world.client.rekey_child(agree(world), world.now), 3.0)
    assert [said.message_id for said in heard if not said.response] == [0, 0, 1]


def test_one_request_at_a_time(connected: MakeWorld) -> None:
    """§2.3: the window is one: the next request waits for the response to the one before"""
    world = connected()
    heard, begun = listen(world), len(world.sent)
    world.drop = lambda who, data: who == "gateway"
    world.client.rekey_child(first_child(world), world.now)
    world.do(lambda: world.client.rekey_ike(world.now), 8.0)
    assert len(requests(heard, "client", CHILD)) == 1
    assert len(set(datagrams(world, "client", begun))) == 1
    world.drop = lambda who, data: False
    world.run(6.0)
    assert len(requests(heard, "client", CHILD)) == 2
    agree(world)


def test_requests_are_answered_while_ours_is_under_way(connected: MakeWorld) -> None:
    """→ CREATE_CHILD_SA … ← INFORMATIONAL { } → { }: whoever waits for a response still answers (§2.3)"""
    world = connected()
    world.drop = lambda who, data: who == "gateway" and is_response(data)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.3)
    assert ask(world).payloads == ()
    assert client_sa(world).window.outstanding is not None


def test_a_repeated_request_gets_the_same_octets_and_is_not_processed_again(connected: MakeWorld) -> None:
    """§2.1: the responder remembers its last response"""
    world = connected()
    world.drop = lambda who, data: who == "client"
    begun = len(world.sent)
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 3.0)
    answers = datagrams(world, "client", begun)
    assert len(answers) > 2
    assert len(set(answers)) == 1
    assert len(world.of(ike.ChildInstalled)) == 2
    asked = datagrams(world, "gateway", begun)
    assert len(set(asked)) == 1         # and the requester repeats the same octets


def test_a_response_is_never_sent_unasked(connected: MakeWorld) -> None:
    """§2.1: only the requester has a timer"""
    world = connected()
    world.drop = lambda who, data: True
    begun = len(world.sent)
    data = world.gateway._ctx.encode(gateway_sa(world), INFO, [], 0, response=False)[0]
    world.do(lambda: world.client.receive_datagram(data, WIFI.natt(), world.now), 15.0)
    assert [is_response(data) for data in datagrams(world, "client", begun)] == [True]


@pytest.mark.parametrize("message_id", [1, 5, 0xFFFF_FFFF])
def test_a_request_out_of_the_window_is_passed_over(connected: MakeWorld, message_id: int) -> None:
    """§2.3: neither answered nor processed, and the next in order is"""
    world = connected()
    begun = len(world.sent)
    data = world.gateway._ctx.encode(gateway_sa(world), INFO, [Delete(ProtocolId.IKE, ())], message_id, response=False)
    world.do(lambda: world.client.receive_datagram(data[0], WIFI.natt(), world.now), 1.0)
    assert len(world.sent) == begun
    assert ask(world).payloads == ()


def test_an_old_request_is_not_answered_once_a_newer_one_came(connected: MakeWorld) -> None:
    """§2.3: with a window of one the response before the last may be forgotten"""
    world = connected()
    begun = len(world.sent)
    ask(world)
    old = datagrams(world, "gateway", begun)[0]
    ask(world)
    begun = len(world.sent)
    world.do(lambda: world.client.receive_datagram(old, WIFI.natt(), world.now), 1.0)
    assert len(world.sent) == begun


def test_responses_that_nobody_waits_for_are_passed_over(connected: MakeWorld) -> None:
    """Another message ID, another exchange type, none outstanding: ← { N(AUTHENTICATION_FAILED) } changes nothing"""
    world = connected(mobike=False)
    encode, sa = world.gateway._ctx.encode, gateway_sa(world)
    bad = [Notify.of(NotifyType.AUTHENTICATION_FAILED)]
    world.drop = lambda who, data: who == "gateway"
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 0.3)
    waiting = client_sa(world).window.outstanding
    for exchange, number in ((CHILD, 1), (CHILD, 3), (INFO, 2)):
        world.client.receive_datagram(encode(sa, exchange, bad, number, response=True)[0], WIFI.natt(), world.now)
    assert client_sa(world).window.outstanding is waiting
    world.drop = lambda who, data: False
    world.run(3.0)
    assert agree(world) != first_child(world)


def test_an_ike_sa_is_replaced_before_its_message_ids_run_out(connected: MakeWorld) -> None:
    """§2.2"""
    world = connected(dpd=5.0)
    for sa, engine in ((client_sa(world), world.client), (gateway_sa(world), world.gateway)):
        number = "next_request_id" if engine is world.client else "next_peer_id"
        setattr(sa.window, number, MAX_MESSAGE_ID)
    world.run(8.0)
    assert len(world.of(ike.IkeRekeyed)) == 1
    assert client_sa(world).window.next_request_id < 5
    agree(world)


def test_answers_go_to_where_the_request_came_from(connected: MakeWorld) -> None:
    """§2.11, §2.23"""
    world = connected()
    data = world.gateway._ctx.encode(gateway_sa(world), INFO, [], 0, response=False)[0]
    other = ike.Path(LTE.local, WIFI.natt().remote, "lte0")
    begun = len(world.sent)
    world.do(lambda: world.client.receive_datagram(data, other, world.now), 1.0)
    assert [path for who, _, path in world.sent[begun:] if who == "client"] == [other]


# --- INFORMATIONAL (§1.4, §2.4) ---

@pytest.mark.parametrize("payloads", [
    (), (Notify.of(40999, b"news"),), (Notify.of(9999),), (Unknown(PayloadType(200), False, b"later"),),
    (CP(ConfigType.CFG_REQUEST, ((7, b""),)),), (CP(ConfigType.CFG_SET, ((1, b""),)),),
    (Notify.of(NotifyType.INITIAL_CONTACT),), (Notify.of(NotifyType.SET_WINDOW_SIZE, b"\0\0\0\x05"),),
    (Notify.of(NotifyType.ADDITIONAL_TS_POSSIBLE),)], ids=lambda p: p[0].label if p else "empty")
def test_what_asks_for_nothing_gets_an_empty_answer(connected: MakeWorld, payloads: tuple) -> None:
    """§1.4, §2.5, §3.10.1, §3.15.1: ← INFORMATIONAL { … } → { }: every request is answered"""
    world = connected()
    assert ask(world, *payloads).payloads == ()
    agree(world)


def test_an_unknown_critical_payload_is_named_and_nothing_of_the_request_done(connected: MakeWorld) -> None:
    """§2.5: ← { D, critical 200 } → { N(UNSUPPORTED_CRITICAL_PAYLOAD, 200) }"""
    world = connected()
    answer = ask(world, Delete(ProtocolId.IKE, ()), Unknown(PayloadType(200), True, b""))
    (notify,) = answer.payloads
    assert isinstance(notify, Notify)
    assert (notify.type, notify.data) == (NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, b"\xc8")
    agree(world)
    assert ask(world).payloads == ()


def test_a_request_that_breaks_the_syntax_ends_the_ike_sa(connected: MakeWorld) -> None:
    """§2.21.3: ← CREATE_CHILD_SA { Ni } → { N(INVALID_SYNTAX) } → INFORMATIONAL { D }"""
    world = connected()
    heard = listen(world)
    answer = ask(world, Nonce(bytes(32)), exchange=CHILD)
    assert answer.notify(NotifyType.INVALID_SYNTAX)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR
    (said,) = requests(heard, "client", INFO)
    assert said.payloads == (Delete(ProtocolId.IKE, ()),)


def test_a_response_that_breaks_the_syntax_ends_the_ike_sa(connected: MakeWorld) -> None:
    """§2.21.3: a response gets no response; → INFORMATIONAL { D }"""
    world = connected()
    world.gateway._answer = lambda sa, message, now: [Nonce(bytes(32))]     # type: ignore[method-assign]
    heard = listen(world)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 3.0)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR
    assert requests(heard, "client", INFO)[-1].payloads == (Delete(ProtocolId.IKE, ()),)


def test_a_gateway_that_takes_back_our_authentication(connected: MakeWorld) -> None:
    """§2.21.2: ← INFORMATIONAL { N(AUTHENTICATION_FAILED) } → { }: the IKE_SA is gone"""
    world = connected()
    assert ask(world, Notify.of(NotifyType.AUTHENTICATION_FAILED)).payloads == ()
    assert world.of(ike.Failed)[0].cause is Cause.USER_REFUSED


# --- what is not protected is a hint (§1.5, §2.4, §2.21.4) ---

def liveness_checks(world: World, begin: int) -> int:
    return len(set(datagrams(world, "client", begin)))


@pytest.mark.parametrize(("notify", "response"), [
    (NotifyType.INVALID_IKE_SPI, True), (NotifyType.INVALID_SPI, False)])
def test_unprotected_notifications_start_a_liveness_check_and_nothing_else(
        connected: MakeWorld, notify: int, response: bool) -> None:
    """← HDR N(INVALID_…) → INFORMATIONAL { } ← { }: everything stands as before"""
    world = connected(dpd=1000.0)
    begun = len(world.sent)
    forged(world, notify, response=response)
    world.run(2.0)
    assert [is_response(data) for data in datagrams(world, "client", begun)] == [False]
    assert client_sa(world).state is IkeState.ESTABLISHED
    agree(world)


def test_icmp_starts_a_liveness_check_and_nothing_else(connected: MakeWorld) -> None:
    """§2.4: ICMP is a hint too"""
    world = connected(dpd=1000.0)
    begun = len(world.sent)
    world.do(lambda: world.client.udp_refused("port unreachable", world.now), 2.0)
    assert liveness_checks(world, begun) == 1
    assert not world.of(ike.Unreachable)        # nobody is alarmed
    agree(world)


def test_hints_are_followed_at_a_limited_rate(connected: MakeWorld) -> None:
    """§2.4: a flood of them costs one check in ten seconds"""
    world = connected(dpd=1000.0)
    begun = len(world.sent)
    for _ in range(300):
        forged(world, NotifyType.INVALID_IKE_SPI, response=True)
        forged(world, NotifyType.INVALID_SPI, response=False)
        world.do(lambda: world.client.udp_refused("port unreachable", world.now), 0.1)
    assert liveness_checks(world, begun) == 3       # in 30 seconds
    agree(world)


def test_a_hint_about_a_gateway_that_forgot_us_finds_it_dead(connected: MakeWorld) -> None:
    """§2.4: the hint begins it, only the silence that follows ends it"""
    world = connected(dpd=1000.0, retransmit_give_up=20.0)
    world.drop = lambda who, data: True
    forged(world, NotifyType.INVALID_IKE_SPI, response=True)
    world.run(15.0)
    assert not world.of(ike.Failed)
    world.run(15.0)
    assert world.of(ike.Failed)[0].cause is Cause.DEAD_PEER


def test_unprotected_messages_are_no_sign_of_life(connected: MakeWorld) -> None:
    """§2.4: only what authenticates proves that the gateway lives"""
    world = connected(dpd=10.0, retransmit_give_up=20.0)
    world.drop = lambda who, data: True
    for _ in range(60):
        if not world.of(ike.Failed):
            forged(world, NotifyType.INVALID_IKE_SPI, response=True)
            world.run(1.0)
    assert world.of(ike.Failed)[0].cause is Cause.DEAD_PEER


def test_messages_of_another_ike_sa_or_version_get_no_answer(connected: MakeWorld) -> None:
    """§1.5, §2.5 let a node answer these; a client says nothing to strangers"""
    world = connected()
    data = world.gateway._ctx.encode(gateway_sa(world), INFO, [], 0, response=False)[0]
    begun = len(world.sent)
    for strange in (bytes(8) + data[8:], data[:17] + b"\x30" + data[18:]):
        world.do(lambda: world.client.receive_datagram(strange, WIFI.natt(), world.now), 1.0)   # noqa: B023
    assert len(world.sent) == begun


def test_liveness_is_asked_again_and_again(connected: MakeWorld) -> None:
    world = connected(dpd=15.0)
    heard = listen(world)
    world.run(200.0)
    times = [said.at for said in requests(heard, "client", INFO)]
    assert len(times) >= 12
    assert all(later - earlier >= 15.0 for earlier, later in pairwise(times))
