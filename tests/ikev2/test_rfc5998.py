"""RFC 5998: a gateway that proves itself by a mutual EAP method alone. → is the client, ← the gateway."""

from typing import Any

from client.core.ikev2 import events as ike
from client.core.ikev2.payloads import EAP
from client.model.cause import Cause
from tests.ikev2.gateways import People, failed, said, world_of
from tests.ikev2.people import Tap
from tests.peer.mutual import MutualServer, MutualUser
from tests.peer.rounds import Demands
from tests.sim.world import World

SECRET = b"known to user and server"


def make(user: bytes = SECRET, *, eap_only: bool = True, own: tuple[str, ...] = ("eap",), **behaviour: Any
         ) -> tuple[World, Tap, People, MutualUser]:
    mutual = MutualUser(user)
    world, tap, people = world_of(["eap"], Demands(rounds=("eap",), own=own, servers=[MutualServer(SECRET)],
                                                   **behaviour), People([mutual]), eap_only=eap_only)
    world.start()
    world.run(5.0)
    return world, tap, people, mutual


def test_the_gateway_proves_itself_with_the_msk() -> None:
    """→ { IDi IDr SA TS N(EAP_ONLY_AUTHENTICATION) } ← { IDr EAP } → { EAP } … → { AUTH } ← { AUTH SA TS }"""
    world, tap, people, _ = make()
    assert said(tap) == ["IDi IDr SA EAP_ONLY_AUTHENTICATION", "EAP", "EAP", "AUTH"]
    assert said(tap, "gateway") == ["EAP IDr", "EAP", "EAP", "AUTH SA"]
    assert people.judged == []
    steps = [e.step if isinstance(e, ike.Progress) else type(e).__name__ for e in world.events]
    assert steps.index("user-authenticated") < steps.index("gateway-authenticated") < steps.index("Established")


def test_a_gateway_that_sends_its_auth_all_the_same_is_judged() -> None:
    """§3: ← { IDr AUTH EAP }: the initiator must verify that payload."""
    world, _, people, _ = make(own=("certificate",))
    assert len(people.judged) == 1
    assert people.eap_before_proof == 0
    assert world.of(ike.Established)


def test_it_is_off_by_default() -> None:
    """→ { IDi IDr SA TS } ← { IDr EAP }: nothing of EAP leaves."""
    world, tap, _, mutual = make(eap_only=False)
    assert said(tap) == ["IDi IDr SA"]
    assert failed(world).cause is Cause.GATEWAY_NO_AUTH
    assert mutual.heard == []


def test_a_gateway_without_the_msk_is_refused() -> None:
    """← { AUTH(another key) SA TS } → INFORMATIONAL { N(AUTHENTICATION_FAILED) }"""
    world, tap, _, _ = make(tamper_auth=True)
    assert failed(world).cause is Cause.GATEWAY_BAD_SIGNATURE
    assert tap.labels()[-1] == ["N(AUTHENTICATION_FAILED)"]
    assert not [e for e in world.of(ike.Progress) if e.step == "gateway-authenticated"]


def test_a_server_that_does_not_know_the_secret_is_refused() -> None:
    """§3: the method must have proven both sides; this one ends in the agent."""
    world, _, _, _ = make(user=b"another one")
    assert failed(world).cause is Cause.USER_REFUSED


def test_only_for_the_identity_that_was_asked_for() -> None:
    """→ { … IDr(gw.test) … } ← { IDr(other.test) EAP }: nothing of EAP leaves."""
    world, _, _, mutual = make(identity=(2, b"other.test"))
    assert failed(world).cause is Cause.GATEWAY_NO_AUTH
    assert mutual.heard == []


def test_the_tunnel_needs_the_auth() -> None:
    """← { SA TS } in the place of { AUTH SA TS }."""
    def change(payloads: list[Any]) -> list[Any]:
        return [p for p in payloads if p.label != "AUTH"]
    world, _, _, _ = make(change_auth=change)
    assert failed(world).cause in (Cause.GATEWAY_NO_AUTH, Cause.PROTOCOL_ERROR)


def test_success_without_a_method_is_refused() -> None:
    """← { IDr EAP(Success) }: no key, so no proof (RFC 7296 §2.16)."""
    def change(payloads: list[Any]) -> list[Any]:
        return [EAP(b"\x03\x01\x00\x04") if p.label == "EAP" else p for p in payloads]

    class Silent:
        def answer(self, engine: Any, event: ike.EapReceived, now: float) -> None:
            engine.provide_eap(event.request_id, ike.EapReply(), now)
    world, _, _ = world_of(["eap"], Demands(rounds=("eap",), own=("eap",), change_auth=change), People([Silent()]),
                           eap_only=True)
    world.start()
    world.run(5.0)
    assert failed(world).cause is Cause.GATEWAY_BAD_SIGNATURE
