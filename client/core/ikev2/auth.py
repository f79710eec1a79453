"""The AUTH payload: what is signed, by shared key or EAP key (RFC 7296 §2.15, §2.16); signatures beside (RFC 7427).

Pure functions: the agent signs with them, roved judges the gateway with them, the engine puts the parts together.
"""

from collections.abc import Sequence

from client.core.crypto.prf import prf, prf_plus, prf_row
from client.core.ikev2.constants import AuthMethod
from client.core.ikev2.signatures import SIGNATURES, Signature, SignatureError, sign, signatures_for
from client.core.ikev2.verify import signatures_of_pss_key, verify_signature

__all__ = ["SIGNATURES", "Signature", "SignatureError", "auth_payload_data", "choose_signature", "eap_auth", "maced_id",
           "mix_ppk", "prf_name", "psk_auth", "sign", "signatures_for", "signatures_of_pss_key", "signed_octets",
           "verify_signature"]

_KEY_PAD = b"Key Pad for IKEv2"


def prf_name(prf_id: int) -> str:
    """``prfsha256``… Raises ValueError for an unknown PRF."""
    return prf_row(prf_id).name


def maced_id(prf_id: int | str, sk_p: bytes, id_payload_body: bytes) -> bytes:
    """prf (SK_pi, RestOfInitIDPayload) or the responder's; the body is the ID payload without its generic header."""
    return prf(prf_id, sk_p, id_payload_body)


def signed_octets(message: bytes, peer_nonce: bytes, maced_id: bytes, int_auth: bytes = b"") -> bytes:
    """InitiatorSignedOctets or ResponderSignedOctets: the signer's whole IKE_SA_INIT message, the *other* side's
    nonce, the signer's maced_id, and IntAuth where IKE_INTERMEDIATE took place (RFC 9242 §3.3.2)."""
    return message + peer_nonce + maced_id + int_auth


def psk_auth(prf_id: int | str, psk: bytes, octets: bytes) -> bytes:
    """prf (prf (Shared Secret, "Key Pad for IKEv2"), octets). Raises ValueError for an unknown PRF."""
    return prf(prf_id, prf(prf_id, psk, _KEY_PAD), octets)


def eap_auth(prf_id: int | str, key: bytes, octets: bytes) -> bytes:
    """``key`` is the MSK, or the signer's SK_p after a method that makes none (RFC 7296 §2.16)."""
    return psk_auth(prf_id, key, octets)


def resumed_auth(prf_id: int | str, sk_p: bytes, octets: bytes) -> bytes:
    """prf (SK_px, octets), without the key pad: of an IKE_SA that a ticket brings back (RFC 5723 §5.1)."""
    return prf(prf_id, sk_p, octets)


def mix_ppk(prf_id: int | str, ppk: bytes, keys: Sequence[bytes]) -> tuple[bytes, ...]:
    """SK_d, SK_pi and SK_pr of IKE_SA_INIT → those in use: each prf+ (PPK, key), as long as it was (RFC 8784 §3).

    Raises ValueError for an unknown PRF.
    """
    return tuple(prf_plus(prf_id, ppk, key, len(key)) for key in keys)


def choose_signature(supported: Sequence[str], peer_hashes: frozenset[int] | None) -> str | None:
    """The first of ``supported`` (SIGNATURES keys, best first) that the peer takes, None when there is none.

    Names that are none are passed over: they come from an agent that may be newer.

    Method 14 only with a hash that the peer announced (RFC 7427 §4); the methods that need no announcement are for
    peers that announce nothing, or nothing of use.
    """
    rows = [(name, SIGNATURES[name]) for name in supported if name in SIGNATURES]
    announced = peer_hashes or frozenset()
    for name, row in rows:
        if row.method == AuthMethod.DIGITAL_SIGNATURE and row.hash_id in announced:
            return name
    return next((name for name, row in rows if row.method != AuthMethod.DIGITAL_SIGNATURE), None)


def auth_payload_data(signature_name: str, raw_signature: bytes) -> tuple[AuthMethod, bytes]:
    """(method, data) of the AUTH payload. Method 14 puts the AlgorithmIdentifier before it (RFC 7427 §3)."""
    row = SIGNATURES[signature_name]
    if row.method != AuthMethod.DIGITAL_SIGNATURE:
        return row.method, raw_signature
    return row.method, bytes([len(row.algorithm)]) + row.algorithm + raw_signature
