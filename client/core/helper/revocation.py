"""Has the gateway's certificate been revoked, or one above it? Asks what it can, and remembers the answers.

For each certificate of the path: what the gateway sent along (RFC 4806), what is remembered, then OCSP and CRLs where
the certificate names them. An answer counts when ``pki`` has verified it, wherever it came from.
"""

import asyncio
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol

from client.core.helper.fetch_rules import FetchError, IpAddress
from client.core.pki.certificate import Certificate
from client.core.pki.crl import MAX_CRL, judge_crl
from client.core.pki.ocsp import MAX_RESPONSE, build_request, judge_ocsp
from client.core.pki.revocation import Answer, Sources, Status, sources

NEXT_SOURCE = 0.7               # s: so long one source may be silent before the next one is asked too
REMEMBER = timedelta(hours=24)  # at most, whatever an answer says: a revocation should not wait for a lazy list
NOT_AGAIN = 60.0                # s that a source which failed is left alone
MAX_ENTRIES = 128               # answers remembered, and failures
MAX_OCTETS = 16 * 1024 * 1024   # of answers
NONCE = 16                      # octets (RFC 9654 §2.1: at least 1, at most 32 is what responders must take)
OCSP_TYPE = "application/ocsp-request"
NOTHING_TO_ASK = "the certificate of {name} says nowhere to ask"


class Fetch(Protocol):
    """fetch.Fetcher.fetch."""

    def __call__(self, url: str, mark: int, limit: int, content: bytes = b"", kind: str = "",
                 skip: Collection[IpAddress] = ()) -> Awaitable[bytes]: ...


@dataclass(frozen=True)
class Uplink:
    """How to get out beside the tunnel: the mark of its sockets, and name servers that are not to be asked.

    ``insist``: ask again what has just failed.
    """

    mark: int
    skip: tuple[IpAddress, ...] = ()
    insist: bool = False


@dataclass(frozen=True)
class Result:
    """``asked``: there was somebody to ask about every certificate. ``detail`` names the certificate."""

    status: Status
    detail: str = ""
    asked: bool = True


class Revocation:
    """For all connections."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic,
                 now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._fetch = fetch
        self._clock = clock
        self._now = now
        self._known: OrderedDict[tuple[str, ...], tuple[bytes, datetime]] = OrderedDict()
        self._failed: OrderedDict[str, tuple[float, str]] = OrderedDict()

    async def check(self, path: Sequence[Certificate], sent: Sequence[bytes], uplink: Uplink) -> Result:
        """``path``: the leaf first, the anchor last; nobody can revoke that one. ``sent``: OCSP responses in IKE.

        Returns as soon as one is known to be revoked.
        """
        asking = {asyncio.ensure_future(self._one(subject, issuer, sent, uplink)): subject
                  for subject, issuer in pairwise(path)}
        worst = Result(Status.GOOD)
        try:
            for done in asyncio.as_completed(asking):
                result = await done
                if result.status is Status.REVOKED:
                    return result
                if result.status is Status.UNKNOWN and (worst.status is Status.GOOD or result.asked):
                    worst = result
        finally:
            for task in asking:
                task.cancel()
        return worst

    async def _one(self, subject: Certificate, issuer: Certificate, sent: Sequence[bytes], uplink: Uplink) -> Result:
        for response in sent:
            answer = await self._trusted(judge_ocsp(response, subject, issuer, self._now()), issuer, uplink)
            if answer.status is not Status.UNKNOWN:
                return _result(answer, subject)
        named = sources(subject)
        if not named:
            return Result(Status.UNKNOWN, NOTHING_TO_ASK.format(name=subject.name), asked=False)
        return _result(await self._ask(subject, issuer, named, uplink), subject)

    async def _ask(self, subject: Certificate, issuer: Certificate, named: Sources, uplink: Uplink) -> Answer:
        """One source after the other, each next one as soon as its turn has come, until one knows."""
        ways = [self._by_ocsp(url, subject, issuer, uplink) for url in named.ocsp]
        ways += [self._by_crl(url, subject, issuer, uplink) for url in named.crl]
        running: set[asyncio.Task[Answer]] = set()
        last = Answer(Status.UNKNOWN)
        try:
            while ways or running:
                if ways:
                    running.add(asyncio.ensure_future(ways.pop(0)))
                done, running = await asyncio.wait(running, timeout=NEXT_SOURCE if ways else None,
                                                   return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    answer = task.result()
                    if answer.status is not Status.UNKNOWN:
                        return answer
                    last = answer
        finally:
            for way in ways:
                way.close()
            for task in running:
                task.cancel()
        return last

    async def _by_ocsp(self, url: str, subject: Certificate, issuer: Certificate, uplink: Uplink) -> Answer:
        key = ("ocsp", hashlib.sha256(issuer.der).hexdigest(), hashlib.sha256(subject.der).hexdigest())
        nonce = os.urandom(NONCE)

        def judge(data: bytes) -> Answer:
            return judge_ocsp(data, subject, issuer, self._now(), nonce)
        known = self._recall(key)
        if known is not None:
            nonce = b""         # it answered another question of ours
            answer = judge(known)
        else:
            answer = await self._fetched(key, url, judge, uplink, MAX_RESPONSE, build_request(
                subject, issuer, nonce))
        return await self._trusted(answer, issuer, uplink)

    async def _by_crl(self, url: str, subject: Certificate, issuer: Certificate, uplink: Uplink) -> Answer:
        key = ("crl", hashlib.sha256(issuer.der).hexdigest(), url)

        def judge(data: bytes) -> Answer:
            return judge_crl(data, subject, issuer, self._now())
        known = self._recall(key)
        if known is not None:
            return await asyncio.to_thread(judge, known)
        return await self._fetched(key, url, judge, uplink, MAX_CRL)

    async def _fetched(self, key: tuple[str, ...], url: str, judge: Callable[[bytes], Answer], uplink: Uplink,
                       limit: int, content: bytes = b"") -> Answer:
        until, why = self._failed.get(url, (0.0, ""))
        if self._clock() < until and not uplink.insist:
            return Answer(Status.UNKNOWN, why)
        try:
            data = await self._fetch(url, uplink.mark, limit, content, OCSP_TYPE if content else "", uplink.skip)
        except FetchError as error:
            answer = Answer(Status.UNKNOWN, str(error))
        else:
            answer = await asyncio.to_thread(judge, data)       # megabytes, perhaps: the loop has more to do
        if answer.status is Status.UNKNOWN:
            self._failed[url] = self._clock() + NOT_AGAIN, answer.detail
            while len(self._failed) > MAX_ENTRIES:
                self._failed.popitem(last=False)
        elif answer.until is not None:
            self._remember(key, data, min(answer.until, self._now() + REMEMBER))
        return answer

    async def _trusted(self, answer: Answer, issuer: Certificate, uplink: Uplink) -> Answer:
        """Unless whoever signed it in the authority's name has been revoked himself."""
        if answer.signer is None:
            return answer
        urls = sources(answer.signer).crl
        signer = await self._ask(answer.signer, issuer, Sources(crl=urls), uplink)
        if signer.status is Status.GOOD:
            return replace(answer, signer=None)
        return Answer(Status.UNKNOWN, f"the certificate of the OCSP responder is {signer.status.value}")

    # --- memory ---

    def _recall(self, key: tuple[str, ...]) -> bytes | None:
        data, until = self._known.get(key, (b"", None))
        if until is None or self._now() >= until:
            self._known.pop(key, None)
            return None
        self._known.move_to_end(key)
        return data

    def _remember(self, key: tuple[str, ...], data: bytes, until: datetime) -> None:
        self._known[key] = data, until
        self._known.move_to_end(key)
        while len(self._known) > MAX_ENTRIES or sum(len(one) for one, _ in self._known.values()) > MAX_OCTETS:
            self._known.popitem(last=False)


def _result(answer: Answer, subject: Certificate) -> Result:
    if answer.status is Status.GOOD:
        return Result(Status.GOOD)
    return Result(answer.status, f"{subject.name}: {answer.detail}" if answer.status is Status.UNKNOWN
                  else f"{subject.name} {answer.detail}".strip())
