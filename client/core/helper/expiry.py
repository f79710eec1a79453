"""Certificates of a connection that end while it lives: what to say, when to log in anew, when it is over. Pure.

Dates in certificates are wall-clock time in UTC, so that is what counts here, whatever jumps it makes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from client.core.pki.certificate import BadCertificate, Certificate, parse_certificate
from client.model.cause import Cause, Finding, RoveError
from client.texts import finding_text

WARNINGS = {30: "30 days", 7: "7 days", 1: "1 day"}     # days before the end
LEAD = timedelta(minutes=10)        # before the end: then somebody is asked for a new one; 1/10 of a short rest
CODES = {"user": "user-certificate-expires", "gateway": "gateway-certificate-expires"}
_CAUSES = {"user": Cause.CERTIFICATE_EXPIRED, "gateway": Cause.GATEWAY_EXPIRED}


@dataclass(frozen=True)
class Watched:
    """A certificate of the user's chain, or of the gateway's path."""

    whose: str                      # "user" | "gateway"
    certificate: Certificate

    @property
    def end(self) -> datetime:
        return self.certificate.not_after


@dataclass(frozen=True)
class Outlook:
    """``renew``: those for which a new log-in is due; ``over``: why the connection must end now; ``next``: when to look
    again, None: never."""

    findings: tuple[Finding, ...]
    renew: tuple[Watched, ...]
    over: RoveError | None
    next: datetime | None


def watched(user: Sequence[bytes], gateway: Iterable[Certificate]) -> tuple[Watched, ...]:
    """``user``: DER as sent, ``gateway``: the path that was accepted."""
    return (*(Watched("user", parse_certificate(der)) for der in user),
            *(Watched("gateway", certificate) for certificate in gateway))


def look(certificates: Sequence[Watched], since: datetime, now: datetime) -> Outlook:
    """``since``: the log-in. A certificate that was over already then, and was accepted, is told of and no more: the
    gateway's clock may be right, and ours wrong."""
    findings, renew, over, moments = [], [], None, []
    for whose, code in CODES.items():
        own = [one for one in certificates if one.whose == whose]
        if not own:
            continue
        first = min(own, key=lambda one: one.end)
        level = next((days for days in sorted(WARNINGS) if first.end - now <= timedelta(days=days)), None)
        if level is not None:
            findings.append(Finding(code, finding_text(
                code, name=first.certificate.name, left=WARNINGS[level], date=f"{first.end:%Y-%m-%d %H:%M} UTC")))
        moments += [first.end - timedelta(days=days) for days in WARNINGS]
        for one in own:
            if one.end < since:
                continue
            moments += [one.end - _lead(one, since), one.end]
            if now > one.end and over is None:
                over = RoveError(_CAUSES[whose], expired(one.certificate))
            elif now >= one.end - _lead(one, since):
                renew.append(one)
    soonest = min((moment for moment in moments if moment >= now), default=None)
    return Outlook(tuple(findings), tuple(renew), over, soonest)


def refusal(certificates: Sequence[bytes], now: datetime) -> str:
    """Why a gateway may have refused the user's certificates, empty where their dates do not explain it."""
    for der in certificates:
        try:
            certificate = parse_certificate(der)
        except BadCertificate:
            continue
        if now > certificate.not_after:
            return expired(certificate)
        if now < certificate.not_before:
            return (f"the certificate of {certificate.name} is not valid before "
                    f"{certificate.not_before:%Y-%m-%d %H:%M} UTC")
    return ""


def expired(certificate: Certificate) -> str:
    return f"the certificate of {certificate.name} expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC"


def _lead(one: Watched, since: datetime) -> timedelta:
    return min(LEAD, (one.end - since) / 10)
