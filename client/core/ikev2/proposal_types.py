"""Proposal and Transform as values (RFC 7296 §3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from client.core.ikev2.constants import ProtocolId, TransformType


@dataclass(frozen=True)
class Transform:
    """``key_bits`` is the Key Length attribute, 0 without one.

    ``attributes`` are the ones we do not know, as (AF bit and type, value); such a transform is never taken
    (RFC 7296 §3.3.6).
    """

    type: TransformType
    id: int
    key_bits: int = 0
    attributes: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True)
class Proposal:
    """``spi`` is empty in IKE_SA_INIT, 8 octets where an IKE_SA is rekeyed, 4 for ESP.

    The properties are for a chosen proposal, which has one transform of each type; of an offer they tell the first.
    """

    number: int
    protocol: ProtocolId
    spi: bytes
    transforms: tuple[Transform, ...]

    def of_type(self, kind: TransformType) -> tuple[Transform, ...]:
        return tuple(transform for transform in self.transforms if transform.type == kind)

    def transforms_of_ke(self) -> tuple[Transform, ...]:
        return self.of_type(TransformType.KE)

    @property
    def encr(self) -> Transform | None:
        """None when there is none, which no acceptable proposal has."""
        found = self.of_type(TransformType.ENCR)
        return found[0] if found else None

    @property
    def prf(self) -> int:
        """The PRF's number, 0 without one (ESP)."""
        return self._id(TransformType.PRF)

    @property
    def integ(self) -> int:
        """The integrity algorithm's number, 0 with an AEAD."""
        return self._id(TransformType.INTEG)

    @property
    def ke(self) -> int:
        """The key exchange method's number, 0 without one."""
        return self._id(TransformType.KE)

    @property
    def esn(self) -> bool:
        return self._id(TransformType.ESN) != 0

    def _id(self, kind: TransformType) -> int:
        found = self.of_type(kind)
        return found[0].id if found else 0

    # Types that mean "none" where they are absent, and have a number 0 that says the same (RFC 7296 §3.3.2, §3.3.3;
    # for the additional key exchanges RFC 9370 §2.2.2).
    OPTIONAL: ClassVar[frozenset[TransformType]] = frozenset(
        TransformType(number) for number in (TransformType.INTEG, TransformType.KE, TransformType.ESN, *range(6, 13)))


def with_ke(proposal: Proposal, groups: Sequence[int]) -> Proposal:
    """The same with exactly these key exchange methods, before ESN as everybody writes it."""
    bare = without_ke(proposal)
    place = next((i for i, transform in enumerate(bare.transforms) if transform.type == TransformType.ESN),
                 len(bare.transforms))
    added = tuple(Transform(TransformType.KE, group) for group in groups)
    return replace(bare, transforms=bare.transforms[:place] + added + bare.transforms[place:])


def without_ke(proposal: Proposal) -> Proposal:
    return replace(proposal, transforms=tuple(t for t in proposal.transforms if t.type != TransformType.KE))


def with_first_group(proposal: Proposal, group: int) -> Proposal:
    """The same methods with ``group`` first; unchanged where it is not offered (RFC 7296 §1.3)."""
    groups = [transform.id for transform in proposal.transforms_of_ke()]
    if group not in groups:
        return proposal
    return with_ke(proposal, (group, *(other for other in groups if other != group)))
