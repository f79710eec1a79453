"""Make before break: another IKE_SA takes over while the present one carries traffic (RFC 7296 §2.8.3, RFC 4478)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from client.core.ikev2 import events as ike
from client.core.ikev2 import reauth
from client.core.ikev2.constants import NotifyType
from client.core.ikev2.ike_sa import IkeState
from client.core.ikev2.message import parse_header
from client.core.ikev2.payloads import Delete, Notify
from client.core.ikev2.succession import Succession
from client.model.cause import Cause
from tests.ikev2.conftest import CONFIG, GATEWAY
from tests.ikev2.dialogue import AUTH, CHILD, INFO, INIT, answer_once, ask
from tests.peer.responder import Behaviour, Responder
from tests.sim.world import LTE, WIFI, Accepting, Faults, World, seeded

Make = Callable[..., World]
HOUR = 3600.0


def again(engine: Any, event: ike.ReauthenticationDue, now: float) -> None:
    """Whoever is asked has everything at hand."""
    engine.reauthenticate(engine._config, now)


@pytest.fixture
def connected() -> Make:
    def make(behaviour: Behaviour | None = None, answer: dict[type, Any] | None = None, seed: int = 0,
             faults: Faults | None = None, gateway: ike.EngineConfig = GATEWAY, **changes: Any) -> World:
        client = Succession(replace(CONFIG, **changes), seeded(f"client{seed}"))
        table = Accepting().table() | {ike.ReauthenticationDue: again} | (answer or {})
        world = World(client, Responder(gateway, seeded(f"gateway{seed}"), behaviour), table, seed, faults)
        world.start()
        world.run(5.0)
        assert world.of(ike.Established), world.events
        return world
    return make


def lives(world: World) -> list[Any]:
    return [sa for sa in world.gateway._ctx.sas.values() if sa.state is IkeState.ESTABLISHED]


def installed(world: World) -> set[bytes]:
    """The inbound SPIs that the client receives on now."""
    gone = {event.child.spi_in for event in world.of(ike.ChildRemoved)}
    return {event.child.spi_in for event in world.of(ike.ChildInstalled)} - gone


def reauthenticated(world: World) -> World:
    world.do(lambda: world.client.ask_reauthentication(world.now), 0.5)
    assert world.of(ike.Reauthenticated)
    return world


def heard(world: World, who: str, exchange: int) -> list[bytes]:
    return [data for sender, data, _ in world.sent if sender == who and parse_header(data).exchange == exchange]


# --- it takes over


def test_a_new_ike_sa_takes_over_and_the_old_one_is_deleted(connected: Make) -> None:
    """→ IKE_SA_INIT ← …  → IKE_AUTH ← … (new)  → INFORMATIONAL { D } ← { } (old)"""
    world = connected(mobike=False)
    (old,) = lives(world)
    world.sent.clear()
    reauthenticated(world)
    assert [exchange for who, exchange, _ in world.exchanges() if who == "client"] == [INIT, AUTH, INFO]
    (new,) = lives(world)
    assert (new.spi_i, new.spi_r) != (old.spi_i, old.spi_r)
    event = world.of(ike.Reauthenticated)[-1]
    assert (event.established.spi_i, event.reason) == (new.spi_i, "asked")
    assert len(world.of(ike.Established)) == 1      # for the outside it is one connection


def test_it_begins_on_the_ports_of_the_connection(connected: Make) -> None:
    """RFC 7296 §2.23: from 4500 to 4500, where the NAT's mapping is."""
    world = connected()
    world.sent.clear()
    reauthenticated(world)
    assert {(path.local.port, path.remote.port) for who, _, path in world.sent if who == "client"} == {(4500, 4500)}


def test_the_new_tunnel_stands_before_the_old_one_goes(connected: Make) -> None:
    world = connected()
    (before,) = installed(world)
    reauthenticated(world)
    order = [type(event) for event in world.events if isinstance(event, ike.Reauthenticated | ike.ChildInstalled)]
    assert order == [ike.ChildInstalled, ike.Reauthenticated, ike.ChildInstalled]
    assert before in installed(world)               # packets in flight
    world.run(2.0)
    assert installed(world) == {world.of(ike.ChildInstalled)[-1].child.spi_in}


def test_the_same_virtual_address_is_asked_for_and_no_initial_contact_sent(connected: Make) -> None:
    """RFC 7296 §2.4: with an IKE_SA that is alive INITIAL_CONTACT would be a lie."""
    asked: list[Any] = []

    def config(engine: Any, event: ike.ReauthenticationDue, now: float) -> None:
        addresses = world.of(ike.Established)[0].virtual_ips.addresses
        engine.reauthenticate(replace(engine._config, previous_addresses=addresses, initial_contact=True), now)

    world = connected(answer={ike.ReauthenticationDue: config})
    auth_round = world.gateway._auth_round

    def listening(sa: Any, message: Any, now: float) -> list[Any]:
        asked.append(message)
        return auth_round(sa, message, now)
    world.gateway._auth_round = listening           # type: ignore[method-assign]
    reauthenticated(world)
    assert asked[0].notify(NotifyType.INITIAL_CONTACT) is None
    assert asked[0].payloads[[p.label for p in asked[0].payloads].index("CP(CFG_REQUEST)")].attributes[0] == (
        1, world.of(ike.Established)[0].virtual_ips.addresses[0].ip.packed)


@pytest.mark.parametrize("true", [True, False])
def test_initial_contact_of_the_first_ike_sa(connected: Make, true: bool) -> None:
    """→ IKE_AUTH { …, N(INITIAL_CONTACT) } where it is true (RFC 7296 §2.4)."""
    world = connected(initial_contact=true)
    (state,) = world.gateway._handshakes.values()
    assert (state["request"].notify(NotifyType.INITIAL_CONTACT) is not None) == true


def test_again_and_again(connected: Make) -> None:
    world = connected()
    for _ in range(5):
        reauthenticated(world)
        world.run(5.0)
        assert len(lives(world)) == len(installed(world)) == 1
    assert len(world.of(ike.Reauthenticated)) == 5
    assert not world.client._old
    assert not world.client._lingering


def test_through_loss_and_duplication(connected: Make) -> None:
    for seed in range(8):
        world = connected(seed=seed, faults=Faults(loss=0.2, duplication=0.2, jitter=0.1))
        world.do(lambda world=world: world.client.ask_reauthentication(world.now), 60.0)
        assert world.of(ike.Reauthenticated), seed
        assert len(installed(world)) == 1
        assert not world.of(ike.Failed)


def test_a_gateway_that_closes_the_old_one_first(connected: Make) -> None:
    """← INFORMATIONAL { D } of the old IKE_SA as soon as IKE_AUTH of the new one is done: it keeps one per user."""
    world = connected()
    (old,) = lives(world)
    tunnel = world.gateway._tunnel

    def unique(sa: Any, state: Any, now: float) -> list[Any]:
        from client.core.ikev2.informational import DeleteIke
        payloads = tunnel(sa, state, now)
        world.gateway._ctx.enqueue(old, DeleteIke(world.gateway._ctx, old))
        world.gateway._pump(now)
        return payloads
    world.gateway._tunnel = unique                  # type: ignore[method-assign]
    reauthenticated(world)
    world.run(2.0)
    assert not world.of(ike.Failed)
    assert not world.of(ike.Closed)
    assert len(installed(world)) == 1


def test_leaving_while_it_is_under_way(connected: Make) -> None:
    world = connected()
    world.do(lambda: world.client.ask_reauthentication(world.now), 0.03)
    assert not world.of(ike.Reauthenticated)
    world.do(lambda: world.client.close(world.now), 5.0)
    assert len(world.of(ike.Closed)) == 1
    assert world.client.next_timeout() is None


# --- meanwhile


@pytest.mark.parametrize("after", [0.0, 0.01, 0.03, 0.05, 0.07, 0.09])
def test_a_roam_meanwhile(connected: Make, after: float) -> None:
    """Wherever it is in the exchanges: both IKE_SAs move."""
    world = connected()
    world.do(lambda: world.client.ask_reauthentication(world.now), after)
    world.do(lambda: world.client.set_paths([LTE], world.now), 10.0)
    assert world.of(ike.Reauthenticated)
    assert not world.of(ike.Failed)
    assert world.client._present.path.same_way(LTE)
    assert world.gateway._ctx.sas
    (sa,) = lives(world)
    assert ask(world).payloads == ()                # the gateway reaches it there
    assert sa.children


def test_without_a_network_meanwhile(connected: Make) -> None:
    world = connected(dpd=1e5)
    world.do(lambda: world.client.ask_reauthentication(world.now), 0.01)
    world.do(lambda: world.client.set_paths([], world.now), 30.0)
    world.do(lambda: world.client.set_paths([WIFI], world.now), 10.0)
    assert world.of(ike.Reauthenticated)
    assert not world.of(ike.Failed)


def test_the_old_one_is_rekeyed_only_if_the_new_one_fails(connected: Make) -> None:
    world = connected(answer={ike.ReauthenticationDue: lambda *_: None})
    world.do(lambda: world.client.ask_reauthentication(world.now), 0.1)
    world.drop = lambda _who, data: parse_header(data).exchange == INIT
    world.do(lambda: world.client.reauthenticate(CONFIG, world.now), 0.5)
    world.do(lambda: world.client.rekey_ike(world.now), 20.0)
    assert not world.of(ike.IkeRekeyed)
    world.run(60.0)
    assert world.of(ike.ReauthenticationFailed)
    assert world.of(ike.IkeRekeyed)


def test_the_old_ones_child_is_rekeyed_meanwhile(connected: Make) -> None:
    world = connected()
    world.drop = lambda _who, data: parse_header(data).exchange == INIT
    world.do(lambda: world.client.ask_reauthentication(world.now), 1.0)
    (spi,) = installed(world)
    world.do(lambda: world.client.rekey_child(spi, world.now), 2.0)
    assert len(world.of(ike.ChildInstalled)) == 2
    world.drop = lambda _who, _data: False
    world.run(10.0)
    assert world.of(ike.Reauthenticated)
    assert len(installed(world)) == 1


# --- when


def test_our_own_policy(connected: Make) -> None:
    """Asked ten minutes before the eight hours are over, and so on for ever; rekeying does not move it."""
    world = connected(reauth=8 * HOUR, ike_rekey=3 * HOUR)
    began = world.now
    assert world.of(ike.ReauthenticationAt)[-1].at == pytest.approx(began + 8 * HOUR - 600, abs=10)
    world.run(8 * HOUR - 620)
    assert world.of(ike.IkeRekeyed)
    assert not world.of(ike.ReauthenticationDue)
    world.run(30)
    (due,) = world.of(ike.ReauthenticationDue)
    assert (due.reason, due.deadline) == ("policy", pytest.approx(began + 8 * HOUR, abs=10))
    assert len(world.of(ike.Reauthenticated)) == 1
    world.run(24 * HOUR)
    assert len(world.of(ike.Reauthenticated)) == 4
    assert not world.of(ike.Failed)


def test_nobody_is_there_until_the_end(connected: Make) -> None:
    """The old IKE_SA carries on, is asked about again within its deadline, and ends with it."""
    def nobody(engine: Any, event: ike.ReauthenticationDue, now: float) -> None:
        engine.postpone_reauthentication(Cause.NO_AGENT, "nobody", now)

    world = connected(answer={ike.ReauthenticationDue: nobody}, reauth=HOUR)
    world.run(HOUR - 30)
    assert not world.of(ike.Failed)
    assert 3 <= len(world.of(ike.ReauthenticationDue)) < 10
    assert all(event.deadline == world.of(ike.ReauthenticationDue)[0].deadline
               for event in world.of(ike.ReauthenticationFailed))
    world.run(60)
    assert world.of(ike.Failed) == [ike.Failed(Cause.LOGIN_EXPIRED, "")]
    assert not lives(world)         # told so
    assert world.client.next_timeout() is None


@pytest.mark.parametrize(("cause", "end"), [
    (None, Cause.LOGIN_EXPIRED), (Cause.PROMPT_CANCELLED, Cause.LOGIN_EXPIRED),
    (Cause.PROMPT_UNANSWERED, Cause.LOGIN_EXPIRED), (Cause.CREDENTIAL_UNUSABLE, Cause.LOGIN_EXPIRED),
    (Cause.TOKEN_MISSING, Cause.LOGIN_EXPIRED), (Cause.PIN_LOCKED, Cause.LOGIN_EXPIRED),
    (Cause.NAME_NOT_FOUND, Cause.LIFETIME_EXPIRED)])
@pytest.mark.parametrize("whose", ["policy", "gateway"])
def test_what_the_user_withholds_logs_him_out_in_the_end(connected: Make, cause: Cause | None, end: Cause, whose: str
                                                         ) -> None:
    """Retried by itself is only what he has not been asked for; None: the prompt is still open."""
    def answer(engine: Any, event: ike.ReauthenticationDue, now: float) -> None:
        if cause is not None:
            engine.postpone_reauthentication(cause, "", now)

    behaviour = giving(3600) if whose == "gateway" else None
    world = connected(behaviour, answer={ike.ReauthenticationDue: answer},
                      **({} if whose == "gateway" else {"reauth": HOUR}))
    world.run(HOUR - 30)
    assert not world.of(ike.Failed)
    assert ask(world).payloads == ()                # the old one lives
    if whose == "gateway":
        world.run(30)
        world.do(lambda: world.gateway.close(world.now), 2.0)
        end = end if end is Cause.LOGIN_EXPIRED else Cause.GATEWAY_CLOSED
    else:
        world.run(60)
    assert [event.cause for event in world.of(ike.Failed)] == [end]


def test_a_gateway_that_ends_it_early_is_not_a_missing_login(connected: Make) -> None:
    def answer(engine: Any, event: ike.ReauthenticationDue, now: float) -> None:
        engine.postpone_reauthentication(Cause.PROMPT_CANCELLED, "", now)
    world = connected(giving(3600), answer={ike.ReauthenticationDue: answer})
    world.run(HOUR - 200)
    assert world.of(ike.ReauthenticationFailed)
    world.do(lambda: world.gateway.close(world.now), 2.0)
    assert [event.cause for event in world.of(ike.Failed)] == [Cause.GATEWAY_CLOSED]


@pytest.mark.parametrize(("lifetime", "lead"), [(8 * HOUR, 600.0), (600.0, 60.0), (60.0, 6.0), (20.0, 5.0), (8.0, 4.0)])
def test_how_early_somebody_is_asked(lifetime: float, lead: float) -> None:
    assert reauth.by_policy(1000.0, lifetime).at == 1000.0 + lifetime - lead


def test_what_the_gateway_refused_is_not_tried_again_unasked(connected: Make) -> None:
    """Accounts and cards get locked. The user may try again."""
    world = connected(reauth=HOUR)
    world.gateway.behaviour.auth_error = NotifyType.AUTHENTICATION_FAILED
    world.run(HOUR - 30)
    (failed,) = world.of(ike.ReauthenticationFailed)
    assert (failed.cause, failed.retry_at) == (Cause.USER_REFUSED, None)
    assert len(world.of(ike.ReauthenticationDue)) == 1
    assert not world.of(ike.Failed)
    world.gateway.behaviour.auth_error = 0
    reauthenticated(world)
    world.run(HOUR / 2)
    assert not world.of(ike.Failed)


def test_a_failure_that_may_pass_is_tried_again(connected: Make) -> None:
    """An answer to IKE_SA_INIT that anybody can forge proves nothing about settings that worked (RFC 7296 §2.21.1)."""
    world = connected(reauth=HOUR)
    answer = world.gateway._answer_init
    world.gateway._answer_init = lambda data, path, now: None     # type: ignore[method-assign]
    world.run(HOUR - 200)
    assert world.of(ike.ReauthenticationFailed)[0].cause is Cause.GATEWAY_SILENT
    world.gateway._answer_init = answer                           # type: ignore[method-assign]
    world.run(150)
    assert world.of(ike.Reauthenticated)
    assert not world.of(ike.Failed)


# --- AUTH_LIFETIME (RFC 4478)


def lifetime(seconds: int) -> Notify:
    return Notify.of(NotifyType.AUTH_LIFETIME, seconds.to_bytes(4, "big"))


def giving(seconds: int) -> Behaviour:
    return Behaviour(change_auth=lambda payloads: [*payloads, lifetime(seconds)])


def test_auth_lifetime_of_ike_auth(connected: Make) -> None:
    """→ IKE_AUTH { … } ← { …, N(AUTH_LIFETIME) }: in time, each time."""
    world = connected(giving(3600))
    began = world.now
    assert world.of(ike.ReauthenticationAt)[-1].at == pytest.approx(began + 3240, abs=10)
    world.run(3250)
    assert [event.reason for event in world.of(ike.Reauthenticated)] == ["gateway"]
    world.run(3250)
    assert len(world.of(ike.Reauthenticated)) == 2
    assert len(lives(world)) == 1


def test_auth_lifetime_at_any_time(connected: Make) -> None:
    """← INFORMATIONAL { N(AUTH_LIFETIME) } → { }; the last word counts."""
    world = connected()
    world.run(1000)
    assert ask(world, lifetime(7200)).payloads == ()
    assert ask(world, lifetime(600)).payloads == ()
    world.run(530)
    assert not world.of(ike.ReauthenticationDue)
    world.run(30)
    assert len(world.of(ike.Reauthenticated)) == 1


def test_rekeying_does_not_extend_it(connected: Make) -> None:
    world = connected(giving(3600))
    world.run(3000)
    world.do(lambda: world.client.rekey_ike(world.now), 1)
    assert world.of(ike.IkeRekeyed)
    world.run(320)
    assert world.of(ike.Reauthenticated)


def test_zero_is_at_once_but_not_for_ever(connected: Make) -> None:
    """A gateway that wishes it every second gets it every ten (§5)."""
    world = connected(giving(1))
    world.run(100)
    assert 5 <= len(world.of(ike.Reauthenticated)) <= 10
    world = connected()
    world.run(100)
    ask(world, lifetime(0))
    assert len(world.of(ike.Reauthenticated)) == 1


@pytest.mark.parametrize("data", [b"", b"\0\0\1", bytes(5)])
def test_a_malformed_lifetime_is_none(connected: Make, data: bytes) -> None:
    world = connected()
    assert ask(world, Notify.of(NotifyType.AUTH_LIFETIME, data)).payloads == ()
    assert world.client._due == {}


# --- keys that are not renewed


def refuse_for_ever(world: World, error: int) -> None:
    answer_once(world, *[Notify.of(error)] * 1000)


@pytest.mark.parametrize("error", [NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.NO_ADDITIONAL_SAS,
                                   NotifyType.TEMPORARY_FAILURE])
def test_a_child_that_is_not_renewed(connected: Make, error: int) -> None:
    """→ CREATE_CHILD_SA { N(REKEY_SA) … } ← { N(error) } for ever: a new IKE_SA comes before the old CHILD_SA ends."""
    world = connected(child_rekey=600.0, child_expire=660.0, pfs_groups=(19,))
    real = world.gateway._answer

    def refuse(sa: Any, message: Any, now: float) -> list[Any]:
        return [Notify.of(error)] if message.exchange == CHILD else real(sa, message, now)
    world.gateway._answer = refuse                  # type: ignore[method-assign]
    (old,) = installed(world)
    world.run(640)
    (event,) = world.of(ike.Reauthenticated)
    assert event.reason == "not-renewed"
    assert old not in installed(world)
    assert not world.of(ike.Failed)
    world.run(3 * HOUR)
    assert not world.of(ike.Failed)
    assert len(installed(world)) <= 2


def test_an_ike_sa_that_is_not_renewed(connected: Make) -> None:
    world = connected(ike_rekey=1000.0)
    real = world.gateway._answer

    def refuse(sa: Any, message: Any, now: float) -> list[Any]:
        return [Notify.of(NotifyType.NO_PROPOSAL_CHOSEN)] if message.exchange == CHILD else real(sa, message, now)
    world.gateway._answer = refuse                  # type: ignore[method-assign]
    world.run(1090)
    assert [event.reason for event in world.of(ike.Reauthenticated)] == ["not-renewed"]
    assert not world.of(ike.Failed)


def test_what_is_renewed_needs_no_new_ike_sa(connected: Make) -> None:
    world = connected(child_rekey=600.0, child_expire=660.0, ike_rekey=1000.0)
    world.run(10 * HOUR)
    assert not world.of(ike.ReauthenticationDue)
    assert len(world.of(ike.ChildInstalled)) > 50


def test_the_old_one_is_deleted_under_itself(connected: Make) -> None:
    world = connected(mobike=False)
    (old,) = lives(world)
    seen: list[Any] = []
    answer = world.gateway._answer

    def listening(sa: Any, message: Any, now: float) -> list[Any]:
        seen.append((sa, message.payloads))
        return answer(sa, message, now)
    world.gateway._answer = listening               # type: ignore[method-assign]
    reauthenticated(world)
    assert [(sa is old, [type(p) for p in payloads]) for sa, payloads in seen] == [(True, [Delete])]
