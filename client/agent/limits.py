"""What roved may ask the agent to sign or to MAC: IKE AUTH, and nothing that could be anything else."""

from collections.abc import Sequence

from client.core.crypto.prf import prf_row
from client.core.ikev2.constants import ExchangeType
from client.core.ikev2.errors import ProtocolError
from client.core.ikev2.message import parse_plain
from client.core.ikev2.payloads import KE, SA, Nonce
from client.model.cause import Cause, RoveError

MAX_MESSAGE = 64 * 1024
NONCE = range(16, 257)              # RFC 7296 §3.9
MACED_ID = range(32, 65)            # the output of PRF_HMAC_SHA2_256 to _512
MAX_INT_AUTH = 64 * 1024            # RFC 9242 §3.3.2
MAX_PSK_OCTETS = 2 * MAX_MESSAGE + 1024
PSK_PRFS = ("prfsha256", "prfsha384", "prfsha512")


def check_signature_request(ike_sa_init: bytes, nonce_r: bytes, maced_id: bytes, int_auth: bytes) -> None:
    """Raises RoveError (NOT_AUTHORISED) unless these are the parts of an initiator's signed octets."""
    if (not 28 <= len(ike_sa_init) <= MAX_MESSAGE or len(nonce_r) not in NONCE or len(maced_id) not in MACED_ID
            or len(int_auth) > MAX_INT_AUTH):
        raise _refused("a part of the octets to sign has an impossible length")
    try:
        message = parse_plain(ike_sa_init)
    except ProtocolError as error:
        raise _refused("the message to sign cannot be read") from error
    # RFC 7296 §2.15: RealMessage1 is the whole first message of the initiator, whose responder SPI is zero
    if (message.exchange != ExchangeType.IKE_SA_INIT or not message.initiator or message.response
            or message.message_id != 0 or any(message.spi_r) or not any(message.spi_i)):
        raise _refused("the message to sign is not the initiator's IKE_SA_INIT request")
    if any(len(message.all(kind)) != 1 for kind in (SA, KE, Nonce)):
        raise _refused("the message to sign lacks SA, KE or Ni")


def check_psk_request(prf: str, octets: bytes) -> None:
    """Raises RoveError (NOT_AUTHORISED)."""
    if prf not in PSK_PRFS or not 28 <= len(octets) <= MAX_PSK_OCTETS:
        raise _refused("no PRF and octets of IKE AUTH")


def check_ppk_request(prf: str, keys: Sequence[bytes]) -> None:
    """Raises RoveError (NOT_AUTHORISED) unless ``keys`` are SK_d, SK_pi and SK_pr as this PRF has them."""
    if prf not in PSK_PRFS or any(len(key) != prf_row(prf).key_len for key in keys):
        raise _refused("no PRF and keys of an IKE_SA")


def _refused(why: str) -> RoveError:
    return RoveError(Cause.NOT_AUTHORISED, why)
