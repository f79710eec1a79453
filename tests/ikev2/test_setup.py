"""IKE_SA_INIT and IKE_AUTH through the public seam. → is the client, ← the gateway."""

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ConfigAttribute, ExchangeType, NotifyType, ProtocolId
from client.core.ikev2.message import Message, parse_header, parse_plain
from client.core.ikev2.payloads import KE, SA, Nonce
from client.core.ikev2.proposal import LEGACY_ESP, LEGACY_IKE, parse_proposal, proposal_name
from client.core.ikev2.traffic_selector import TrafficSelector
from client.model.cause import Cause
from tests.ikev2.conftest import CONFIG, GATEWAY, MakeWorld
from tests.peer.responder import Behaviour
from tests.sim.world import WIFI, Faults, World

INIT, AUTH = ExchangeType.IKE_SA_INIT, ExchangeType.IKE_AUTH


def inits(world: World) -> list[Message]:
    """The client's IKE_SA_INIT requests, in order."""
    return [parse_plain(data) for who, data, _ in world.sent
            if who == "client" and parse_header(data).exchange == INIT]


def one(text: str, protocol: ProtocolId = ProtocolId.IKE) -> tuple:
    return (parse_proposal(text, protocol),)


def test_four_messages_make_both_sas(make_world: MakeWorld) -> None:
    """→ IKE_SA_INIT ← IKE_SA_INIT → IKE_AUTH { IDi IDr AUTH CP SA TS } ← IKE_AUTH { IDr AUTH CP SA TS }"""
    world = make_world(mobike=False)
    world.start()
    world.run(2.0)
    assert world.exchanges() == [("client", INIT, 0), ("gateway", INIT, 0), ("client", AUTH, 1), ("gateway", AUTH, 1)]
    established, child = world.of(ike.Established)[0], world.of(ike.ChildInstalled)[0].child
    assert established.virtual_ips.addresses == (IPv4Interface("10.99.0.10/32"),)
    theirs = next(e for e in world.gateway_events if isinstance(e, ike.ChildInstalled)).child
    assert (child.spi_in, child.spi_out) == (theirs.spi_out, theirs.spi_in)
    assert (child.keys.encr_out, child.keys.encr_in) == (theirs.keys.encr_in, theirs.keys.encr_out)
    assert child.keys.encr_out != child.keys.encr_in
    assert world.of(ike.SignatureNeeded)[0].peer_octets == world.of(ike.PeerAuth)[0].octets      # foreseen


def test_ike_auth_moves_to_the_nat_ports(make_world: MakeWorld) -> None:
    world = make_world(mobike=False)
    world.start()
    world.run(2.0)
    ports = [path.remote.port for who, _, path in world.sent if who == "client"]
    assert ports == [500, 4500]


def test_a_cookie_is_returned_first_and_nothing_else_changes(make_world: MakeWorld) -> None:
    """→ { SA KE N } ← { N(COOKIE) } → { N(COOKIE) SA KE N }"""
    world = make_world(Behaviour(cookie=b"oatmeal raisin"))
    world.start()
    world.run(2.0)
    first, second = inits(world)
    assert second.payloads[0].data == b"oatmeal raisin"
    for kind in (SA, KE, Nonce):
        assert first.require(kind) == second.require(kind)
    assert first.spi_i == second.spi_i
    assert world.of(ike.Established)


def test_another_group_keeps_the_proposals(make_world: MakeWorld) -> None:
    """→ { SA KE(19) N } ← { N(INVALID_KE_PAYLOAD 20) } → { SA KE(20) N }"""
    world = make_world(Behaviour(insist_group=20))
    world.start()
    world.run(2.0)
    first, second = inits(world)
    assert (first.require(KE).group, second.require(KE).group) == (19, 20)
    assert first.require(SA) == second.require(SA)
    assert world.of(ike.Established)[0].proposal.ke == 20


def test_a_group_that_was_not_offered_is_refused(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(insist_group=2), ike_proposals=one("aes256gcm16-prfsha256-ecp256"))
    world.start()
    world.run(2.0)
    assert world.of(ike.Failed)[0].cause is Cause.NO_COMMON_PROPOSAL


def test_a_gateway_that_asks_for_ever_is_left(make_world: MakeWorld) -> None:
    """Groups in turn: the gateway never takes what it asked for."""
    world = make_world()
    groups = iter([20, 21, 31, 14, 15, 16, 19, 20, 21] * 10)

    def turn() -> None:
        world.gateway.behaviour.insist_group = next(groups)
    original = world.gateway._answer_init

    def answering(*arguments: object) -> None:
        turn()
        original(*arguments)
    world.gateway._answer_init = answering  # type: ignore[method-assign]
    world.start()
    world.run(20.0)
    assert world.of(ike.Failed)
    assert len([1 for who, data, _ in world.sent if who == "client"]) < 12


def test_nothing_in_common_says_what_was_offered(make_world: MakeWorld) -> None:
    world = make_world(gateway=replace(GATEWAY, ike_proposals=one("aes256-sha512-modp4096")),
                       ike_proposals=one("aes128gcm16-prfsha256-ecp256"))
    world.start()
    world.run(2.0)
    failed = world.of(ike.Failed)[0]
    assert failed.cause is Cause.NO_COMMON_PROPOSAL
    assert "aes128gcm16-prfsha256-ecp256" in failed.detail


@pytest.mark.parametrize(("gateway", "esp"), [
    ("3des-sha1-modp1024", "3des-sha1"), ("aes128-sha1-modp1024", "aes128-sha1-esn"),
    ("aes256gcm16-prfsha1-modp1024", "3des-sha256")])
def test_an_old_gateway(make_world: MakeWorld, gateway: str, esp: str) -> None:
    """→ SA(…, 3DES, SHA-1, MODP-1024) KEi(19) ← N(INVALID_KE_PAYLOAD, 2) → KEi(2) ← SA KEr …, and both rekey"""
    old = replace(GATEWAY, ike_proposals=(parse_proposal(gateway, ProtocolId.IKE, legacy=True),),
                  esp_proposals=(parse_proposal(esp, ProtocolId.ESP, legacy=True),))
    refused = make_world(gateway=old)
    refused.start()
    refused.run(2.0)
    assert refused.of(ike.Failed)[0].cause is Cause.NO_COMMON_PROPOSAL

    world = make_world(gateway=old, ike_proposals=LEGACY_IKE, esp_proposals=LEGACY_ESP)
    world.start()
    world.run(2.0)
    assert [init.require(KE).group for init in inits(world)] == [19, 2]
    assert proposal_name(world.of(ike.Established)[0].proposal) == gateway
    child = world.of(ike.ChildInstalled)[0].child
    assert proposal_name(child.proposal) == esp
    world.do(lambda: world.client.rekey_child(child.spi_in, world.now), 3.0)
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    assert proposal_name(world.of(ike.IkeRekeyed)[0].proposal) == gateway
    assert world.of(ike.ChildInstalled)[1].child.proposal.ke == 2


@pytest.mark.parametrize("suite", [
    "aes256gcm16-prfsha384-ecp384", "aes128gcm16-prfsha256-x25519", "chacha20poly1305-prfsha512-ecp521",
    "aes256-sha256-modp2048", "aes128-sha384-modp3072", "aes256-sha512-modp4096", "aes128-sha256-ecp256"])
@pytest.mark.parametrize("esp", ["aes128gcm16", "aes256gcm16", "chacha20poly1305", "aes256-sha512", "aes128-sha256"])
def test_every_suite(make_world: MakeWorld, suite: str, esp: str) -> None:
    world = make_world(ike_proposals=one(suite.replace("x25519", "curve25519")),
                       esp_proposals=one(esp, ProtocolId.ESP))
    world.start()
    world.run(2.0)
    assert proposal_name(world.of(ike.ChildInstalled)[0].child.proposal) == esp


def test_a_wrong_shared_key_is_the_users_fault(make_world: MakeWorld) -> None:
    """← IKE_AUTH { N(AUTHENTICATION_FAILED) }"""
    world = make_world(Behaviour(psk=b"another"))
    world.start()
    world.run(2.0)
    assert world.of(ike.Failed)[0].cause is Cause.USER_REFUSED
    assert not world.of(ike.Established)


def test_a_gateway_that_does_not_know_the_key_gets_one_last_word(make_world: MakeWorld) -> None:
    """← IKE_AUTH { IDr AUTH(wrong) SA TS }  → INFORMATIONAL { N(AUTHENTICATION_FAILED) }"""
    world = make_world(Behaviour(tamper_auth=True))
    world.start()
    world.run(60.0)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_BAD_SIGNATURE
    assert not world.of(ike.Established)
    assert not world.of(ike.ChildInstalled)
    after = [exchange for who, exchange, _ in world.exchanges() if who == "client"][2:]
    assert after == [ExchangeType.INFORMATIONAL]


def test_an_answer_without_auth_is_no_gateway(make_world: MakeWorld) -> None:
    world = make_world(Behaviour(change_auth=lambda payloads: payloads[:1]))
    world.start()
    world.run(2.0)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_NO_AUTH


@pytest.mark.parametrize(("notify", "cause"), [
    (NotifyType.NO_PROPOSAL_CHOSEN, Cause.CHILD_NO_PROPOSAL), (NotifyType.TS_UNACCEPTABLE, Cause.TS_UNACCEPTABLE),
    (NotifyType.INTERNAL_ADDRESS_FAILURE, Cause.ADDRESS_FAILURE),
    (NotifyType.FAILED_CP_REQUIRED, Cause.CONFIG_REQUIRED)])
def test_no_tunnel_has_its_own_cause_and_closes_the_ike_sa(make_world: MakeWorld, notify: int, cause: Cause) -> None:
    """← IKE_AUTH { IDr AUTH N(error) }  → INFORMATIONAL { D }"""
    world = make_world(Behaviour(child_error=notify))
    world.start()
    world.run(5.0)
    assert world.of(ike.Failed)[0].cause is cause
    assert world.gateway_events[-1].cause is Cause.GATEWAY_CLOSED


def test_the_gateway_narrows(make_world: MakeWorld) -> None:
    narrow = (TrafficSelector.from_text("10.10.0.0/25"), TrafficSelector.from_text("10.20.0.0/25[tcp/8080]"))
    world = make_world(Behaviour(local_networks=narrow))
    world.start()
    world.run(2.0)
    assert set(world.of(ike.ChildInstalled)[0].child.remote_ts) == set(narrow)


def test_a_gateway_that_widens_gets_what_was_asked(make_world: MakeWorld) -> None:
    asked = (TrafficSelector.from_text("10.10.0.0/24"),)
    world = make_world(remote_ts=asked)

    def widen(payloads: list) -> list:
        return [replace(p, selectors=CONFIG.remote_ts[:1]) if type(p).__name__ == "TSr" else p for p in payloads]
    world.gateway.behaviour.change_auth = widen
    world.start()
    world.run(2.0)
    assert world.of(ike.ChildInstalled)[0].child.remote_ts == asked
    assert any(e.step == "wide-selectors" for e in world.of(ike.Progress))


def test_selectors_outside_of_what_was_asked_are_refused(make_world: MakeWorld) -> None:
    world = make_world(remote_ts=(TrafficSelector.from_text("10.10.0.0/24"),))

    def elsewhere(payloads: list) -> list:
        return [replace(p, selectors=(TrafficSelector.from_text("10.66.0.0/24"),))
                if type(p).__name__ == "TSr" else p for p in payloads]
    world.gateway.behaviour.change_auth = elsewhere
    world.start()
    world.run(2.0)
    assert world.of(ike.Failed)[0].cause is Cause.TS_UNACCEPTABLE


def test_malformed_attributes_are_skipped(make_world: MakeWorld) -> None:
    """One peer sends a 17-byte INTERNAL_IP6_DNS."""
    world = make_world(Behaviour(attributes=(
        (ConfigAttribute.INTERNAL_IP6_DNS, bytes(15) + b"\x01\x40"), (ConfigAttribute.INTERNAL_IP4_DNS, b"abc"),
        (ConfigAttribute.INTERNAL_IP4_DNS, bytes([10, 0, 0, 53])), (ConfigAttribute.INTERNAL_IP6_ADDRESS, b"x"))))
    world.start()
    world.run(2.0)
    assert [str(a) for a in world.of(ike.Established)[0].virtual_ips.dns] == ["::1", "10.0.0.53"]


@pytest.mark.parametrize("seed", range(10))
def test_setup_survives_loss_duplication_and_reordering(make_world: MakeWorld, seed: int) -> None:
    world = make_world(seed=seed, faults=Faults(loss=0.3, duplication=0.2, delay=0.02, jitter=0.05))
    world.start()
    world.run(30.0)
    assert len(world.of(ike.Established)) == 1
    assert world.gateway.exchanges.count(AUTH) == 1


def test_retransmissions_are_byte_identical_and_back_off(make_world: MakeWorld) -> None:
    world = make_world()
    world.drop = lambda who, _data: True
    world.start()
    world.run(5.0)
    sent = [data for who, data, _ in world.sent]
    assert len(set(sent)) == 1
    assert 3 <= len(sent) <= 8


def test_silence_tries_the_group_that_every_firewall_knows(make_world: MakeWorld) -> None:
    world = make_world()
    world.drop = lambda who, data: (who == "client" and parse_header(data).exchange == INIT
                                    and parse_plain(data).require(KE).group == 19)
    world.start()
    world.run(7.0)
    assert {message.require(KE).group for message in inits(world)} == {19, 14}
    assert world.of(ike.Established)


def test_silence_ends_in_a_cause(make_world: MakeWorld) -> None:
    world = make_world()
    world.drop = lambda who, data: True
    world.start()
    world.run(120.0)
    assert world.of(ike.Unreachable)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_SILENT


@pytest.mark.parametrize(("fragmentation", "why"), [
    (True, "transmissions"), (False, "without IKE fragmentation: the profile turns it off")])
def test_a_log_in_that_is_not_answered_has_its_own_cause(make_world: MakeWorld, fragmentation: bool, why: str) -> None:
    """→ IKE_SA_INIT ← IKE_SA_INIT → IKE_AUTH … and silence: port 4500, or large packets (RFC 7383 §1)"""
    world = make_world(fragmentation=fragmentation)
    world.drop = lambda who, data: parse_header(data).exchange != INIT
    world.start()
    world.run(120.0)
    (said,), (failed,) = world.of(ike.Unreachable), world.of(ike.Failed)
    assert (said.cause, failed.cause) == (Cause.LOGIN_UNANSWERED, Cause.LOGIN_UNANSWERED)
    assert said.detail.endswith(why)
    assert failed.detail.endswith(why)


def test_a_new_network_during_setup_starts_over(make_world: MakeWorld) -> None:
    from tests.sim.world import LTE
    world = make_world()
    world.drop = lambda who, data: True
    world.start(WIFI)
    world.run(0.1)
    world.drop = lambda who, data: False
    world.do(lambda: world.client.set_paths([LTE], world.now), 2.0)
    assert world.of(ike.Established)[0].path.interface == "lte0"
