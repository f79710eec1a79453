"""RFC 4739: several authentications in one IKE_AUTH. → is the client, ← the gateway; SK is left out."""

import random
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.payloads import EAP, IDi, Notify
from client.model.cause import Cause
from tests.ikev2.gateways import IDENTITIES, PPK, People, failed, said, world_of
from tests.ikev2.people import EapServer, User
from tests.peer.rounds import Demands

MSCHAP = ["EAP", "EAP", "EAP"]


def test_certificate_then_eap() -> None:
    """→ { IDi CERT IDr AUTH N(ANOTHER_AUTH_FOLLOWS) CP SA TS } ← { IDr AUTH }
    → { IDi } ← { EAP } → { EAP } ← { EAP } … → { AUTH } ← { AUTH CP SA TS }"""
    world, tap, people = world_of(["certificate", "eap"], Demands(rounds=("certificate", "eap"), own=("certificate",)))
    world.start()
    world.run(3.0)
    assert said(tap) == ["IDi CERT IDr AUTH ANOTHER_AUTH_FOLLOWS SA", "IDi", *MSCHAP, "AUTH"]
    assert said(tap, "gateway") == ["IDr AUTH", *MSCHAP, "EAP", "AUTH SA"]
    assert len(world.of(ike.Established)) == 1
    assert people.eap_before_proof == 0
    steps = [(e.step, e.detail) for e in world.of(ike.Progress) if e.step.endswith("authenticated")]
    assert steps == [("gateway-authenticated", ""), ("user-authenticated", "1 of 2"), ("user-authenticated", "2 of 2")]


def test_key_then_certificate_then_eap() -> None:
    """→ { IDi AUTH N(AAF) … } ← { IDr AUTH } → { IDi CERT AUTH N(AAF) } ← { } → { IDi } ← { EAP } … ← { AUTH … }"""
    rounds = ("psk", "certificate", "eap")
    world, tap, _ = world_of(rounds, Demands(rounds=rounds))
    world.start()
    world.run(3.0)
    assert said(tap) == ["IDi IDr AUTH ANOTHER_AUTH_FOLLOWS SA", "IDi CERT AUTH ANOTHER_AUTH_FOLLOWS", "IDi", *MSCHAP,
                         "AUTH"]
    assert said(tap, "gateway") == ["IDr AUTH", "", *MSCHAP, "EAP", "AUTH SA"]
    identities = [message.require(IDi) for message in tap.messages() if message.get(IDi)]
    assert [(each.id_type, each.data) for each in identities] == [IDENTITIES[each] for each in rounds]
    assert world.of(ike.Established)


@pytest.mark.parametrize("rounds", [("psk", "certificate"), ("certificate", "psk"), ("eap", "psk"), ("eap", "eap"),
                                    ("eap", "certificate"), ("psk", "eap", "certificate", "eap")])
def test_any_order(rounds: tuple[str, ...]) -> None:
    """RFC 4739 §2.2 to §2.4; two rounds of EAP are two conversations with a key each."""
    world, tap, people = world_of(rounds, Demands(rounds=rounds, own=("certificate",)))
    world.start()
    world.run(5.0)
    assert world.of(ike.Established), world.events
    announced = sum("ANOTHER_AUTH_FOLLOWS" in words for words in said(tap))
    assert (announced, people.eap_before_proof) == (len(rounds) - 1, 0)
    assert len(world.of(ike.PeerAuth)) == 1


def test_the_tunnel_is_asked_for_once_and_support_said_once() -> None:
    """§2.1: SA, TS, CP and MULTIPLE_AUTH_SUPPORTED belong to the first request."""
    world, tap, _ = world_of(["psk", "certificate"], Demands(rounds=("psk", "certificate")), mobike=False)
    world.start()
    world.run(3.0)
    first, *others = tap.labels()
    once = {"SA", "TSi", "TSr", "CP(CFG_REQUEST)", "N(MULTIPLE_AUTH_SUPPORTED)", "IDr"}
    assert once <= set(first)
    assert len(others) == 1
    assert once.isdisjoint(others[0])


def test_one_round_is_said_to_be_the_last() -> None:
    """→ { IDi AUTH … N(MULTIPLE_AUTH_SUPPORTED) }, without ANOTHER_AUTH_FOLLOWS."""
    world, tap, _ = world_of(["psk"], Demands(), mobike=False)
    world.start()
    world.run(3.0)
    (labels,) = tap.labels()
    assert "N(MULTIPLE_AUTH_SUPPORTED)" in labels
    assert "N(ANOTHER_AUTH_FOLLOWS)" not in labels
    assert world.of(ike.Established)


# --- the gateway's further rounds ---


def test_the_gateway_authenticates_itself_twice() -> None:
    """§2.5: ← { IDr AUTH N(ANOTHER_AUTH_FOLLOWS) } → { } ← { IDr AUTH SA TS }"""
    world, tap, people = world_of(["psk"], Demands(own=("psk", "certificate")))
    world.start()
    world.run(3.0)
    assert said(tap) == ["IDi IDr AUTH SA", ""]
    assert said(tap, "gateway") == ["IDr AUTH ANOTHER_AUTH_FOLLOWS", "IDr AUTH SA"]
    assert [event.method for event in people.judged] == [2, 14]
    assert world.of(ike.Established)


def test_both_have_several() -> None:
    """← { IDr AUTH N(AAF) } → { IDi CERT AUTH } ← { IDr AUTH N(AAF) } → { } ← { IDr AUTH SA TS }"""
    world, tap, people = world_of(["psk", "certificate"], Demands(rounds=("psk", "certificate"),
                                                                  own=("psk", "certificate", "psk")))
    world.start()
    world.run(3.0)
    assert said(tap) == ["IDi IDr AUTH ANOTHER_AUTH_FOLLOWS SA", "IDi CERT AUTH", ""]
    assert len(people.judged) == 3
    assert world.of(ike.Established)


def test_a_second_proof_that_fails_ends_it() -> None:
    """← { IDr AUTH N(AAF) } → { } ← { IDr AUTH(another key) … } → INFORMATIONAL { N(AUTHENTICATION_FAILED) }"""
    from cryptography.hazmat.primitives.asymmetric import ec
    world, tap, _ = world_of(["psk"], Demands(own=("psk", "certificate"),
                                              private_key=ec.derive_private_key(0xBAD, ec.SECP256R1())))
    world.start()
    world.run(3.0)
    assert failed(world).cause is Cause.GATEWAY_BAD_SIGNATURE
    assert tap.labels()[-1] == ["N(AUTHENTICATION_FAILED)"]


def test_a_second_proof_that_does_not_come_ends_it() -> None:
    """← { IDr AUTH N(AAF) SA TS } → { } ← { SA TS }: what was announced has to come."""
    def change(payloads: list[Any]) -> list[Any]:
        return [p for p in payloads if p.label not in ("AUTH", "IDr")] if heard else heard.append(1) or payloads
    heard: list[int] = []
    world, _, _ = world_of(["psk"], Demands(own=("psk", "psk"), change_auth=change))
    world.start()
    world.run(3.0)
    assert failed(world).cause is Cause.PROTOCOL_ERROR


def test_the_gateways_rounds_are_bounded() -> None:
    """← { IDr AUTH N(AAF) } → { } ← { IDr AUTH N(AAF) } …: not for ever."""
    world, tap, people = world_of(["psk"], Demands(own=("psk",) * 50))
    world.start()
    world.run(30.0)
    assert failed(world).cause is Cause.PROTOCOL_ERROR
    assert len(people.judged) == 4
    assert len(said(tap)) == 4


def test_another_auth_from_a_gateway_that_did_not_announce_it_counts_for_nothing() -> None:
    """← { IDr AUTH N(ANOTHER_AUTH_FOLLOWS) SA TS } without MULTIPLE_AUTH_SUPPORTED in IKE_SA_INIT."""
    def change(payloads: list[Any]) -> list[Any]:
        return [*payloads, Notify.of(NotifyType.ANOTHER_AUTH_FOLLOWS)]
    world, tap, _ = world_of(["psk"], Demands(change_auth=change), announced=())
    world.start()
    world.run(3.0)
    assert world.of(ike.Established)
    assert "N(MULTIPLE_AUTH_SUPPORTED)" not in tap.labels()[0]


# --- what is refused, and when ---


def test_a_gateway_without_support_hears_nothing() -> None:
    """← IKE_SA_INIT without N(MULTIPLE_AUTH_SUPPORTED): no identity and no AUTH is said to it."""
    world, tap, _ = world_of(["certificate", "eap"], Demands(), announced=())
    world.start()
    world.run(3.0)
    assert failed(world).cause is Cause.ROUNDS_UNSUPPORTED
    assert said(tap) == []


def test_a_refused_second_round_says_which() -> None:
    """→ { IDi CERT AUTH } ← { N(AUTHENTICATION_FAILED) }"""
    rounds = ("psk", "certificate")
    world, _, _ = world_of(rounds, Demands(rounds=("psk", "psk")))
    world.start()
    world.run(3.0)
    assert failed(world) == ike.Failed(Cause.USER_REFUSED, "AUTHENTICATION_FAILED in round 2 of 2")


def test_a_round_that_the_gateway_does_not_know() -> None:
    """→ { IDi AUTH N(ANOTHER_AUTH_FOLLOWS) … } ← { N(AUTHENTICATION_FAILED) }"""
    world, _, _ = world_of(["psk", "certificate"], Demands(rounds=("psk",)))
    world.start()
    world.run(3.0)
    assert failed(world) == ike.Failed(Cause.USER_REFUSED, "AUTHENTICATION_FAILED in round 1 of 2")


def test_a_wrong_password_in_the_second_round() -> None:
    """→ { IDi } ← { EAP } … ← { EAP(Failure) }"""
    world, _, _ = world_of(["certificate", "eap"], Demands(rounds=("certificate", "eap")), People([User("wrong")]))
    world.start()
    world.run(10.0)
    assert failed(world).cause is Cause.USER_REFUSED


def test_a_child_error_in_the_middle_ends_it() -> None:
    """← { IDr AUTH N(NO_PROPOSAL_CHOSEN) } to a request that announces another AUTH."""
    def change(payloads: list[Any]) -> list[Any]:
        return [*payloads, Notify.of(NotifyType.TS_UNACCEPTABLE)]
    world, tap, _ = world_of(["psk", "certificate"], Demands(rounds=("psk", "certificate"), change_auth=change))
    world.start()
    world.run(3.0)
    assert failed(world).cause is Cause.TS_UNACCEPTABLE
    assert len(said(tap)) == 1


def test_no_eap_of_any_round_before_the_gateway_is_proven() -> None:
    """→ { IDi AUTH N(AAF) } ← { EAP } without IDr and AUTH: nothing of EAP leaves."""
    def change(payloads: list[Any]) -> list[Any]:
        return [EAP(b"\x01\x07\x00\x05\x01")]
    world, tap, people = world_of(["psk", "eap"], Demands(rounds=("psk", "eap"), change_auth=change))
    world.start()
    world.run(3.0)
    assert failed(world).cause is Cause.GATEWAY_NO_AUTH
    assert not world.of(ike.EapReceived)
    assert len(said(tap)) == 1
    assert people.judged == []


def test_the_key_of_one_round_is_none_in_the_next() -> None:
    """Two rounds of EAP: an EAP-Success before the second method was done proves nothing (RFC 7296 §2.16)."""
    server = EapServer()
    server.start = lambda: b"\x03\x01\x00\x04"      # type: ignore[method-assign]

    class Silent:
        def answer(self, engine: Any, event: ike.EapReceived, now: float) -> None:
            engine.provide_eap(event.request_id, ike.EapReply(), now)
    world, _, _ = world_of(["eap", "eap"], Demands(rounds=("eap", "eap"), own=("psk",), servers=[EapServer(), server]),
                           People([User(), Silent()]))
    world.start()
    world.run(5.0)
    assert failed(world).cause is Cause.GATEWAY_BAD_SIGNATURE


@pytest.mark.parametrize("childless", [False, True])
def test_an_error_in_the_last_round_is_no_tunnel(childless: bool) -> None:
    """→ { IDi CERT AUTH } ← { N(INVALID_SYNTAX) }: an error about us, also where no CHILD_SA was asked for."""
    def change(payloads: list[Any]) -> list[Any]:
        heard.append(1)
        return payloads if len(heard) == 1 else [Notify.of(NotifyType.INVALID_SYNTAX)]
    heard: list[int] = []
    announced = (NotifyType.MULTIPLE_AUTH_SUPPORTED, NotifyType.CHILDLESS_IKEV2_SUPPORTED)
    world, _, _ = world_of(["psk", "certificate"], Demands(rounds=("psk", "certificate"), change_auth=change),
                           announced=announced, childless=childless)
    world.start()
    world.run(3.0)
    assert failed(world).cause is Cause.PROTOCOL_ERROR


EXTRA = [Notify.of(NotifyType.ANOTHER_AUTH_FOLLOWS), Notify.of(NotifyType.PPK_IDENTITY), EAP(b"\x03\x01\x00\x04"),
         Notify.of(NotifyType.AUTHENTICATION_FAILED), EAP(b"\x01\x07\x00\x05\x01"), EAP(b"\x03"),
         Notify.of(NotifyType.TS_UNACCEPTABLE), Notify.of(NotifyType.MULTIPLE_AUTH_SUPPORTED)]
ENDS = (Cause.PROTOCOL_ERROR, Cause.USER_REFUSED, Cause.GATEWAY_NO_AUTH, Cause.GATEWAY_BAD_SIGNATURE, Cause.PPK_REFUSED,
        Cause.PPK_NOT_USED, Cause.TS_UNACCEPTABLE, Cause.CHILD_FAILED, Cause.LOGIN_UNANSWERED)


class Patient(EapServer):
    """What it cannot follow it refuses: it has been misquoted."""

    def receive(self, packet: bytes) -> tuple[bytes, bytes]:
        try:
            return super().receive(packet)
        except (AssertionError, IndexError):
            return b"\x04\x01\x00\x04", b""


@pytest.mark.parametrize("seed", range(40))
def test_a_gateway_that_says_anything_is_never_believed_too_early(seed: int) -> None:
    """← what it should say, with payloads left out, doubled and added: a tunnel stands only when all of our rounds were
    said and its own proof was seen, and it always ends."""
    dice = random.Random(seed)
    rounds = tuple(dice.sample(("psk", "certificate", "eap"), dice.randint(1, 3)))
    ppk = dice.random() < 0.3

    def change(payloads: list[Any]) -> list[Any]:
        said = [p for p in payloads for _ in range(dice.choices((0, 1, 2), (4, 92, 4))[0])]
        if dice.random() < 0.15:
            said.insert(dice.randrange(len(said) + 1), dice.choice(EXTRA))
        return said
    announced = [NotifyType.MULTIPLE_AUTH_SUPPORTED, *([NotifyType.USE_PPK] if ppk else [])]
    own = tuple(dice.choices(("psk", "certificate"), k=dice.randint(1, 3)))
    demands = Demands(rounds=rounds, own=own, change_auth=change, ppk=PPK if ppk else b"", servers=[Patient()])
    world, tap, people = world_of(rounds, demands, announced=announced, seed=seed, ppk_id=b"ppk1" if ppk else b"")
    world.start()
    world.run(600.0)
    assert people.eap_before_proof == 0
    if world.of(ike.Established):
        assert sum("AUTH" in words.split() for words in said(tap)) == len(rounds)
        assert people.judged
    else:
        assert failed(world).cause in ENDS
