"""IKE_AUTH with certificates on either side, and messages too large for one packet. → is the client, ← the gateway."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.message import parse_header, parse_plain
from client.core.ikev2.payloads import AUTH, CERT
from client.model.cause import Cause
from tests.ikev2.conftest import GATEWAY, MakeWorld
from tests.ikev2.people import GATEWAY_KEY, EapServer, Store, Tap, User, with_key
from tests.peer.responder import Behaviour
from tests.sim.world import Faults, World

HASHES = {"sha256": 2, "sha384": 3, "sha512": 4, "ed25519": 5, "ed448": 5}      # RFC 7427 §7, RFC 8420 §2
METHODS = {"rsa-sha1": 1, "ecdsa-256": 9, "ecdsa-384": 10, "ecdsa-521": 11}


@cache
def key_of(kind: str) -> Any:
    curves: dict[str, Callable[[], ec.EllipticCurve]] = {
        "p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(curves[kind]())


def key_for(name: str) -> Any:
    """A key that signs so."""
    if name.startswith("rsa"):
        return key_of("rsa")
    sizes = {"256": "p256", "384": "p384", "512": "p521", "521": "p521"}
    return key_of(name if name.startswith("ed") else sizes[name[-3:]])


def world_of(make_world: MakeWorld, client_key: Any, offers: tuple[str, ...], hashes: tuple[int, ...] = (2, 3, 4, 5),
             signature: str = "ecdsa-sha256", chain: tuple[bytes, ...] = (b"the client's",), gateway_key: Any = None,
             certificates: tuple[bytes, ...] = (b"the gateway's",), **options: Any) -> tuple[World, Tap, Store]:
    own = gateway_key or GATEWAY_KEY
    store = Store(own.public_key())
    behaviour = Behaviour(private_key=own, signature=signature, certificates=certificates, hashes=hashes)
    world = make_world(behaviour, answer=with_key(client_key) | {ike.PeerAuth: store.judge}, auth="certificate",
                       certificates=chain, signatures=offers, **options)
    return world, Tap(world), store


@pytest.mark.parametrize("name", auth.SIGNATURES)
def test_every_signature_of_ours(make_world: MakeWorld, name: str) -> None:
    """→ { IDi CERT IDr AUTH CP SA TS } ← { IDr CERT AUTH CP SA TS }: four messages, and AUTH holds by its method."""
    kind = next((number for suffix, number in HASHES.items() if name.endswith(suffix)), None)
    key = key_for(name)
    world, tap, _ = world_of(make_world, key, (name,), () if name in METHODS else (kind or 0,), mobike=False)
    world.start()
    world.run(3.0)
    assert len(world.sent) == 4
    assert world.of(ike.Established)
    first = tap.messages()[0]
    own, (asked,) = first.require(AUTH), world.of(ike.SignatureNeeded)
    assert own.method == METHODS.get(name, 14)
    octets = auth.signed_octets(asked.ike_sa_init, asked.nonce_r, asked.maced_id, asked.int_auth)
    auth.verify_signature(key.public_key(), own.method, own.data, octets)
    assert asked.ike_sa_init == world.sent[0][1]
    assert first.require(CERT).data == b"the client's"


@pytest.mark.parametrize("name", auth.SIGNATURES)
def test_every_signature_of_the_gateway(make_world: MakeWorld, name: str) -> None:
    world, _, store = world_of(make_world, key_of("p256"), ("ecdsa-sha256",), signature=name,
                               gateway_key=key_for(name), certificates=(b"leaf", b"intermediate"))
    world.start()
    world.run(3.0)
    assert world.of(ike.Established)
    (judged,) = store.seen
    assert judged.method == METHODS.get(name, 14)
    assert judged.certificates == (b"leaf", b"intermediate")
    assert (judged.id_type, judged.id_data) == (2, b"gw.test")


@pytest.mark.parametrize("name", auth.SIGNATURES)
def test_a_signature_by_another_key_is_refused(make_world: MakeWorld, name: str) -> None:
    """← { IDr CERT AUTH(not its own) CP SA TS } → INFORMATIONAL { N(AUTHENTICATION_FAILED) }"""
    world, tap, store = world_of(make_world, key_of("p256"), ("ecdsa-sha256",), signature=name,
                                 gateway_key=key_for(name))
    store.public_key = {"rsa": rsa.generate_private_key(65537, 2048).public_key}.get(
        name[:3], ec.generate_private_key(ec.SECP256R1()).public_key)()
    world.start()
    world.run(3.0)
    assert [e.cause for e in world.of(ike.Failed)] == [Cause.GATEWAY_BAD_SIGNATURE]
    assert not world.of(ike.Established)
    assert tap.labels()[1:] == [["N(AUTHENTICATION_FAILED)"]]


# --- which method (RFC 7427 §4) ---


@pytest.mark.parametrize(("kind", "announced", "taken"), [
    ("p256", (2, 3, 4, 5), "ecdsa-sha256"), ("p256", (4,), "ecdsa-sha512"), ("p256", (4, 3), "ecdsa-sha384"),
    ("p256", (), "ecdsa-256"), ("p256", (1,), "ecdsa-256"), ("p256", (5,), "ecdsa-256"),
    ("p384", (), "ecdsa-384"), ("p521", (), "ecdsa-521"), ("p521", (2,), "ecdsa-sha256"),
    ("rsa", (2, 3, 4, 5), "rsa-pkcs1-sha512"), ("rsa", (3,), "rsa-pkcs1-sha384"), ("rsa", (), "rsa-sha1"),
    ("rsa", (1,), "rsa-sha1"), ("rsa", (0xFFFF,), "rsa-sha1"), ("ed25519", (5,), "ed25519")])
def test_the_method_follows_what_was_announced(make_world: MakeWorld, kind: str, announced: tuple[int, ...],
                                               taken: str) -> None:
    key = key_of(kind)
    world, tap, _ = world_of(make_world, key, auth.signatures_for(key.public_key()), announced)
    world.start()
    world.run(3.0)
    assert [e.algorithm for e in world.of(ike.SignatureNeeded)] == [taken]
    assert tap.messages()[0].require(AUTH).method == METHODS.get(taken, 14)
    assert world.of(ike.Established)


@pytest.mark.parametrize("announced", [(), (2, 3, 4), (1,)])
def test_a_key_that_the_gateway_cannot_take(make_world: MakeWorld, announced: tuple[int, ...]) -> None:
    """EdDSA exists in method 14 with "Identity" alone (RFC 8420): nobody is asked, nothing is sent."""
    world, _, _ = world_of(make_world, key_of("ed25519"), ("ed25519",), announced)
    world.start()
    world.run(60.0)
    assert [e.cause for e in world.of(ike.Failed)] == [Cause.NO_COMMON_PROPOSAL]
    assert not world.of(ike.SignatureNeeded)
    assert [exchange for who, exchange, _ in world.exchanges() if who == "client"] == [ExchangeType.IKE_SA_INIT]


def test_our_hashes_are_announced(make_world: MakeWorld) -> None:
    """→ IKE_SA_INIT { … N(SIGNATURE_HASH_ALGORITHMS: SHA2-256, -384, -512, Identity) }, and no SHA-1."""
    world = make_world()
    world.start()
    notify = parse_plain(world.sent[0][1]).notify(NotifyType.SIGNATURE_HASH_ALGORITHMS)
    assert notify is not None
    assert sorted(notify.data[1::2]) == [2, 3, 4, 5]
    assert not any(notify.data[::2])


def test_a_declined_signature_sends_nothing(make_world: MakeWorld) -> None:
    def decline(engine: Any, event: ike.SignatureNeeded, now: float) -> None:
        engine.decline(event.request_id, Cause.CREDENTIAL_UNUSABLE, "the token is gone", now)
    world, _, _ = world_of(make_world, key_of("p256"), ("ecdsa-sha256",))
    world._answer[ike.SignatureNeeded] = decline
    world.start()
    world.run(60.0)
    assert [e.cause for e in world.of(ike.Failed)] == [Cause.CREDENTIAL_UNUSABLE]
    assert len(world.sent) == 2


# --- more than one packet (RFC 7383) ---

LARGE = tuple(bytes([number]) * 1900 for number in range(1, 4))


def auth_datagrams(world: World, who: str) -> list[bytes]:
    return [data for sender, data, _ in world.sent
            if sender == who and parse_header(data).exchange == ExchangeType.IKE_AUTH]


@pytest.mark.parametrize("size", [576, 1280, 1500])
def test_large_chains_travel_in_fragments(make_world: MakeWorld, size: int) -> None:
    """An IPv6 packet of ``size`` octets at most, on both sides; the chains arrive whole."""
    world, tap, store = world_of(make_world, key_of("p256"), ("ecdsa-sha256",), chain=LARGE, certificates=LARGE,
                                 fragment_size=size, gateway=replace(GATEWAY, fragment_size=size))
    world.start()
    world.run(3.0)
    assert world.of(ike.Established)
    for who in ("client", "gateway"):
        sent = auth_datagrams(world, who)
        assert len(sent) > 3
        assert max(map(len, sent)) <= size - 52      # IPv6 and UDP headers, non-ESP marker
    assert store.seen[0].certificates == LARGE
    assert tuple(c.data for c in tap.messages()[0].all(CERT)) == LARGE


@pytest.mark.parametrize("who", ["client", "gateway"])
@pytest.mark.parametrize("number", range(6))
def test_a_lost_fragment_costs_one_retransmission(make_world: MakeWorld, who: str, number: int) -> None:
    """All fragments are sent again (RFC 7383 §2.6.1), byte for byte; those that came first time are kept or ignored."""
    world, tap, _ = world_of(make_world, key_of("p256"), ("ecdsa-sha256",), chain=LARGE, certificates=LARGE,
                             mobike=False)
    tapped, lost = world.drop, list[bytes]()

    def drop(sender: str, data: bytes) -> bool:
        if sender == who and parse_header(data).exchange == ExchangeType.IKE_AUTH:
            lost.append(data)
            return tapped(sender, data) or len(lost) == number + 1
        return tapped(sender, data)
    world.drop = drop
    world.start()
    world.run(10.0)
    assert world.of(ike.Established)
    sent = auth_datagrams(world, "client")
    assert len(sent) == 2 * len(set(sent))
    assert len(tap.messages()) == 1


@pytest.mark.parametrize("seed", range(6))
def test_fragments_survive_loss_duplication_and_reordering(make_world: MakeWorld, seed: int) -> None:
    world, _, store = world_of(make_world, key_of("p256"), ("ecdsa-sha256",), chain=LARGE, certificates=LARGE,
                               seed=seed, faults=Faults(loss=0.3, duplication=0.3, jitter=0.1))
    world.start()
    world.run(60.0)
    assert world.of(ike.Established)
    assert len(store.seen) == 1
    assert world.gateway.exchanges.count(ExchangeType.IKE_AUTH) == 1


def test_without_fragmentation_it_is_one_datagram(make_world: MakeWorld) -> None:
    world, _, store = world_of(make_world, key_of("p256"), ("ecdsa-sha256",), chain=LARGE, certificates=LARGE,
                               fragmentation=False)
    world.start()
    world.run(3.0)
    assert world.of(ike.Established)
    (single,) = auth_datagrams(world, "client")
    assert len(single) > 5700
    assert store.seen[0].certificates == LARGE


def test_eap_with_a_large_chain(make_world: MakeWorld) -> None:
    """Only the gateway's first answer is large; EAP goes on in single datagrams."""
    behaviour = Behaviour(private_key=GATEWAY_KEY, certificates=LARGE, eap=EapServer())
    world = make_world(behaviour, answer={ike.PeerAuth: Store().judge, ike.EapReceived: User().answer}, auth="eap",
                       seed=1, faults=Faults(loss=0.2))
    world.start()
    world.run(60.0)
    assert world.of(ike.Established)


def test_more_certificates_than_anybody_needs_are_cut_off(make_world: MakeWorld) -> None:
    world, _, store = world_of(make_world, key_of("p256"), ("ecdsa-sha256",),
                               certificates=tuple(b"certificate %d" % number for number in range(40)))
    world.start()
    world.run(3.0)
    assert len(store.seen[0].certificates) == 16
    assert store.seen[0].certificates[0] == b"certificate 0"
