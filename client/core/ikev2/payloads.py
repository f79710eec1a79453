"""The payloads of IKEv2, by class and by number; bytes become frozen dataclasses here and nowhere else."""

from client.core.ikev2.constants import PayloadType
from client.core.ikev2.errors import UnsupportedCriticalPayload
from client.core.ikev2.identity import identity_from_text, identity_to_text
from client.core.ikev2.payload_base import Payload, Unknown
from client.core.ikev2.payloads_auth import AUTH, CERT, CERTREQ, EAP, IDi, IDr
from client.core.ikev2.payloads_control import CP, Delete, Notify, VendorID
from client.core.ikev2.payloads_sa import KE, SA, Nonce, TSi, TSr

__all__ = ["AUTH", "CERT", "CERTREQ", "CP", "EAP", "KE", "PAYLOADS", "SA", "Delete", "IDi", "IDr", "Nonce", "Notify",
           "Payload", "TSi", "TSr", "Unknown", "VendorID", "identity_from_text", "identity_to_text", "notify",
           "parse_payload"]

_CLASSES: tuple[type[Payload], ...] = (
    SA, KE, IDi, IDr, CERT, CERTREQ, AUTH, Nonce, Notify, Delete, VendorID, TSi, TSr, CP, EAP)
PAYLOADS = {cls.TYPE: cls for cls in _CLASSES}

notify = Notify.of


def parse_payload(number: int, critical: bool, body: bytes) -> Payload:
    """``body`` is without the generic header. ``critical`` counts for unknown types only (RFC 7296 §3.2).

    Raises InvalidSyntax, UnsupportedCriticalPayload.
    """
    known = PAYLOADS.get(PayloadType(number))
    if known is not None:
        return known.parse(body)
    if critical:
        raise UnsupportedCriticalPayload(number)
    return Unknown(PayloadType(number), critical, body)
