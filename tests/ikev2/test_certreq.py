"""Who asks for which certificate: CERTREQ both ways (RFC 7296 §3.7), OCSP in IKE (RFC 4806). → is the client."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import CertEncoding
from client.core.ikev2.payloads import CERT, CERTREQ
from tests.ikev2.conftest import MakeWorld
from tests.ikev2.people import GATEWAY_KEY, Store, Tap, with_key
from tests.peer.responder import Behaviour
from tests.sim.world import World

OLD, NEW, ELSE = b"o" * 20, b"n" * 20, b"e" * 20
CHAINS = (ike.OwnChain((b"leaf", b"by the old"), frozenset({OLD})),
          ike.OwnChain((b"leaf", b"by the new"), frozenset({NEW})))


def connect(make_world: MakeWorld, behaviour: dict[str, Any] | None = None, **options: Any) -> tuple[World, Tap, Store]:
    store = Store()
    given = {"private_key": GATEWAY_KEY, "certificates": (b"the gateway's",)} | (behaviour or {})
    options = {"certificates": CHAINS[0].certificates, "chains": CHAINS} | options
    world = make_world(Behaviour(**given), answer=with_key(ec.generate_private_key(ec.SECP256R1())) | {
        ike.PeerAuth: store.judge}, auth="certificate", signatures=("ecdsa-sha256",), **options)
    tap = Tap(world)
    world.start()
    world.run(3.0)
    assert world.of(ike.Established)
    return world, tap, store


def sent(tap: Tap) -> list[bytes]:
    return [cert.data for cert in tap.messages()[0].all(CERT)]


def told(world: World) -> list[str]:
    return [event.step for event in world.of(ike.Progress) if event.step == "certificate-not-asked-for"]


# --- ← IKE_SA_INIT { … CERTREQ } ---

@pytest.mark.parametrize(("asked", "chain"), [
    ((), 0), ((OLD,), 0), ((NEW,), 1), ((ELSE, NEW), 1), ((NEW, OLD), 0)])
def test_the_chain_that_the_gateway_asks_for(make_world: MakeWorld, asked: tuple[bytes, ...], chain: int) -> None:
    world, tap, _ = connect(make_world, {"authorities": asked})
    assert sent(tap) == list(CHAINS[chain].certificates)
    assert told(world) == []


def test_none_fits_is_told_and_the_first_is_sent(make_world: MakeWorld) -> None:
    world, tap, _ = connect(make_world, {"authorities": (ELSE,)})
    assert sent(tap) == list(CHAINS[0].certificates)
    assert told(world) == ["certificate-not-asked-for"]


def test_what_is_not_known_is_not_told(make_world: MakeWorld) -> None:
    """The root above the user's certificates may be one of those."""
    for chains in ((replace(CHAINS[0], complete=False), CHAINS[1]), ()):
        world, tap, _ = connect(make_world, {"authorities": (ELSE,)}, chains=chains)
        assert sent(tap) == list(CHAINS[0].certificates)
        assert told(world) == []


# --- → IKE_AUTH { … CERTREQ [CERTREQ(OCSP Content)] } ---

@pytest.mark.parametrize(("authorities", "ocsp", "expected"), [
    (None, True, []), ((), False, [(CertEncoding.X509_SIGNATURE, ())]),
    ((OLD, NEW), False, [(CertEncoding.X509_SIGNATURE, (OLD, NEW))]),
    ((OLD,), True, [(CertEncoding.X509_SIGNATURE, (OLD,)), (CertEncoding.OCSP_CONTENT, ())])])
def test_what_we_ask_for(make_world: MakeWorld, authorities: Any, ocsp: bool, expected: list[Any]) -> None:
    _, tap, _ = connect(make_world, certificate_authorities=authorities, ocsp=ocsp)
    asked = [(request.encoding, request.authorities) for request in tap.messages()[0].all(CERTREQ)]
    assert asked == expected


def test_ocsp_responses_come_along(make_world: MakeWorld) -> None:
    """← IKE_AUTH { IDr CERT CERT(OCSP Content) AUTH … }: not among the certificates, and not without bound."""
    responses = [CERT(CertEncoding.OCSP_CONTENT, b"response %d" % number) for number in range(9)]
    _, _, store = connect(make_world, {"change_auth": lambda payloads: [*payloads, *responses]})
    (judged,) = store.seen
    assert judged.certificates == (b"the gateway's",)
    assert judged.ocsp == (b"response 0", b"response 1", b"response 2", b"response 3")
