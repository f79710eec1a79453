"""The block ciphers that run in CBC mode: AES (RFC 3602), and 3DES (RFC 2451) for old gateways."""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from client.core.crypto.algorithms import ENCR_3DES, Encr


def block_cipher(row: Encr, key: bytes) -> AES | TripleDES:
    """``key`` has the row's length; the parity bits of a 3DES key are passed over."""
    return TripleDES(key) if row.id == ENCR_3DES else AES(key)
