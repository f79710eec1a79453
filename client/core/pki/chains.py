"""Which certificates to send to a gateway: every way from the user's own to an authority (RFC 7296 §3.6, §3.7)."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from client.core.pki.certificate import Certificate
from client.core.pki.path import MAX_DEPTH, signed_by

MAX_CHAINS = 8
MAX_CHECKS = 64     # of signatures


@dataclass(frozen=True)
class Chain:
    """``certificates`` are DER, without a root: the gateway has it. ``authorities``: SHA-1 of the SubjectPublicKeyInfo
    of each authority on the way; ``complete`` where the last of them is a root."""

    certificates: tuple[bytes, ...]
    authorities: frozenset[bytes]
    complete: bool


def own_chains(certificates: Sequence[Certificate], known: Sequence[Certificate] = ()) -> tuple[Chain, ...]:
    """Of the first of ``certificates`` through any of the others, in their order. ``known`` are not sent: they only
    tell which authorities there are further up."""
    found = []
    for way in _ways((certificates[0],), list(certificates[1:]), [MAX_CHECKS]):
        top = way[-1]
        roots = [] if top.self_issued else [one for one in known if one.subject == top.issuer and signed_by(one, top)]
        sent = tuple(one.der for one in way if one is way[0] or not one.self_issued)
        authorities = frozenset(hashlib.sha1(one.spki, usedforsecurity=False).digest() for one in (*way[1:], *roots))
        found.append(Chain(sent, authorities, top.self_issued or bool(roots)))
        if len(found) == MAX_CHAINS:
            break
    return tuple(found)


def _ways(way: tuple[Certificate, ...], others: Sequence[Certificate], checks: list[int]
          ) -> Iterator[tuple[Certificate, ...]]:
    last, further = way[-1], False
    if not last.self_issued and len(way) < MAX_DEPTH:
        for issuer in others:
            if issuer.subject == last.issuer and issuer not in way and checks[0] > 0:
                checks[0] -= 1
                if signed_by(issuer, last):
                    further = True
                    yield from _ways((*way, issuer), others, checks)
    if not further:
        yield way
