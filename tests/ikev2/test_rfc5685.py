"""REDIRECT: gateways that send their clients to others (RFC 5685). → is the client, ← the gateway."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.message import parse_header, parse_plain
from client.core.ikev2.payloads import Nonce, Notify
from client.core.ikev2.redirect import DETECT_PERIOD, MAX_REDIRECTS, RedirectLimit, new_gateway, redirected_from
from client.core.ikev2.succession import Succession
from client.model.cause import Cause
from client.model.endpoint import Endpoint
from tests.ikev2.conftest import CONFIG, GATEWAY
from tests.ikev2.dialogue import INIT, ask, change_init
from tests.peer.responder import Behaviour, Responder
from tests.sim.world import WIFI, Accepting, World, seeded

OTHER = "192.0.2.77"
THERE = replace(WIFI, remote=Endpoint(OTHER, 500))
ELSEWHERE = bytes((1, 4, 192, 0, 2, 77))


def to(engine: Any, event: ike.ReauthenticationDue, now: float) -> None:
    engine.reauthenticate(replace(CONFIG, redirected_from="192.0.2.1"), now, [THERE] if event.gateway else None)


def follow(engine: Any, event: ike.Redirected, now: float) -> None:
    engine.follow(replace(CONFIG, redirected_from="192.0.2.1"), [THERE], now)


def made(behaviour: Behaviour | None = None, answer: dict[type, Any] | None = None, **changes: Any) -> World:
    client = Succession(replace(CONFIG, **changes), seeded("client"))
    table = Accepting().table() | {ike.ReauthenticationDue: to, ike.Redirected: follow} | (answer or {})
    return World(client, Responder(GATEWAY, seeded("gateway"), behaviour), table)


def connected(*arguments: Any, **changes: Any) -> World:
    world = made(*arguments, **changes)
    world.start()
    world.run(5.0)
    assert world.of(ike.Established)
    return world


def first_messages(world: World) -> list[tuple[str, Any]]:
    """(to whom, message) of each IKE_SA_INIT request."""
    return [(path.remote.address, parse_plain(data)) for who, data, path in world.sent
            if who == "client" and parse_header(data).exchange == INIT]


def redirecting(world: World, data: Callable[[bytes], bytes], times: int = 1) -> None:
    """← IKE_SA_INIT { N(REDIRECT) } so many times; ``data`` from our nonce."""
    left = [times]

    def change(payloads: tuple[Any, ...]) -> list[Any]:
        left[0] -= 1
        if left[0] < 0:
            return list(payloads)
        nonce = first_messages(world)[-1][1].require(Nonce).data
        return [Notify.of(NotifyType.REDIRECT, data(nonce))]
    change_init(world, change)


# --- in IKE_SA_INIT (§3)


def test_the_client_says_that_it_can_be_redirected() -> None:
    world = connected()
    (_, message), = first_messages(world)
    assert message.notify(NotifyType.REDIRECT_SUPPORTED) is not None


def test_it_does_not_where_it_is_not_wanted() -> None:
    """Nor does it follow."""
    world = made(redirects=False)
    redirecting(world, lambda nonce: ELSEWHERE + nonce)
    world.start()
    world.run(5.0)
    assert first_messages(world)[0][1].notify(NotifyType.REDIRECT_SUPPORTED) is None
    assert not world.of(ike.Redirected)


def test_redirected_before_there_is_anything() -> None:
    """→ IKE_SA_INIT { … Ni } ← { N(REDIRECT, 192.0.2.77, Ni) } → IKE_SA_INIT { … N(REDIRECTED_FROM) } to the other."""
    world = made()
    redirecting(world, lambda nonce: ELSEWHERE + nonce)
    world.start()
    world.run(5.0)
    (here, _), (there, second) = first_messages(world)
    assert (here, there) == ("192.0.2.1", OTHER)
    sent_by = second.notify(NotifyType.REDIRECTED_FROM)
    assert sent_by is not None
    assert sent_by.data == bytes((1, 4, 192, 0, 2, 1))
    assert world.of(ike.Established)[0].path.remote.address == OTHER


@pytest.mark.parametrize("data", [lambda nonce: ELSEWHERE, lambda nonce: ELSEWHERE + bytes(32),
                                  lambda nonce: ELSEWHERE + nonce + b"x", lambda nonce: b""])
def test_without_our_nonce_it_is_anybodys(data: Callable[[bytes], bytes]) -> None:
    """The true answer comes later, and counts."""
    world = made()
    redirecting(world, data)
    real, replies = world.gateway._init_replies, []
    world.start()
    world.run(0.2)
    replies.append(dict(real))
    assert not world.of(ike.Redirected)
    assert not world.of(ike.Failed)
    world.run(5.0)              # the retransmission is answered as it should be
    assert world.of(ike.Established)


def test_a_circle_is_left() -> None:
    """§7: five redirects within five minutes."""
    world = made()
    redirecting(world, lambda nonce: ELSEWHERE + nonce, times=100)
    world.start()
    world.run(60.0)
    assert len(world.of(ike.Redirected)) == MAX_REDIRECTS
    assert [event.cause for event in world.of(ike.Failed)] == [Cause.PROTOCOL_ERROR]
    assert world.client.next_timeout() is None


# --- in IKE_AUTH (§6)


def test_redirected_once_both_are_known() -> None:
    """→ IKE_AUTH { … } ← { IDr AUTH N(REDIRECT) } → INFORMATIONAL { D }, then IKE_SA_INIT to the other."""
    here = [True]

    def send_away(payloads: list[Any]) -> list[Any]:
        if not here:
            return payloads
        here.clear()
        return [*payloads[:2], Notify.of(NotifyType.REDIRECT, ELSEWHERE)]
    world = connected(Behaviour(change_auth=send_away))
    assert [address for address, _ in first_messages(world)] == ["192.0.2.1", OTHER]
    assert len(world.gateway._ctx.sas) == 1         # the first one was deleted
    assert not world.of(ike.Failed)


def test_a_gateway_that_does_not_prove_itself_sends_nobody_anywhere() -> None:
    world = made(Behaviour(change_auth=lambda payloads: [Notify.of(NotifyType.REDIRECT, ELSEWHERE)]))
    world.start()
    world.run(5.0)
    assert not world.of(ike.Redirected)
    assert world.of(ike.Failed)


# --- of a live session (§5)


def test_a_live_session_moves() -> None:
    """← INFORMATIONAL { N(REDIRECT) } → { }; the old IKE_SA carries traffic until the new one does."""
    world = connected()
    assert ask(world, Notify.of(NotifyType.REDIRECT, ELSEWHERE)).payloads == ()
    (event,) = world.of(ike.Reauthenticated)
    assert (event.reason, event.established.path.remote.address) == ("redirect", OTHER)
    assert first_messages(world)[-1][0] == OTHER
    world.run(5.0)
    assert len(world.gateway._ctx.sas) == 1
    assert not world.of(ike.Failed)


def test_the_other_gateway_is_not_there() -> None:
    """What is there stays, and the other one is tried again within reason."""
    world = connected()
    world.drop = lambda who, data: who == "client" and parse_header(data).exchange == INIT
    ask(world, Notify.of(NotifyType.REDIRECT, ELSEWHERE))
    world.run(400.0)
    assert len(world.of(ike.ReauthenticationFailed)) >= 2
    assert not world.of(ike.Failed)
    assert not world.of(ike.Reauthenticated)
    assert 0 < len({message.spi_i for _, message in first_messages(world)[1:]}) < 10


def test_the_other_gateway_is_another() -> None:
    """It must prove the same identity, whoever sent us there."""
    world = connected()
    world.gateway.behaviour.psk = b"another secret"
    ask(world, Notify.of(NotifyType.REDIRECT, ELSEWHERE))
    world.run(5.0)
    assert world.of(ike.ReauthenticationFailed)
    assert not world.of(ike.Reauthenticated)
    assert not world.of(ike.Failed)


def test_a_gateway_that_redirects_for_ever() -> None:
    world = connected()
    for _ in range(4 * MAX_REDIRECTS):
        ask(world, Notify.of(NotifyType.REDIRECT, ELSEWHERE))
    assert len(world.of(ike.Reauthenticated)) == MAX_REDIRECTS
    assert not world.of(ike.Failed)


# --- what it names


@pytest.mark.parametrize(("data", "gateway"), [
    (ELSEWHERE, OTHER),
    (bytes((2, 16, 0x20, 1, 0xd, 0xb8, *bytes(11), 9)), "2001:db8::9"),
    (b"\x03\x0fvpn2.example.org"[:2] + b"vpn.example.org", "vpn.example.org"),
    (b"", None), (b"\x01", None), (b"\x01\x04\xc0\x00", None), (b"\x01\x05\xc0\x00\x02\x01\x00", None),
    (b"\x02\x04\xc0\x00\x02\x01", None), (b"\x04\x04abcd", None), (b"\x03\x00", None), (b"\x03\x03a b", None),
    (b"\x03\x04a\nb.", None), (b"\x03\x07127.0.1", None), (b"\x03\x09127.0.0.1", None),
    (bytes((1, 4, 127, 0, 0, 1)), None), (bytes((1, 4, 224, 0, 0, 1)), None), (bytes((1, 4, 169, 254, 1, 1)), None),
    (bytes((1, 4, 0, 0, 0, 0)), None), (bytes((2, 16, *bytes(15), 1)), None), (b"\x03\xff" + b"a" * 255, None),
])
def test_what_a_redirect_names(data: bytes, gateway: str | None) -> None:
    assert new_gateway(Notify.of(NotifyType.REDIRECT, data)) == gateway
    assert new_gateway(Notify.of(NotifyType.REDIRECT, data + b"nonce"), b"nonce") == gateway


def test_redirected_from_ipv6() -> None:
    assert redirected_from("2001:db8::1").data == bytes((2, 16, 0x20, 1, 0xd, 0xb8, *bytes(11), 1))


def test_the_limit_forgets() -> None:
    limit = RedirectLimit()
    assert [limit.allows(float(second)) for second in range(MAX_REDIRECTS + 2)] == [True] * MAX_REDIRECTS + [False] * 2
    assert limit.allows(DETECT_PERIOD)
