"""What can be wrong with ciphertext and with a peer's public key."""


class IntegrityError(Exception):
    """It does not authenticate: dropped in silence (RFC 7296 §2.21.1, RFC 7383 §2.6.1)."""


class KexError(Exception):
    """The peer's public key is of no use: wrong length, not in the group, or it gives a worthless secret."""
