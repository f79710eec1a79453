"""The packet loop, with a socket pair for a TUN device and the loopback interface for the internet."""

import contextlib
import os
import socket
from collections.abc import Iterator
from random import Random

import pytest

from client.core.datapath.base import DataPathEndpoint, InboundSa, OutboundSa, Selector
from client.core.datapath.messages import (
    HardExpired,
    IkeReceived,
    InstallInbound,
    InstallOutbound,
    Message,
    Ready,
    Rebind,
    Remove,
    SendRefused,
    SetKeepalive,
    SetPatience,
    SoftExpired,
    Unanswered,
)
from client.core.datapath.page import Header, Page, Sa, create_page
from client.core.datapath.python import KEEPALIVE, PacketLoop
from client.core.esp.packet import NEXT_IPV4, NEXT_IPV6, NEXT_NONE, make_opener, make_sealer
from client.model.endpoint import Endpoint
from tests.datapath.packets import ipv4, ipv6, udp
from tests.datapath.peers import EVERYTHING, keys

SUITE = "aes256gcm16"
SPI_IN, SPI_OUT, SPI_NEXT = b"\xc0\0\0\1", b"\xd0\0\0\1", b"\xd0\0\0\2"
PACKET = ipv4("10.9.0.2", "10.1.0.7", 17, udp(1, 53, b"question"))
ANSWER = ipv4("10.1.0.7", "10.9.0.2", 17, udp(53, 1, b"answer"))
OUTSIDE = ipv4("10.1.0.8", "10.9.0.2", 17, udp(53, 1, b"answer"))
ONE_PEER = (Selector(4, 0, bytes((10, 1, 0, 7)), bytes((10, 1, 0, 7)), 0, 0xFFFF),)
DNS_ONLY = (Selector(4, 17, bytes((10, 1, 0, 0)), bytes((10, 1, 0, 255)), 53, 53),)
SECOND = 1_000_000_000


class Rig:
    """A packet loop, and the gateway's end of its socket."""

    def __init__(self) -> None:
        self.host, tun = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.tun = tun
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.gateway = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.gateway.bind(("127.0.0.1", 0))
        for sock in (self.host, self.gateway):
            sock.settimeout(0.2)
        self.local = Endpoint("127.0.0.1", self.sock.getsockname()[1])
        self.remote = Endpoint("127.0.0.1", self.gateway.getsockname()[1])
        self.page_fd = create_page()
        self.page = Page(self.page_fd)
        self.told: list[Message] = []
        self.now = 1000 * SECOND
        self.loop = PacketLoop(tun.fileno(), [self.sock], self.page, self.told.append, os.urandom, lambda: self.now)
        self.loop.apply(Rebind(DataPathEndpoint(self.local, self.remote)))

    def install_inbound(self, remote_ts=EVERYTHING, highest: int = 0, hard: int = 1000, suite: str = SUITE, esn=False
    ) -> None:
        sa = InboundSa(SPI_IN, suite, *keys(suite, SPI_IN), EVERYTHING, remote_ts, hard, esn)
        self.loop.apply(InstallInbound(0, highest, sa))

    def install_outbound(self, spi=SPI_OUT, remote_ts=EVERYTHING, slot=1, seq=1, hard=1000, suite=SUITE, esn=False
    ) -> None:
        sa = OutboundSa(spi, suite, *keys(suite, spi), EVERYTHING, remote_ts, hard, esn)
        self.loop.apply(InstallOutbound(slot, seq, 0, sa))

    def from_host(self, *packets: bytes) -> list[bytes]:
        """What reaches the gateway."""
        for packet in packets:
            self.host.send(packet)
        self.loop.step(0)
        return self.at_gateway()

    def at_gateway(self) -> list[bytes]:
        return _drain(self.gateway)

    def from_gateway(self, *datagrams: bytes) -> list[bytes]:
        """What reaches the host."""
        for datagram in datagrams:
            self.gateway.sendto(datagram, self.sock.getsockname())
        self.loop.step(0.1)
        return _drain(self.host)

    def sa(self, slot: int, word: Sa) -> int:
        return self.page.words[self.page.sa(slot) + word]

    def close(self) -> None:
        for sock in (self.host, self.tun, self.sock, self.gateway):
            sock.close()
        self.page.close()
        os.close(self.page_fd)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with contextlib.closing(Rig()) as made:
        yield made


def esp(
    payload: bytes, seq: int, next_header: int = NEXT_IPV4, spi: bytes = SPI_IN, suite: str = SUITE, esn: bool = False
) -> bytes:
    return b"".join(make_sealer(suite, spi, *keys(suite, spi), 0, os.urandom, esn=esn).seal(payload, next_header, seq))


def opened(packet: bytes, suite: str = SUITE, seq: int | None = None) -> tuple[bytes, int]:
    """``seq`` where there is ESN."""
    opener = make_opener(suite, packet[:4], *keys(suite, packet[:4]), esn=seq is not None)
    plaintext, length, next_header = opener.open(memoryview(packet), seq or 0)
    return plaintext[:length], next_header


def test_out(rig: Rig):
    rig.install_outbound()
    (packet,) = rig.from_host(PACKET)
    assert opened(packet) == (PACKET, NEXT_IPV4)
    assert (rig.sa(1, Sa.SEQ), rig.sa(1, Sa.PACKETS), rig.sa(1, Sa.BYTES)) == (1, 1, len(PACKET))
    assert rig.page.words[Header.LAST_OUTBOUND] == rig.now


def test_in(rig: Rig):
    rig.install_inbound()
    assert rig.from_gateway(esp(ANSWER, 1)) == [ANSWER]
    assert (rig.sa(0, Sa.SEQ), rig.sa(0, Sa.PACKETS), rig.sa(0, Sa.BYTES)) == (1, 1, len(ANSWER))
    assert rig.page.words[Header.LAST_INBOUND] == rig.now


@pytest.mark.parametrize(
    "sizes", [[100] * 40, [100, 100, 40, 100, 1000, 1000, 30], [1000, 100, 100], list(range(1, 60))]
)
def test_runs_of_all_sizes_arrive_in_order_and_whole(rig: Rig, sizes: list[int]):
    rig.install_outbound()
    packets = [ipv4("10.9.0.2", "10.1.0.7", 17, udp(1, 2, bytes([index]) * size)) for index, size in enumerate(sizes)]
    sent = rig.from_host(*packets)
    assert [opened(packet)[0] for packet in sent] == packets
    assert [int.from_bytes(packet[4:8], "big") for packet in sent] == list(range(1, len(sizes) + 1))


def test_ipv6_inside(rig: Rig):
    rig.install_inbound()
    rig.install_outbound()
    packet = ipv6("fd09::2", "fd01::7", 17, udp(1, 2, b"x"))
    assert [opened(sent) for sent in rig.from_host(packet)] == [(packet, NEXT_IPV6)]
    assert rig.from_gateway(esp(packet, 1, NEXT_IPV6)) == [packet]


def test_replays_are_dropped_and_counted(rig: Rig):
    rig.install_inbound()
    first, second = esp(ANSWER, 1), esp(ANSWER, 2)
    assert rig.from_gateway(second, first, first, second) == [ANSWER, ANSWER]
    assert rig.sa(0, Sa.REPLAYS) == 2


def test_a_restarted_loop_takes_nothing_old(rig: Rig):
    rig.install_inbound(highest=10)
    assert rig.from_gateway(esp(ANSWER, 9), esp(ANSWER, 10), esp(ANSWER, 11)) == [ANSWER]


def test_a_forged_packet_moves_no_window(rig: Rig):
    rig.install_inbound()
    forged = SPI_IN + (900).to_bytes(4, "big") + bytes(100)
    assert rig.from_gateway(forged, esp(ANSWER, 1)) == [ANSWER]
    assert (rig.sa(0, Sa.AUTH_FAILURES), rig.sa(0, Sa.SEQ)) == (1, 1)


def test_after_decryption_the_selectors_are_checked(rig: Rig):
    rig.install_inbound(remote_ts=ONE_PEER)
    assert rig.from_gateway(esp(OUTSIDE, 1), esp(ANSWER, 2), esp(OUTSIDE, 3)) == [ANSWER]
    assert rig.sa(0, Sa.SELECTOR_DROPS) == 2
    assert rig.page.words[Header.LAST_INBOUND] == rig.now  # authenticated all the same: the gateway lives


def test_ports_are_checked_too(rig: Rig):
    rig.install_inbound(remote_ts=DNS_ONLY)
    other = ipv4("10.1.0.7", "10.9.0.2", 17, udp(54, 1))
    assert rig.from_gateway(esp(ANSWER, 1), esp(other, 2)) == [ANSWER]


def test_what_no_sa_carries_is_dropped(rig: Rig):
    rig.install_outbound(remote_ts=DNS_ONLY)
    assert len(rig.from_host(PACKET, ipv4("10.9.0.2", "10.1.0.7", 17, udp(1, 54)))) == 1
    assert rig.page.words[Header.NO_SA_DROPS] == 1


def test_the_newest_matching_sa_carries(rig: Rig):
    rig.install_outbound()
    assert rig.from_host(PACKET)[0][:4] == SPI_OUT
    rig.install_outbound(SPI_NEXT, DNS_ONLY, slot=2)
    assert rig.from_host(PACKET)[0][:4] == SPI_NEXT
    assert rig.from_host(ipv4("10.9.0.2", "10.1.0.7", 17, udp(1, 54)))[0][:4] == SPI_OUT
    rig.loop.apply(Remove(SPI_NEXT))
    assert rig.from_host(PACKET)[0][:4] == SPI_OUT
    rig.loop.apply(Remove(SPI_OUT))
    assert rig.from_host(PACKET) == []


def test_a_removed_inbound_sa_opens_nothing(rig: Rig):
    rig.install_inbound()
    rig.loop.apply(Remove(SPI_IN))
    assert rig.from_gateway(esp(ANSWER, 1)) == []
    assert rig.page.words[Header.NO_SA_DROPS] == 1


@pytest.mark.parametrize(
    ("payload", "next_header"),
    [
        (b"", NEXT_IPV4),
        (ANSWER[:-1], NEXT_IPV4),
        (ANSWER, NEXT_IPV6),               # says one thing and is another
        (ipv6("::1", "::2", 17, b""), NEXT_IPV4),
        (b"\x99" * 40, NEXT_IPV4),
    ],
)
def test_malformed_inner_packets_are_dropped(rig: Rig, payload: bytes, next_header: int):
    rig.install_inbound()
    assert rig.from_gateway(esp(payload, 1, next_header), esp(ANSWER, 2)) == [ANSWER]
    assert rig.page.words[Header.MALFORMED_DROPS] == 1


def test_dummy_packets_are_dropped_silently_and_padding_is_cut(rig: Rig):
    """RFC 4303 §2.6 and §2.7."""
    rig.install_inbound()
    assert rig.from_gateway(esp(bytes(80), 1, NEXT_NONE), esp(ANSWER + bytes(300), 2)) == [ANSWER]
    assert rig.page.words[Header.MALFORMED_DROPS] == 0


def test_malformed_packets_from_the_host_are_dropped(rig: Rig):
    rig.install_outbound()
    assert len(rig.from_host(b"\x00", PACKET[:-2], PACKET)) == 1
    assert rig.page.words[Header.MALFORMED_DROPS] == 2


def test_ike_goes_to_roved_and_keepalives_nowhere(rig: Rig):
    """RFC 3948 §2.2 and §2.3."""
    assert rig.from_gateway(bytes(4) + b"an IKE message", KEEPALIVE, b"", b"\0\0\0\0", b"\0\0") == []
    assert rig.told == [IkeReceived(rig.local, rig.remote, b"an IKE message")]
    assert rig.page.words[Header.NO_SA_DROPS] == 0


def test_expiry_is_told_once_and_the_number_never_wraps(rig: Rig):
    """RFC 4303 §3.3.3."""
    rig.install_outbound(hard=8)
    assert len(rig.from_host(*[PACKET] * 20)) == 7
    assert rig.told == [SoftExpired(SPI_OUT), HardExpired(SPI_OUT)]
    assert rig.sa(1, Sa.SEQ) == 7


def test_the_last_sequence_number_there_is(rig: Rig):
    rig.install_outbound(hard=0xFFFF_FFFF, seq=0xFFFF_FFFE)
    (packet,) = rig.from_host(PACKET, PACKET, PACKET)
    assert packet[4:8] == b"\xff\xff\xff\xfe"


@pytest.mark.parametrize("suite", ["aes256gcm16", "chacha20poly1305", "aes128-sha256"])
def test_extended_sequence_numbers_go_on_after_2_to_the_32(rig: Rig, suite: str):
    """RFC 4303 §2.2.1, appendix A2.2: with reordering and replays around the boundary, in both directions."""
    rig.install_outbound(hard=1 << 36, seq=0xFFFF_FFFD, suite=suite, esn=True)
    packets = rig.from_host(*[PACKET] * 6)
    assert [packet[4:8].hex() for packet in packets] == [
        "fffffffd", "fffffffe", "ffffffff", "00000000", "00000001", "00000002"]
    for seq, packet in enumerate(packets, 0xFFFF_FFFD):
        assert opened(packet, suite, seq) == (PACKET, NEXT_IPV4)
    assert rig.sa(1, Sa.SEQ) == 0x1_0000_0002

    rig.install_inbound(highest=0xFFFF_FFF0, hard=1 << 36, suite=suite, esn=True)
    order = [0xFFFF_FFFE, 0x1_0000_0001, 0xFFFF_FFFF, 0x1_0000_0000, 0xFFFF_FFFD]
    arrivals = [esp(ANSWER, seq, suite=suite, esn=True) for seq in order]
    assert rig.from_gateway(*arrivals) == [ANSWER] * 5
    assert rig.from_gateway(*arrivals) == []
    assert (rig.sa(0, Sa.SEQ), rig.sa(0, Sa.REPLAYS), rig.sa(0, Sa.AUTH_FAILURES)) == (0x1_0000_0001, 5, 0)
    # The same lower half, a round later or earlier than the window says: the ICV does not agree
    assert rig.from_gateway(esp(ANSWER, 0x2_0000_0005, suite=suite, esn=True),
                            esp(ANSWER, 5, suite=suite, esn=True)) == []
    assert (rig.sa(0, Sa.SEQ), rig.sa(0, Sa.AUTH_FAILURES)) == (0x1_0000_0001, 2)


def test_the_cipher_limits_what_extended_numbers_would_allow(rig: Rig):
    rig.install_outbound(hard=0x1_0000_0002, seq=0xFFFF_FFFF, esn=True)
    assert len(rig.from_host(*[PACKET] * 6)) == 3
    assert rig.told == [HardExpired(SPI_OUT)]


def test_inbound_expiry(rig: Rig):
    rig.install_inbound(hard=8)
    assert len(rig.from_gateway(*[esp(ANSWER, seq) for seq in range(1, 12)])) == 7
    assert rig.told == [SoftExpired(SPI_IN), HardExpired(SPI_IN)]


def test_keepalives_only_when_nothing_was_sent(rig: Rig):
    rig.install_outbound()
    rig.loop.apply(SetKeepalive(20_000))
    rig.now += 19 * SECOND
    assert len(rig.from_host(PACKET)) == 1
    rig.now += 19 * SECOND
    assert rig.from_host() == []
    rig.page.words[Header.LAST_IKE] = rig.now  # roved sent something
    rig.now += 19 * SECOND
    assert rig.from_host() == []
    rig.now += SECOND
    assert rig.from_host() == [KEEPALIVE]
    assert rig.from_host() == []
    rig.loop.apply(SetKeepalive(0))
    rig.now += 100 * SECOND
    assert rig.from_host() == []


def test_suspicion_when_nothing_comes_back(rig: Rig):
    rig.install_outbound()
    rig.install_inbound()
    rig.loop.apply(SetPatience(1000))
    rig.from_host(PACKET)
    rig.now += SECOND // 2
    rig.from_host(PACKET)
    rig.now += SECOND // 2 - 1
    rig.loop.step(0)
    assert rig.told == []
    rig.now += 1
    rig.loop.step(3600)             # wakes by itself
    assert rig.told == [Unanswered()]
    rig.from_host(PACKET)
    rig.from_gateway(esp(ANSWER, 1)[:-1] + b"?")
    rig.now += 2 * SECOND
    rig.from_host(PACKET)
    assert rig.told == [Unanswered()] * 2       # what is not authentic is no answer
    rig.from_host(PACKET)
    rig.from_gateway(esp(ANSWER, 2))
    rig.now += 100 * SECOND
    rig.loop.step(0)
    assert rig.told == [Unanswered()] * 2
    assert rig.loop._patience.deadline == 0


def test_refusals_are_told_rarely_and_do_no_harm(rig: Rig):
    rig.install_outbound()
    rig.gateway.close()
    for _ in range(5):
        rig.host.send(PACKET)
        rig.loop.step(0.1)
        rig.loop.step(0.1)
    assert rig.told == [SendRefused(rig.remote, 111)]
    rig.now += 2 * SECOND
    for _ in range(2):
        rig.host.send(PACKET)
        rig.loop.step(0.1)
        rig.loop.step(0.1)
    assert rig.told == [SendRefused(rig.remote, 111)] * 2
    rig.gateway = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    rig.gateway.bind(("127.0.0.1", rig.remote.port))
    rig.gateway.settimeout(0.2)
    assert opened(rig.from_host(PACKET)[0])[0] == PACKET


@pytest.mark.parametrize("suite", ["aes128gcm16", "chacha20poly1305", "aes256-sha384"])
def test_nothing_that_arrives_stops_it(rig: Rig, suite: str):
    """Truncations, mutations and noise on both sides; afterwards everything still works."""
    rig.install_inbound(suite=suite, hard=100_000)
    rig.install_outbound(suite=suite, hard=100_000)
    random = Random(suite)
    good = esp(ANSWER, 1, suite=suite)
    hostile = [good[:length] for length in range(len(good))]
    hostile += [_mutated(good, random) for _ in range(500)]
    hostile += [random.choice((SPI_IN, b"", bytes(4))) + random.randbytes(random.randrange(80)) for _ in range(500)]
    for start in range(0, len(hostile), 40):
        assert rig.from_gateway(*hostile[start : start + 40]) in ([], [ANSWER])
    for _ in range(10):
        rig.from_host(*[_mutated(PACKET, random) for _ in range(40)])
    assert rig.from_gateway(esp(ANSWER, 5000, suite=suite)) == [ANSWER]
    assert opened(rig.from_host(PACKET)[-1], suite)[0] == PACKET


@pytest.mark.parametrize(
    "message",
    [
        Ready(),
        SoftExpired(SPI_IN),
        InstallInbound(9999, 0, InboundSa(SPI_IN, SUITE, *keys(SUITE, SPI_IN), (), ())),
        InstallInbound(0, 0, InboundSa(SPI_IN, SUITE, b"short", b"", (), ())),
        InstallInbound(0, 0, InboundSa(SPI_IN, "rot13", *keys(SUITE, SPI_IN), (), ())),
        InstallOutbound(0, 1, 0, OutboundSa(SPI_IN, SUITE, *keys(SUITE, SPI_IN), (), (), hard_packets=0)),
        InstallOutbound(0, 1, 0, OutboundSa(SPI_IN, SUITE, *keys(SUITE, SPI_IN), (), (), hard_packets=1 << 32)),
        InstallOutbound(0, 1, 0, OutboundSa(SPI_IN, SUITE, *keys(SUITE, SPI_IN), (), (), 1 << 48, esn=True)),
        InstallInbound(0, 1 << 32, InboundSa(SPI_IN, SUITE, *keys(SUITE, SPI_IN), (), ())),
    ],
)
def test_messages_that_make_no_sense(rig: Rig, message: Message):
    with pytest.raises(ValueError, match=r"."):
        rig.loop.apply(message)


def _mutated(packet: bytes, random: Random) -> bytes:
    changed = bytearray(packet)
    for _ in range(random.randrange(1, 4)):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _drain(sock: socket.socket) -> list[bytes]:
    sock.setblocking(False)
    drained = []
    try:
        while True:
            drained.append(sock.recv(70_000))
    except BlockingIOError:
        return drained
