"""How large an inner packet may be, so that its ESP packet has so many octets at most (RFC 4303 §2)."""

from client.core.crypto.algorithms import ESP_SUITES

_SPI_AND_SEQUENCE = 8
_TRAILER = 2             # pad length and next header
_ALIGNMENT = 4


def largest_payload(suite: str, octets: int) -> int:
    """The payload of an ESP packet of ``octets`` or a little less, without traffic flow padding; 0 where none fits."""
    encr, integ = ESP_SUITES[suite]
    block = max(encr.block, _ALIGNMENT)
    room = octets - _SPI_AND_SEQUENCE - encr.iv_len - encr.icv_len - (integ.icv_len if integ else 0)
    return max(0, room // block * block - _TRAILER)
