"""EAP methods that make no key (MD5, GTC): both last AUTH payloads are made with SK_p (RFC 7296 §2.16)."""

from typing import Any

import pytest

from client.core.eap.md5 import Md5Challenge
from client.core.eap.packet import EapError
from client.core.eap.peer import EapPeer
from client.core.ikev2 import events as ike
from client.core.ikev2.engine import Ikev2Engine
from client.model.cause import Cause
from tests.ikev2.gateways import People, failed, said, world_of
from tests.ikev2.people import Scripted
from tests.peer.rounds import Demands
from tests.sim.world import World

CHALLENGE = bytes((1, 7, 0, 22, 4, 16)) + bytes(range(16))
SUCCESS, FAILURE = bytes((3, 7, 0, 4)), bytes((4, 7, 0, 4))


class Md5User:
    def __init__(self) -> None:
        self._peer = EapPeer("alice@test", {4: lambda: Md5Challenge("alice@test", "pw")})

    def answer(self, engine: Ikev2Engine, event: ike.EapReceived, now: float) -> None:
        try:
            result = self._peer.receive(event.packet)
        except EapError as error:
            engine.decline(event.request_id, error.cause, error.detail, now)
            return
        engine.provide_eap(event.request_id, ike.EapReply(result.response, result.msk or b""), now)


def make(packets: list[bytes], *, keyless: bool = True, own: tuple[str, ...] = ("certificate",), **demands: Any
         ) -> tuple[World, list[str], Scripted]:
    server = Scripted(packets, msk=b"")
    eap_only = demands.pop("eap_only", False)
    world, tap, _ = world_of(["eap"], Demands(rounds=("eap",), own=own, servers=[server], **demands),
                             People([Md5User()]), keyless=keyless, eap_only=eap_only)
    world.start()
    world.run(5.0)
    return world, said(tap), server


def test_both_auths_are_made_with_sk_p() -> None:
    """→ { IDi … } ← { IDr AUTH EAP(MD5) } → { EAP } ← { EAP(Success) } → { AUTH(SK_pi) } ← { AUTH(SK_pr) SA TS }"""
    world, messages, server = make([CHALLENGE, SUCCESS])
    assert messages == ["IDi IDr SA", "EAP", "AUTH"]
    assert world.of(ike.Established)
    assert server.heard[0][:6] == bytes((2, 7, 0, 32, 4, 16))


def test_a_gateway_with_another_key_is_refused() -> None:
    world, _, _ = make([CHALLENGE, SUCCESS], tamper_auth=True)
    assert failed(world).cause is Cause.GATEWAY_BAD_SIGNATURE


def test_success_before_the_method_is_refused() -> None:
    world, messages, _ = make([SUCCESS])
    assert failed(world).cause is Cause.GATEWAY_NO_AUTH
    assert "AUTH" not in messages


def test_failure_is_the_users() -> None:
    world, messages, _ = make([CHALLENGE, FAILURE])
    assert failed(world).cause is Cause.USER_REFUSED
    assert "AUTH" not in messages


def test_a_method_with_a_key_must_have_one() -> None:
    """What the profile's method is decides, not what the agent answers."""
    world, messages, _ = make([CHALLENGE, SUCCESS], keyless=False)
    assert failed(world).cause is Cause.GATEWAY_BAD_SIGNATURE
    assert "AUTH" not in messages


@pytest.mark.parametrize("keyless", [True, False])
def test_it_never_proves_the_gateway(keyless: bool) -> None:
    """RFC 5998 with a method that makes no key: ← { IDr EAP } … ← { EAP(Success) }."""
    world, messages, _ = make([CHALLENGE, SUCCESS], own=("eap",), keyless=keyless, eap_only=True)
    assert failed(world).cause is Cause.GATEWAY_BAD_SIGNATURE
    assert "AUTH" not in messages
