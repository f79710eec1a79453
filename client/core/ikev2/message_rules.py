"""Which payloads a message must have, and how many it may have (RFC 7296 Appendix C and §1.2–1.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from client.core.ikev2.constants import ExchangeType
from client.core.ikev2.payload_base import Payload
from client.core.ikev2.payloads import (
    AUTH,
    CERT,
    CERTREQ,
    CP,
    EAP,
    KE,
    SA,
    Delete,
    IDi,
    IDr,
    Nonce,
    Notify,
    TSi,
    TSr,
    VendorID,
)

Counts = Mapping[type[Payload], tuple[int, int]]


@dataclass(frozen=True)
class MessageRule:
    """``counts``: (at least, at most) by payload; one that has no business here is passed over.

    With any of ``sufficient`` in the message nothing else has to be there: an error or a COOKIE is a whole answer, and
    an EAP round has little else.
    """

    counts: Counts
    sufficient: frozenset[type[Payload]] = field(default=frozenset())


MOST = 64       # of payloads that may come again and again (strongSwan: 20)
_ONE, _MAYBE, _ANY = (1, 1), (0, 1), (0, MOST)
_AUTH_REQUEST: Counts = {IDi: _ONE, IDr: _MAYBE, AUTH: _MAYBE, EAP: _MAYBE, SA: _MAYBE, TSi: _MAYBE, TSr: _MAYBE,
                         CP: _MAYBE}
_AUTH_RESPONSE: Counts = {IDr: _MAYBE, AUTH: _MAYBE, EAP: _MAYBE, SA: _MAYBE, TSi: _MAYBE, TSr: _MAYBE, CP: _MAYBE}
# A CREATE_CHILD_SA without selectors rekeys the IKE_SA, so they may be missing.
_CREATE: Counts = {SA: _ONE, Nonce: _ONE, KE: _MAYBE, TSi: _MAYBE, TSr: _MAYBE, CP: _MAYBE}

MESSAGE_RULES: Mapping[tuple[ExchangeType, bool], MessageRule] = {     # True: response
    (ExchangeType.IKE_SA_INIT, False): MessageRule({SA: _ONE, KE: _ONE, Nonce: _ONE}),
    (ExchangeType.IKE_SA_INIT, True): MessageRule({SA: _ONE, KE: _ONE, Nonce: _ONE}, frozenset({Notify})),
    (ExchangeType.IKE_SESSION_RESUME, False): MessageRule({Nonce: _ONE}),
    (ExchangeType.IKE_SESSION_RESUME, True): MessageRule({Nonce: _ONE}, frozenset({Notify})),
    (ExchangeType.IKE_AUTH, False): MessageRule(_AUTH_REQUEST, frozenset({EAP, AUTH, Notify})),
    (ExchangeType.IKE_AUTH, True): MessageRule(_AUTH_RESPONSE),
    (ExchangeType.CREATE_CHILD_SA, False): MessageRule(_CREATE),
    (ExchangeType.CREATE_CHILD_SA, True): MessageRule(_CREATE, frozenset({Notify})),
    (ExchangeType.INFORMATIONAL, False): MessageRule({CP: _MAYBE}),
    (ExchangeType.INFORMATIONAL, True): MessageRule({CP: _MAYBE}),
}
_REPEATED = (CERT, CERTREQ, Notify, Delete, VendorID)


def check_counts(exchange: ExchangeType, response: bool, payloads: Sequence[Payload]) -> str:
    """What is wrong, empty when nothing is. An exchange without a row has no rules."""
    rule = MESSAGE_RULES.get((exchange, response))
    if rule is None:
        return ""
    enough = any(type(payload) in rule.sufficient for payload in payloads)
    for kind, (least, most) in {**dict.fromkeys(_REPEATED, _ANY), **rule.counts}.items():
        count = sum(isinstance(payload, kind) for payload in payloads)
        if count > most:
            return f"{count} payloads {kind.__name__}, {most} allowed"
        if count < least and not enough:
            return f"no {kind.__name__}"
    return ""
