"""RFC 8784: a post-quantum pre-shared key in SK_d, SK_pi and SK_pr. → is the client, ← the gateway."""

import hmac
from dataclasses import replace
from typing import Any

import pytest

from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.message import parse_plain
from client.core.ikev2.payloads import Notify
from client.core.ikev2.proposal import DEFAULT_IKE
from client.model.cause import Cause
from tests.ikev2.conftest import GATEWAY
from tests.ikev2.gateways import PPK, People, failed, said, world_of
from tests.ikev2.people import Tap, User
from tests.peer.rounds import Demands
from tests.sim.world import World

BOTH = (NotifyType.MULTIPLE_AUTH_SUPPORTED, NotifyType.USE_PPK)
WAYS = [("psk",), ("certificate",), ("eap",), ("psk", "eap"), ("eap", "certificate")]


def make(rounds: tuple[str, ...] = ("psk",), ppk: bytes = PPK, *, announced: tuple[NotifyType, ...] = BOTH,
         **options: Any) -> tuple[World, Tap]:
    demands = Demands(rounds=rounds, own=("certificate",), **({"ppk": PPK} | options.pop("demands", {})))
    world, tap, _ = world_of(rounds, demands, People([User() for each in rounds if each == "eap"], ppk),
                             announced=announced, ppk_id=b"ppk1", **options)
    world.start()
    world.run(5.0)
    return world, tap


def agree(world: World) -> bool:
    (ours,), (theirs,) = (list(engine._ctx.sas.values()) for engine in (world.client, world.gateway))
    keys, others = ours.require()[1], theirs.require()[1]
    return (keys.sk_d, keys.sk_pi, keys.sk_pr) == (others.sk_d, others.sk_pi, others.sk_pr)


def test_mixing_by_hand() -> None:
    """§3: SK = prf+ (PPK, SK'), the first octets of T1 | T2 …, with T1 = HMAC(PPK, SK' | 0x01)."""
    for prf, digest, length in (("prfsha256", "sha256", 32), ("prfsha384", "sha384", 48), ("prfsha512", "sha512", 64)):
        keys = [bytes([number]) * length for number in range(3)]
        assert auth.mix_ppk(prf, PPK, keys) == tuple(hmac.digest(PPK, key + b"\x01", digest) for key in keys)


@pytest.mark.parametrize("rounds", WAYS)
def test_both_have_the_key(rounds: tuple[str, ...]) -> None:
    """→ { … AUTH N(PPK_IDENTITY) } ← { … N(PPK_IDENTITY) AUTH … }; with EAP where its AUTH is."""
    world, tap = make(rounds)
    assert world.of(ike.Established), world.events
    assert agree(world)
    for who in ("client", "gateway"):
        with_key = [words for words in said(tap, who) if "PPK_IDENTITY" in words]
        assert len(with_key) == 1
        assert "AUTH" in with_key[0]
    (identity,) = [n.data for message in tap.messages() if (n := message.notify(NotifyType.PPK_IDENTITY))]
    assert identity == b"\x02ppk1"      # §5.1: PPK_ID_FIXED
    first = parse_plain(next(data for who, data, _ in world.sent if who == "client"))
    assert first.notify(NotifyType.USE_PPK) is not None
    needed = world.of(ike.PpkNeeded)
    assert len(needed) == 1
    (sa,) = world.client._ctx.sas.values()
    keys = sa.require()[1]
    assert (keys.sk_d, keys.sk_pi, keys.sk_pr) == auth.mix_ppk(
        needed[0].prf, PPK, (needed[0].sk_d, needed[0].sk_pi, needed[0].sk_pr))
    assert needed[0].sk_d.hex() not in repr(needed[0])


def test_children_and_successors_come_of_the_mixed_key() -> None:
    """CREATE_CHILD_SA takes SK_d: both sides agree on the CHILD_SA's keys, and on an IKE_SA that replaces this one."""
    world, _ = make()
    (installed,) = world.of(ike.ChildInstalled)
    theirs = next(e for e in world.gateway_events if isinstance(e, ike.ChildInstalled)).child.keys
    assert (installed.child.keys.encr_out, installed.child.keys.encr_in) == (theirs.encr_in, theirs.encr_out)
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    assert world.of(ike.IkeRekeyed)
    assert agree(world)
    world.do(lambda: world.client.rekey_child(installed.child.spi_in, world.now), 3.0)
    renewed = world.of(ike.ChildInstalled)[-1].child
    theirs = [e for e in world.gateway_events if isinstance(e, ike.ChildInstalled)][-1].child.keys
    assert renewed.spi_in != installed.child.spi_in
    assert (renewed.keys.encr_out, renewed.keys.encr_in) == (theirs.encr_in, theirs.encr_out)


def test_with_an_additional_key_exchange() -> None:
    """→ IKE_INTERMEDIATE { KEi(1) } ←, and then the PPK goes into what came of it (RFC 9370 §2.2.2)."""
    hybrid = {"ike_proposals": DEFAULT_IKE}
    world, _ = make(gateway=replace(GATEWAY, **hybrid), **hybrid)
    assert world.of(ike.Established), world.events
    assert world.of(ike.Established)[0].proposal.additional
    assert agree(world)


@pytest.mark.parametrize("rounds", WAYS)
def test_a_gateway_without_ppk_hears_nothing(rounds: tuple[str, ...]) -> None:
    """← IKE_SA_INIT without N(USE_PPK): it is the key or no connection."""
    world, tap = make(rounds, announced=BOTH[:1])
    assert failed(world).cause is Cause.PPK_NOT_USED
    assert said(tap) == []
    assert not world.of(ike.PpkNeeded)


@pytest.mark.parametrize("rounds", WAYS)
def test_a_wrong_key_is_told_as_such(rounds: tuple[str, ...]) -> None:
    """→ { … AUTH N(PPK_IDENTITY) } ← { N(AUTHENTICATION_FAILED) }"""
    world, _ = make(rounds, bytes(32))
    assert failed(world) == ike.Failed(Cause.PPK_REFUSED, "AUTHENTICATION_FAILED")


def test_an_answer_without_ppk_identity_is_refused() -> None:
    """← { IDr AUTH SA TS } without N(PPK_IDENTITY): the gateway chose not to use it, which we did not allow."""
    world, tap = make(demands={"says_ppk": False})
    assert failed(world).cause is Cause.PPK_NOT_USED
    assert tap.labels()[-1] == ["N(AUTHENTICATION_FAILED)"]


def test_a_lying_ppk_identity_does_not_help() -> None:
    """← { N(PPK_IDENTITY) IDr AUTH(plain SK_pr) … }: the AUTH does not verify."""
    def change(payloads: list[Any]) -> list[Any]:
        return [Notify.of(NotifyType.PPK_IDENTITY), *payloads]
    world, _ = make(demands={"says_ppk": False, "change_auth": change})
    assert failed(world).cause is Cause.GATEWAY_BAD_SIGNATURE


def test_without_a_key_nothing_is_said_of_it() -> None:
    """→ IKE_SA_INIT without N(USE_PPK), and a gateway that speaks of it is not listened to."""
    world, tap, _ = world_of(["psk"], Demands(), announced=BOTH)
    world.start()
    world.run(3.0)
    first = parse_plain(next(data for who, data, _ in world.sent if who == "client"))
    assert first.notify(NotifyType.USE_PPK) is None
    assert world.of(ike.Established)
    assert not world.of(ike.PpkNeeded)
    assert "PPK" not in " ".join(said(tap))
