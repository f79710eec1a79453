"""A gateway that was refused for its key → the decision that a person may take about it. Pure.

Nothing is trusted by default, and only a key whose owner has proved in IKE_AUTH to have it is offered: roved names no
other one.
"""

import re
from dataclasses import dataclass

from client.gui.view import retold
from client.model.state import ErrorState, TunnelState
from client.texts import translated as _

# roved's own words come last: a name in a certificate, which may say anything, stands before them
_KEY = re.compile(r"; it has proved to have the key (sha256:[0-9a-f]{64})(?=[.)]*$)")
CODES = ("gateway-untrusted", "gateway-pin")


@dataclass(frozen=True)
class Decision:
    """``fingerprint`` in groups, as people compare it; ``changes``: the profile's keys when the key is pinned."""

    gateway: str
    reason: str
    fingerprint: str
    warning: str
    changes: dict[str, str | None]


def offered_key(error: ErrorState | None) -> str:
    """The key that may be pinned, as gateway.pin has it; empty where there is none to decide about."""
    found = _KEY.search(error.message) if error is not None and error.code in CODES else None
    return found[1] if found else ""


def decision(tunnel: TunnelState, gateway: str) -> Decision | None:
    """``gateway``: its name in the profile."""
    key, error = offered_key(tunnel.last_error), tunnel.last_error
    if not key or error is None:
        return None
    reason, _advice = retold.error(error.code, _KEY.sub("", error.message), error.advice)
    if error.code == "gateway-pin":
        warning = _("The gateway had another key before. That may be a new key of the gateway, or somebody who plays"
                    " the gateway to get at your password and traffic.")
        changes: dict[str, str | None] = {"gateway.pin": key}
    else:
        warning = _("No authority that the profile trusts vouches for this gateway. Once its key is pinned, that key"
                    " alone counts, and authorities no more.")
        changes = {"gateway.pin": key, "gateway.trust": None}
    return Decision(gateway, reason, grouped(key), warning, changes)


def grouped(key: str) -> str:
    """ "sha256:0011…" → four lines of four groups of four digits."""
    digits = key.partition(":")[2].upper()
    groups = [digits[start:start + 4] for start in range(0, len(digits), 4)]
    return "\n".join(" ".join(groups[start:start + 4]) for start in range(0, len(groups), 4))
