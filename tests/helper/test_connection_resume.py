"""A connection that is taken back by its ticket, without a log-in (RFC 5723; rig: test_connection_review)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from client.core.helper.resume import MAX_SILENCES, Resume
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType
from client.model.cause import Cause, RoveError
from tests.helper.test_connection_review import Rig, in_loop, rig
from tests.ikev2.conftest import CONFIG, GATEWAY
from tests.peer.resumption import Resumable
from tests.sim.world import seeded

__all__ = ["rig"]

RESUME = ExchangeType.IKE_SESSION_RESUME
GCM = replace(GATEWAY, ike_proposals=GATEWAY.ike_proposals[:1])
TICKET = ike.Ticket(b"sealed", bytes(32), CONFIG.ike_proposals[0], (3, b"alice@test"), (2, b"gw.test"), 5000.0)


@pytest.fixture
def gateway(rig: Rig) -> Resumable:
    peer = Resumable(GCM, seeded("gateway"))
    rig.surface.gateway = peer
    return peer


async def silence(rig: Rig) -> None:
    """The gateway is found dead, and answers again at once."""
    before = len(rig.surface.states())
    rig.connection._finish(RoveError(Cause.DEAD_PEER, "test"))
    await rig.until(lambda: "connected" in rig.surface.states()[before:])


@in_loop
async def test_after_silence_the_ticket_does(rig: Rig, gateway: Resumable) -> None:
    await rig.connected()
    await silence(rig)
    assert (rig.surface.prepared, gateway.exchanges.count(RESUME)) == (1, 1)
    await silence(rig)          # with the ticket that came with the first resumption
    assert (rig.surface.prepared, gateway.exchanges.count(RESUME)) == (1, 2)
    assert rig.connection.state().virtual_ips == ("10.99.0.10",)


@pytest.mark.parametrize("change", [
    lambda peer: setattr(peer, "forgets", True),
    lambda peer: setattr(peer, "impostor", bytes(32)),
    lambda peer: setattr(peer.behaviour, "tamper_auth", True),
], ids=["refused", "another key", "another AUTH"])
@in_loop
async def test_what_goes_wrong_with_it_is_followed_by_a_log_in_at_once(
        rig: Rig, gateway: Resumable, change: Callable[[Resumable], None]) -> None:
    await rig.connected()
    change(gateway)
    real = gateway._auth_round

    def once(*arguments: object) -> list[object]:
        """What was changed holds for the ticket alone."""
        answer = real(*arguments)  # type: ignore[arg-type] # passed on as they came
        gateway.behaviour.tamper_auth = False
        return answer
    gateway._auth_round = once  # type: ignore[method-assign] # the gateway of this test
    if gateway.impostor:        # its answer to IKE_AUTH cannot even be read: silence, and only then a log-in
        rig.connection._resume._silences = MAX_SILENCES - 1
        rig.connection._back_off.give_up = lambda _now, _patience: 0.3  # type: ignore[method-assign] # not 60 s
    await silence(rig)
    assert rig.surface.prepared == 2
    assert not [event for event in rig.surface.events if event["kind"] == "error" and event["final"]]


@in_loop
async def test_a_gateway_that_closed_the_connection_wants_a_log_in(rig: Rig, gateway: Resumable) -> None:
    await rig.connected()
    gateway.close(rig.surface.now())
    assert rig.surface.transport is not None
    rig.surface.transport.pump()
    await rig.until(lambda: rig.surface.prepared == 2 and rig.surface.states()[-1] == "connected")
    assert RESUME not in gateway.exchanges


def logged_in(**changes: object) -> Resume:
    resume = Resume()
    resume.logged_in(replace(CONFIG, **changes), 1000.0)  # type: ignore[arg-type] # of the test's own making
    resume.received(TICKET)
    return resume


def test_what_the_last_log_in_allowed_stays_the_limit() -> None:
    config = logged_in(reauth=3600.0).config((), 2000.0)
    assert config is not None
    assert (config.reauth, config.ticket, config.initial_contact) == (2600.0, TICKET, False)
    assert logged_in(reauth=3600.0).config((), 4550.0) is None
    assert logged_in(reauth=None).config((), 4550.0) is not None


def test_an_old_ticket_and_none_are_log_ins() -> None:
    assert logged_in().config((), 4999.0) is None
    assert Resume().config((), 2000.0) is None


def test_a_gateway_that_never_answers_to_it_is_asked_otherwise() -> None:
    resume = logged_in()
    for _ in range(MAX_SILENCES):
        assert resume.config((), 2000.0) is not None
        assert not resume.ended(Cause.GATEWAY_SILENT)
    assert resume.config((), 2000.0) is None


@pytest.mark.parametrize("cause", [Cause.USER_REFUSED, Cause.GATEWAY_CLOSED, Cause.LIFETIME_EXPIRED])
def test_these_ends_are_for_good(cause: Cause) -> None:
    resume = logged_in()
    assert not resume.ended(cause)
    assert resume.config((), 2000.0) is None


def test_redirects_of_a_ticket_are_log_ins() -> None:
    """Where it was sent from is not where the ticket leads."""
    config = logged_in(redirected_from="192.0.2.7").config((), 2000.0)
    assert config is not None
    assert config.redirected_from == ""
