"""RFC 7296: what IKE_SA_INIT and IKE_AUTH demand, beyond test_setup.py. → is the client, ← the gateway."""

from dataclasses import replace
from itertools import pairwise

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import NotifyType, PayloadType, ProtocolId, TransformType
from client.core.ikev2.message import Message, parse_header, parse_plain
from client.core.ikev2.payload_base import Unknown
from client.core.ikev2.payloads import CP, KE, SA, IDi, IDr, Nonce, Notify, TSi, TSr, VendorID
from client.core.ikev2.proposal import parse_proposal
from client.core.ikev2.proposal_types import Transform
from client.core.ikev2.traffic_selector import TrafficSelector
from client.model.cause import Cause
from tests.ikev2.conftest import GATEWAY, MakeWorld
from tests.ikev2.dialogue import AUTH, INIT, change_init, listen, only, requests
from tests.peer.responder import Behaviour
from tests.sim.world import WIFI, World


def inits(world: World) -> list[Message]:
    """The client's IKE_SA_INIT requests, in order, retransmissions left out."""
    return [parse_plain(data) for data in dict.fromkeys(
        data for who, data, _ in world.sent if who == "client" and parse_header(data).exchange == INIT)]


def one(text: str, protocol: ProtocolId = ProtocolId.IKE) -> tuple:
    return (parse_proposal(text, protocol),)


# (cookie, group) that the gateway insists on when each request comes → what it answers
COMBINATIONS = {
    "COOKIE, then INVALID_KE": [(b"one", 0), (b"one", 20), (b"one", 20)],
    "INVALID_KE, then COOKIE": [(b"", 20), (b"one", 20), (b"one", 20)],
    "COOKIE, INVALID_KE, another COOKIE": [(b"one", 0), (b"one", 20), (b"two", 20), (b"two", 20)],
    "two COOKIEs": [(b"one", 0), (b"two", 0), (b"two", 0)],
}


@pytest.mark.parametrize("stages", COMBINATIONS.values(), ids=COMBINATIONS)
def test_cookies_and_other_groups_combine(make_world: MakeWorld, stages: list[tuple[bytes, int]]) -> None:
    """§2.6.1: the cookie of the last answer comes first and goes with every request that follows."""
    world = make_world()
    waiting, answer = list(stages), world.gateway._answer_init

    def answering(*arguments: object) -> None:
        world.gateway.behaviour.cookie, world.gateway.behaviour.insist_group = waiting.pop(0)
        answer(*arguments)
    world.gateway._answer_init = answering      # type: ignore[method-assign]
    world.start()
    world.run(3.0)
    asked = inits(world)
    assert len(asked) == len(stages)
    assert world.of(ike.Established)
    cookie = b""
    for message, (wanted, _) in zip(asked, stages, strict=True):
        first = message.payloads[0]
        assert (first.data if isinstance(first, Notify) else b"") == cookie
        cookie = wanted
    for message in asked[1:]:       # §1.2, §2.6: all else is as it was
        assert message.spi_i == asked[0].spi_i
        assert message.require(SA) == asked[0].require(SA)
        assert message.require(Nonce) == asked[0].require(Nonce)
    groups = [message.require(KE).group for message in asked]
    assert groups == sorted(groups)     # 19 until it was told 20, then 20
    for one_, other in pairwise(asked):
        if one_.require(KE).group == other.require(KE).group:
            assert one_.require(KE) == other.require(KE)


TAMPERED = {
    "a shorter key": lambda p: replace(p, transforms=(replace(p.transforms[0], key_bits=128), *p.transforms[1:])),
    "no key length": lambda p: replace(p, transforms=(replace(p.transforms[0], key_bits=0), *p.transforms[1:])),
    "another cipher": lambda p: replace(p, transforms=(replace(p.transforms[0], id=12), *p.transforms[1:])),
    "a type twice": lambda p: replace(p, transforms=(*p.transforms, p.transforms[-1])),
    "a type that was not offered": lambda p: replace(p, transforms=(*p.transforms, Transform(TransformType.INTEG, 12))),
    "a type left out": lambda p: replace(p, transforms=p.transforms[:1]),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_the_chosen_ike_proposal_is_verified(make_world: MakeWorld, tamper: object) -> None:
    """§2.7, §3.3.6: ← { SAr1 that was not offered … }: no key is made of it"""
    world = make_world(ike_proposals=one("aes256gcm16-prfsha384-ecp384"))
    change_init(world, lambda payloads: only(payloads, SA, proposals=tuple(
        tamper(p) for sa in payloads if isinstance(sa, SA) for p in sa.proposals)), known=True)     # type: ignore[operator]
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause in (Cause.NO_COMMON_PROPOSAL, Cause.PROTOCOL_ERROR)
    assert [exchange for who, exchange, _ in world.exchanges() if who == "client"] == [INIT]


ESP_TAMPERED = {
    "a shorter key": lambda p: replace(p, transforms=(replace(p.transforms[0], key_bits=128), *p.transforms[1:])),
    "ESN": lambda p: replace(p, transforms=tuple(replace(t, id=1) if t.type == 5 else t for t in p.transforms)),
    "AH": lambda p: replace(p, protocol=ProtocolId.AH),
    "no SPI": lambda p: replace(p, spi=b""),
}


@pytest.mark.parametrize("tamper", ESP_TAMPERED.values(), ids=ESP_TAMPERED)
def test_the_chosen_esp_proposal_is_verified(make_world: MakeWorld, tamper: object) -> None:
    """← IKE_AUTH { … SAr2 that was not offered … }: no CHILD_SA, and the gateway hears that the IKE_SA ends"""
    world = make_world(esp_proposals=one("aes256gcm16", ProtocolId.ESP))
    world.gateway.behaviour.change_auth = lambda payloads: only(payloads, SA, proposals=tuple(
        tamper(p) for sa in payloads if isinstance(sa, SA) for p in sa.proposals))      # type: ignore[operator]
    world.start()
    world.run(3.0)
    assert not world.of(ike.ChildInstalled)
    assert world.of(ike.Failed)[0].cause in (Cause.CHILD_NO_PROPOSAL, Cause.CHILD_FAILED, Cause.PROTOCOL_ERROR)
    assert world.gateway_events[-1].cause is Cause.GATEWAY_CLOSED


def test_a_ke_payload_of_another_group_than_the_proposal(make_world: MakeWorld) -> None:
    """§3.4"""
    world = make_world(ike_proposals=one("aes256gcm16-prfsha384-ecp256-ecp384"))
    change_init(world, lambda payloads: only(payloads, KE, group=20), known=True)
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR


@pytest.mark.parametrize("octets", [0, 15, 257])
def test_a_nonce_of_the_wrong_length(make_world: MakeWorld, octets: int) -> None:
    """§2.10, §3.9"""
    world = make_world()
    change_init(world, lambda payloads: only(payloads, Nonce, data=bytes(octets)), known=True)
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR
    assert not world.of(ike.Established)


def test_own_nonces_are_long_enough_and_new(make_world: MakeWorld) -> None:
    """§2.10: at least half the key of any PRF that is offered: PRF_HMAC_SHA2_512 has 64 octets"""
    nonces = set()
    for seed in range(3):
        world = make_world(seed=seed)
        world.start()
        world.run(3.0)
        nonces.add(inits(world)[0].require(Nonce).data)
    assert len(nonces) == 3
    assert {len(nonce) for nonce in nonces} == {32}


def test_no_payload_in_the_order_of_the_rfc(make_world: MakeWorld) -> None:
    """§2.5: the order says nothing"""
    world = make_world(Behaviour(change_auth=lambda payloads: payloads[::-1]))
    change_init(world, lambda payloads: payloads[::-1], known=True)
    world.start()
    world.run(3.0)
    assert world.of(ike.Established)
    assert world.of(ike.ChildInstalled)


def test_auth_covers_what_was_received_not_what_was_understood(make_world: MakeWorld) -> None:
    """§2.15: unknown payloads, vendor IDs, unknown notifies, a minor version and reserved bits are part of it, and of
    the ID payload its reserved octets; none of them does any harm (§2.5, §3.10.1, §3.12)."""
    def strange(data: bytes) -> bytes:
        return data[:17] + b"\x27" + data[18:19] + bytes([data[19] | 0xC7]) + data[20:]
    world = make_world()
    change_init(world, lambda payloads: [
        VendorID(b"somebody"), *payloads, Unknown(PayloadType(200), False, b"new"), Notify.of(40999, b"news")],
        known=True, octets=strange)
    world.start()
    world.run(3.0)
    assert parse_header(next(data for who, data, _ in world.sent if who == "gateway")).minor == 7
    assert world.of(ike.Established)
    assert world.of(ike.PeerAuth)[0].octets.startswith(
        next(data for who, data, _ in world.sent if who == "gateway"))


def test_auth_covers_the_reserved_octets_of_the_id(make_world: MakeWorld) -> None:
    """§2.15: RestOfRespIDPayload as it came"""
    world = make_world()
    world.gateway.behaviour.change_auth = lambda payloads: only(payloads, IDr, reserved=b"\x01\x02\x03")
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_BAD_SIGNATURE     # it signed zeros there


@pytest.mark.parametrize("change", [
    lambda octets: octets.replace(b"gw.test", b"gw.tesu"), lambda octets: octets + b"\0"], ids=["identity", "longer"])
def test_another_identity_than_the_signed_one(make_world: MakeWorld, change: object) -> None:
    world = make_world()
    world.gateway.behaviour.change_auth = lambda payloads: [
        replace(p, data=change(p.data)) if isinstance(p, IDr) else p for p in payloads]     # type: ignore[operator]
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_BAD_SIGNATURE


def test_a_gateway_without_spi_is_none(make_world: MakeWorld) -> None:
    """§3.1: the responder's SPI is not zero in a whole answer"""
    world = make_world()
    change_init(world, lambda payloads: payloads, octets=lambda data: data[:8] + bytes(8) + data[16:])
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR


def test_unknown_error_types_are_refusals(make_world: MakeWorld) -> None:
    """§3.10.1: an error type that nobody knows means that the request failed"""
    world = make_world(Behaviour(auth_error=9999))
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)
    world = make_world()
    change_init(world, lambda payloads: [Notify.of(9999)])
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)
    assert not world.of(ike.Established)


def test_an_unknown_critical_payload_spoils_the_answer(make_world: MakeWorld) -> None:
    """§2.5: ← { SAr1 KEr Nr, critical 200 }"""
    world = make_world()
    change_init(world, lambda payloads: [*payloads, Unknown(PayloadType(200), True, b"")], known=True)
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.PROTOCOL_ERROR


def test_our_own_message_sent_back_is_no_answer(make_world: MakeWorld) -> None:
    """§3.1: the Initiator and Response flags say whose it is"""
    world = make_world()
    world.drop = lambda who, data: True
    world.start()
    mine = world.sent[0][1]
    world.client.receive_datagram(mine, WIFI, world.now)
    world.client.receive_datagram(mine[:19] + bytes([mine[19] | 0x20]) + mine[20:], WIFI, world.now)
    world.drop = lambda who, data: False
    world.run(3.0)
    assert world.of(ike.Established)


def test_a_second_answer_changes_nothing(make_world: MakeWorld) -> None:
    """§2.1: the first valid IKE_SA_INIT answer counts; the same or another one later is old"""
    world = make_world()
    world.start()
    world.run(3.0)
    answer = next(data for who, data, _ in world.sent if who == "gateway")
    begun = len(world.sent)
    for data in (answer, answer[:40] + bytes([answer[40] ^ 1]) + answer[41:]):
        world.client.receive_datagram(data, WIFI, world.now)
    world.do(lambda: None, 3.0)
    assert not world.of(ike.Failed)
    assert len(world.sent) == begun


def test_ike_auth_asks_for_everything_at_once(make_world: MakeWorld) -> None:
    """§1.2, §2.19, §4: → IKE_AUTH { IDi … IDr AUTH CP(CFG_REQUEST) SA TSi TSr }"""
    world = make_world()
    heard = listen(world)
    world.start()
    world.run(3.0)
    (request,) = requests(heard, "client", AUTH)
    kinds = [type(payload) for payload in request.payloads]
    assert kinds.index(CP) < kinds.index(SA) < kinds.index(TSi) < kinds.index(TSr)
    assert kinds[0] is IDi
    assert {1, 8} <= {attribute for attribute, _ in request.of(CP)[0].attributes}
    assert KE not in kinds      # §1.2: the first CHILD_SA has no key exchange of its own
    assert Nonce not in kinds


ASKED = (TrafficSelector.from_text("10.10.0.0/24[tcp/443]"),)


@pytest.mark.parametrize(("granted", "expected"), [
    ("10.10.0.0/24", ASKED), ("10.10.0.0/24[tcp]", ASKED),
    ("10.10.0.0/25[tcp/443]", (TrafficSelector.from_text("10.10.0.0/25[tcp/443]"),)),
    ("10.10.0.0/24[tcp/80]", None), ("10.10.0.0/24[udp/443]", None), ("fd00::/64[tcp/443]", None)])
def test_protocol_and_ports_of_what_was_granted_are_verified(make_world: MakeWorld, granted: str, expected: object
                                                             ) -> None:
    """§2.9: ← { … TSr } is, in addresses, protocol and ports, part of what was asked for, or there is no tunnel"""
    world = make_world(remote_ts=ASKED)
    world.gateway.behaviour.change_auth = lambda payloads: only(
        payloads, TSr, selectors=(TrafficSelector.from_text(granted),))
    world.start()
    world.run(3.0)
    if expected is None:
        assert world.of(ike.Failed)[0].cause is Cause.TS_UNACCEPTABLE
        assert not world.of(ike.ChildInstalled)
    else:
        assert world.of(ike.ChildInstalled)[0].child.remote_ts == expected


def test_no_selector_at_all_is_no_tunnel(make_world: MakeWorld) -> None:
    world = make_world()
    world.gateway.behaviour.change_auth = lambda payloads: only(payloads, TSi, selectors=())
    world.start()
    world.run(3.0)
    assert world.of(ike.Failed)[0].cause is Cause.TS_UNACCEPTABLE


def test_intervals_grow_exponentially_until_the_end(make_world: MakeWorld) -> None:
    """§2.4: a good network citizen's retransmissions"""
    world = make_world(connect_give_up=30.0)
    times: list[float] = []
    world.drop = lambda who, data: times.append(world.now) or True      # type: ignore[func-returns-value]
    world.start()
    world.run(60.0)
    same = [at for at in times if at >= times[-1] - 20.0]
    gaps = [later - earlier for earlier, later in pairwise(same)]
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(gaps))
    assert max(gaps) >= 3.0
    assert world.of(ike.Failed)[0].cause is Cause.GATEWAY_SILENT


def test_a_refused_gateway_hears_that_authentication_failed(make_world: MakeWorld) -> None:
    """§2.21.2: ← IKE_AUTH { IDr AUTH(wrong) … } → INFORMATIONAL { N(AUTHENTICATION_FAILED) }, protected, once"""
    world = make_world(Behaviour(tamper_auth=True))
    heard = listen(world)
    world.start()
    world.run(60.0)
    (last,) = requests(heard, "client", parse_header(world.sent[-1][1]).exchange)[-1:]
    assert [notify.type for notify in last.of(Notify)] == [NotifyType.AUTHENTICATION_FAILED]
    assert len(last.payloads) == 1
    assert world.client.next_timeout() is None      # nothing is left of it
    assert world.client._ctx.sas == {}


def test_a_gateway_that_says_nothing_of_nat_is_spoken_to_on_port_4500_too(make_world: MakeWorld) -> None:
    """§2.23 allows it whatever ← { … } holds, and our ESP has no other way"""
    world = make_world(mobike=False)
    change_init(world, lambda payloads: [p for p in payloads if getattr(p, "type", 0) not in (
        NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP)], known=True)
    world.start()
    world.run(3.0)
    assert [path.remote.port for who, _, path in world.sent if who == "client"] == [500, 4500]
    assert world.of(ike.Established)[0].nat is False


def test_both_nat_detection_payloads_and_forced_encapsulation(make_world: MakeWorld) -> None:
    """§2.23: → { … N(NATD_S) N(NATD_D) }; the source never matches, so that ESP always goes in UDP"""
    import hashlib
    from ipaddress import ip_address
    world = make_world()
    world.start()
    world.run(3.0)
    request = inits(world)[0]
    source, destination = (request.notify(kind) for kind in (
        NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP))

    def digest(address: str, port: int) -> bytes:
        return hashlib.sha1(request.spi_i + bytes(8) + ip_address(address).packed + port.to_bytes(2, "big")).digest()
    assert destination.data == digest(WIFI.remote.address, 500)
    assert len(source.data) == 20
    assert source.data != digest(WIFI.local.address, 500)


def test_gateways_that_count_from_one_are_believed(make_world: MakeWorld) -> None:
    """§3.3.1 wants the offer's number in the answer; it adds nothing, and gateways get it wrong"""
    world = make_world(ike_proposals=(
        *one("aes128gcm16-prfsha256-ecp256"), replace(one("aes256gcm16-prfsha384-ecp256")[0], number=2)),
        gateway=replace(GATEWAY, ike_proposals=one("aes256gcm16-prfsha384-ecp256")))
    change_init(world, lambda payloads: only(payloads, SA, proposals=tuple(
        replace(p, number=1) for sa in payloads if isinstance(sa, SA) for p in sa.proposals)), known=True)
    world.start()
    world.run(3.0)
    assert world.of(ike.Established)
