"""Certificates that end: what is said when, and what is done. Time is an argument."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from client.core.helper import expiry_watch
from client.core.helper.expiry import LEAD, Outlook, look, refusal, watched
from client.core.helper.expiry_watch import ExpiryWatch
from client.model.cause import Cause, Finding, RoveError
from tests.pki.factory import DAY, NOW, Issued, make_ca

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
END = NOW + 100 * DAY
ROOT = make_ca("Root", after=NOW + 4000 * DAY)
LONG = ROOT.issue("long", after=NOW + 3000 * DAY)


def user(end: datetime = END) -> Issued:
    return ROOT.issue("alice", before=NOW - 400 * DAY, after=end)


ALICE = user()


def outlook(now: datetime, *, own: tuple[Issued, ...] = (ALICE,), gateway: tuple[Issued, ...] = (LONG, ROOT),
            since: datetime = NOW) -> Outlook:
    return look(watched([one.der for one in own], [one.parsed for one in gateway]), since, now)


@pytest.mark.parametrize(("before", "left"), [
    (30 * DAY + SECOND, ""), (30 * DAY, "30 days"), (8 * DAY, "30 days"), (7 * DAY, "7 days"), (2 * DAY, "7 days"),
    (1 * DAY, "1 day"), (SECOND, "1 day")])
@pytest.mark.parametrize("whose", ["user", "gateway"])
def test_warned_thirty_seven_and_one_day_before(before: timedelta, left: str, whose: str) -> None:
    own, gateway = ((ALICE,), (LONG, ROOT)) if whose == "user" else ((LONG,), (ALICE, ROOT))
    found = outlook(END - before, own=own, gateway=gateway).findings
    assert [finding.code for finding in found] == ([f"{whose}-certificate-expires"] if left else [])
    assert all(f"less than {left}" in finding.message and "2026-09-09 12:00 UTC" in finding.message
               and "CN=alice" in finding.message for finding in found)


def test_looked_at_again_when_something_changes() -> None:
    moments, now = [], NOW
    while (following := outlook(now).next) is not None and following <= END:
        moments.append(END - following)
        now = following + SECOND
    assert moments == [30 * DAY, 7 * DAY, DAY, LEAD, timedelta(0)]


def test_an_intermediate_counts_as_well() -> None:
    sub = ROOT.issue("Sub", ca=True, after=NOW + 20 * DAY)
    assert "CN=Sub" in outlook(NOW, own=(), gateway=(sub.issue("gw"), sub, ROOT)).findings[0].message
    assert "CN=Sub" in outlook(NOW, own=(sub.issue("bob", after=NOW + 25 * DAY), sub)).findings[0].message


def test_a_log_in_is_due_shortly_before_the_end() -> None:
    assert outlook(END - LEAD - SECOND).renew == ()
    assert [one.certificate.name for one in outlook(END - LEAD).renew] == ["CN=alice,O=Lab"]
    short = user(NOW + 100 * SECOND)        # a tenth of what was left at the log-in
    assert outlook(NOW + 89 * SECOND, own=(short,)).renew == ()
    assert outlook(NOW + 90 * SECOND, own=(short,)).renew
    assert outlook(NOW + 90 * SECOND, own=(short,)).over is None


def test_over() -> None:
    for own, gateway, cause in (((ALICE,), (LONG, ROOT), Cause.CERTIFICATE_EXPIRED),
                                ((LONG,), (ALICE, ROOT), Cause.GATEWAY_EXPIRED)):
        over = outlook(END + SECOND, own=own, gateway=gateway).over
        assert over is not None
        assert over.cause is cause
        assert over.detail == "the certificate of CN=alice,O=Lab expired on 2026-09-09 12:00 UTC"
    assert outlook(END).over is None


def test_what_was_over_already_is_told_and_no_more() -> None:
    """The gateway took it: its clock may be right, and ours wrong."""
    told = outlook(END + DAY, since=END + MINUTE)
    assert (told.over, told.renew) == (None, ())
    assert [finding.code for finding in told.findings] == ["user-certificate-expires"]


def test_nobody_watches_nothing() -> None:
    assert outlook(NOW, own=(), gateway=()) == Outlook((), (), None, None)


def test_why_a_gateway_may_have_refused() -> None:
    assert refusal([ALICE.der], NOW) == ""
    assert refusal([b"rubbish", ALICE.der], END + DAY) == (
        "the certificate of CN=alice,O=Lab expired on 2026-09-09 12:00 UTC")
    assert "not valid before" in refusal([ALICE.der], NOW - 900 * DAY)


# --- the clock behind it ---

class Life:
    def __init__(self) -> None:
        self.now = NOW
        self.told: list[tuple[Finding, ...]] = []
        self.renewals = 0
        self.ended: list[RoveError] = []
        self.watch = ExpiryWatch(self.told.append, self._renew, self.ended.append, lambda: self.now)

    def _renew(self) -> None:
        self.renewals += 1

    def at(self, moment: datetime) -> "Life":
        self.now = moment
        self.watch.look()
        return self


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Iterator[Life]:
    loop = asyncio.new_event_loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    one = Life()
    one.watch.logged_in([ALICE.der], [LONG.parsed, ROOT.parsed])
    yield one
    one.watch.stop()
    loop.close()


def test_each_warning_once(life: Life) -> None:
    for moment in (NOW, END - 29 * DAY, END - 28 * DAY, END - 6 * DAY, END - 6 * DAY, END - MINUTE):
        life.at(moment)
    assert [[f.code for f in told] for told in life.told] == [["user-certificate-expires"]] * 3


def test_a_new_log_in_is_asked_for_once_and_the_end_comes(life: Life) -> None:
    life.at(END - MINUTE).at(END - SECOND)
    assert (life.renewals, life.ended) == (1, [])
    life.watch.logged_in([ALICE.der], [])           # with the same certificate: it cannot be helped
    life.at(END - timedelta(milliseconds=1))
    assert life.renewals == 1
    life.at(END + SECOND).at(END + DAY)
    assert [error.cause for error in life.ended] == [Cause.CERTIFICATE_EXPIRED]


def test_a_new_certificate_ends_the_worry(life: Life) -> None:
    life.at(END - MINUTE)
    life.watch.logged_in([LONG.der], [LONG.parsed])
    life.at(END + DAY)
    assert life.told[-1] == ()
    assert life.ended == []


def test_the_clock_may_jump(life: Life) -> None:
    life.at(END - DAY)
    life.at(NOW)            # set right
    assert life.told[-1] == ()
    life.at(END + 365 * DAY)
    assert len(life.ended) == 1


def test_it_wakes_by_itself() -> None:
    async def scene() -> None:
        life = Life()
        soon = ROOT.issue("soon", after=NOW + SECOND)       # certificates count in seconds
        life.watch.logged_in([soon.der], [])
        life.now = NOW + 2 * SECOND
        async with asyncio.timeout(3):
            while not life.ended:       # noqa: ASYNC110  nobody tells
                await asyncio.sleep(0.01)
        life.watch.stop()
    asyncio.run(scene())


def test_it_looks_often_enough_for_a_clock_that_is_set(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    timer: Any = life.watch._timer
    assert timer.when() - asyncio.get_running_loop().time() <= expiry_watch.LONGEST
