"""The ladder on a network that lets some of it through; the event loop's clock jumps from timer to timer."""

import asyncio
import errno
import selectors
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from client.core.helper import climb as module
from client.core.helper.climb import Climb
from client.core.helper.ladder import MAX_NETWORKS, Known, Memory, Rung, rungs
from client.core.ikev2.events import Path
from client.core.platform.paths import Candidate
from client.model.endpoint import Endpoint
from client.model.profile import Roaming

WIFI = Candidate("wifi0", "192.168.1.10", "192.0.2.1", router="192.168.1.1", index=2)
LTE = Candidate("lte0", "100.64.0.10", "192.0.2.1", router="100.64.0.1", index=3)
UDP500, UDP4500, TCP4500, TCP443 = Rung("udp", 500), Rung("udp", 4500), Rung("tcp", 4500), Rung("tcp", 443)


UDP = Path(Endpoint(WIFI.local, 4500), Endpoint(WIFI.gateway, 4500), "wifi0")


class Jumping(asyncio.SelectorEventLoop):
    """Waits for nobody: time is when the next timer is due."""

    def __init__(self) -> None:
        super().__init__(_Selector(self))
        self.at = 1000.0

    def time(self) -> float:
        return self.at


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: Jumping) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self._loop.at += timeout
        return super().select(0)


class Scene:
    """An engine that notes what it is given, and a network: ``open`` are the TCP ports that answer."""

    def __init__(self, roaming: Roaming | None = None, memory: Memory | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.begun = self.loop.time()
        self.open: set[int] = set()
        self.silent: set[int] = set()
        self.opened: list[tuple[str, int]] = []
        self.closed = 0
        self.again = 0
        self.asked: list[tuple[int, str, int]] = []
        self.busy = False
        self.candidates = [WIFI]
        self.given: list[tuple[float, list[tuple[str, int]]]] = []
        self.climb = Climb(roaming or Roaming(), memory if memory is not None else Memory(), self._follow, self._again,
                           self._ask, lambda _what, _detail: None)

    def begin(self) -> None:
        self.climb.begin(self, self.candidates)
        self._follow()

    def _again(self) -> None:
        self.again += 1

    def _ask(self, path: Path) -> bool:
        self.asked.append((round(self.loop.time() - self.begun), path.transport, path.remote.port))
        return not self.busy

    def _follow(self) -> None:
        self.paths = self.climb.paths(self.candidates)
        shown = [(path.transport, path.remote.port) for path in self.paths]
        if not self.given or self.given[-1][1] != shown:
            self.given.append((round(self.loop.time() - self.begun, 1), shown))

    @property
    def now(self) -> list[tuple[str, int]]:
        return self.given[-1][1]

    # --- StreamMaker ---

    def path(self, interface: str, local: str, gateway: str, mtu: int = 1500, index: int = 0) -> Path:
        return Path(Endpoint(local, 500), Endpoint(gateway, 500), interface, mtu=mtu, index=index)

    async def open_stream(self, way: Path, port: int) -> Path:
        await asyncio.sleep(0.04)
        if port in self.silent:
            await asyncio.sleep(1000)
        if port not in self.open:
            raise ConnectionRefusedError
        self.opened.append((way.interface, port))
        return replace(way, local=Endpoint(way.local.address, 40_000 + len(self.opened)),
                       remote=Endpoint(way.remote.address, port), transport="tcp")

    def close_stream(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def no_netlink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "network_fingerprint", lambda interface, router, _local: f"{interface}|{router}")


def in_loop(scene: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=Jumping) as runner:
        runner.run(scene())


def test_the_order_of_the_rungs() -> None:
    assert rungs(Roaming()) == (UDP500, UDP4500, TCP4500, TCP443)
    assert rungs(Roaming(("tcp", "udp"), 8443)) == (Rung("tcp", 8443), TCP4500, TCP443, UDP500, UDP4500)
    assert rungs(Roaming(("esp", "udp"))) == (UDP500, UDP4500)
    assert rungs(Roaming(("tcp",), 443)) == (TCP443, TCP4500)


def test_nobody_answers_and_tcp_is_there_within_four_seconds() -> None:
    """RFC 9329 §6.1: UDP was repeated before; and round it goes"""
    async def scene() -> None:
        world = Scene()
        world.open = {443}
        world.begin()
        await asyncio.sleep(3.5)
        assert world.given == [(0.0, [("udp", 500)]), (1.5, [("udp", 4500)]), (2.8, [("tcp", 443)])]
        await asyncio.sleep(5)
        assert world.given[3][1] == [("udp", 500)]
        assert world.closed >= 1
    in_loop(scene)


def test_a_port_that_swallows_everything_costs_three_seconds() -> None:
    async def scene() -> None:
        world = Scene()
        world.open, world.silent = {443}, {4500}
        world.begin()
        await asyncio.sleep(6)
        assert world.given[-1] == (5.7, [("tcp", 443)])
    in_loop(scene)


def test_refusals_hurry_through_the_first_round_and_no_further() -> None:
    """ICMP proves nothing: whoever forges it gets us to try TCP, once"""
    async def scene() -> None:
        world = Scene()
        world.begin()
        for _ in range(200):
            for port in (500, 4500):
                world.climb.refused(port, errno.ECONNREFUSED)
            await asyncio.sleep(0.05)
        assert world.given[1][0] <= 0.2
        assert len(world.given) <= 4
        world.climb.refused(500, errno.EMSGSIZE)
        await asyncio.sleep(0.1)
        assert world.now == [("udp", 500)]
    in_loop(scene)


def test_an_answer_ends_the_climb() -> None:
    async def scene() -> None:
        world = Scene()
        world.begin()
        await asyncio.sleep(1)
        world.climb.answered()
        world.climb.established(world.paths[0])
        await asyncio.sleep(60)
        assert world.given == [(0.0, [("udp", 500)])]
    in_loop(scene)


def test_what_worked_here_is_tried_first_next_time_and_elsewhere_not() -> None:
    async def scene() -> None:
        memory = Memory()
        world = Scene(memory=memory)
        world.open = {4500}
        world.begin()
        await asyncio.sleep(3)
        world.climb.answered()
        world.climb.end()
        again = Scene(memory=memory)
        again.open = {4500}
        again.begin()
        await asyncio.sleep(0.1)
        assert again.now == [("tcp", 4500)]
        elsewhere = Scene(memory=memory)
        elsewhere.candidates = [LTE]
        elsewhere.begin()
        await asyncio.sleep(1)
        assert elsewhere.now == [("udp", 500)]
    in_loop(scene)


def test_another_network_before_there_is_an_answer() -> None:
    async def scene() -> None:
        world = Scene()
        world.open = {4500}
        world.begin()
        await asyncio.sleep(3)
        assert world.now == [("tcp", 4500)]
        world.candidates = [LTE]
        world._follow()
        assert (world.now, world.closed) == ([("udp", 500)], 1)
        await asyncio.sleep(3)
        assert world.opened[-1] == ("lte0", 4500)
        assert world.now == [("tcp", 4500)]
    in_loop(scene)


def standing(world: Scene) -> None:
    world.begin()
    world.climb.answered()
    world.climb.established(world.paths[0].natt())


def test_udp_falls_silent_and_tcp_is_brought_in() -> None:
    """§8.1: UDP is asked again and again; where it answers the engine goes back, and then the connection is closed"""
    async def scene() -> None:
        world = Scene()
        world.open = {4500}
        standing(world)
        world.climb.silent()
        await asyncio.sleep(0.1)
        assert world.now == [("tcp", 4500)]
        world.climb.moved(world.paths[0], confirmed=False)
        world.climb.moved(world.paths[0], confirmed=True)
        await asyncio.sleep(100)
        assert world.asked == [(at, "udp", 4500) for at in (5, 15, 35, 65, 95)]
        assert world.now == [("tcp", 4500)]
        world.climb.way_answers(UDP)
        assert (world.now, world.closed) == ([("udp", 500)], 0)
        world.climb.moved(UDP, confirmed=False)
        world.climb.moved(UDP, confirmed=True)
        assert world.closed == 1
        await asyncio.sleep(100)
        assert len(world.asked) == 5
    in_loop(scene)


def test_udp_answers_once_and_is_silent_again() -> None:
    async def scene() -> None:
        world = Scene()
        world.open = {4500}
        standing(world)
        world.climb.silent()
        await asyncio.sleep(0.1)
        world.climb.moved(world.paths[0], confirmed=True)
        world.climb.way_answers(UDP)
        world.climb.moved(UDP, confirmed=False)
        await asyncio.sleep(module.DOUBT + 0.2)
        assert world.now == [("tcp", 4500)]
        assert len(world.opened) == 2
    in_loop(scene)


def test_while_something_else_is_said_udp_is_asked_a_little_later() -> None:
    async def scene() -> None:
        world = Scene()
        world.open = {4500}
        world.begin()
        await asyncio.sleep(3)
        on_tcp(world)
        world.busy = True
        await asyncio.sleep(6)
        world.busy = False
        assert len(world.asked) == 3
        await asyncio.sleep(5)
        assert len(world.asked) == 4
    in_loop(scene)


def test_a_new_network_is_given_a_moment_for_udp() -> None:
    async def scene() -> None:
        world = Scene()
        world.open = {4500}
        standing(world)
        world.candidates = [LTE]
        world._follow()
        world.climb.moved(world.paths[0].natt(), confirmed=False)
        await asyncio.sleep(module.DOUBT - 0.2)
        assert not world.opened
        await asyncio.sleep(0.4)
        assert world.opened == [("lte0", 4500)]
    in_loop(scene)


def test_udp_that_answers_after_all_needs_no_tcp() -> None:
    async def scene() -> None:
        world = Scene()
        standing(world)
        world.climb.silent()        # nothing is open: tried on and on
        await asyncio.sleep(5)
        world.climb.heard()
        world.open = {4500}
        await asyncio.sleep(60)
        assert not world.opened
    in_loop(scene)


def on_tcp(world: Scene) -> None:
    world.climb.answered()
    world.climb.established(world.paths[-1])


def test_a_lost_connection_is_made_again_for_the_same_ike_sa() -> None:
    """§7.1, §7.2"""
    async def scene() -> None:
        world = Scene(Roaming(("tcp",)))
        world.open = {4500}
        world.begin()
        await asyncio.sleep(0.5)
        on_tcp(world)
        world.climb.stream_lost(errno.ECONNRESET)
        await asyncio.sleep(0.5)
        assert (world.opened, world.again) == ([("wifi0", 4500)] * 2, 1)
        assert world.paths[0].local.port == 40_002
    in_loop(scene)


def test_a_connection_that_does_not_come_back_leaves_it_to_udp() -> None:
    async def scene() -> None:
        world = Scene()
        world.open = {4500}
        world.begin()
        await asyncio.sleep(3)
        on_tcp(world)
        world.open = set()
        world.climb.stream_lost(0)
        await asyncio.sleep(module.STALE + 5)
        assert world.now == [("udp", 500)]
    in_loop(scene)


def test_where_the_profile_wants_tcp_alone_nothing_else_is_given() -> None:
    async def scene() -> None:
        world = Scene(Roaming(("tcp",)))
        world.begin()
        await asyncio.sleep(20)
        world.open = {443}
        await asyncio.sleep(40)
        on_tcp(world)
        world.candidates = [LTE]
        world._follow()
        await asyncio.sleep(1)
        assert world.opened[-1] == ("lte0", 443)
        assert {transport for _, paths in world.given for transport, _ in paths} == {"tcp"}
        assert world.now == [("tcp", 443)]
        world.candidates = []
        world._follow()
        assert world.now == []
    in_loop(scene)


def test_the_end_leaves_nothing_behind() -> None:
    async def scene() -> None:
        world = Scene()
        world.open = {4500}
        world.begin()
        await asyncio.sleep(2.72)       # amid the handshake
        world.climb.end()
        await asyncio.sleep(60)
        assert len(asyncio.all_tasks()) == 1
        assert not world.opened
    in_loop(scene)


def test_the_memory_is_bounded() -> None:
    memory = Memory()
    for number in range(500):
        memory.learn(f"net{number}", "gw", rung=TCP443)
        memory.learn("home", "gw", mtu=1492)
    assert len(memory) == MAX_NETWORKS
    assert memory.of("home", "gw") == Known(None, 1492)
    assert memory.of("net1", "gw") == Known()
    assert memory.of("net499", "gw").rung == TCP443
