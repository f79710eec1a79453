"""Additional key exchanges: IKE_INTERMEDIATE, IKE_FOLLOWUP_KE (RFC 9242, RFC 9370). → is the client, ← the gateway."""

from dataclasses import replace

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, ProtocolId
from client.core.ikev2.message import parse_header
from client.core.ikev2.proposal import DEFAULT_IKE, number_proposals, parse_proposal, proposal_name
from client.model.cause import Cause
from tests.ikev2.conftest import CLASSIC, MakeWorld
from tests.ikev2.conftest import GATEWAY as CLASSIC_GATEWAY
from tests.ikev2.test_established import agree, first_child, gateway_child
from tests.peer.responder import Behaviour
from tests.sim.world import Faults

INIT, INTERMEDIATE, AUTH = ExchangeType.IKE_SA_INIT, ExchangeType.IKE_INTERMEDIATE, ExchangeType.IKE_AUTH


def suite(*texts: str) -> tuple:
    return number_proposals([parse_proposal(text, ProtocolId.IKE) for text in texts])


GATEWAY = replace(CLASSIC_GATEWAY, ike_proposals=DEFAULT_IKE)
HYBRID = {"ike_proposals": DEFAULT_IKE, "gateway": GATEWAY}


def test_ml_kem_by_default(make_world: MakeWorld) -> None:
    """→ IKE_SA_INIT ← … → IKE_INTERMEDIATE { KEi(1) } ← { KEr(1) } → IKE_AUTH ← IKE_AUTH"""
    world = make_world(**HYBRID, mobike=False)
    world.start()
    world.run(3.0)
    mine = [exchange for who, exchange, _ in world.exchanges() if who == "client"]
    assert mine == [INIT, INTERMEDIATE, INTERMEDIATE, AUTH]      # two fragments of one request
    assert proposal_name(world.of(ike.Established)[0].proposal) == "aes256gcm16-prfsha384-ecp256-ke1_mlkem768"
    fragments = [data for who, data, _ in world.sent if parse_header(data).exchange == INTERMEDIATE]
    assert all(len(data) <= 1280 - 52 for data in fragments)      # in fragments of RFC 7383
    theirs = next(e for e in world.gateway_events if isinstance(e, ike.ChildInstalled)).child
    assert world.of(ike.ChildInstalled)[0].child.keys.encr_out == theirs.keys.encr_in


def test_a_classic_gateway_costs_no_round_trip(make_world: MakeWorld) -> None:
    world = make_world(ike_proposals=DEFAULT_IKE, gateway=replace(GATEWAY, ike_proposals=CLASSIC), mobike=False)
    world.start()
    world.run(2.0)
    assert [exchange for who, exchange, _ in world.exchanges() if who == "client"] == [INIT, AUTH]
    assert world.of(ike.Established)


@pytest.mark.parametrize("text", [
    "aes256gcm16-prfsha384-ecp384-ke1_mlkem1024", "aes256-sha256-modp2048-ke1_mlkem768",
    "chacha20poly1305-prfsha256-curve25519-ke1_mlkem768-ke2_mlkem1024-ke3_ecp384"])
def test_several_methods(make_world: MakeWorld, text: str) -> None:
    world = make_world(ike_proposals=suite(text), gateway=replace(GATEWAY, ike_proposals=suite(text)))
    world.start()
    world.run(3.0)
    assert proposal_name(world.of(ike.Established)[0].proposal) == text
    agree(world)


@pytest.mark.parametrize("seed", range(6))
def test_lost_and_doubled_intermediates(make_world: MakeWorld, seed: int) -> None:
    world = make_world(**HYBRID, seed=seed, faults=Faults(loss=0.3, duplication=0.3, delay=0.02, jitter=0.1))
    world.start()
    world.run(40.0)
    assert world.of(ike.Established)


def test_the_intermediate_exchange_is_part_of_auth(make_world: MakeWorld) -> None:
    """A gateway whose IntAuth differs has signed something else."""
    world = make_world(**HYBRID)
    add = world.gateway._answer_intermediate

    def tampered(sa: object, message: object, path: object) -> None:
        add(sa, message, path)     # type: ignore[arg-type]
        for state in world.gateway._handshakes.values():
            state["int_auth"].initiator = bytes(len(state["int_auth"].initiator))
    world.gateway._answer_intermediate = tampered      # type: ignore[method-assign, assignment]
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.USER_REFUSED      # it finds our AUTH wrong, and we would find its


def test_rekeys_stay_hybrid(connected: MakeWorld) -> None:
    """→ CREATE_CHILD_SA ← { … N(ADDITIONAL_KEY_EXCHANGE) } → IKE_FOLLOWUP_KE { KEi(1) N(…) } ← { KEr(1) }"""
    world = connected(**HYBRID)
    child = first_child(world)
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    assert world.of(ike.IkeRekeyed)[0].proposal.additional == (36,)
    assert agree(world) == child
    world.do(lambda: world.gateway.rekey_ike(world.now), 3.0)
    assert world.of(ike.IkeRekeyed)[1].proposal.additional == (36,)
    world.do(lambda: world.client.rekey_child(child, world.now), 3.0)
    mine = world.of(ike.ChildInstalled)[1].child
    assert proposal_name(mine.proposal) == "aes256gcm16-ecp256-ke1_mlkem768-esn"
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 3.0)
    last = world.of(ike.ChildInstalled)[2].child
    theirs = [e.child for e in world.gateway_events if isinstance(e, ike.ChildInstalled)][-1]
    assert last.keys.encr_in == theirs.keys.encr_out
    assert agree(world) == last.spi_in


def test_an_answer_without_intermediate_support_is_refused(make_world: MakeWorld) -> None:
    from client.core.ikev2.constants import NotifyType
    from client.core.ikev2.message import Message, encode_plain, parse_plain
    world = make_world(Behaviour(), **HYBRID)
    send = world.gateway._ctx.send

    def without(datagrams: list[bytes], path: object = None) -> None:
        out = []
        for data in datagrams:
            if parse_header(data).exchange == INIT:
                message = parse_plain(data)
                kept = tuple(p for p in message.payloads
                             if getattr(p, "type", None) != NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED)
                data = encode_plain(Message(message.spi_i, message.spi_r, message.exchange, initiator=False,
                                            response=True, message_id=0, payloads=kept))
            out.append(data)
        send(out, path)     # type: ignore[arg-type]
    world.gateway._ctx.send = without       # type: ignore[method-assign, assignment]
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR
