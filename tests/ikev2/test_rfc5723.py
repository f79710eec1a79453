"""RFC 5723: an IKE_SA comes back by a ticket, without a log-in. → is the client, ← the gateway."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.message import Message, parse_header, parse_plain
from client.core.ikev2.payloads import KE, SA, Notify
from client.core.ikev2.resumption import MAX_TICKET
from client.model.cause import Cause
from tests.ikev2.conftest import CONFIG, GATEWAY
from tests.peer.responder import Behaviour
from tests.peer.resumption import Resumable
from tests.sim.world import Accepting, Faults, World, seeded

INIT, RESUME, AUTH = ExchangeType.IKE_SA_INIT, ExchangeType.IKE_SESSION_RESUME, ExchangeType.IKE_AUTH
GCM = replace(CONFIG, ike_proposals=CONFIG.ike_proposals[:1])


def gateway(behaviour: Behaviour | None = None) -> Resumable:
    return Resumable(replace(GATEWAY, ike_proposals=GCM.ike_proposals), seeded("gateway"), behaviour)


def world_with(peer: Resumable, seed: str = "client", faults: Faults | None = None, **changes: Any) -> World:
    world = World(Ikev2Engine(replace(GCM, **changes), seeded(seed)), peer, Accepting().table(), faults=faults)
    world.start()
    world.run(5.0)
    return world


def ticket_of(world: World) -> ike.Ticket:
    (received,) = world.of(ike.TicketReceived)
    ticket: ike.Ticket = received.ticket
    return ticket


def resumed(peer: Resumable, ticket: ike.Ticket, **changes: Any) -> World:
    return world_with(peer, "again", ticket=ticket, **changes)


def firsts(world: World) -> list[Message]:
    """The client's unprotected requests."""
    return [parse_plain(data) for who, data, _ in world.sent if who == "client" and not parse_header(data).protected]


def test_a_ticket_is_asked_for_and_kept() -> None:
    """→ { … N(TICKET_REQUEST) } ← { … N(TICKET_LT_OPAQUE) }: with SK_d, the algorithms and who the two are."""
    peer = gateway()
    world = world_with(peer)
    ticket = ticket_of(world)
    (sa,) = world.client._ctx.sas.values()
    assert ticket.opaque in peer.tickets
    assert (ticket.proposal, ticket.sk_d) == (sa.proposal, sa.require()[1].sk_d)
    assert (ticket.local_id, ticket.remote_id) == (CONFIG.local_id, (2, b"gw.test"))
    assert world.now + 3590 < ticket.expires_at < world.now + 3600
    assert ticket.sk_d.hex() not in repr(ticket)
    assert repr(ticket.opaque) not in repr(ticket)


def test_two_round_trips_bring_the_ike_sa_back_and_ask_nobody() -> None:
    """→ IKE_SESSION_RESUME { Ni N(TICKET_OPAQUE) } ← { Nr } → IKE_AUTH { IDi IDr AUTH CP SA TS } ← { IDr AUTH … }"""
    peer = gateway()
    before = world_with(peer)
    world = resumed(peer, ticket_of(before), mobike=False)
    assert world.exchanges() == [("client", RESUME, 0), ("gateway", RESUME, 0),
                                 ("client", AUTH, 1), ("gateway", AUTH, 1)]
    assert not world.of(ike.SignatureNeeded)
    assert not world.of(ike.PeerAuth)
    (first,) = firsts(world)
    assert first.get(SA) is None
    assert first.get(KE) is None
    assert not any(first.spi_r)
    (established,), (child,) = world.of(ike.Established), world.of(ike.ChildInstalled)
    assert established.proposal == before.of(ike.Established)[0].proposal
    assert established.spi_i != before.of(ike.Established)[0].spi_i
    theirs = [e for e in world.gateway_events if isinstance(e, ike.ChildInstalled)][-1].child.keys
    assert (child.child.keys.encr_out, child.child.keys.encr_in) == (theirs.encr_in, theirs.encr_out)
    world.do(lambda: world.client.rekey_ike(world.now), 3.0)
    assert world.of(ike.IkeRekeyed)


def test_the_next_ticket_comes_with_the_resumed_ike_sa() -> None:
    peer = gateway()
    first = ticket_of(world_with(peer))
    second = ticket_of(resumed(peer, first))
    assert second.sk_d != first.sk_d
    assert world_with(peer, "third", ticket=second).of(ike.Established)


def test_a_ticket_may_come_later() -> None:
    """→ { … N(TICKET_REQUEST) } ← { … N(TICKET_ACK) }, then ← INFORMATIONAL { N(TICKET_LT_OPAQUE) } → {}"""
    peer = gateway()
    peer.later = True
    world = world_with(peer)
    assert not world.of(ike.TicketReceived)
    (sa,) = peer._ctx.sas.values()
    ticket = peer.new_ticket(sa)

    class Tell:
        exchange = ExchangeType.INFORMATIONAL

        def build_request(self, now: float) -> list[Any]:
            return [ticket]

        def process_response(self, message: Message, now: float) -> None: ...

        def moved_to(self, sa: Any) -> None: ...

    peer._ctx.enqueue(sa, Tell())
    world.do(lambda: peer._pump(world.now), 1.0)
    assert resumed(peer, ticket_of(world)).of(ike.Established)


def test_cookies_come_first_here_too() -> None:
    """→ { Ni N(TICKET) } ← { N(COOKIE) } → { N(COOKIE) Ni N(TICKET) }"""
    peer = gateway()
    ticket = ticket_of(world_with(peer))
    peer.cookies = True
    world = resumed(peer, ticket)
    first, second = firsts(world)
    assert second.payloads[0].data == b"oatmeal"
    assert second.payloads[1:] == first.payloads
    assert world.of(ike.Established)


def test_a_refused_ticket_is_told_and_nothing_follows() -> None:
    """→ { Ni N(TICKET_OPAQUE) } ← { N(TICKET_NACK) }: the caller logs in anew."""
    peer = gateway()
    ticket = ticket_of(world_with(peer))
    peer.forgets = True
    world = resumed(peer, ticket)
    assert [type(event) for event in world.events] == [ike.TicketRefused, ike.Failed]
    assert len(world.exchanges()) == 2


@pytest.mark.parametrize("change", [
    lambda peer: setattr(peer, "impostor", bytes(32)),
    lambda peer: setattr(peer.behaviour, "tamper_auth", True),
    lambda peer: setattr(peer.behaviour, "identity", (2, b"other.test")),
], ids=["without the ticket's key", "with another AUTH", "with another name"])
def test_a_gateway_that_cannot_be_the_one_of_the_ticket(change: Callable[[Resumable], None]) -> None:
    """Whoever took the ticket must have opened it, and be whom it was before: no CHILD_SA otherwise."""
    peer = gateway(Behaviour())
    ticket = ticket_of(world_with(peer))
    change(peer)
    world = resumed(peer, ticket)
    world.run(120.0)
    assert not world.of(ike.Established)
    assert not world.of(ike.ChildInstalled)
    (failed,) = world.of(ike.Failed)
    assert failed.cause in (Cause.GATEWAY_BAD_SIGNATURE, Cause.LOGIN_UNANSWERED)


def test_an_old_ticket_is_not_used() -> None:
    peer = gateway()
    ticket = ticket_of(world_with(peer))
    world = resumed(peer, replace(ticket, expires_at=1001.0))
    assert world.exchanges()[0] == ("client", INIT, 0)
    assert world.of(ike.Established)


@pytest.mark.parametrize("data", [b"", b"\0\0\1\0", bytes(MAX_TICKET + 1)])
def test_what_is_no_ticket_is_passed_over(data: bytes) -> None:
    peer = gateway()
    peer.new_ticket = lambda sa: Notify.of(NotifyType.TICKET_LT_OPAQUE, data)  # type: ignore[method-assign] # hostile
    world = world_with(peer)
    assert world.of(ike.Established)
    assert not world.of(ike.TicketReceived)


def test_no_ticket_is_asked_for_where_none_is_wanted() -> None:
    peer = gateway()
    assert not world_with(peer, resumption=False).of(ike.TicketReceived)
    assert not hasattr(peer, "tickets")


def test_it_comes_back_through_loss() -> None:
    for seed in range(5):
        peer = gateway()
        ticket = ticket_of(world_with(peer))
        world = world_with(peer, f"loss{seed}", Faults(loss=0.3), ticket=ticket)
        world.run(25.0)
        assert world.of(ike.Established)
