"""ESP that comes before its SA: kept for a moment, in bounds, and judged like all other."""

from client.core.datapath.held import MAX_HELD, MAX_OCTETS, PATIENCE, HeldPackets
from client.core.datapath.page import Header, Sa
from tests.datapath.test_python import ANSWER, ONE_PEER, OUTSIDE, PACKET, SECOND, SPI_IN, Rig, _drain, esp, rig

__all__ = ["rig"]
OTHER = b"\xc0\0\0\xff"


def test_what_overtook_its_sa_is_delivered(rig: Rig):
    assert rig.from_gateway(esp(ANSWER, 1), esp(ANSWER, 2)) == []
    assert rig.page.words[Header.NO_SA_DROPS] == 2
    rig.install_inbound()
    assert _drain(rig.host) == [ANSWER, ANSWER]
    assert (rig.sa(0, Sa.SEQ), rig.sa(0, Sa.PACKETS), rig.page.words[Header.NO_SA_DROPS]) == (2, 2, 0)
    assert rig.from_gateway(esp(ANSWER, 3)) == [ANSWER]


def test_it_is_judged_like_all_other(rig: Rig):
    """Replays, forgeries and what the selectors do not allow."""
    forged = bytearray(esp(ANSWER, 4))
    forged[-1] ^= 1
    assert rig.from_gateway(esp(ANSWER, 1), esp(ANSWER, 1), esp(OUTSIDE, 2), bytes(forged)) == []
    rig.install_inbound(ONE_PEER)
    assert _drain(rig.host) == [ANSWER]
    assert [rig.sa(0, word) for word in (Sa.REPLAYS, Sa.SELECTOR_DROPS, Sa.AUTH_FAILURES)] == [1, 1, 1]


def test_not_for_long(rig: Rig):
    rig.from_gateway(esp(ANSWER, 1))
    rig.now += SECOND
    rig.install_inbound()
    assert _drain(rig.host) == []


def test_it_is_delivered_once(rig: Rig):
    rig.from_gateway(esp(ANSWER, 1))
    rig.install_inbound()
    rig.install_inbound(highest=0)
    assert _drain(rig.host) == [ANSWER]


def test_bounds():
    held = HeldPackets()
    for number in range(10 * MAX_HELD):
        held.keep(SPI_IN, memoryview(PACKET), number)
    assert len(held) == MAX_HELD
    for number in range(20):
        held.keep(OTHER, memoryview(bytes(60000)), number)
    assert len(held) * 60000 <= MAX_OCTETS
    held.keep(SPI_IN, memoryview(PACKET), 20 + 2 * PATIENCE)
    assert len(held) == 1
    assert len(held.take(OTHER, 20 + 2 * PATIENCE)) == 0
    assert len(held.take(SPI_IN, 20 + 2 * PATIENCE)) == 1
    assert len(held) == 0
