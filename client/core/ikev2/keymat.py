"""Keying material (RFC 7296 §2.13, §2.14, §2.17, §2.18)."""

from dataclasses import dataclass, field

from client.core.crypto.provider import LIBRARY, Cipher, CryptoProvider
from client.core.crypto.suites import ENCR, INTEG, Encr, Integ, prf_row
from client.core.ikev2.errors import MisuseError
from client.core.ikev2.proposal_types import Proposal


@dataclass(frozen=True)
class IkeKeys:
    """SK_e ends with the salt of an AEAD (RFC 5282 §7.1); SK_a is empty with one."""

    sk_d: bytes = field(repr=False)
    sk_ai: bytes = field(repr=False)
    sk_ar: bytes = field(repr=False)
    sk_ei: bytes = field(repr=False)
    sk_er: bytes = field(repr=False)
    sk_pi: bytes = field(repr=False)
    sk_pr: bytes = field(repr=False)


def derive_ike_keys(proposal: Proposal, shared: bytes, nonce_i: bytes, nonce_r: bytes, spi_i: bytes, spi_r: bytes,
                    crypto: CryptoProvider = LIBRARY) -> IkeKeys:
    """Of a first IKE_SA; ``proposal`` is the chosen one, ``shared`` is g^ir (§2.14)."""
    skeyseed = crypto.prf(proposal.prf, nonce_i + nonce_r, shared)
    return _expand(crypto, proposal, skeyseed, nonce_i, nonce_r, spi_i, spi_r)


def rekey_ike_keys(old_prf_id: int, old_sk_d: bytes, proposal: Proposal, shared: bytes, nonce_i: bytes, nonce_r: bytes,
                   spi_i: bytes, spi_r: bytes, additional: bytes = b"",
                   crypto: CryptoProvider = LIBRARY) -> IkeKeys:
    """Of an IKE_SA that replaces another: SKEYSEED comes from the old one's PRF and SK_d, the rest from the new PRF
    (§2.18). Nonces and SPIs are those of the rekeying; ``additional`` is SK(1) | … | SK(n) (RFC 9370 §2.2.4)."""
    skeyseed = crypto.prf(old_prf_id, old_sk_d, shared + nonce_i + nonce_r + additional)
    return _expand(crypto, proposal, skeyseed, nonce_i, nonce_r, spi_i, spi_r)


def resumed_ike_keys(proposal: Proposal, old_sk_d: bytes, nonce_i: bytes, nonce_r: bytes, spi_i: bytes, spi_r: bytes,
                     crypto: CryptoProvider = LIBRARY) -> IkeKeys:
    """Of an IKE_SA that a ticket brings back, with the algorithms that it had (RFC 5723 §5.1)."""
    skeyseed = crypto.prf(proposal.prf, old_sk_d, b"Resumption" + nonce_i + nonce_r)
    return _expand(crypto, proposal, skeyseed, nonce_i, nonce_r, spi_i, spi_r)


def derive_child_keys(prf_id: int, sk_d: bytes, proposal: Proposal, nonce_i: bytes, nonce_r: bytes, shared: bytes = b"",
                      additional: bytes = b"", crypto: CryptoProvider = LIBRARY) -> tuple[bytes, bytes, bytes, bytes]:
    """(encr_i, integ_i, encr_r, integ_r) of an ESP proposal; ``shared`` is g^ir of its own KE payloads (§2.17),
    ``additional`` the secrets of its additional key exchanges (RFC 9370 §2.2.4).

    "i" sends from the exchange's initiator. An AEAD's key ends with its salt; its integrity keys are empty.
    """
    encr, integ = _algorithms(proposal)
    encr_len, integ_len = encr.key_len + encr.salt_len, integ.key_len if integ else 0
    keymat = crypto.prf_plus(prf_id, sk_d, shared + nonce_i + nonce_r + additional, 2 * (encr_len + integ_len))
    encr_i, integ_i, encr_r, integ_r = _cut(keymat, encr_len, integ_len, encr_len, integ_len)
    return encr_i, integ_i, encr_r, integ_r


def ciphers(proposal: Proposal, keys: IkeKeys, crypto: CryptoProvider = LIBRARY) -> tuple[Cipher, Cipher]:
    """What protects the initiator's messages, and the responder's."""
    encr, integ = _algorithms(proposal)
    integ_id = integ.id if integ else None
    return (crypto.cipher(encr.id, encr.key_bits, integ_id, keys.sk_ei, keys.sk_ai),
            crypto.cipher(encr.id, encr.key_bits, integ_id, keys.sk_er, keys.sk_ar))


def _expand(crypto: CryptoProvider, proposal: Proposal, skeyseed: bytes, nonce_i: bytes, nonce_r: bytes, spi_i: bytes,
            spi_r: bytes) -> IkeKeys:
    encr, integ = _algorithms(proposal)
    prf_len, encr_len, integ_len = prf_row(proposal.prf).key_len, encr.key_len + encr.salt_len, 0
    if integ is not None:
        integ_len = integ.key_len
    lengths = (prf_len, integ_len, integ_len, encr_len, encr_len, prf_len, prf_len)
    stream = crypto.prf_plus(proposal.prf, skeyseed, nonce_i + nonce_r + spi_i + spi_r, sum(lengths))
    return IkeKeys(*_cut(stream, *lengths))


def _algorithms(proposal: Proposal) -> tuple[Encr, Integ | None]:
    transform = proposal.encr
    encr = ENCR.get((transform.id, transform.key_bits)) if transform else None
    integ = INTEG.get(proposal.integ)
    if encr is None or encr.aead == (integ is not None):
        raise MisuseError("keys for a proposal that we do not have the algorithms of")
    return encr, integ


def _cut(stream: bytes, *lengths: int) -> list[bytes]:
    pieces, position = [], 0
    for length in lengths:
        pieces.append(stream[position:position + length])
        position += length
    return pieces
