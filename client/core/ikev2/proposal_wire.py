"""Proposal and Transform substructures (RFC 7296 §3.3.1, §3.3.2, §3.3.5)."""

from collections.abc import Sequence

from client.core.ikev2.constants import ProtocolId, TransformType
from client.core.ikev2.errors import InvalidSyntax, MisuseError
from client.core.ikev2.proposal_types import Proposal, Transform
from client.core.ikev2.wire import Reader, u8, u16

MAX_PROPOSALS = 64
_KEY_LENGTH = 0x800E        # AF bit (the value is in the header) and attribute type 14
_AF = 0x8000
_LAST, _MORE_TRANSFORMS, _MORE_PROPOSALS = 0, 3, 2


def parse_proposals(reader: Reader) -> tuple[Proposal, ...]:
    """To the end of ``reader``. Raises InvalidSyntax."""
    proposals: list[Proposal] = []
    more = True
    while more:
        more = _header(reader, _MORE_PROPOSALS, len(proposals))
        with reader.restrict_to(_body_length(reader, 4)):
            proposals.append(_parse_proposal(reader))
    reader.expect_end()
    return tuple(proposals)


def encode_proposals(proposals: Sequence[Proposal]) -> bytes:
    if not proposals:
        raise MisuseError("an SA payload without proposals")
    encoded = []
    for i, proposal in enumerate(proposals):
        transforms = b"".join(
            _encode_transform(transform, last=j + 1 == len(proposal.transforms))
            for j, transform in enumerate(proposal.transforms))
        body = (u8(proposal.number) + u8(proposal.protocol) + u8(len(proposal.spi)) + u8(len(proposal.transforms))
                + proposal.spi + transforms)
        more = _LAST if i + 1 == len(proposals) else _MORE_PROPOSALS
        encoded.append(bytes([more, 0]) + u16(len(body) + 4) + body)
    return b"".join(encoded)


def _parse_proposal(reader: Reader) -> Proposal:
    number, protocol, spi_size, count = reader.u8(), ProtocolId(reader.u8()), reader.u8(), reader.u8()
    spi = reader.take(spi_size)
    transforms = []
    for i in range(count):
        more = _header(reader, _MORE_TRANSFORMS, 0)
        if more == (i + 1 == count):
            raise InvalidSyntax("the number of transforms does not match")
        with reader.restrict_to(_body_length(reader, 4)):
            transforms.append(_parse_transform(reader))
    return Proposal(number, protocol, spi, tuple(transforms))


def _header(reader: Reader, more_value: int, count: int) -> bool:
    """"Last Substruc" and the reserved octet: is there another one after this?"""
    if count >= MAX_PROPOSALS:
        raise InvalidSyntax(f"more than {MAX_PROPOSALS} proposals")
    more = reader.u8()
    if more not in (_LAST, more_value):
        raise InvalidSyntax(f"Last Substruc {more}")
    reader.u8()
    return more != _LAST


def _body_length(reader: Reader, header: int) -> int:
    length = reader.u16()
    if length < header + 4:
        raise InvalidSyntax(f"a substructure of {length} octets")
    return length - header


def _parse_transform(reader: Reader) -> Transform:
    kind = TransformType(reader.u8())
    reader.u8()
    number = reader.u16()
    key_bits = 0
    attributes: list[tuple[int, bytes]] = []
    while reader.remaining:
        attribute = reader.u16()
        value = reader.take(2) if attribute & _AF else reader.take(reader.u16())
        if attribute == _KEY_LENGTH and key_bits == 0 and any(value):
            key_bits = int.from_bytes(value, "big")
        else:
            attributes.append((attribute, value))
    return Transform(kind, number, key_bits, tuple(attributes))


def _encode_transform(transform: Transform, *, last: bool) -> bytes:
    attributes = u16(_KEY_LENGTH) + u16(transform.key_bits) if transform.key_bits else b""
    for attribute, value in transform.attributes:
        if attribute & _AF and len(value) != 2:
            raise MisuseError("a short attribute has two octets")
        attributes += u16(attribute) + (value if attribute & _AF else u16(len(value)) + value)
    body = u8(transform.type) + b"\0" + u16(transform.id) + attributes
    return bytes([_LAST if last else _MORE_TRANSFORMS, 0]) + u16(len(body) + 4) + body
