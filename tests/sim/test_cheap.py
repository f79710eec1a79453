"""The engine takes its cryptography from its constructor, all of it."""

from dataclasses import replace

import pytest

from client.core.crypto import kex
from client.core.crypto.errors import IntegrityError
from client.core.crypto.sk_cipher import SkCipher
from client.core.ikev2 import events as ike
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.message import parse_plain
from client.core.ikev2.payloads import KE
from client.core.ikev2.proposal import DEFAULT_IKE
from tests.ikev2.conftest import CONFIG, GATEWAY
from tests.ikev2.test_established import agree, first_child, gateway_child
from tests.peer.responder import Responder
from tests.sim.cheap import Cheap
from tests.sim.world import Accepting, World, seeded

HYBRID = replace(CONFIG, ike_proposals=DEFAULT_IKE)


def make() -> World:
    world = World(Ikev2Engine(HYBRID, seeded("client"), Cheap()),
                  Responder(replace(GATEWAY, ike_proposals=DEFAULT_IKE), seeded("gateway"), crypto=Cheap()),
                  Accepting().table())
    world.start()
    world.run(3.0)
    return world


def test_nothing_of_the_library_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """IKE_SA_INIT, IKE_INTERMEDIATE, IKE_AUTH, rekeys of both kinds by both sides with IKE_FOLLOWUP_KE"""
    def forbidden(*_arguments: object) -> None:
        raise AssertionError("not from the provider")
    for method in kex.KEX.values():
        monkeypatch.setitem(kex.KEX, method.id, replace(method, make=forbidden, encapsulate=forbidden))
    monkeypatch.setattr(SkCipher, "__init__", forbidden)
    world = make()
    assert world.of(ike.Established)
    assert len(parse_plain(world.sent[0][1]).require(KE).data) == 16
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    world.do(lambda: world.gateway.rekey_ike(world.now), 3.0)
    world.do(lambda: world.client.rekey_child(first_child(world), world.now), 3.0)
    world.do(lambda: world.gateway.rekey_child(gateway_child(world), world.now), 3.0)
    assert [event.proposal.additional for event in world.of(ike.IkeRekeyed)] == [(36,), (36,)]
    theirs = [event.child for event in world.gateway_events if isinstance(event, ike.ChildInstalled)]
    for mine in (event.child for event in world.of(ike.ChildInstalled)):
        other = next(child for child in theirs if child.spi_in == mine.spi_out)
        assert (mine.keys.encr_out, mine.keys.encr_in) == (other.keys.encr_in, other.keys.encr_out)
    agree(world)


def test_corruption_is_noticed() -> None:
    cipher = Cheap().cipher(20, 256, None, b"e" * 36, b"")
    sealed = cipher.seal(b"header", b"payload", seeded("iv"))
    assert cipher.open(b"header", sealed) == b"payload"
    assert b"payload" not in sealed
    for at in range(len(sealed)):
        with pytest.raises(IntegrityError):
            cipher.open(b"header", sealed[:at] + bytes([sealed[at] ^ 4]) + sealed[at + 1:])
    with pytest.raises(IntegrityError):
        cipher.open(b"headed", sealed)
    with pytest.raises(IntegrityError):
        Cheap().cipher(20, 256, None, b"f" * 36, b"").open(b"header", sealed)
    with pytest.raises(IntegrityError):
        cipher.open(b"header", sealed[:15])


def test_the_methods_secrets_differ() -> None:
    cheap = Cheap()
    ours, theirs = cheap.generate(19, seeded(1)), cheap.generate(19, seeded(2))
    assert ours.derive(theirs.public) == theirs.derive(ours.public)
    assert ours.derive(cheap.generate(20, seeded(2)).public) != ours.derive(theirs.public)
    with pytest.raises(kex.KexError):
        cheap.generate(1, seeded(3))        # MODP-768: never there
    with pytest.raises(kex.KexError):
        ours.derive(bytes(64))
