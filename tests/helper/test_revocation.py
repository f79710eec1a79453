"""Who is asked whether a gateway was revoked, in which order, for how long, and what is remembered.

The network is a table of answers: tests/helper/test_fetch.py and the lab have real ones.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from client.core.helper import revocation as module
from client.core.helper import status_check
from client.core.helper.fetch_rules import FetchError
from client.core.helper.revocation import NOT_AGAIN, REMEMBER, Result, Revocation, Uplink
from client.core.helper.status_check import StatusCheck
from client.core.pki.certificate import Certificate
from client.core.pki.revocation import Status
from client.model.cause import Cause, Finding, RoveError
from tests.pki.factory import DAY, NOW, Issued, make_ca
from tests.pki.lists import CRL_URL, OCSP_URL, crl_points, entry, make_crl, make_ocsp, make_responder, ocsp_at

ROOT = make_ca("Root")
SUB_URL = "http://pki.lab.test/root.crl"
SUB = ROOT.issue("Sub", ca=True, extensions=(crl_points(SUB_URL),))
LEAF = SUB.issue("gw", extensions=(ocsp_at(OCSP_URL), crl_points(CRL_URL)))
PLAIN = ROOT.issue("gw")
GOOD, REVOKED, UNKNOWN = Status.GOOD, Status.REVOKED, Status.UNKNOWN
SUB_GOOD = make_crl(ROOT)
LEAF_REVOKED = make_ocsp(LEAF, SUB, revoked=NOW - DAY)


def path(*issued: Issued) -> tuple[Certificate, ...]:
    return tuple(one.parsed for one in issued)


CHAIN = path(LEAF, SUB, ROOT)


@dataclass
class Network:
    """``answers``: by URL, octets, or an error, or None for silence."""

    answers: dict[str, bytes | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    uplinks: set[tuple[int, Any]] = field(default_factory=set)
    cancelled: list[str] = field(default_factory=list)
    clock: float = 1000.0
    now: datetime = NOW

    async def fetch(self, url: str, mark: int, limit: int, content: bytes = b"", kind: str = "",
                    skip: Any = ()) -> bytes:
        self.asked.append(url)
        self.uplinks.add((mark, tuple(skip)))
        if content:
            self.posted.append(kind)
        if url not in self.answers:
            raise FetchError("nobody is there")
        data = self.answers[url]
        if data is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(url)
                raise
        assert data is not None
        return data

    def revocation(self) -> Revocation:
        return Revocation(self.fetch, clock=lambda: self.clock, now=lambda: self.now)


def in_loop(scene: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def run() -> None:
        asyncio.run(scene())
    run.__name__ = scene.__name__
    return run


UPLINK = Uplink(7, ())


@in_loop
async def test_ocsp_first_and_intermediates_too() -> None:
    network = Network({OCSP_URL: make_ocsp(LEAF, SUB), SUB_URL: SUB_GOOD})
    assert await network.revocation().check(CHAIN, (), UPLINK) == Result(GOOD)
    assert sorted(network.asked) == [OCSP_URL, SUB_URL]
    assert network.posted == ["application/ocsp-request"]
    assert network.uplinks == {(7, ())}


@in_loop
async def test_a_list_where_the_responder_says_nothing() -> None:
    for nothing in (b"<html>", make_ocsp(PLAIN, ROOT)):
        network = Network({OCSP_URL: nothing, CRL_URL: make_crl(SUB, entry(LEAF)), SUB_URL: SUB_GOOD})
        assert await network.revocation().check(CHAIN, (), UPLINK) == Result(REVOKED, "CN=gw,O=Lab on 2026-05-31")


@in_loop
async def test_a_list_where_the_responder_is_silent() -> None:
    network = Network({OCSP_URL: None, CRL_URL: make_crl(SUB), SUB_URL: SUB_GOOD})
    assert await network.revocation().check(CHAIN, (), UPLINK) == Result(GOOD)
    assert network.cancelled == [OCSP_URL]


@in_loop
async def test_a_revoked_one_is_told_at_once() -> None:
    network = Network({OCSP_URL: LEAF_REVOKED, SUB_URL: None})
    async with asyncio.timeout(1):
        result = await network.revocation().check(CHAIN, (), UPLINK)
    assert result == Result(REVOKED, "CN=gw,O=Lab on 2026-05-31 (keyCompromise)")
    network = Network({OCSP_URL: make_ocsp(LEAF, SUB), SUB_URL: make_crl(ROOT, entry(SUB))})
    assert (await network.revocation().check(CHAIN, (), UPLINK)).detail.startswith("CN=Sub")


@in_loop
async def test_nobody_answers_or_is_named() -> None:
    network = Network({SUB_URL: SUB_GOOD})
    assert await network.revocation().check(CHAIN, (), UPLINK) == Result(UNKNOWN, "CN=gw,O=Lab: nobody is there")
    result = await network.revocation().check(path(PLAIN, ROOT), (), UPLINK)
    assert (result.status, result.asked) == (UNKNOWN, False)
    assert await network.revocation().check(path(PLAIN), (), UPLINK) == Result(GOOD)      # trusted by itself


@in_loop
async def test_what_the_gateway_sends_along() -> None:
    """RFC 4806: nobody else is asked; what proves nothing is as if it was not sent."""
    network = Network({SUB_URL: SUB_GOOD})
    assert await network.revocation().check(CHAIN, (b"rubbish", make_ocsp(LEAF, SUB)), UPLINK) == Result(GOOD)
    assert network.asked == [SUB_URL]
    assert (await network.revocation().check(CHAIN, (LEAF_REVOKED,), UPLINK)).status is REVOKED
    by_another = make_ocsp(LEAF, SUB, signer=make_responder(make_ca("Evil")))
    assert (await network.revocation().check(CHAIN, (by_another,), UPLINK)).status is UNKNOWN
    assert await network.revocation().check(
        CHAIN, (make_ocsp(SUB, ROOT), make_ocsp(LEAF, SUB)), UPLINK) == Result(GOOD)


@in_loop
async def test_a_responder_that_was_revoked_himself() -> None:
    url = "http://pki.lab.test/responders.crl"
    responder = make_responder(SUB, crl_points(url), nocheck=False)
    answer = make_ocsp(LEAF, SUB, signer=responder)
    revoked = make_crl(SUB, entry(responder))
    for lists, status in (({url: make_crl(SUB)}, GOOD), ({url: revoked}, UNKNOWN), ({}, UNKNOWN)):
        network = Network({OCSP_URL: answer, SUB_URL: SUB_GOOD, **lists})
        assert (await network.revocation().check(CHAIN, (), UPLINK)).status is status


@in_loop
async def test_answers_are_remembered_until_they_are_old() -> None:
    network = Network({OCSP_URL: make_ocsp(LEAF, SUB, end=NOW + timedelta(hours=1)),
                       SUB_URL: make_crl(ROOT, end=NOW + 30 * DAY)})
    revocation = network.revocation()
    for _ in range(3):
        assert await revocation.check(CHAIN, (), UPLINK) == Result(GOOD)
    assert len(network.asked) == 2
    network.now += timedelta(hours=2)
    network.answers[OCSP_URL] = make_ocsp(LEAF, SUB, begin=network.now, end=network.now + 30 * DAY)
    assert await revocation.check(CHAIN, (), UPLINK) == Result(GOOD)
    assert network.asked[2:] == [OCSP_URL]
    network.now += REMEMBER         # however long it says that it holds
    await revocation.check(CHAIN, (), UPLINK)
    assert sorted(network.asked[3:]) == [OCSP_URL, SUB_URL]


@in_loop
async def test_revocations_are_remembered_too() -> None:
    network = Network({OCSP_URL: LEAF_REVOKED, SUB_URL: SUB_GOOD})
    revocation = network.revocation()
    await revocation.check(CHAIN, (), UPLINK)
    del network.answers[OCSP_URL]
    assert (await revocation.check(CHAIN, (), UPLINK)).status is REVOKED


@in_loop
async def test_what_failed_is_left_alone_for_a_while() -> None:
    network = Network({SUB_URL: SUB_GOOD})
    revocation = network.revocation()
    for _ in range(3):
        assert (await revocation.check(CHAIN, (), UPLINK)).status is UNKNOWN
    assert network.asked.count(OCSP_URL) == 1
    await revocation.check(CHAIN, (), Uplink(7, (), insist=True))
    assert network.asked.count(OCSP_URL) == 2
    network.clock += NOT_AGAIN
    await revocation.check(CHAIN, (), UPLINK)
    assert network.asked.count(OCSP_URL) == 3


@in_loop
async def test_memory_has_its_bounds() -> None:
    revocation = Network().revocation()
    for number in range(3 * module.MAX_ENTRIES):
        revocation._remember(("crl", str(number)), bytes(1000), NOW + DAY)
    assert len(revocation._known) == module.MAX_ENTRIES
    for number in range(20):
        revocation._remember(("big", str(number)), bytes(1 << 20), NOW + DAY)
    assert sum(len(data) for data, _ in revocation._known.values()) <= module.MAX_OCTETS
    assert revocation._recall(("big", "19")) is not None


# --- off, soft, strict ---

class Connection:
    """What a StatusCheck sees of one."""

    def __init__(self, mode: str, network: Network) -> None:
        self.findings: list[Finding] = []
        self.ended: list[RoveError] = []
        self.check = StatusCheck(mode, network.revocation(), lambda: UPLINK, self.findings.append, self._without,
                                 self.ended.append)

    def _without(self, code: str) -> None:
        self.findings[:] = [finding for finding in self.findings if finding.code != code]

    async def refused(self, way: tuple[Certificate, ...] = CHAIN) -> RoveError:
        with pytest.raises(RoveError) as error:
            await self.check.judge(way, ())
        return error.value


@in_loop
async def test_off_asks_nobody() -> None:
    network = Network({OCSP_URL: LEAF_REVOKED})
    await Connection("off", network).check.judge(CHAIN, (LEAF_REVOKED,))
    assert network.asked == []


@in_loop
async def test_revoked_is_refused_soft_or_strict() -> None:
    for mode in ("soft", "strict"):
        error = await Connection(mode, Network({OCSP_URL: LEAF_REVOKED})).refused()
        assert (error.cause, error.detail) == (Cause.GATEWAY_REVOKED, "CN=gw,O=Lab on 2026-05-31 (keyCompromise)")


@in_loop
async def test_soft_goes_on_with_a_finding() -> None:
    network = Network()
    soft = Connection("soft", network)
    await soft.check.judge(CHAIN, ())
    (finding,) = soft.findings
    assert finding.code == "revocation-unknown"
    assert "nobody is there" in finding.message
    network.answers = {OCSP_URL: make_ocsp(LEAF, SUB), SUB_URL: SUB_GOOD}
    network.clock += NOT_AGAIN
    await soft.check.judge(CHAIN, ())
    assert soft.findings == []


@in_loop
async def test_soft_has_nothing_to_tell_where_there_is_nobody_to_ask() -> None:
    soft = Connection("soft", Network())
    await soft.check.judge(path(PLAIN, ROOT), ())
    assert soft.findings == []


@in_loop
async def test_strict_wants_to_know() -> None:
    for way in (CHAIN, path(PLAIN, ROOT)):
        error = await Connection("strict", Network()).refused(way)
        assert error.cause is Cause.REVOCATION_UNKNOWN
        assert "CN=gw" in error.detail
    await Connection("strict", Network({OCSP_URL: make_ocsp(LEAF, SUB), SUB_URL: SUB_GOOD})).check.judge(CHAIN, ())


@pytest.mark.parametrize("late", ["good", "revoked"])
def test_what_comes_late_still_counts(late: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_check, "SOFT_WAIT", 0.05)

    async def scene() -> None:
        network, came = Network(), asyncio.Event()

        async def slow(*_: Any, **__: Any) -> bytes:
            await came.wait()
            return make_ocsp(LEAF, SUB) if late == "good" else LEAF_REVOKED
        network.fetch = slow  # type: ignore[method-assign]
        soft = Connection("soft", network)
        await soft.check.judge(path(LEAF, SUB), ())
        assert "in time" in soft.findings[0].message
        came.set()
        async with asyncio.timeout(2):
            while soft.findings and not soft.ended:     # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.01)
        assert [error.cause for error in soft.ended] == ([] if late == "good" else [Cause.GATEWAY_REVOKED])
    asyncio.run(scene())


def test_strict_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_check, "STRICT_WAIT", 0.05)

    async def scene() -> None:
        network = Network({OCSP_URL: None, CRL_URL: None, SUB_URL: None})
        error = await Connection("strict", network).refused()
        assert error.cause is Cause.REVOCATION_UNKNOWN
        await asyncio.sleep(0.05)
        assert network.cancelled            # nobody waits any more
    asyncio.run(scene())


def test_what_is_late_ends_with_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_check, "SOFT_WAIT", 0.05)

    async def scene() -> None:
        network = Network({OCSP_URL: None, CRL_URL: None, SUB_URL: None})
        soft = Connection("soft", network)
        await soft.check.judge(CHAIN, ())
        soft.check.close()
        await asyncio.sleep(0.05)
        assert SUB_URL in network.cancelled
        assert soft.ended == []
    asyncio.run(scene())
