"""The Encrypted payload's protection: what is sealed opens, and nothing else does."""

import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from client.core.crypto.errors import IntegrityError
from client.core.crypto.suites import ENCR, ESP_SUITES, INTEG, SkCipher
from tests.crypto.repeatable import repeatable

SUITES = [(encr, integ) for encr in ENCR.values() for integ in ([None] if encr.aead else INTEG.values())]
NAMES = [f"{encr.name}-{integ.name}" if integ else encr.name for encr, integ in SUITES]


def make(suite, seed="keys") -> SkCipher:
    encr, integ = suite
    random = repeatable(seed)
    return SkCipher(encr.id, encr.key_bits, integ.id if integ else None, random(encr.key_len + encr.salt_len),
                    random(integ.key_len) if integ else b"")


@pytest.mark.parametrize("suite", SUITES, ids=NAMES)
def test_every_suite_opens_what_it_seals(suite):
    cipher, random = make(suite), repeatable("iv")
    for length in range(70):
        plaintext = bytes(range(length))
        sealed = cipher.seal(b"aad", plaintext, random)
        assert len(sealed) == cipher.sealed_length(length)
        assert len(sealed) >= length + cipher.overhead
        assert make(suite).open(b"aad", sealed) == plaintext


@pytest.mark.parametrize("suite", SUITES, ids=NAMES)
def test_one_changed_bit_anywhere_is_noticed(suite):
    sealed = make(suite).seal(b"aad", b"payload", repeatable("iv"))
    for i in range(len(sealed)):
        changed = sealed[:i] + bytes([sealed[i] ^ 0x10]) + sealed[i + 1:]
        with pytest.raises(IntegrityError):
            make(suite).open(b"aad", changed)
    for aad in (b"", b"aae", b"aad\0"):
        with pytest.raises(IntegrityError):
            make(suite).open(aad, sealed)


@pytest.mark.parametrize("suite", SUITES, ids=NAMES)
def test_truncation_and_other_keys_are_noticed(suite):
    sealed = make(suite).seal(b"aad", b"payload", repeatable("iv"))
    for length in range(len(sealed)):
        with pytest.raises(IntegrityError):
            make(suite).open(b"aad", sealed[:length])
    with pytest.raises(IntegrityError):
        make(suite, "other keys").open(b"aad", sealed)


@pytest.mark.parametrize("suite", SUITES, ids=NAMES)
def test_ivs_differ(suite):
    cipher, random = make(suite), repeatable("iv")
    iv_len = suite[0].iv_len
    ivs = {cipher.seal(b"", b"the same", random)[:iv_len] for _ in range(300)}
    assert len(ivs) == 300


@pytest.mark.parametrize("suite", SUITES, ids=NAMES)
def test_room_is_the_inverse_of_sealed_length(suite):
    cipher = make(suite)
    for budget in range(cipher.sealed_length(0), 200):
        room = cipher.room(budget)
        assert room >= 0
        assert cipher.sealed_length(room) <= budget < cipher.sealed_length(room + 1)


def test_gcm_is_as_rfc_5282_lays_it_out():
    """§3: IV | ciphertext | ICV; §4: the nonce is salt | IV; the plaintext ends with its pad length."""
    key, salt = bytes(range(16)), b"salt"
    cipher = SkCipher(20, 128, None, key + salt, b"")
    first, second = cipher.seal(b"aad", b"data", bytes), cipher.seal(b"aad", b"data", bytes)
    assert (first[:8], second[:8]) == (bytes(8), bytes(7) + b"\1")
    assert first[8:] == AESGCM(key).encrypt(salt + bytes(8), b"data\0", b"aad")


def test_the_icv_of_cbc_covers_header_iv_and_ciphertext():
    sk_a = bytes(32)
    sealed = SkCipher(12, 128, 12, bytes(16), sk_a).seal(b"header", b"data", repeatable("iv"))
    assert sealed[-16:] == hmac.digest(sk_a, b"header" + sealed[:-16], "sha256")[:16]
    assert len(sealed) == 16 + 16 + 16


@given(extra=st.integers(0, 14))
def test_more_padding_than_necessary_is_fine(extra):
    """RFC 7296 §3.14: the recipient takes any length that fits."""
    key, salt = bytes(16), bytes(4)
    body = bytes(8) + AESGCM(key).encrypt(salt + bytes(8), b"data" + bytes(extra) + bytes([extra]), b"")
    assert SkCipher(20, 128, None, key + salt, b"").open(b"", body) == b"data"


def test_padding_longer_than_the_payload_is_refused():
    body = bytes(8) + AESGCM(bytes(16)).encrypt(bytes(12), b"data\x05", b"")
    with pytest.raises(IntegrityError, match="padding"):
        SkCipher(20, 128, None, bytes(20), b"").open(b"", body)


@pytest.mark.parametrize("arguments", [
    (20, 128, None, bytes(16), b""),            # no salt
    (20, 128, 12, bytes(20), bytes(32)),        # an AEAD with INTEG
    (12, 128, None, bytes(16), b""),            # CBC without
    (12, 128, 12, bytes(16), bytes(31)),
    (12, 64, 12, bytes(8), bytes(32)),
    (2, 0, 2, bytes(8), bytes(20)),             # DES
    (3, 192, 2, bytes(24), bytes(20)),          # RFC 2451: 3DES has no Key Length
    (12, 128, 1, bytes(16), bytes(16)),         # MD5
    (28, 256, None, bytes(36), b""),            # RFC 7634: ChaCha20 has no Key Length
])
def test_keys_and_algorithms_that_do_not_fit_are_refused(arguments):
    with pytest.raises(ValueError, match=r"no SK cipher|lengths"):
        SkCipher(*arguments)


def test_esp_suites_are_named_as_swanctl_does():
    assert set(ESP_SUITES) == {"aes128gcm16", "aes192gcm16", "aes256gcm16", "chacha20poly1305"} | {
        f"{encr}-{integ}" for encr in ("aes128", "aes192", "aes256", "3des")
        for integ in ("sha256", "sha384", "sha512", "sha1")}
    for name, (encr, integ) in ESP_SUITES.items():
        assert name == (encr.name if integ is None else f"{encr.name}-{integ.name}")
        assert encr.aead == (integ is None)
