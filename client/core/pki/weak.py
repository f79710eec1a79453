"""Which hashes a signature over a certificate, a CRL or an OCSP response may have."""

from cryptography.hazmat.primitives import hashes

STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


def weak_hash(algorithm: hashes.HashAlgorithm | None) -> str:
    """Its name where it is not trusted any more, else empty; None is of Ed25519 and Ed448, which hash by themselves."""
    return "" if algorithm is None or isinstance(algorithm, STRONG) else algorithm.name.upper()
