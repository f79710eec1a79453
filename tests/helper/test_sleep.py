"""The machine wakes: who notices, how often it is said, and what a connection then does. Clocks are the test's."""

import asyncio
import functools
import time
from pathlib import Path

import pytest

from client.core.helper.sleep import ONE_WAKE, SleepWatch
from client.core.platform.clock import ClockWatch
from tests.helper import test_connection_review as review
from tests.helper.test_connection_review import Rig, in_loop

rig = review.rig


class Clocks:
    """A machine that sleeps by order."""

    def __init__(self) -> None:
        self.awake = 1000.0
        self.slept = 50.0
        self.woken: list[float] = []
        self.watch = SleepWatch(self.woken.append, lambda: self.awake + self.slept, lambda: self.awake)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_logind_and_the_clocks_are_one_waking(clocks: Clocks) -> None:
    clocks.watch.prepare_for_sleep(True)
    assert clocks.woken == []
    clocks.slept += 600
    assert clocks.watch.look()                  # the kernel's word comes first
    clocks.awake += 0.2
    clocks.watch.prepare_for_sleep(False)
    assert clocks.woken == [pytest.approx(600)]
    clocks.watch.prepare_for_sleep(True)        # and again, soon after
    clocks.slept += 30
    clocks.watch.prepare_for_sleep(False)
    assert not clocks.watch.look()
    assert clocks.woken == [pytest.approx(600), pytest.approx(30)]


def test_either_is_enough(clocks: Clocks) -> None:
    clocks.slept += 600
    assert clocks.watch.look()
    clocks.awake += ONE_WAKE + 1
    clocks.watch.prepare_for_sleep(True)
    clocks.watch.prepare_for_sleep(False)       # called off, or in a container, whose clocks show nothing
    assert clocks.woken == [pytest.approx(600), 0.0]


def test_a_clock_that_was_set_is_no_sleep(clocks: Clocks) -> None:
    assert not clocks.watch.look()
    clocks.slept += 0.01
    assert not clocks.watch.look()
    assert clocks.woken == []


def test_the_kernels_timer_is_armed_silent_and_given_back() -> None:
    """That it fires when the clock is set can only be seen by setting the machine's."""
    heard: list[bool] = []

    def about(fd: int) -> str:
        return Path(f"/proc/self/fdinfo/{fd}").read_text()

    async def scene() -> int:
        watch = ClockWatch(lambda: heard.append(True))
        watch.start()
        fd = watch._fd
        assert "clockid: 0" in about(fd)             # CLOCK_REALTIME
        assert "settime flags: 03" in about(fd)      # absolute, cancelled when the clock is set
        await asyncio.sleep(0.05)
        watch.close()
        watch.close()
        return fd

    fd = asyncio.run(scene())
    assert heard == []
    with pytest.raises(FileNotFoundError):
        about(fd)


class Bed:
    """CLOCK_BOOTTIME of a machine that sleeps by order, for the rig."""

    def __init__(self, rig: Rig) -> None:
        self.slept = 0.0
        self.rig = rig
        rig.surface.now = lambda: time.monotonic() + self.slept
        rig.connection._around = review.replace(rig.connection._around, clock=rig.surface.now)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.rig.connection.woke(seconds)


def exchanges(rig: Rig) -> int:
    (sa,) = rig.surface.gateway._ctx.sas.values()
    return sa.window.next_peer_id


@in_loop
async def test_after_a_sleep_the_gateway_is_asked_once_and_nobody_else(rig: Rig) -> None:
    bed = Bed(rig)
    await rig.connected()
    ike_sa, before = rig.connection.state().ike, exchanges(rig)
    bed.sleep(600)
    await rig.until(lambda: exchanges(rig) > before)
    await asyncio.sleep(0.1)
    assert exchanges(rig) == before + 1         # the liveness check that was due meanwhile is this one
    assert rig.connection.state().ike == ike_sa
    assert rig.surface.prepared == 1
    assert rig.surface.states()[-1] == "connected"


@in_loop
async def test_a_timer_that_expired_in_sleep_fires_at_once_and_once(rig: Rig) -> None:
    """The event loop's own would come later by as much as it had left when the machine fell asleep."""
    bed = Bed(rig)
    await rig.connected()
    (old,) = rig.connection.state().children
    bed.sleep(3590)             # the CHILD_SA's hour is over, but for the 10 % that it lasts longer
    await rig.until(lambda: rig.connection.state().counters.rekeys)
    await rig.until(lambda: [child.spi_in for child in rig.connection.state().children] != [old.spi_in])
    await asyncio.sleep(0.1)
    assert rig.connection.state().counters.rekeys == 1
    assert rig.surface.prepared == 1


@in_loop
async def test_keys_that_expired_in_sleep_are_renewed_where_the_gateway_still_has_them(rig: Rig) -> None:
    """Two hours of sleep are no reason to ask somebody for a password."""
    bed = Bed(rig)
    await rig.connected()
    (old,) = rig.connection.state().children
    bed.sleep(2 * 3600)
    await rig.until(lambda: rig.connection.state().counters.rekeys)
    await rig.until(lambda: [child.spi_in for child in rig.connection.state().children] != [old.spi_in])
    await asyncio.sleep(0.1)
    assert (rig.connection.state().counters.rekeys, rig.connection.state().counters.reauths) == (1, 0)
    assert rig.surface.prepared == 1


@in_loop
async def test_a_night_costs_two_rekeyings(rig: Rig) -> None:
    """IKE_SA and CHILD_SA, which were both due."""
    bed = Bed(rig)
    await rig.connected()
    bed.sleep(7 * 3600)
    await rig.until(lambda: rig.connection.state().counters.rekeys == 2)
    await asyncio.sleep(0.1)
    assert rig.connection.state().counters.reauths == 0
    assert rig.surface.prepared == 1
    assert rig.surface.states()[-1] == "connected"


@in_loop
async def test_a_sleep_ends_the_wait_between_two_attempts(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BACK_OFF", (60.0,)), ("EAGER_WAIT", 60.0)):
        monkeypatch.setattr(review.monitor, name, value)
    bed = Bed(rig)
    await rig.connected()
    before = rig.surface.prepared
    rig.surface.gateway.close(rig.surface.now())
    assert rig.surface.transport is not None
    rig.surface.transport.pump()
    await rig.until(lambda: rig.surface.states()[-1] == "reconnecting")
    rig.surface.gateway = review.Responder(review.GATEWAY, review.seeded("after"), review.Behaviour())
    bed.sleep(600)
    await rig.until(functools.partial(rig.surface.is_connected_again, before))


@in_loop
async def test_awake_without_a_network_it_waits_for_one(rig: Rig) -> None:
    bed = Bed(rig)
    await rig.connected()
    ike_sa = rig.connection.state().ike
    rig.surface.candidates, there = [], rig.surface.candidates
    bed.sleep(600)
    assert rig.connection.state().state == "offline"
    rig.surface.candidates = there
    rig.connection.network_changed(review.NetworkChange(frozenset({"route"})))
    await rig.until(lambda: rig.connection.state().state == "connected")
    assert rig.connection.state().ike == ike_sa
    assert rig.surface.prepared == 1
