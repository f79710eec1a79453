"""The SAs of a running data path, and which of them an inner packet may use (RFC 4301 §4.4.1, §5).

Selectors are walked once per flow: the verdict is remembered by the addresses where they alone decide, which is the
usual case, and by everything a selector can ask about where they do not.
"""

import struct
from collections.abc import Callable
from typing import TypeVar

from client.core.datapath.base import InboundSa, OutboundSa, Selector
from client.core.datapath.inner import addresses_only, meets, parse_inner
from client.core.datapath.messages import InstallInbound, InstallOutbound
from client.core.datapath.page import Page, Sa
from client.core.esp.packet import MAX_ESN, MAX_SEQ, make_opener, make_sealer
from client.core.esp.replay import ReplayWindow

MAX_FLOWS = 4096  # remembered verdicts; an inner address scan must not eat the memory

V = TypeVar("V")
FlowKey = bytes | tuple[int | bytes, ...]


class SaState:
    """What both directions have: counters, which live in the shared page, and a life counted in packets.

    ``threshold`` is the sequence number at which something has to be told: first soft, then hard expiry.
    """

    def __init__(self, sa: InboundSa | OutboundSa, slot: int, reached: int, page: Page) -> None:
        hard = sa.hard_packets
        most = MAX_ESN if sa.esn else MAX_SEQ
        if not 1 <= hard <= most or reached > most:
            raise ValueError("no such lifetime")
        self.spi = sa.spi
        self.word = page.sa(slot)
        self.hard = hard
        self.soft = hard // 4 * 3
        self.hard_told = False
        self.threshold = self.soft if reached < self.soft else hard
        words = page.words
        self.bytes = words[self.word + Sa.BYTES]
        self.packets = words[self.word + Sa.PACKETS]
        self.replays = words[self.word + Sa.REPLAYS]
        self.auth_failures = words[self.word + Sa.AUTH_FAILURES]
        self.selector_drops = words[self.word + Sa.SELECTOR_DROPS]
        words[self.word + Sa.SEQ] = reached

    def publish(self, words: memoryview) -> None:
        word = self.word
        words[word + Sa.BYTES] = self.bytes
        words[word + Sa.PACKETS] = self.packets
        words[word + Sa.REPLAYS] = self.replays
        words[word + Sa.AUTH_FAILURES] = self.auth_failures
        words[word + Sa.SELECTOR_DROPS] = self.selector_drops


class InboundState(SaState):
    """Opens packets of one SPI. Raises ValueError for keys that do not fit the suite."""

    def __init__(self, message: InstallInbound, page: Page) -> None:
        sa = message.sa
        self.open = make_opener(sa.suite, sa.spi, sa.encr_key, sa.integ_key, esn=sa.esn).open
        self.window = ReplayWindow(message.highest)
        self.esn = sa.esn
        super().__init__(sa, message.slot, message.highest, page)
        self._source, self._destination = sa.remote_ts, sa.local_ts
        self._plain = addresses_only(sa.remote_ts) and addresses_only(sa.local_ts)
        self._verdicts: dict[FlowKey, bool] = {}

    def allowed_length(self, packet: bytes | memoryview) -> int:
        """The inner packet's length if this SA may carry it, 0 if it may not, -1 if it is malformed."""
        key, length = flow_of(packet, self._plain)
        if key is None:
            return -1
        verdict = self._verdicts.get(key)
        if verdict is None:
            inner = parse_inner(packet)
            if inner is None:
                return -1
            verdict = meets(inner, self._source, self._destination)
            _remember(self._verdicts, key, verdict)
        return length if verdict else 0


class OutboundState(SaState):
    """Seals packets of one SPI; ``seq`` is the last sequence number used."""

    def __init__(self, message: InstallOutbound, page: Page, random: Callable[[int], bytes]) -> None:
        sa = message.sa
        self.seal = make_sealer(
            sa.suite, sa.spi, sa.encr_key, sa.integ_key, message.epoch, random, esn=sa.esn
        ).seal
        self.seq = message.next_seq - 1
        super().__init__(sa, message.slot, self.seq, page)
        self.source: tuple[Selector, ...] = sa.local_ts
        self.destination: tuple[Selector, ...] = sa.remote_ts


class OutboundTable:
    """The newest SA whose selectors match carries a packet. ``plain``: the addresses alone decide which."""

    def __init__(self) -> None:
        self._sas: list[OutboundState] = []
        self._flows: dict[FlowKey, OutboundState | None] = {}
        self.plain = True

    def add(self, state: OutboundState) -> None:
        self.remove(state.spi)
        self._sas.insert(0, state)
        self._changed()

    def remove(self, spi: bytes) -> None:
        self._sas = [sa for sa in self._sas if sa.spi != spi]
        self._changed()

    def carrier(self, packet: bytes | memoryview) -> tuple[OutboundState | None, int]:
        """(the SA, the packet's length); length -1 says malformed."""
        key, length = flow_of(packet, self.plain)
        if key is None:
            return None, -1
        try:
            return self._flows[key], length
        except KeyError:
            pass
        inner = parse_inner(packet)
        if inner is None:
            return None, -1
        found = next((sa for sa in self._sas if meets(inner, sa.source, sa.destination)), None)
        _remember(self._flows, key, found)
        return found, length

    def _changed(self) -> None:
        self._flows.clear()
        self.plain = all(addresses_only(sa.source) and addresses_only(sa.destination) for sa in self._sas)


def flow_of(packet: bytes | memoryview, plain: bool) -> tuple[FlowKey | None, int]:
    """(what verdicts are remembered by, the packet's own length); the key is None for a malformed packet."""
    have = len(packet)
    if not plain:
        inner = parse_inner(packet)
        if inner is None:
            return None, -1
        key = (inner.protocol, inner.source, inner.destination, inner.source_port, inner.destination_port)
        return key, inner.length
    if have >= 20:
        first, length, addresses = _IPV4(packet)
        if 0x45 <= first <= 0x4F:
            if (first & 15) * 4 <= length <= have:
                return addresses, length
        elif first >> 4 == 6 and have >= 40:
            payload, addresses = _IPV6(packet)
            if payload + 40 <= have:
                return addresses, payload + 40
    return None, -1


_IPV4 = struct.Struct(">BxH8x8s").unpack_from
_IPV6 = struct.Struct(">4xH2x32s").unpack_from


def _remember(verdicts: dict[FlowKey, V], key: FlowKey, verdict: V) -> None:
    if len(verdicts) >= MAX_FLOWS:
        verdicts.clear()
    verdicts[key] = verdict
