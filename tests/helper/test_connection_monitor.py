"""Always online: what a connection does by itself when there is no network, no name server, no gateway."""

import asyncio
import functools
import time

import pytest

from client.core.helper import monitor
from client.core.platform.netmon import NetworkChange
from client.core.platform.paths import Candidate
from client.model.cause import Cause, RoveError
from tests.helper import test_connection_review as review
from tests.helper.test_connection_review import Rig, in_loop
from tests.ikev2.conftest import GATEWAY
from tests.peer.responder import Behaviour, Responder
from tests.sim.world import seeded

rig = review.rig
LINK = NetworkChange(frozenset({"link"}))


def hang_up(rig: Rig) -> None:
    """The gateway deletes the IKE_SA; another one takes the next."""
    before = rig.surface.prepared
    rig.surface.gateway.close(rig.surface.now())
    assert rig.surface.transport is not None
    rig.surface.transport.pump()
    gone = rig.surface.gateway
    loop = asyncio.get_running_loop()

    def replace() -> None:
        if gone._ctx.finished:
            rig.surface.gateway = Responder(GATEWAY, seeded(f"gateway{before}"), Behaviour())
        else:
            loop.call_later(0.002, replace)

    replace()


@in_loop
async def test_without_a_network_nothing_happens_until_there_is_one(rig: Rig) -> None:
    """No timer at all: the kernel will tell."""
    rig.surface.candidates, there = [], rig.surface.candidates
    rig.connection.start()
    await rig.until(lambda: "offline" in rig.surface.states())
    looked_up = rig.surface.looked_up
    await asyncio.sleep(0.2)        # of waits that last 10 ms
    assert rig.surface.looked_up == looked_up
    assert rig.surface.prepared == 0        # and nobody was asked for anything
    rig.connection.network_changed(LINK)
    await rig.until(lambda: rig.surface.looked_up > looked_up)
    await asyncio.sleep(0.05)
    assert rig.surface.states()[-1] == "offline"
    assert rig.surface.states().count("offline") == 1
    rig.surface.candidates = there
    rig.connection.network_changed(LINK)
    await rig.until(lambda: rig.surface.states()[-1:] == ["connected"])
    assert rig.surface.prepared == 1


@in_loop
async def test_where_no_way_leads_to_the_gateway_it_looks_again_by_itself(rig: Rig) -> None:
    """A router further away comes back without a sign on this host."""
    rig.surface.candidates, there = [], rig.surface.candidates
    rig.surface.uplink = True
    rig.connection.start()
    await rig.until(lambda: rig.surface.looked_up > 2)
    assert "offline" not in rig.surface.states()
    rig.surface.candidates = there
    await rig.until(lambda: rig.surface.states()[-1:] == ["connected"])


@in_loop
async def test_a_change_of_the_network_ends_the_wait(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BACK_OFF", (60.0,)), ("EAGER_WAIT", 60.0)):
        monkeypatch.setattr(monitor, name, value)
    await rig.connected()
    before = rig.surface.prepared
    hang_up(rig)
    await rig.until(lambda: rig.surface.states()[-1] == "reconnecting")
    rig.connection.network_changed(LINK)
    await rig.until(functools.partial(rig.surface.is_connected_again, before))


@in_loop
async def test_name_servers_that_fail_do_not_keep_it_from_a_gateway_it_knows(rig: Rig) -> None:
    await rig.connected()
    before = rig.surface.prepared
    rig.surface.resolve_error = RoveError(Cause.NAME_NOT_FOUND, "the name servers do not answer")
    hang_up(rig)
    await rig.until(functools.partial(rig.surface.is_connected_again, before))


@in_loop
async def test_a_name_that_was_never_found_is_looked_up_again(rig: Rig) -> None:
    rig.surface.resolve_error = RoveError(Cause.NAME_NOT_FOUND, "the name servers do not answer")
    rig.connection.start()
    await rig.until(lambda: rig.surface.looked_up > 3)
    assert rig.surface.prepared == 0
    rig.surface.resolve_error = None
    await rig.until(lambda: rig.surface.states()[-1:] == ["connected"])
    assert rig.surface.prepared == 1


@in_loop
async def test_another_way_is_looked_for_when_the_known_addresses_lead_nowhere(
        rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """From IPv4 to a network with IPv6 only: what its name servers say now is what counts there (NAT64, say)."""
    from client.core.helper import connection as module
    from client.core.helper import gateways
    await rig.connected()
    ike_sa = rig.connection.state().ike
    lookups = 0

    async def resolve(names: tuple[str, ...], mark: int, skip: object = ()) -> tuple[str, ...]:
        nonlocal lookups
        lookups += 1
        if lookups < 3:         # the name servers of the new network are not known yet
            raise RoveError(Cause.NAME_NOT_FOUND, "not yet")
        return ("64:ff9b::c000:201",)

    def candidates(gateways: tuple[str, ...], _mark: int) -> list[Candidate]:
        return [Candidate("wifi0", "2001:db8::10", gateway) for gateway in gateways if ":" in gateway]

    monkeypatch.setattr(gateways, "resolve", resolve)
    monkeypatch.setattr(module, "candidate_paths", candidates)
    rig.surface.uplink = True
    rig.connection.network_changed(LINK)
    await rig.until(lambda: lookups == 3 and rig.surface.states()[-1:] == ["connected"])
    assert rig.connection.state().ike == ike_sa
    path = rig.connection.state().path
    assert path is not None
    assert path.local.startswith("[2001:db8::10]")


@in_loop
async def test_a_tunnel_without_a_network_has_no_timer_and_is_renewed_when_there_is_one(rig: Rig) -> None:
    """Hours in a cellar: nothing is sent, nobody is asked, and what was due is done at the first network."""
    slept = 0.0
    rig.surface.now = lambda: time.monotonic() + slept
    rig.connection._around = review.replace(rig.connection._around, clock=rig.surface.now)
    await rig.connected()
    rig.surface.candidates, there = [], rig.surface.candidates
    rig.connection.network_changed(LINK)
    assert rig.connection.state().state == "offline"
    assert rig.connection._timer is not None
    assert rig.connection._timer.cancelled()
    slept = 2 * 3600
    await asyncio.sleep(0.05)
    assert rig.connection.state().counters.rekeys == 0
    rig.surface.candidates = there
    rig.connection.network_changed(LINK)
    await rig.until(lambda: rig.connection.state().counters.rekeys == 1)
    await rig.until(lambda: rig.connection.state().state == "connected")
    assert rig.connection.state().counters.reauths == 0
    assert rig.surface.prepared == 1
