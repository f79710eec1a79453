"""Sealing and opening: published vectors, an independent implementation, and what must be refused."""

import os
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.crypto.algorithms import ESP_SUITES, packet_limit
from client.core.esp.packet import (
    MAX_ESN,
    NEXT_IPV4,
    NEXT_IPV6,
    NEXT_NONE,
    AuthenticationFailed,
    EspError,
    MalformedPadding,
    Opener,
    Sealer,
    make_opener,
    make_sealer,
)
from tests.esp import reference

SPI = b"\xc0\x01\x02\x03"
SUITES = sorted(ESP_SUITES)
AEADS = [name for name in SUITES if ESP_SUITES[name][0].aead]

# (suite, encr_key with salt, packet, payload, next header)
VECTORS = {
    "RFC 7634 appendix A": (
        "chacha20poly1305",
        "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3",
        "01020304000000051011121314151617"
        "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f7"
        "2aa71e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e0"
        "76aaa8266b7fb0f7b11b369907e1ad43",
        "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f10111213"
        "1415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637",
        4,
    ),
    "draft-mcgrew-gcm-test-01 §4, 256-bit key": (
        "aes256gcm16",
        "abbccddef00112233445566778899aababbccddef00112233445566778899aab11223344",
        "4a2cbfe3000000020102030405060708"
        "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f14e99d"
        "ef842d8eb335f4eecfdbf831824b4c4915956c96",
        "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b401010402",
        1,
    ),
    "draft-mcgrew-gcm-test-01 §4, 192-bit key": (
        "aes192gcm16",
        "feffe9928665731c6d6a8f9467308308feffe9928665731ccafebabe",
        "0000a5f80000000afacedbaddecaf888"
        "a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0315b27452144cc77"
        "95457b9652037f5318027b5b4cd7a636",
        "45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d07568",
        1,
    ),
}


@pytest.mark.parametrize(("suite", "key", "packet", "payload", "next_header"), VECTORS.values(), ids=VECTORS)
def test_published_vectors(suite: str, key: str, packet: str, payload: str, next_header: int):
    data = bytes.fromhex(packet)
    opened = _open(make_opener(suite, data[:4], bytes.fromhex(key), b""), data)
    assert opened == (bytes.fromhex(payload), next_header)


def test_a_published_vector_with_extended_sequence_numbers():
    """draft-mcgrew-gcm-test-01 §4: associated data of 12 octets. The upper half of the number is not in the packet."""
    key = 2 * bytes.fromhex("abbccddef00112233445566778899aab") + b"salt"
    packet = bytes.fromhex(
        "17405e67dd0db99b616e640169766563"
        "f2d69ecdbd5a0d5b8d5ef38bad4da58d1f278fde98ef67549d524a3018d9a57ff4d3a31ce673119e"
        "451626c2415771e3b7eebca614c89b35")
    opener = make_opener("aes256gcm16", packet[:4], key, b"", esn=True)
    payload, next_header = _open(opener, packet, 0x156F3126_DD0DB99B)
    assert payload.hex() == (
        "45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb71260250101f646d54")
    assert next_header == 1
    with pytest.raises(AuthenticationFailed):
        _open(opener, packet, 0x156F3127_DD0DB99B)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("seq", [1, 0xFFFF_FFFF, 0x1_0000_0000, 0x5_0000_0007, MAX_ESN])
def test_the_reference_makes_the_same_packet_with_esn(suite: str, seq: int):
    """RFC 4303 §2.2.1: the lower half travels, the ICV covers the whole; another upper half is a wrong ICV."""
    encr, integ = _keys(suite)
    sealer = make_sealer(suite, SPI, encr, integ, 3, os.urandom, esn=True)
    packet = _seal(sealer, b"payload", NEXT_IPV4, seq)
    iv = packet[8 : 8 + ESP_SUITES[suite][0].iv_len]
    expected = reference.pad(b"payload", NEXT_IPV4, _alignment(suite))
    assert packet == reference.seal(suite, SPI, seq, iv, encr, integ, expected, esn=True)
    opener = make_opener(suite, SPI, encr, integ, esn=True)
    assert _open(opener, packet, seq) == (b"payload", NEXT_IPV4)
    for wrong in (seq ^ 1 << 32, seq ^ 1 << 47):
        with pytest.raises(AuthenticationFailed):
            _open(opener, packet, wrong)
    with pytest.raises(AuthenticationFailed):
        _open(_opener(suite), packet)


@pytest.mark.parametrize("suite", AEADS)
def test_with_esn_ivs_do_not_repeat_after_2_to_the_32(suite: str):
    seqs = [7, 7 + (1 << 32), 7 + (1 << 47)]
    ivs = set()
    for epoch in (0, 1, 0xFFFF):
        sealer = make_sealer(suite, SPI, *_keys(suite), epoch, os.urandom, esn=True)
        ivs |= {_seal(sealer, b"", NEXT_NONE, seq)[8:16] for seq in seqs}
    assert len(ivs) == 9


@pytest.mark.parametrize("suite", SUITES)
def test_how_many_packets_a_key_may_protect(suite: str):
    """RFC 4303 §3.3.3 without ESN; with it no IV may come twice, and the cipher has its own limit."""
    assert packet_limit(suite, esn=False) < 1 << 32
    assert packet_limit(suite, esn=False) <= packet_limit(suite, esn=True) <= MAX_ESN
    if suite.startswith("3des"):    # 64-bit blocks: far fewer than 2^32 of them
        assert packet_limit(suite, esn=True) * 1500 // 8 < 1 << 28


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 13, 14, 15, 16, 20, 1400, 65_535])
def test_the_reference_makes_the_same_packet(suite: str, length: int):
    encr, integ = _keys(suite)
    payload = Random(length).randbytes(length)
    packet = _seal(_sealer(suite, epoch=3), payload, NEXT_IPV4, 9)
    iv_len = ESP_SUITES[suite][0].iv_len
    iv = packet[8 : 8 + iv_len]
    expected = reference.pad(payload, NEXT_IPV4, _alignment(suite))
    assert packet == reference.seal(suite, SPI, 9, iv, encr, integ, expected)


@pytest.mark.parametrize("suite", SUITES)
def test_round_trip_in_any_order(suite: str):
    """The CBC contexts run on from packet to packet: neither order nor a forgery in between may matter."""
    sealer, opener = _sealer(suite), _opener(suite)
    sent = {seq: Random(seq).randbytes(seq * 7) for seq in range(1, 300)}
    packets = {seq: _seal(sealer, payload, NEXT_IPV6, seq) for seq, payload in sent.items()}
    for seq in sorted(packets, key=lambda seq: seq * 7919 % 300):
        forged = bytearray(packets[seq])
        forged[-1] ^= 1
        with pytest.raises(AuthenticationFailed):
            _open(opener, bytes(forged))
        assert _open(opener, packets[seq]) == (sent[seq], NEXT_IPV6)


@pytest.mark.parametrize("suite", SUITES)
def test_ivs_do_not_repeat(suite: str):
    sealer, iv_len = _sealer(suite), ESP_SUITES[suite][0].iv_len
    ivs = {_seal(sealer, b"the same", NEXT_IPV4, seq)[8 : 8 + iv_len] for seq in range(1, 1000)}
    assert len(ivs) == 999


@pytest.mark.parametrize("suite", AEADS)
def test_another_epoch_is_another_iv(suite: str):
    """A restarted data path never meets an IV of its predecessor's, whatever its sequence number."""
    ivs = {_seal(_sealer(suite, epoch), b"", NEXT_NONE, 5)[8:16] for epoch in (0, 1, 2, 0xFFFF_FFFF)}
    assert len(ivs) == 4


def test_cbc_ivs_come_from_the_random_source():
    """Two SAs with the same keys, payloads and sequence numbers share no IV (RFC 3602 §3: unpredictable)."""
    first, second = (_seal(_sealer("aes256-sha256"), b"x", NEXT_IPV4, 1) for _ in range(2))
    assert first[8:24] != second[8:24]


@pytest.mark.parametrize("suite", SUITES)
def test_every_truncation_is_refused(suite: str):
    packet = _seal(_sealer(suite), bytes(60), NEXT_IPV4, 1)
    opener = _opener(suite)
    for length in range(len(packet)):
        with pytest.raises(AuthenticationFailed):
            _open(opener, packet[:length])


@pytest.mark.parametrize("suite", SUITES)
def test_every_changed_octet_is_refused(suite: str):
    packet = _seal(_sealer(suite), bytes(60), NEXT_IPV4, 1)
    opener = _opener(suite)
    for at in range(len(packet)):
        changed = bytearray(packet)
        changed[at] ^= 0x40
        with pytest.raises(AuthenticationFailed):
            _open(opener, bytes(changed))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("trailer", [b"\1\2\4\3\4", b"\0\0\0\3\4", b"\xff\4", b"\2\1\4"])
def test_padding_that_is_not_1_2_3_is_refused(suite: str, trailer: bytes):
    """RFC 4303 §2.4. Authenticated, so only a broken sender does it: dropped all the same."""
    encr, integ = _keys(suite)
    block = _alignment(suite)
    plaintext = bytes(-len(trailer) % block + 16) + trailer
    packet = reference.seal(suite, SPI, 1, bytes(ESP_SUITES[suite][0].iv_len), encr, integ, plaintext)
    with pytest.raises(MalformedPadding):
        _open(_opener(suite), packet)


@pytest.mark.parametrize("suite", SUITES)
def test_long_padding_hides_the_length(suite: str):
    """RFC 4303 §2.4 allows up to 255 octets of padding; the payload may even be empty."""
    encr, integ = _keys(suite)
    plaintext = b"payload!" + bytes(range(1, 247)) + bytes((246, 4))
    packet = reference.seal(suite, SPI, 1, bytes(ESP_SUITES[suite][0].iv_len), encr, integ, plaintext)
    assert _open(_opener(suite), packet) == (b"payload!", 4)


@given(st.sampled_from(SUITES), st.binary(max_size=200))
def test_noise_is_refused(suite: str, noise: bytes):
    with pytest.raises(EspError):
        _open(_opener(suite), noise)


@pytest.mark.parametrize(
    ("suite", "encr_len", "integ_len"),
    [
        ("aes256gcm16", 32, 0),
        ("aes256gcm16", 36, 32),
        ("aes128-sha256", 16, 20),
        ("chacha20poly1305", 0, 0),
        ("des", 8, 0),
    ],
)
def test_keys_of_another_suite_are_refused(suite: str, encr_len: int, integ_len: int):
    with pytest.raises(ValueError, match=r"keys|unknown"):
        make_opener(suite, SPI, bytes(encr_len), bytes(integ_len))
    with pytest.raises(ValueError, match=r"keys|unknown"):
        make_sealer(suite, SPI, bytes(encr_len), bytes(integ_len), 0, os.urandom)


def _alignment(suite: str) -> int:
    """RFC 4303 §2.4: words, or the cipher's blocks."""
    return 4 if suite in AEADS else 8 if suite.startswith("3des") else 16


def _keys(suite: str) -> tuple[bytes, bytes]:
    encr, integ = ESP_SUITES[suite]
    random = Random(suite)
    return random.randbytes(encr.key_len + encr.salt_len), random.randbytes(integ.key_len if integ else 0)


def _sealer(suite: str, epoch: int = 0) -> Sealer:
    return make_sealer(suite, SPI, *_keys(suite), epoch, os.urandom)


def _opener(suite: str) -> Opener:
    return make_opener(suite, SPI, *_keys(suite))


def _seal(sealer: Sealer, payload: bytes, next_header: int, seq: int) -> bytes:
    return b"".join(sealer.seal(payload, next_header, seq))


def _open(opener: Opener, packet: bytes, seq: int = 0) -> tuple[bytes, int]:
    plaintext, length, next_header = opener.open(memoryview(packet), seq)
    return plaintext[:length], next_header
