"""A connection that logs in again, is sent elsewhere, or hears what anybody can forge (rig: test_connection_review)."""

import asyncio
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from client.core.helper import connection as module
from client.core.helper import gateways
from client.core.helper.settings import engine_config
from client.core.ikev2 import reauth
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.message import parse_header, parse_plain
from client.core.ikev2.payloads import Nonce, Notify
from client.core.platform.paths import Candidate
from client.model.cause import Cause, RoveError
from client.model.profile import profile_from_dict
from tests.helper.test_connection_review import FakeAgent, Rig, in_loop, rig
from tests.ikev2.conftest import GATEWAY
from tests.peer.responder import Behaviour, Responder
from tests.sim.world import seeded

__all__ = ["rig"]


@pytest.fixture(autouse=True)
def preferring(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose agent was to be asked first."""
    senders: list[str] = []
    monkeypatch.setattr(FakeAgent, "prefer", lambda _self, sender: senders.append(sender), raising=False)
    return senders


def steps(rig: Rig) -> list[str]:
    return [event["step"] for event in rig.surface.events if event["kind"] == "step"]


@in_loop
async def test_logs_in_again(rig: Rig, preferring: list[str]) -> None:
    await rig.connected()
    before = rig.connection.state()
    rig.connection.reauthenticate(":1.7")
    await rig.until(lambda: rig.connection.state().counters.reauths == 1)
    after = rig.connection.state()
    assert before.ike is not None
    assert after.ike is not None
    assert (after.state, preferring) == ("connected", [":1.7"])
    assert after.ike.spi_i != before.ike.spi_i
    assert rig.surface.prepared == 2
    await rig.until(lambda: len(rig.surface.installed) == 2)    # the old ones are gone
    assert len(rig.surface.gateway._ctx.sas) == 1


@in_loop
async def test_another_virtual_address_reaches_the_host(rig: Rig) -> None:
    await rig.connected()
    rig.surface.gateway.behaviour.virtual_v4 = IPv4Address("10.99.0.77")
    rig.connection.reauthenticate("")
    await rig.until(lambda: rig.connection.state().virtual_ips == ("10.99.0.77",))
    await rig.until(lambda: len(rig.surface.applied) > 1)
    assert [str(address.ip) for address in rig.surface.applied[-1].addresses] == ["10.99.0.77"]
    await rig.until(lambda: len(rig.surface.gateway._ctx.sas) == 1)


@in_loop
async def test_nobody_there_is_a_finding_and_not_the_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.connected()

    async def prepare(_self: FakeAgent, reason: str, deadline: float) -> Any:
        raise RoveError(Cause.NO_AGENT, f"nobody for {reason}")
    monkeypatch.setattr(FakeAgent, "prepare", prepare)
    rig.connection.reauthenticate("")
    await rig.until(lambda: rig.connection.state().findings)
    (finding,) = rig.connection.state().findings
    assert finding["code"] == "reauth-failed"
    assert rig.connection.state().state == "connected"
    (error,) = [event for event in rig.surface.events if event["kind"] == "error"]
    assert (error["code"], error["final"]) == ("no-agent", False)
    monkeypatch.undo()


@in_loop
async def test_a_redirect_before_there_is_a_tunnel(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that the gateway gives is looked up as the profile's is."""
    gateway, resolved = rig.surface.gateway, []
    answer, sent_away = gateway._answer_init, []

    def redirect(data: bytes, path: Any, now: float) -> None:
        message = parse_plain(data)
        if sent_away:
            answer(data, path, now)
            return
        sent_away.append(parse_header(data))
        notify = Notify.of(NotifyType.REDIRECT, b"\x03\x07gw2.net" + message.require(Nonce).data)
        reply = replace(message, initiator=False, response=True, payloads=(notify,))
        from client.core.ikev2.message import encode_plain
        gateway._ctx.send([encode_plain(reply)], path)
    monkeypatch.setattr(gateway, "_answer_init", redirect)
    resolve = gateways.resolve

    async def resolving(names: tuple[str, ...], mark: int, skip: object = ()) -> tuple[str, ...]:
        resolved.append(names)
        return ("192.0.2.2",) if names == ("gw2.net",) else await resolve(names, mark, skip)   # type: ignore[arg-type]
    monkeypatch.setattr(gateways, "resolve", resolving)
    monkeypatch.setattr(module, "candidate_paths",
                        lambda gateways, _mark: [Candidate("wifi0", "192.168.1.10", gateways[0])])
    await rig.connected()
    state = rig.connection.state()
    assert resolved == [("192.0.2.1",), ("gw2.net",)]
    assert state.gateway is not None
    assert state.gateway.address == "192.0.2.2"
    assert "redirected" in steps(rig)


@in_loop
async def test_a_forged_refusal_does_not_end_what_has_worked(rig: Rig) -> None:
    """RFC 7296 §2.21.1: NO_PROPOSAL_CHOSEN before there are keys may be anybody's."""
    await rig.connected()
    first = rig.surface.gateway
    others = replace(GATEWAY, ike_proposals=())         # it takes nothing
    rig.surface.gateway = Responder(others, seeded("refusing"), Behaviour())
    first.close(rig.surface.now())
    assert rig.surface.transport is not None
    for answer in first.datagrams_to_send(rig.surface.now()):
        rig.surface.transport.callbacks.datagram(answer.data, module.ike.Path(answer.path.remote, answer.path.local))
    await rig.until(lambda: any(event.get("code") == "no-common-proposal" for event in rig.surface.events))
    assert rig.connection.active
    rig.surface.gateway = Responder(GATEWAY, seeded("again"), Behaviour())
    await rig.until(lambda: rig.surface.states()[-1] == "connected")


@in_loop
async def test_a_refusal_ends_what_has_never_worked(rig: Rig) -> None:
    rig.surface.gateway = Responder(replace(GATEWAY, ike_proposals=()), seeded("refusing"), Behaviour())
    rig.connection.start()
    await rig.until(lambda: not rig.connection.active)
    assert rig.surface.final() == Cause.NO_COMMON_PROPOSAL.code


@pytest.mark.parametrize(("auth", "alone", "sent"), [
    ("certificate", True, True), ("certificate", False, False), ("psk", True, False), ("eap-mschapv2", True, False)])
def test_initial_contact_only_where_it_can_be_known(auth: str, alone: bool, sent: bool) -> None:
    """RFC 7296 §2.4: never for who may be connected from another device."""
    from tests.helper.test_rounds import DER
    profile = profile_from_dict({"name": "work", "gateway": {"address": "gw.test"}, "user": {
        "auth": auth, "identity": "alice@test", "certificate": "a.p12" if auth == "certificate" else ""}})
    prepared = module.Prepared((DER,), ("ecdsa-sha256",), "")
    assert engine_config(profile, prepared, lambda n: bytes(n), alone=alone).initial_contact is sent


@in_loop
async def test_a_prompt_is_shown_while_it_waits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tunnel is up meanwhile; the deadline is that of the login."""
    await rig.connected()
    answered = asyncio.Event()
    prepare = FakeAgent.prepare

    async def typing(self: FakeAgent, reason: str, deadline: float) -> Any:
        await answered.wait()
        return await prepare(self, reason, deadline)
    monkeypatch.setattr(FakeAgent, "prepare", typing)
    rig.connection.reauthenticate("")
    await rig.until(lambda: rig.connection.state().findings)
    (finding,) = rig.connection.state().findings
    (prompt,) = [event for event in rig.surface.events if event["kind"] == "prompt"]
    assert (finding["code"], rig.connection.state().state) == ("waiting-for-user", "connected")
    assert prompt["deadline"] in finding["message"]
    answered.set()
    await rig.until(lambda: rig.connection.state().counters.reauths == 1)
    assert rig.connection.state().findings == ()


@in_loop
async def test_the_agent_hears_what_became_of_its_secret(rig: Rig) -> None:
    await rig.connected()
    assert rig.surface.outcomes == [True]
    rig.surface.gateway.behaviour.auth_error = NotifyType.AUTHENTICATION_FAILED
    rig.connection.reauthenticate("")
    await rig.until(lambda: len(rig.surface.outcomes) == 2)
    rig.surface.gateway.behaviour.auth_error = 0
    rig.connection.reauthenticate("")
    await rig.until(lambda: len(rig.surface.outcomes) == 3)
    assert rig.surface.outcomes == [True, False, True]


@in_loop
async def test_an_agent_that_comes_later_is_asked_at_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    await rig.connected()
    with monkeypatch.context() as alone:
        async def prepare(_self: FakeAgent, reason: str, deadline: float) -> Any:
            raise RoveError(Cause.NO_AGENT, "")
        alone.setattr(FakeAgent, "prepare", prepare)
        rig.connection.reauthenticate("")
        await rig.until(lambda: rig.connection.state().findings)
    rig.connection.agent_came()
    await rig.until(lambda: rig.connection.state().counters.reauths == 1)
    assert rig.connection.state().findings == ()
    rig.connection.agent_came()         # nothing is missing now
    await asyncio.sleep(0.1)
    assert rig.connection.state().counters.reauths == 1


@in_loop
async def test_a_gateway_that_takes_no_second_ike_sa(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused beside the one in use; when that one's time is over a login without it works: break before make."""
    gateway = rig.surface.gateway
    auth = gateway._auth_round

    def one_only(sa: Any, message: Any, now: float) -> list[Any]:
        alive = [other for other in gateway._ctx.sas.values() if other is not sa and other.children]
        gateway.behaviour.auth_error = NotifyType.AUTHENTICATION_FAILED if alive else 0
        return auth(sa, message, now)
    monkeypatch.setattr(gateway, "_auth_round", one_only)
    await rig.connected()
    rig.connection.reauthenticate("")
    await rig.until(lambda: rig.connection.state().findings)
    assert rig.connection.state().state == "connected"
    engine = rig.connection._engine
    assert engine is not None
    engine._set_due(reauth.Due("policy", rig.surface.now(), rig.surface.now() + 0.05, hard=True), rig.surface.now())
    rig.connection._drive()
    await rig.until(lambda: rig.surface.states().count("connected") > 1 and "reconnecting" in rig.surface.states())
    await rig.until(lambda: rig.surface.states()[-1] == "connected")
    assert rig.surface.outcomes == [True, False, True]


@in_loop
async def test_a_gateway_that_was_revoked_meanwhile_is_left(rig: Rig) -> None:
    """The connection in use is with the same one."""
    await rig.connected()
    rig.connection._reauthentication_failed(
        module.ike.ReauthenticationFailed(Cause.GATEWAY_REVOKED, "CN=gw", 1e9, None), 0.0)
    await rig.until(lambda: not rig.connection.active)
    assert rig.surface.final() == "gateway-revoked"
