"""ESP packets and what is inside: trailers, inner packets against selectors, segments joined for the kernel."""

from random import Random

from client.core.datapath.base import InboundSa, Selector
from client.core.datapath.coalesce import VNET_HEADER, Run
from client.core.datapath.inner import Inner, meets, parse_inner
from client.core.datapath.messages import InstallInbound
from client.core.datapath.page import Page, create_page
from client.core.datapath.sadb import InboundState
from client.core.esp.packet import EspError
from tests.esp import reference
from tests.fuzz.frames import Octets, join, mutate_parts, split

MAX_LEN = 4096
SPI = b"\xc0\0\0\1"
SUITES = {"aes256gcm16": (bytes(36), b"", 8), "chacha20poly1305": (bytes(36), b"", 8),
          "aes128-sha256": (bytes(16), bytes(32), 16), "3des-sha1": (bytes(range(24)), bytes(20), 8)}
V4 = Selector(4, 0, bytes((10, 0, 0, 0)), bytes((10, 255, 255, 255)), 0, 0xFFFF)
V6 = Selector(6, 0, bytes(16), b"\xff" * 16, 0, 0xFFFF)
UDP = Selector(4, 17, bytes(4), b"\xff" * 4, 53, 53)
_PAGE = Page(create_page())


def one(data: bytes) -> None:
    """An octet for suite, ESN and selectors, then packets: an octet (whole, or to be sealed), a number, octets."""
    if not data:
        return
    suite = list(SUITES)[data[0] % 4]
    encr, integ, iv_length = SUITES[suite]
    esn = bool(data[0] & 0x40)
    selectors = (V4, V6) if data[0] & 0x80 else (UDP, V6)
    sa = InboundState(InstallInbound(0, 0, InboundSa(SPI, suite, encr, integ, selectors, selectors, esn=esn)),
                      _PAGE)
    run, payloads = Run(), []
    for part in split(data[1:]):
        if len(part) < 3:
            continue
        whole, seq, octets = part[0] & 1, part[1] << 8 | part[2], part[3:]
        if not whole and integ:
            octets = octets[:len(octets) // iv_length * iv_length]
        packet = octets if whole else reference.seal(suite, SPI, seq, bytes(iv_length), encr, integ, octets, esn)
        if sa.window.is_new(seq):
            assert not esn or sa.window.whole(seq) == seq
            opened = _opened(sa, packet, seq)
            if opened is None:
                continue
            assert not whole, "authentic without a key"
            sa.window.accept(seq)
            assert not sa.window.is_new(seq)
            _deliver(sa, selectors, run, payloads, *opened)
    _taken(run, payloads)


def _opened(sa: InboundState, packet: bytes, seq: int) -> tuple[bytes, int] | None:
    try:
        plaintext, length, next_header = sa.open(memoryview(packet), seq)
    except EspError:
        return None
    assert 0 <= length <= len(plaintext) - 2
    assert next_header == plaintext[-1]
    return plaintext, length


def _deliver(sa: InboundState, selectors: tuple[Selector, ...], run: Run, payloads: list[bytes], plaintext: bytes,
             length: int) -> None:
    """In the order of the packet loop: the run first, the judgement after."""
    if not run.full and run.extend(plaintext, length):
        payloads.append(plaintext[:length])
        return
    _taken(run, payloads)
    allowed = sa.allowed_length(plaintext[:length])
    inner = parse_inner(plaintext[:length])
    if allowed > 0:
        packet = plaintext[:allowed]
        again = parse_inner(packet)
        assert inner is None or (inner == again and inner.length == allowed <= length)
        assert again is None or meets(again, selectors, selectors)
        if run.begin(packet):
            payloads.append(packet)
    elif inner is not None and allowed == 0:
        assert not meets(inner, selectors, selectors)


def _taken(run: Run, payloads: list[bytes]) -> None:
    """The large packet is the segments: one header, and their payloads one behind the other."""
    if not run:
        assert not payloads
        return
    packet = bytes(run.take())[VNET_HEADER:]
    merged, first = parse_inner(packet), parse_inner(payloads[0])
    assert merged is not None
    assert first is not None
    assert merged.length == len(packet)
    assert _flow(merged) == _flow(first)
    assert packet[_header(packet):] == b"".join(payload[_header(payload):] for payload in payloads)
    payloads.clear()


def _flow(inner: Inner) -> tuple:
    return inner.family, inner.protocol, inner.source, inner.destination, inner.source_port, inner.destination_port


def _header(packet: bytes) -> int:
    tcp = 20 if packet[0] >> 4 == 4 else 40
    return tcp + (packet[tcp + 12] >> 4) * 4


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    if len(data) < 4 or random.randrange(16) == 0:
        return octets(data, limit)
    choice = data[0] if random.randrange(8) else random.randrange(256)
    return bytes((choice,)) + mutate_parts(data[1:], limit - 1, random, octets)


def seeds() -> dict[str, bytes]:
    from tests.datapath.packets import icmp, ipv4, ipv6, udp
    from tests.datapath.test_coalesce import segment
    tcp = [segment(bytes(100), 1000 + 100 * number) for number in range(3)]
    tcp6 = [segment(bytes(100), 1000 + 100 * number, 6) for number in range(3)]
    ping = ipv4("10.0.0.1", "10.0.0.2", 1, icmp(8, 0, bytes(8)))
    query = ipv4("10.0.0.1", "10.0.0.2", 17, udp(53, 53, b"query"))
    options = ipv6("fd00::1", "fd00::2", 0, bytes((60, 0)) + bytes(6) + bytes((17, 0)) + bytes(6) + udp(1, 2))
    fragment = ipv6("fd00::1", "fd00::2", 44, bytes((17, 0, 0, 8)) + bytes(4) + b"data")
    large = ipv4("10.0.0.1", "10.0.0.2", 17, udp(1, 2, bytes(1200)), fragment=0x2000, options=bytes(8))
    made = {}
    for number, suite in enumerate(SUITES):
        for name, packets in {"tcp": tcp, "tcp6": tcp6, "mixed": [ping, query, options, fragment, large]}.items():
            made[f"{name}-{suite}"] = bytes((0x80 * (name != "mixed") | number + 4 * (name == "mixed"),)) + join([
                b"\0" + seq.to_bytes(2, "big") + _padded(suite, packet) for seq, packet in enumerate(packets, 1)])
    made["padding"] = b"\x80" + join([
        b"\0\0\1" + reference.pad(ping + bytes(300), 4, 4), b"\0\0\2" + ping + b"\1\3\1\4"])
    made["dummy"] = b"\x80" + join([b"\0\0\1" + reference.pad(bytes(64), 59, 4)])
    made["whole"] = b"\x80" + join([b"\1\0\1" + SPI + bytes(60)])
    return made


def _padded(suite: str, packet: bytes) -> bytes:
    return reference.pad(packet, 4 if packet[0] >> 4 == 4 else 41, SUITES[suite][2] if "-" in suite else 4)
