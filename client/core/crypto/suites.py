"""The algorithms of IKE and ESP in one place: rows, PRFs and the SK payload's cipher."""

from client.core.crypto.algorithms import ENCR, ESP_SUITES, INTEG, Encr, Integ, packet_limit
from client.core.crypto.errors import IntegrityError
from client.core.crypto.prf import PRF, Prf, prf, prf_plus, prf_row
from client.core.crypto.sk_cipher import SkCipher

__all__ = ["ENCR", "ESP_SUITES", "INTEG", "PRF", "Encr", "Integ", "IntegrityError", "Prf", "SkCipher", "packet_limit",
           "prf", "prf_plus", "prf_row"]
