"""Proposal and Transform as values (RFC 7296 §3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from client.core.ikev2.constants import ProtocolId, TransformType

ADDITIONAL = tuple(TransformType(number) for number in range(6, 13))     # ADDKE1–7


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
    def additional(self) -> tuple[int, ...]:
        """The additional key exchange methods of a chosen proposal, in their order (RFC 9370 §2.2.2)."""
        kinds = sorted({t.type for t in self.transforms if t.type in ADDITIONAL})
        return tuple(self._id(kind) for kind in kinds if self._id(kind))

    @property
    def esn(self) -> bool:
        return self._id(TransformType.ESN) != 0

    def _id(self, kind: TransformType) -> int:
        found = self.of_type(kind)
        return found[0].id if found else 0

    # Types that mean "none" where they are absent, and have a number 0 that says the same (RFC 7296 §3.3.2, §3.3.3;
    # for the additional key exchanges RFC 9370 §2.2.2).
    OPTIONAL: ClassVar[frozenset[TransformType]] = frozenset(
        (TransformType.INTEG, TransformType.KE, TransformType.ESN, *ADDITIONAL))


def with_ke(proposal: Proposal, groups: Sequence[int]) -> Proposal:
    """The same with exactly these key exchange methods, before ESN as everybody writes it."""
    bare = without_ke(proposal)
    place = next((i for i, transform in enumerate(bare.transforms) if transform.type == TransformType.ESN),
                 len(bare.transforms))
    added = tuple(Transform(TransformType.KE, group) for group in groups)
    return replace(bare, transforms=bare.transforms[:place] + added + bare.transforms[place:])


def without_ke(proposal: Proposal) -> Proposal:
    """Without any key exchange, additional ones included."""
    return replace(proposal, transforms=tuple(
        t for t in proposal.transforms if t.type != TransformType.KE and t.type not in ADDITIONAL))


def with_additional(proposal: Proposal, transforms: Sequence[Transform]) -> Proposal:
    """The same with these additional key exchanges."""
    kept = tuple(t for t in proposal.transforms if t.type not in ADDITIONAL)
    return replace(proposal, transforms=(*kept, *transforms))
