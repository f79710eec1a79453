"""Payloads that make SAs: SA, KE, Nonce, TSi, TSr (RFC 7296 §3.3, §3.4, §3.9, §3.13)."""

from dataclasses import dataclass
from typing import Self

from client.core.ikev2.constants import PayloadType
from client.core.ikev2.errors import InvalidSyntax
from client.core.ikev2.payload_base import Opaque, Payload
from client.core.ikev2.proposal_types import Proposal
from client.core.ikev2.proposal_wire import encode_proposals, parse_proposals
from client.core.ikev2.traffic_selector import TrafficSelector
from client.core.ikev2.traffic_selector_wire import UnknownSelector, encode_selectors, parse_selectors
from client.core.ikev2.wire import Reader, u16

NONCE_LENGTHS = range(16, 257)


@dataclass(frozen=True)
class SA(Payload):
    TYPE = PayloadType.SA

    proposals: tuple[Proposal, ...]

    @classmethod
    def parse(cls, body: bytes) -> Self:
        return cls(parse_proposals(Reader(body)))

    def encode(self) -> bytes:
        return encode_proposals(self.proposals)


@dataclass(frozen=True)
class KE(Payload):
    TYPE = PayloadType.KE

    group: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> Self:
        reader = Reader(body)
        group = reader.u16()
        reader.u16()
        return cls(group, reader.rest())

    def encode(self) -> bytes:
        return u16(self.group) + bytes(2) + self.data


@dataclass(frozen=True)
class Nonce(Opaque):
    TYPE = PayloadType.NONCE

    @classmethod
    def parse(cls, body: bytes) -> Self:
        if len(body) not in NONCE_LENGTHS:      # RFC 7296 §3.9
            raise InvalidSyntax(f"a nonce of {len(body)} octets")
        return cls(body)


@dataclass(frozen=True)
class _TrafficSelectors(Payload):
    """``unknown`` are selectors of types that we do not know."""

    selectors: tuple[TrafficSelector, ...]
    unknown: tuple[UnknownSelector, ...] = ()

    @classmethod
    def parse(cls, body: bytes) -> Self:
        return cls(*parse_selectors(Reader(body)))

    def encode(self) -> bytes:
        return encode_selectors(self.selectors, self.unknown)


@dataclass(frozen=True)
class TSi(_TrafficSelectors):
    TYPE = PayloadType.TSI


@dataclass(frozen=True)
class TSr(_TrafficSelectors):
    TYPE = PayloadType.TSR
