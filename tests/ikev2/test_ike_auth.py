"""IKE_AUTH with EAP, and the questions to people. → is the client, ← the gateway; SK is left out."""

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.ike_auth import MAX_EAP_ROUNDS
from client.core.ikev2.message import parse_plain
from client.core.ikev2.payloads import AUTH, EAP, IDi, IDr, Nonce, Notify
from client.model.cause import Cause
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.people import GATEWAY_KEY, PASSWORD, EapServer, Scripted, Store, Tap, User
from tests.peer.responder import Behaviour
from tests.sim.world import World

MakeEap = Callable[..., tuple[World, Tap]]
Change = Callable[[list[Any]], list[Any]]
IDENTITY_REQUEST = b"\x01\x07\x00\x05\x01"
SUCCESS, FAILURE = b"\x03\x07\x00\x04", b"\x04\x07\x00\x04"


@pytest.fixture
def make_eap(make_world: MakeWorld) -> MakeEap:
    """A client with a name and a password, a gateway with a key and EAP-MSCHAPv2."""
    def make(server: Any = None, password: str = PASSWORD, answer: dict[type, Any] | None = None,
             behaviour: dict[str, Any] | None = None, **changes: Any) -> tuple[World, Tap]:
        gateway = Behaviour(eap=server or EapServer(), private_key=GATEWAY_KEY, certificates=(b"its certificate",),
                            **(behaviour or {}))
        people = {ike.PeerAuth: Store().judge, ike.EapReceived: User(password).answer}
        world = make_world(gateway, answer=people | (answer or {}), **({"auth": "eap"} | changes))
        return world, Tap(world)
    return make


def rounds(tap: Tap) -> list[str]:
    """The client's IKE_AUTH messages by what they are about."""
    return [next((label for label in labels if label in ("EAP", "AUTH")), "first")
            for labels, message in zip(tap.labels(), tap.messages(), strict=True)
            if message.exchange == ExchangeType.IKE_AUTH]


def on_round(number: int, change: Change) -> Change:
    """Changes the gateway's answer to the client's IKE_AUTH request of this number, from 1."""
    count = 0

    def changing(payloads: list[Any]) -> list[Any]:
        nonlocal count
        count += 1
        return change(payloads) if count == number else payloads
    return changing


def without(*kinds: type) -> Change:
    return lambda payloads: [p for p in payloads if not isinstance(p, kinds)]


def ends(world: World, tap: Tap, cause: Cause, last: list[str] | None = None) -> None:
    """Failed once, nothing established, ``last`` (labels) the only thing said after IKE_AUTH; then silence."""
    world.run(5.0)
    sent = len(world.sent)
    world.run(300.0)
    assert [e.cause for e in world.of(ike.Failed)] == [cause], world.events
    assert not world.of(ike.Established)
    assert not world.of(ike.ChildInstalled)
    words = [[p.label for p in m.payloads] for m in tap.messages() if m.exchange == ExchangeType.INFORMATIONAL]
    assert words == ([] if last is None else [last])
    assert len(world.sent) == sent
    assert world.client.next_timeout() is None


# --- the whole conversation ---


def test_eap_from_identity_to_the_tunnel(make_eap: MakeEap) -> None:
    """→ { IDi IDr CP SA TS } ← { IDr CERT AUTH EAP } → { EAP } ← { EAP } … → { AUTH } ← { AUTH CP SA TS }"""
    world, tap = make_eap()
    world.start()
    world.run(3.0)
    assert rounds(tap) == ["first", "EAP", "EAP", "EAP", "AUTH"]
    assert "AUTH" not in tap.labels()[0]
    steps = [e.step if isinstance(e, ike.Progress) else type(e).__name__ for e in world.events]
    wanted = ["gateway-authenticated", "EapReceived", "user-authenticated", "Established", "ChildInstalled"]
    assert [step for step in dict.fromkeys(steps) if step in wanted] == wanted


def test_both_auths_are_made_with_the_msk(make_eap: MakeEap) -> None:
    """RFC 7296 §2.16, computed here by hand: prf(prf(MSK, "Key Pad for IKEv2"), the octets that either side signs)."""
    server = EapServer()
    world, tap = make_eap(server, mobike=False)
    world.start()
    world.run(3.0)
    (sa,) = world.client._ctx.sas.values()
    proposal, keys = sa.require()
    digest = {5: "sha256", 6: "sha384", 7: "sha512"}[proposal.prf]
    request, response = (next(data for who, data, _ in world.sent if who == side) for side in ("client", "gateway"))

    def expected(message: bytes, nonce: bytes, sk_p: bytes, identity: bytes) -> bytes:
        octets = message + nonce + hmac.digest(sk_p, identity, digest)
        return hmac.digest(hmac.digest(server.server.msk, b"Key Pad for IKEv2", digest), octets, digest)

    def nonce(message: bytes) -> bytes:
        return parse_plain(message).require(Nonce).data

    mine, theirs = tap.messages()[-1].require(AUTH), tap.messages("gateway")[-1].require(AUTH)
    own_id, their_id = tap.messages()[0].require(IDi), tap.messages("gateway")[0].require(IDr)
    assert mine.data == expected(request, nonce(response), keys.sk_pi, b"\x03\0\0\0alice@test")
    assert theirs.data == expected(response, nonce(request), keys.sk_pr, b"\x02\0\0\0gw.test")
    assert (own_id.data, their_id.data, mine.method, theirs.method) == (b"alice@test", b"gw.test", 2, 2)


# --- nothing before the gateway has proven itself ---


def test_eap_waits_for_the_verdict(make_eap: MakeEap) -> None:
    """← { IDr CERT AUTH EAP }, and silence until it is judged, however long that takes."""
    world, tap = make_eap(answer={ike.PeerAuth: lambda *_: None})
    world.start()
    world.run(600.0)
    assert rounds(tap) == ["first"]
    assert not world.of(ike.EapReceived)
    (asked,) = world.of(ike.PeerAuth)
    world.do(lambda: world.client.provide_peer_verdict(asked.request_id, ike.PeerVerdict(), world.now), 3.0)
    assert rounds(tap) == ["first", "EAP", "EAP", "EAP", "AUTH"]
    assert world.of(ike.Established)


def test_a_refused_gateway_hears_one_word(make_eap: MakeEap) -> None:
    """← { IDr CERT AUTH EAP } → INFORMATIONAL { N(AUTHENTICATION_FAILED) }"""
    def refuse(engine: Any, event: ike.PeerAuth, now: float) -> None:
        engine.provide_peer_verdict(event.request_id, ike.PeerVerdict(Cause.GATEWAY_EXPIRED, "long ago"), now)
    world, tap = make_eap(answer={ike.PeerAuth: refuse})
    world.start()
    ends(world, tap, Cause.GATEWAY_EXPIRED, ["N(AUTHENTICATION_FAILED)"])
    assert rounds(tap) == ["first"]
    assert not world.of(ike.EapReceived)
    assert world.of(ike.Failed)[0].detail == "long ago"


def test_another_key_than_the_certificates_is_refused(make_eap: MakeEap) -> None:
    world, tap = make_eap(answer={ike.PeerAuth: Store(other_key().public_key()).judge})
    world.start()
    ends(world, tap, Cause.GATEWAY_BAD_SIGNATURE, ["N(AUTHENTICATION_FAILED)"])
    assert not world.of(ike.EapReceived)


@pytest.mark.parametrize("kinds", [(AUTH,), (IDr,), (AUTH, IDr)], ids=["AUTH", "IDr", "both"])
def test_eap_without_the_gateways_auth_is_not_answered(make_eap: MakeEap, kinds: tuple[type, ...]) -> None:
    """← { IDr EAP }: what RFC 5998 allows between peers that agreed to it, and we did not."""
    world, tap = make_eap(behaviour={"change_auth": on_round(1, without(*kinds))})
    world.start()
    ends(world, tap, Cause.GATEWAY_NO_AUTH)
    assert rounds(tap) == ["first"]
    assert not world.of(ike.EapReceived)


def test_an_auth_that_comes_later_is_too_late(make_eap: MakeEap) -> None:
    """← { IDr EAP }, its { AUTH } only after ours: the password was never for this gateway."""
    kept: list[Any] = []

    def later(payloads: list[Any]) -> list[Any]:
        if not kept:
            kept.extend(p for p in payloads if isinstance(p, AUTH))
            return [p for p in payloads if not isinstance(p, AUTH)]
        return [*payloads, *kept]
    world, tap = make_eap(behaviour={"change_auth": later})
    world.start()
    ends(world, tap, Cause.GATEWAY_NO_AUTH)
    assert not world.of(ike.PeerAuth)


# --- a gateway that goes its own way ---


def test_success_without_a_key_proves_nothing(make_eap: MakeEap) -> None:
    """← { EAP-Success } at once → INFORMATIONAL { N(AUTHENTICATION_FAILED) }"""
    def obey(engine: Any, event: ike.EapReceived, now: float) -> None:
        engine.provide_eap(event.request_id, ike.EapReply(b"" if event.packet[0] == 3 else b"\2\7\0\6\1a"), now)
    world, tap = make_eap(Scripted([IDENTITY_REQUEST, SUCCESS]), answer={ike.EapReceived: obey})
    world.start()
    ends(world, tap, Cause.GATEWAY_BAD_SIGNATURE, ["N(AUTHENTICATION_FAILED)"])
    assert "AUTH" not in rounds(tap)


def test_the_real_peer_declines_success_without_a_key(make_eap: MakeEap) -> None:
    world, tap = make_eap(Scripted([IDENTITY_REQUEST, SUCCESS]))
    world.start()
    ends(world, tap, Cause.GATEWAY_NO_AUTH)


@pytest.mark.parametrize("forge", [
    lambda own: replace(own, data=bytes(len(own.data))), lambda own: replace(own, data=own.data[:-1]),
    lambda own: replace(own, data=b""), lambda own: replace(own, data=own.data + b"\0"),
    lambda own: replace(own, method=1), lambda own: replace(own, method=14)],
    ids=["zeros", "short", "empty", "long", "method 1", "method 14"])
def test_the_final_auth_must_have_the_key(make_eap: MakeEap, forge: Callable[[AUTH], AUTH]) -> None:
    """← { AUTH(wrong) CP SA TS } → INFORMATIONAL { N(AUTHENTICATION_FAILED) }"""
    world, tap = make_eap(behaviour={"change_auth": on_round(5, lambda payloads: [
        forge(p) if isinstance(p, AUTH) else p for p in payloads])})
    world.start()
    ends(world, tap, Cause.GATEWAY_BAD_SIGNATURE, ["N(AUTHENTICATION_FAILED)"])


def test_the_first_auth_again_is_no_final_auth(make_eap: MakeEap) -> None:
    """The signature of round 1 does not stand for the key that EAP made."""
    kept: list[Any] = []

    def keep(payloads: list[Any]) -> list[Any]:
        kept.extend(p for p in payloads if isinstance(p, AUTH))
        return [kept[0] if isinstance(p, AUTH) else p for p in payloads]
    world, tap = make_eap(behaviour={"change_auth": keep})
    world.start()
    ends(world, tap, Cause.GATEWAY_BAD_SIGNATURE, ["N(AUTHENTICATION_FAILED)"])


def test_a_tunnel_without_the_final_auth(make_eap: MakeEap) -> None:
    """← { CP SA TS }"""
    world, tap = make_eap(behaviour={"change_auth": on_round(5, without(AUTH))})
    world.start()
    ends(world, tap, Cause.PROTOCOL_ERROR, ["D"])


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_tunnel_before_eap_is_done(make_eap: MakeEap, number: int) -> None:
    """← { AUTH CP SA TS } in the place of { EAP }: what is missing is the user's proof, and the key."""
    tunnel: list[Any] = []
    world, tap = make_eap()
    original = world.gateway._auth_round

    def early(sa: Any, message: Any, now: float) -> list[Any]:
        answer = original(sa, message, now)
        if len(tap.messages()) != number:
            return answer
        state = world.gateway._handshakes[sa.own_spi]
        tunnel.extend(world.gateway._tunnel(sa, state, now))
        return [world.gateway._own_auth(sa.require()[0].prf, state["peer_octets"]), *tunnel]
    world.gateway._auth_round = early  # type: ignore[method-assign]
    world.start()
    ends(world, tap, Cause.PROTOCOL_ERROR, ["D"])
    assert tunnel


def test_a_tunnel_without_any_eap(make_eap: MakeEap) -> None:
    """← { IDr CERT AUTH } and no question: a gateway that wants no proof of the user is not the one agreed upon."""
    world, tap = make_eap(behaviour={"change_auth": on_round(1, without(EAP))})
    world.start()
    ends(world, tap, Cause.PROTOCOL_ERROR, ["D"])


@pytest.mark.parametrize("packet", [b"", b"\1\7\0", bytes(3)], ids=["empty", "short", "zeros"])
def test_an_eap_packet_has_four_octets(make_eap: MakeEap, packet: bytes) -> None:
    world, tap = make_eap(behaviour={"change_auth": on_round(1, lambda payloads: [
        EAP(packet) if isinstance(p, EAP) else p for p in payloads])})
    world.start()
    ends(world, tap, Cause.PROTOCOL_ERROR, ["D"])


def test_eap_has_an_end(make_eap: MakeEap) -> None:
    """A user who answers everything; the engine counts on its own."""
    def obey(engine: Any, event: ike.EapReceived, now: float) -> None:
        engine.provide_eap(event.request_id, ike.EapReply(b"\2\7\0\6\1a"), now)
    world, tap = make_eap(Scripted([IDENTITY_REQUEST]), answer={ike.EapReceived: obey})
    world.start()
    world.run(60.0)
    ends(world, tap, Cause.PROTOCOL_ERROR, ["D"])
    assert rounds(tap).count("EAP") == MAX_EAP_ROUNDS


# --- a refused user ---


def test_a_wrong_password(make_eap: MakeEap) -> None:
    """← { EAP-Request(failure) } → { EAP } ← { EAP-Failure }, and not a word more."""
    world, tap = make_eap(password="another")
    world.start()
    ends(world, tap, Cause.USER_REFUSED)
    assert "E=691" in world.of(ike.Failed)[0].detail
    assert "AUTH" not in rounds(tap)


@pytest.mark.parametrize("identifier", [7, 8, 0, 200])
def test_failure_is_failure_whatever_its_identifier(make_eap: MakeEap, identifier: int) -> None:
    """As a protocol error it would be tried again, and lock the account."""
    world, tap = make_eap(Scripted([IDENTITY_REQUEST, bytes((4, identifier, 0, 4))]))
    world.start()
    ends(world, tap, Cause.USER_REFUSED)


def test_failure_that_is_answered_is_failure_still(make_eap: MakeEap) -> None:
    def obey(engine: Any, event: ike.EapReceived, now: float) -> None:
        engine.provide_eap(event.request_id, ike.EapReply(b"\2\7\0\6\1a", bytes(64)), now)
    world, tap = make_eap(Scripted([FAILURE]), answer={ike.EapReceived: obey})
    world.start()
    ends(world, tap, Cause.USER_REFUSED)
    assert rounds(tap) == ["first"]


def test_a_method_that_is_not_there_is_named(make_eap: MakeEap) -> None:
    """← { EAP-Request/MD5 } → { EAP-Response/Nak(26) } ← { EAP-Failure }"""
    server = Scripted([b"\1\1\0\x06\4\0", bytes((4, 1, 0, 4))])
    world, tap = make_eap(server)
    world.start()
    ends(world, tap, Cause.EAP_METHOD_UNSUPPORTED)
    assert server.heard == [b"\2\1\0\x06\3\x1a"]


def test_another_key_than_the_gateways_is_refused_by_it(make_eap: MakeEap) -> None:
    """→ { AUTH(another MSK) } ← { N(AUTHENTICATION_FAILED) }"""
    user = User()

    def twist(engine: Any, event: ike.EapReceived, now: float) -> None:
        class Twisting:
            def provide_eap(self, request_id: int, reply: ike.EapReply, at: float) -> None:
                engine.provide_eap(request_id, replace(reply, msk=reply.msk[::-1]), at)
        user.answer(Twisting(), event, now)     # type: ignore[arg-type] # a part of an engine
    world, tap = make_eap(answer={ike.EapReceived: twist})
    world.start()
    ends(world, tap, Cause.USER_REFUSED)
    assert rounds(tap)[-1] == "AUTH"


@pytest.mark.parametrize(("notify", "cause"), [
    (NotifyType.AUTHENTICATION_FAILED, Cause.USER_REFUSED), (NotifyType.NO_PROPOSAL_CHOSEN, Cause.CHILD_NO_PROPOSAL),
    (NotifyType.INTERNAL_ADDRESS_FAILURE, Cause.ADDRESS_FAILURE), (NotifyType.INVALID_SYNTAX, Cause.PROTOCOL_ERROR)])
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_an_error_in_any_round(make_eap: MakeEap, number: int, notify: NotifyType, cause: Cause) -> None:
    world, tap = make_eap(behaviour={"change_auth": on_round(number, lambda _: [Notify.of(notify)])})
    world.start()
    ends(world, tap, cause)
    if cause is Cause.CHILD_NO_PROPOSAL:
        assert "aes256gcm16" in world.of(ike.Failed)[0].detail


# --- people: late, twice, or not at all ---


def test_late_answers_are_ignored(make_eap: MakeEap) -> None:
    """What is provided after the end changes nothing and sends nothing."""
    held: dict[type, Any] = {}

    def hold(engine: Any, event: Any, now: float) -> None:
        held[type(event)] = event
    world, _ = make_eap(answer={ike.EapReceived: hold})
    world.start()
    world.run(3.0)
    client, now = world.client, world.now
    asked = held[ike.EapReceived].request_id
    client.decline(asked, Cause.PROMPT_CANCELLED, "no", now)
    world.do(lambda: None)
    sent, told = len(world.sent), len(world.events)
    client.provide_eap(asked, ike.EapReply(b"\2\7\0\6\1a"), now)
    client.provide_signature(asked, b"signature", now)
    client.provide_peer_verdict(1, ike.PeerVerdict(), now)
    client.decline(asked, Cause.NO_AGENT, "again", now)
    world.do(lambda: None, 60.0)
    assert (len(world.sent), len(world.events)) == (sent, told)
    assert [e.cause for e in world.of(ike.Failed)] == [Cause.PROMPT_CANCELLED]


def test_answers_count_once_and_only_where_asked(make_eap: MakeEap) -> None:
    world, tap = make_eap(answer={ike.PeerAuth: lambda *_: None})
    world.start()
    world.run(3.0)
    (asked,) = world.of(ike.PeerAuth)
    client = world.client
    client.provide_peer_verdict(asked.request_id + 1, ike.PeerVerdict(), world.now)
    client.provide_peer_verdict(0, ike.PeerVerdict(Cause.GATEWAY_EXPIRED), world.now)
    world.do(lambda: None, 3.0)
    assert rounds(tap) == ["first"]
    client.provide_peer_verdict(asked.request_id, ike.PeerVerdict(), world.now)
    client.provide_peer_verdict(asked.request_id, ike.PeerVerdict(Cause.GATEWAY_EXPIRED), world.now)
    world.do(lambda: None, 3.0)
    assert world.of(ike.Established)
    assert not world.of(ike.Failed)


@pytest.mark.parametrize("question", [ike.PeerAuth, ike.EapReceived])
def test_declining_ends_it_without_a_word(make_eap: MakeEap, question: type) -> None:
    def decline(engine: Any, event: Any, now: float) -> None:
        engine.decline(event.request_id, Cause.PROMPT_CANCELLED, "not now", now)
    world, tap = make_eap(answer={question: decline})
    world.start()
    ends(world, tap, Cause.PROMPT_CANCELLED)
    assert world.of(ike.Failed)[0].detail == "not now"


@pytest.mark.parametrize("question", [ike.PeerAuth, ike.EapReceived])
def test_closing_while_somebody_thinks(make_eap: MakeEap, question: type) -> None:
    world, _ = make_eap(answer={question: lambda *_: None})
    world.start()
    world.run(3.0)
    (asked,) = world.of(question)
    world.do(lambda: world.client.close(world.now))
    world.client.provide_eap(asked.request_id, ike.EapReply(b"\2\7\0\6\1a"), world.now)
    world.do(lambda: None, 60.0)
    assert len(world.of(ike.Closed)) == 1
    assert not world.of(ike.Failed)


def test_a_lossy_link_costs_no_second_eap_conversation(make_eap: MakeEap) -> None:
    """Each round is retransmitted on its own; the user is asked once per packet of the gateway."""
    world, _ = make_eap(seed=3)
    tapped = world.drop
    dropped: set[bytes] = set()

    def each_once(who: str, data: bytes) -> bool:
        lost = data not in dropped
        dropped.add(data)
        return tapped(who, data) or lost
    world.drop = each_once
    world.start()
    world.run(60.0)
    assert world.of(ike.Established)
    packets = [e.packet for e in world.of(ike.EapReceived)]
    assert len(packets) == len(set(packets)) == 4


def other_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec
    return ec.derive_private_key(0xBAD, ec.SECP256R1())
