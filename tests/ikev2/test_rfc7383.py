"""Fragments (RFC 7383) in a whole conversation; the codec's are test_fragment.py and test_message.py."""

from dataclasses import replace
from itertools import permutations

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import NotifyType, PayloadType
from client.core.ikev2.message import encode_protected, parse_header, parse_plain
from client.core.ikev2.payloads import VendorID
from client.model.cause import Cause
from tests.ikev2.conftest import GATEWAY, MakeWorld
from tests.ikev2.dialogue import INFO, INIT, Words, ask, change_init, gateway_sa
from tests.ikev2.test_established import agree, first_child
from tests.sim.world import WIFI, Faults, World

SMALL = {"fragment_size": 300, "gateway": replace(GATEWAY, fragment_size=300)}
LONG = VendorID(bytes(700))


def fragments(world: World, who: str, begin: int = 0) -> list[bytes]:
    return [data for sender, data, _ in world.sent[begin:] if sender == who
            and parse_header(data).next_payload == PayloadType.SKF]


def feed(world: World, data: bytes) -> int:
    """How many datagrams the client sends about this one."""
    begun = len(world.sent)
    world.do(lambda: world.client.receive_datagram(data, WIFI.natt(), world.now), 0.0)
    return len(world.sent) - begun


def test_fragments_are_for_those_who_said_so(make_world: MakeWorld) -> None:
    """§2.3: → IKE_SA_INIT { … N(IKEV2_FRAGMENTATION_SUPPORTED) } ← { … N(IKEV2_FRAGMENTATION_SUPPORTED) }"""
    for ours, theirs in ((True, True), (True, False), (False, True)):
        world = make_world(fragment_size=300, fragmentation=ours,
                           gateway=replace(GATEWAY, fragment_size=300, fragmentation=theirs))
        world.start()
        world.run(3.0)
        request = parse_plain(world.sent[0][1])
        assert bool(request.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)) is ours
        assert bool(fragments(world, "client")) is (ours and theirs)
        assert world.of(ike.Established)


def test_the_announcement_without_ours_does_not_count(make_world: MakeWorld) -> None:
    """A gateway that announces it although we did not"""
    from client.core.ikev2.payloads import Notify
    world = make_world(fragment_size=300, fragmentation=False)
    change_init(world, lambda payloads: [*payloads, Notify.of(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED)], known=True)
    world.start()
    world.run(3.0)
    assert not fragments(world, "client")


def test_ike_sa_init_is_never_fragmented(make_world: MakeWorld) -> None:
    """§2.4: only what is encrypted can be"""
    world = make_world(**SMALL)
    world.start()
    world.run(3.0)
    first = world.sent[0][1]
    assert len(first) > 300
    assert parse_header(first).exchange == INIT
    assert all(len(data) <= 300 - 52 for data in fragments(world, "client"))


def test_all_fragments_are_repeated_as_they_were(make_world: MakeWorld) -> None:
    """§2.6.1: a retransmission is all fragments, with the same octets"""
    world = make_world(**SMALL)
    world.drop = lambda who, data: parse_header(data).exchange != INIT
    world.start()
    world.run(4.0)
    sent = fragments(world, "client")
    different = list(dict.fromkeys(sent))
    assert len(different) > 1
    assert len(sent) >= 2 * len(different)
    assert sent == different * (len(sent) // len(different))


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_a_request_in_fragments_is_answered_once_it_is_whole(connected: MakeWorld, order: tuple[int, ...]) -> None:
    """← INFORMATIONAL in 4 fragments, in any order → { }"""
    world = connected(**SMALL)
    pieces = world.gateway._ctx.encode(gateway_sa(world), INFO, [LONG], 0, response=False)
    assert len(pieces) == 4
    assert [feed(world, pieces[number]) for number in order] == [0, 0, 0, 1]


def test_a_repeated_request_is_answered_at_its_first_fragment(connected: MakeWorld) -> None:
    """§2.6.1: of a request that was answered only fragment 1 brings the response again: once for all fragments"""
    world = connected(**SMALL)
    pieces = world.gateway._ctx.encode(gateway_sa(world), INFO, [LONG], 0, response=False)
    for piece in pieces:
        feed(world, piece)
    answer = world.sent[-1][1]
    assert [feed(world, piece) for piece in pieces] == [1, 0, 0, 0]
    assert world.sent[-1][1] == answer


def test_a_forged_fragment_spoils_nothing(connected: MakeWorld) -> None:
    """§2.6: every fragment is authenticated on its own before anything is done with it"""
    world = connected(**SMALL)
    pieces = world.gateway._ctx.encode(gateway_sa(world), INFO, [LONG], 0, response=False)
    for position in (30, 33, 35, 60, -1):
        damaged = bytearray(pieces[1])
        damaged[position] ^= 1
        assert feed(world, bytes(damaged)) == 0
    assert [feed(world, piece) for piece in pieces] == [0, 0, 0, 1]


def test_whole_messages_are_taken_beside_fragments(connected: MakeWorld) -> None:
    """§2.3: who can take fragments still takes messages in one piece, whatever their size"""
    world = connected(**SMALL)
    world.gateway._ctx.peer.fragmentation = False
    begun = len(world.sent)
    assert ask(world, LONG).payloads == ()
    assert not fragments(world, "gateway", begun)


def test_fragments_that_were_not_agreed_upon_are_dropped(connected: MakeWorld) -> None:
    world = connected(fragmentation=False, gateway=replace(GATEWAY, fragment_size=300))
    world.gateway._ctx.peer.fragmentation = True
    pieces = world.gateway._ctx.encode(gateway_sa(world), INFO, [LONG], 0, response=False)
    assert len(pieces) > 1
    assert sum(feed(world, piece) for piece in pieces) == 0


def test_a_sender_that_found_a_smaller_mtu_begins_anew(connected: MakeWorld) -> None:
    """§2.5.2, §2.6: a larger Total Fragments replaces what was collected, a smaller one is late"""
    world = connected(**SMALL)
    sa, encode = gateway_sa(world), world.gateway._ctx.encode
    large = encode(sa, INFO, [LONG], 0, response=False)
    world.gateway._ctx.config = replace(world.gateway._ctx.config, fragment_size=200)
    small = encode(sa, INFO, [LONG], 0, response=False)
    assert len(small) > len(large)
    # The late ones have numbers that are still missing.
    answers = [feed(world, piece) for piece in (*large[:2], *small[:2], *small[4:], *large[2:4], *small[2:4])]
    assert answers == [0] * (len(answers) - 1) + [1]


def test_what_does_not_parse_when_it_is_whole(connected: MakeWorld) -> None:
    """Authentic fragments of nonsense are a broken gateway (RFC 7296 §2.21.3), no crash"""
    from client.core.ikev2.message import Message
    from client.core.ikev2.payload_base import Unknown
    world = connected(**SMALL)
    sa = gateway_sa(world)
    message = Message(sa.spi_i, sa.spi_r, INFO, initiator=False, response=False, message_id=0,
                      payloads=(Unknown(PayloadType.SA, False, bytes(700)),))
    for piece in encode_protected(message, sa.cipher_out, world.gateway._ctx.random, 300):
        feed(world, piece)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR


@pytest.mark.parametrize("seed", range(4))
def test_a_session_in_fragments_over_a_bad_link(make_world: MakeWorld, seed: int) -> None:
    world = make_world(**SMALL, seed=seed, faults=Faults(loss=0.1, duplication=0.2, delay=0.02, jitter=0.1))
    world.start()
    world.run(60.0)
    assert world.of(ike.Established)
    words = Words([LONG], INFO)
    world.gateway._ctx.enqueue(gateway_sa(world), words)
    world.do(lambda: world.gateway._pump(world.now), 30.0)
    assert words.answer is not None
    world.faults = Faults()
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 10.0)
    agree(world)
    assert fragments(world, "client")
