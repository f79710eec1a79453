"""A connection when things go wrong around it. Real event loop, real engine, a gateway in the same process.

The transport, the host and the agent are small fakes: what is tested here needs failures at exact moments, which
neither a TUN device nor a strongSwan can be asked for.
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from client.core.datapath.base import DataPathStats
from client.core.datapath.child_process import Nursery
from client.core.helper import connection as module
from client.core.helper import gateways, monitor
from client.core.helper.agents import Prepared
from client.core.helper.connection import Connection
from client.core.helper.ladder import Memory
from client.core.helper.surroundings import Surroundings
from client.core.helper.transport import Callbacks
from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from client.core.platform.netmon import NetworkChange
from client.core.platform.paths import Candidate
from client.model.cause import Cause, RoveError
from client.model.endpoint import Endpoint
from client.model.profile import parse_profile
from tests.ikev2.conftest import GATEWAY
from tests.peer.responder import Behaviour, Responder
from tests.sim.world import seeded

PROFILE = parse_profile("""
version = 1
name = "work"
[gateway]
address = ["192.0.2.1"]
identity = "gw.test"
[user]
auth = "psk"
identity = "alice@test"
""")


@dataclass
class Surface:
    """Everything around one connection; what it did, and how it is to go wrong."""

    gateway: Responder
    raise_on_install: Exception | None = None
    host_error: RoveError | None = None
    signatures: tuple[str, ...] = ()
    candidates: list[Candidate] = field(default_factory=lambda: [Candidate("wifi0", "192.168.1.10", "192.0.2.1")])
    uplink: bool = False        # something leads out of the host, if not to the gateway
    resolve_error: RoveError | None = None
    looked_up: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    prepared: int = 0
    outcomes: list[bool] = field(default_factory=list)
    transport: "FakeTransport | None" = None
    installed: set[bytes] = field(default_factory=set)
    applied: list[Any] = field(default_factory=list)
    now: Callable[[], float] = time.monotonic

    def states(self) -> list[str]:
        return [event["state"]["state"] for event in self.events if event["kind"] == "state"]

    def is_connected_again(self, prepared: int) -> bool:
        return self.prepared > prepared and self.states()[-1] == "connected"

    def final(self) -> str:
        return next(str(event["code"]) for event in self.events if event["kind"] == "error" and event["final"])


class FakeTransport:
    """Carries datagrams to and from the gateway; its data path counts SAs."""

    def __init__(self, surface: Surface, callbacks: Callbacks) -> None:
        self.surface, self.callbacks = surface, callbacks
        self.data_path = self
        self.closed = False
        self.bound: list[tuple[ike.Path, bool]] = []
        self.limits: list[int] = []
        surface.transport = self

    async def start(self) -> None:
        pass

    def path(self, interface: str, local: str, gateway: str, mtu: int = 1500, index: int = 0) -> ike.Path:
        return ike.Path(Endpoint(local, 500), Endpoint(gateway, 500), interface)

    def send(self, *datagrams: ike.Datagram) -> None:
        for datagram in datagrams:
            asyncio.get_running_loop().call_soon(self._deliver, datagram)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        yield

    def when_settled(self, then: Callable[[], None]) -> None:
        then()

    def _deliver(self, datagram: ike.Datagram) -> None:
        path = ike.Path(datagram.path.remote, datagram.path.local)
        self.surface.gateway.receive_datagram(datagram.data, path, self.surface.now())
        self.pump()

    def pump(self) -> None:
        for answer in self.surface.gateway.datagrams_to_send(self.surface.now()):
            if not self.closed:
                asyncio.get_running_loop().call_soon(
                    self.callbacks.datagram, answer.data, ike.Path(answer.path.remote, answer.path.local))

    def set_patience(self, seconds: float) -> None:
        pass

    def rebind(self, path: ike.Path, nat: bool) -> None:
        self.bound.append((path, nat))

    def set_limit(self, octets: int) -> None:
        self.limits.append(octets)

    async def open_stream(self, way: ike.Path, port: int) -> ike.Path:
        raise ConnectionRefusedError

    def close_stream(self) -> None:
        pass

    def keep_alive(self, nat: bool) -> None:
        pass

    def stats(self) -> DataPathStats:
        return DataPathStats((), (), 0.0, 0.0, 0)

    def install_inbound(self, sa: Any) -> None:
        if self.surface.raise_on_install is not None:
            raise self.surface.raise_on_install
        self.surface.installed.add(sa.spi)

    install_outbound = install_inbound

    def remove(self, spi: bytes) -> None:
        self.surface.installed.discard(spi)

    async def close(self) -> None:
        self.closed = True


class FakeAgent:
    def __init__(self, surface: Surface) -> None:
        self.surface = surface

    async def prepare(self, reason: str, deadline: float) -> Prepared:
        self.surface.prepared += 1
        return Prepared((), self.surface.signatures, "")

    async def psk_auth(self, prf: str, octets: bytes) -> bytes:
        return auth.psk_auth(prf, b"secret", octets)

    def outcome(self, *, accepted: bool) -> None:
        self.surface.outcomes.append(accepted)

    def cancel(self) -> None:
        pass


class FakeHost:
    def __init__(self, surface: Surface) -> None:
        self.surface = surface

    async def apply(self, config: Any) -> tuple[()]:
        if self.surface.host_error is not None:
            raise self.surface.host_error
        self.surface.applied.append(config)
        return ()

    async def remove(self, index: int) -> None:
        pass


@dataclass
class Rig:
    surface: Surface
    connection: Connection

    async def until(self, what: Callable[[], object]) -> None:
        """Everything that changes here tells nobody, so it is looked at again and again."""
        async with asyncio.timeout(10):
            while not what():           # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def connected(self) -> "Rig":
        self.connection.start()
        await self.until(lambda: "connected" in self.surface.states())
        return self


def in_loop(scene: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test in an event loop of its own; the connection is ended after it."""
    @functools.wraps(scene)
    def run(rig: Rig, **others: Any) -> None:
        async def whole() -> None:
            try:
                await scene(rig, **others)
            finally:
                await rig.connection.disconnect()

        asyncio.run(whole())
    return run


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    surface = Surface(Responder(GATEWAY, seeded("gateway"), Behaviour()))
    monkeypatch.setattr(module, "Transport",
                        lambda _interface, _mark, callbacks, _nursery, **_more: FakeTransport(surface, callbacks))
    monkeypatch.setattr(module, "candidate_paths", lambda _gateways, _mark: surface.candidates)
    monkeypatch.setattr(monitor, "EAGER_WAIT", 0.01)
    monkeypatch.setattr(monitor, "BACK_OFF", (0.01, 0.05))
    monkeypatch.setattr(module, "any_uplink", lambda _gateways, _mark: bool(surface.uplink or surface.candidates))

    async def resolve(names: tuple[str, ...], mark: int, skip: object = ()) -> tuple[str, ...]:
        surface.looked_up += 1
        if surface.resolve_error is not None:
            raise surface.resolve_error
        return names

    monkeypatch.setattr(gateways, "resolve", resolve)
    agent: Any = FakeAgent(surface)
    connection = Connection(PROFILE, agent, 0.0, Surroundings(
        FakeHost(surface), surface.events.append, lambda _level, _text: None, Nursery(), Memory(), 0, "rove0", 1,
        clock=surface.now, random=seeded("client")))
    return Rig(surface, connection)


@in_loop
async def test_connects(rig: Rig) -> None:
    await rig.connected()
    assert len(rig.surface.installed) == 2


@pytest.mark.parametrize("error", [RoveError(Cause.INTERNAL, "too many"), ValueError("cannot be said")])
@in_loop
async def test_an_error_under_the_loop_ends_the_attempt(rig: Rig, error: Exception) -> None:
    """Raised from a reader's callback it would be nobody's, and the attempt would hang."""
    await rig.connected()
    rig.surface.raise_on_install = error
    (sa,) = rig.surface.gateway._ctx.sas.values()
    rig.surface.gateway.rekey_child(next(iter(sa.children)), rig.surface.now())
    assert rig.surface.transport is not None
    rig.surface.transport.pump()
    await rig.until(lambda: not rig.connection.active)
    assert rig.surface.final() == Cause.INTERNAL.code


@in_loop
async def test_an_agent_that_offers_to_sign_by_nonsense(rig: Rig) -> None:
    rig.surface.signatures = ("rot13",)
    rig.connection.start()
    await rig.until(lambda: not rig.connection.active)
    assert rig.surface.final() == Cause.CREDENTIAL_UNUSABLE.code


@in_loop
async def test_a_host_that_refuses_is_told_to_the_gateway(rig: Rig) -> None:
    """Else the gateway keeps an IKE_SA that nobody uses, and its address, for hours."""
    rig.surface.host_error = RoveError(Cause.HOST_SETUP, "no nft")
    rig.connection.start()
    await rig.until(lambda: not rig.connection.active)
    assert rig.surface.final() == Cause.HOST_SETUP.code
    await rig.until(lambda: not rig.surface.gateway._ctx.sas)


@in_loop
async def test_a_data_path_that_dies_between_attempts_ends_the_connection(
        rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the next attempt, and all after that, would hear nothing."""
    monkeypatch.setattr(monitor, "BACK_OFF", (5.0,))
    await rig.connected()
    rig.surface.gateway.close(rig.surface.now())
    assert rig.surface.transport is not None
    rig.surface.transport.pump()
    await rig.until(lambda: "reconnecting" in rig.surface.states())
    rig.surface.transport.callbacks.failed("died six times")
    await rig.until(lambda: not rig.connection.active)
    assert rig.surface.final() == Cause.INTERNAL.code


@in_loop
async def test_reconnects_and_leaves_no_sas_behind(rig: Rig) -> None:
    await rig.connected()
    for _ in range(3):
        before = rig.surface.prepared
        rig.surface.gateway.close(rig.surface.now())
        assert rig.surface.transport is not None
        rig.surface.transport.pump()
        await rig.until(lambda: rig.surface.gateway._ctx.finished)
        rig.surface.gateway = Responder(GATEWAY, seeded(f"gateway{before}"), Behaviour())
        await rig.until(functools.partial(rig.surface.is_connected_again, before))
    assert len(rig.surface.installed) == 2


@in_loop
async def test_without_any_uplink_it_is_offline_at_once_and_then_goes_on(rig: Rig) -> None:
    await rig.connected()
    ike_sa = rig.connection.state().ike
    rig.surface.candidates, there = [], rig.surface.candidates
    rig.connection.network_changed(NetworkChange(frozenset({"link"})))
    assert rig.surface.states()[-1] == rig.connection.state().state == "offline"
    rig.surface.candidates = there
    rig.connection.network_changed(NetworkChange(frozenset({"link"})))
    await rig.until(lambda: rig.surface.states()[-1] == "connected")
    assert rig.connection.state().ike == ike_sa


@in_loop
async def test_offline_before_the_host_is_ready_is_not_connected(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = asyncio.Event()

    async def apply(_self: FakeHost, config: Any) -> tuple[()]:
        await ready.wait()
        return ()

    monkeypatch.setattr(FakeHost, "apply", apply)
    rig.connection.start()
    await rig.until(lambda: any(e.get("step") == "established" for e in rig.surface.events))
    rig.surface.candidates = []
    rig.connection.network_changed(NetworkChange(frozenset({"link"})))
    ready.set()
    await rig.until(lambda: "offline" in rig.surface.states())
    assert "connected" not in rig.surface.states()


@in_loop
async def test_a_replaced_child_is_not_shown_while_it_still_receives(rig: Rig) -> None:
    await rig.connected()
    (old,) = rig.connection.state().children
    rig.connection.rekey("child")
    await rig.until(lambda: rig.connection.state().counters.rekeys)
    (new,) = rig.connection.state().children
    assert new.spi_in != old.spi_in
    assert len(rig.surface.installed) == 4      # the old one takes what was in flight
    await rig.until(lambda: len(rig.surface.installed) == 2)
    assert [child.spi_in for child in rig.connection.state().children] == [new.spi_in]


@in_loop
async def test_there_is_nothing_to_renew_before_it_is_up(rig: Rig) -> None:
    with pytest.raises(RoveError) as error:
        rig.connection.rekey("child")
    assert error.value.cause is Cause.NOT_CONNECTED


@in_loop
async def test_roaming_before_the_host_is_ready_is_not_connected(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = asyncio.Event()

    async def apply(_self: FakeHost, config: Any) -> tuple[()]:
        await ready.wait()
        return ()

    monkeypatch.setattr(FakeHost, "apply", apply)
    rig.connection.start()
    await rig.until(lambda: any(e.get("step") == "established" for e in rig.surface.events))
    rig.surface.candidates = [Candidate("lte0", "100.64.0.10", "192.0.2.1")]
    rig.connection.network_changed(NetworkChange(frozenset({"route"})))
    await rig.until(lambda: any(e.get("step") == "roamed" for e in rig.surface.events))
    assert "connected" not in rig.surface.states()
    ready.set()
    await rig.until(lambda: rig.surface.states()[-1] == "connected")


@in_loop
async def test_renewed_selectors_reach_the_host(rig: Rig) -> None:
    """A gateway may narrow the selectors when it renews a CHILD_SA; routes follow."""
    await rig.connected()
    assert len(rig.surface.applied) == 1
    gateway = rig.surface.gateway
    (sa,) = gateway._ctx.sas.values()
    (child,) = sa.children.values()
    child.wanted = replace(child.wanted, local_ts=child.wanted.local_ts[:1])
    gateway.rekey_child(child.spi_in, rig.surface.now())
    assert rig.surface.transport is not None
    rig.surface.transport.pump()
    await rig.until(lambda: len(rig.surface.installed) > 2 or len(rig.surface.applied) > 1)
    await rig.until(lambda: len(rig.surface.applied) > 1)
