"""IKE_SAs whose keys are known, without an engine."""

from client.core.ikev2.constants import ProtocolId
from client.core.ikev2.keymat import ciphers, derive_ike_keys
from client.core.ikev2.proposal import parse_proposal
from tests.crypto.repeatable import repeatable

SUITES = ("aes256gcm16-prfsha384-ecp384", "aes128-sha256-ecp256", "aes256-sha512-ecp256",
          "chacha20poly1305-prfsha256-curve25519")
SPI_I, SPI_R = bytes.fromhex("1111111111111111"), bytes.fromhex("2222222222222222")


def cipher_pair(suite=SUITES[0], seed="keys"):
    """(the initiator's, the responder's)."""
    random = repeatable(seed)
    proposal = parse_proposal(suite, ProtocolId.IKE)
    return ciphers(proposal, derive_ike_keys(proposal, random(32), random(32), random(32), SPI_I, SPI_R))
