"""The control channel: every message survives it, nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.datapath.base import DataPathEndpoint, InboundSa, OutboundSa, Selector
from client.core.datapath.control import ControlError, decode, encode
from client.core.datapath.messages import (
    AttachStream,
    Checkpoint,
    DetachStream,
    HardExpired,
    IkeReceived,
    InstallInbound,
    InstallOutbound,
    Message,
    Reached,
    Ready,
    Rebind,
    Remove,
    SendRefused,
    SendStreamIke,
    SetKeepalive,
    SetLimit,
    SetPatience,
    SoftExpired,
    StreamIke,
    StreamLost,
    Together,
    Unanswered,
)
from client.model.endpoint import Endpoint

SELECTORS = (
    Selector(4, 17, bytes(4), b"\xff" * 4, 53, 53),
    Selector(6, 0, bytes(16), b"\xff" * 16, 0xFFFF, 0),
)
KEY = bytes(range(36))
SPI = b"\xc0\0\0\1"
HERE, THERE = Endpoint("192.0.2.1", 4500), Endpoint("2001:db8::1", 4500)
MESSAGES: list[Message] = [
    InstallInbound(3, 77, InboundSa(SPI, "aes256gcm16", KEY, b"", SELECTORS, SELECTORS[:1], 1000)),
    InstallOutbound(127, 0xFFFF_FFFF, 2, OutboundSa(SPI, "aes128-sha256", KEY[:16], KEY[:32], SELECTORS, ())),
    InstallInbound(3, 1 << 33, InboundSa(SPI, "aes256gcm16", KEY, b"", SELECTORS, SELECTORS[:1], 1 << 36, esn=True)),
    InstallOutbound(7, 1 << 33, 2, OutboundSa(SPI, "aes256gcm16", KEY, b"", SELECTORS, (), 1 << 36, esn=True)),
    Remove(SPI),
    Rebind(DataPathEndpoint(HERE, THERE)),
    Rebind(DataPathEndpoint(Endpoint("", 0), THERE)),
    Rebind(DataPathEndpoint(HERE, THERE, 7)),
    SetKeepalive(20_000),
    SetPatience(1_080),
    Unanswered(),
    Checkpoint(7),
    Ready(),
    IkeReceived(HERE, THERE, bytes(range(200))),
    SoftExpired(SPI),
    HardExpired(SPI),
    SendRefused(THERE, 111),
    Reached(0xFFFF_FFFF),
    Rebind(DataPathEndpoint(HERE, THERE, 3, "tcp")),
    Rebind(DataPathEndpoint(HERE, THERE, 0, "esp")),
    SetLimit(1200),
    AttachStream(7, True),
    DetachStream(),
    SendStreamIke(bytes(range(200))),
    StreamIke(bytes(range(200))),
    StreamLost(7, 104),
    Together((Rebind(DataPathEndpoint(HERE, THERE)), SendStreamIke(b"x"), Checkpoint(8))),
]
ENDS_ANYWHERE = (IkeReceived, SendStreamIke, StreamIke)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip(message: Message):
    assert decode(encode(message)) == message


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_truncation_and_every_addition_is_refused(message: Message):
    data = encode(message)
    ends_anywhere = isinstance(message, ENDS_ANYWHERE)
    for length in range(len(data) - len(message.data) if isinstance(message, ENDS_ANYWHERE) else len(data)):
        with pytest.raises(ControlError):
            decode(data[:length])
    if not ends_anywhere:
        with pytest.raises(ControlError):
            decode(data + b"\0")


@pytest.mark.parametrize(
    "message",
    [
        Remove(b"\1\2\3"),
        Rebind(DataPathEndpoint(Endpoint("fe80::1%eth0", 1), THERE)),
        Rebind(DataPathEndpoint(Endpoint("gateway.example", 1), THERE)),
        Rebind(DataPathEndpoint(Endpoint("192.0.2.1", 70_000), THERE)),
        SendRefused(THERE, -1),
        Rebind(DataPathEndpoint(HERE, THERE, -1)),
        SetKeepalive(-1),
        SetLimit(70_000),
        Rebind(DataPathEndpoint(HERE, THERE, 0, "carrier pigeon")),
        IkeReceived(HERE, THERE, bytes(80_000)),
        InstallInbound(0, 0, InboundSa(SPI, "aes256gcm16", bytes(300), b"", (), ())),
        InstallInbound(0, 0, InboundSa(SPI, "aes256gcm16", KEY, b"", SELECTORS * 200, ())),
        InstallInbound(0, 0, InboundSa(SPI, "aes256gcm16", KEY, b"", (Selector(4, 0, b"", b"", 0, 0),), ())),
        InstallInbound(0, 0, InboundSa(SPI, "aes256gcm16", KEY, b"", (Selector(5, 0, b"", b"", 0, 0),), ())),
        InstallInbound(0, 0, InboundSa(SPI, "äes", KEY, b"", (), ())),
    ],
)
def test_what_the_format_cannot_hold_is_refused(message: Message):
    with pytest.raises(ControlError):
        encode(message)


@pytest.mark.parametrize("inner", [Together((Remove(SPI),)), AttachStream(7, True)])
def test_what_comes_alone_is_not_taken_with_others(inner: Message):
    with pytest.raises(ControlError):
        decode(encode(Together((Remove(SPI), inner))))


def test_nothing_is_nested_without_end():
    data = encode(Remove(SPI))
    for _ in range(5000):
        data = bytes((12, 1)) + len(data).to_bytes(4, "big") + data
    with pytest.raises(ControlError):
        decode(data)


@given(st.binary(max_size=100))
def test_noise_is_a_message_or_an_error(data: bytes):
    try:
        message = decode(data)
    except ControlError:
        return
    assert decode(encode(message)) == message


@given(st.sampled_from(MESSAGES), st.data())
def test_mutations_are_a_message_or_an_error(message: Message, data: st.DataObject):
    octets = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(octets))
    except ControlError:
        return


def test_keys_are_not_shown():
    shown = repr(MESSAGES[0]) + repr(MESSAGES[1])
    assert repr(KEY)[2:20] not in shown
    assert "key" not in shown
