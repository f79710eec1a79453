"""When a connection authenticates anew: by our own policy, by the gateway's wish, or because keys are not renewed.

Pure arithmetic; ``succession`` keeps the timers. Rekeying never moves any of this (RFC 4478 §2).
"""

from dataclasses import dataclass

from client.model.cause import Cause, Retry

LONGEST_LEAD = 600.0     # s before the end that somebody is asked, at most
LEAD = 0.1               # of the lifetime, where that is less
LEAST_LEAD = 5.0         # s: a handshake through loss takes so long; of very short lifetimes half
LEAST_INTERVAL = 10.0    # s between authentications, whatever a gateway wishes (RFC 4478 §5)
LEAST_RETRY = 5.0        # s to the next try after a failure
NOT_RENEWED = 0.4        # of the time between soft and hard end of an SA: so long may rekeying be refused
GRACE = 300.0            # s that we count on where nobody sets an end

# An unauthenticated answer, which anybody can forge: with settings that have worked it says little (RFC 7296 §2.21.1).
FORGEABLE = frozenset({Cause.NO_COMMON_PROPOSAL, Cause.PROTOCOL_ERROR})
# Nothing was tried that a gateway or a card counts.
UNANSWERED = frozenset({Cause.NO_AGENT, Cause.PROMPT_UNANSWERED, Cause.TOKEN_MISSING, Cause.TOKEN_OTHER,
                        Cause.TOKEN_SILENT})
# The user has not given what it takes: when the time is over he is logged out, and not asked once more.
WITHHELD = UNANSWERED | {Cause.PROMPT_CANCELLED, Cause.CREDENTIAL_UNUSABLE, Cause.TOKEN_REMOVED, Cause.PIN_WRONG,
                         Cause.PIN_LOCKED}
CLOSE_TO_THE_END = 5.0   # s: gateways count in whole seconds, and round


@dataclass(frozen=True)
class Due:
    """From ``at`` somebody is asked, until ``deadline``; ``hard``: then the connection ends by our own policy."""

    reason: str
    at: float
    deadline: float
    hard: bool = False
    gateway: str = ""


def by_policy(established: float, reauth: float) -> Due:
    return Due("policy", established + reauth - _lead(reauth), established + reauth, hard=True)


def by_gateway(established: float, now: float, seconds: float) -> Due:
    """AUTH_LIFETIME: in time, but not more often than is reasonable. The gateway itself ends what is over."""
    end = max(now + seconds, established + LEAST_INTERVAL)
    return Due("gateway", max(now + seconds - _lead(seconds), established + LEAST_INTERVAL), max(end, now + GRACE)
               if seconds < LEAST_INTERVAL else end)


def by_end(rekey_at: float, expire_at: float) -> Due:
    """An SA that should have been renewed at ``rekey_at`` ends at ``expire_at``, whatever hinders."""
    return Due("not-renewed", rekey_at + (expire_at - rekey_at) * NOT_RENEWED, expire_at)


def retry_at(cause: Cause, now: float, deadline: float) -> float | None:
    """When to try again after a failure; None where only the user can help, or nothing is left."""
    if cause.retry is not Retry.BACK_OFF and cause not in FORGEABLE and cause not in UNANSWERED:
        return None
    at = now + max((deadline - now) / 3, LEAST_RETRY)
    return at if at < deadline else None


def _lead(lifetime: float) -> float:
    return min(max(lifetime * LEAD, min(LEAST_LEAD, lifetime / 2)), LONGEST_LEAD)
