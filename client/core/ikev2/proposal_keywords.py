"""Proposals as swanctl writes them: ``aes256gcm16-prfsha384-ecp384``."""

from client.core.crypto.kex import KEX
from client.core.crypto.suites import ENCR, INTEG, PRF
from client.core.ikev2.constants import ProtocolId, TransformType
from client.core.ikev2.proposal_types import ADDITIONAL, Proposal, Transform

MAX_KEYWORDS = 64

_ENCR, _PRF, _INTEG, _KE, _ESN = (
    TransformType.ENCR, TransformType.PRF, TransformType.INTEG, TransformType.KE, TransformType.ESN)
_RANK = {kind: rank for rank, kind in enumerate((_ENCR, _INTEG, _PRF, _KE, *ADDITIONAL, _ESN))}
_KEYWORDS: dict[str, Transform] = (
    {row.name: Transform(_ENCR, row.id, row.key_bits) for row in ENCR.values()}
    | {row.name: Transform(_INTEG, row.id) for row in INTEG.values()}
    | {row.name: Transform(_PRF, row.id) for row in PRF.values()}
    | {row.name: Transform(_KE, row.id) for row in KEX.values()}
    | {f"ke{n}_{row.name}": Transform(kind, row.id) for n, kind in enumerate(ADDITIONAL, 1) for row in KEX.values()}
    | {f"ke{n}_none": Transform(kind, 0) for n, kind in enumerate(ADDITIONAL, 1)}
    | {"esn": Transform(_ESN, 1), "noesn": Transform(_ESN, 0)}
)
_NAMES = {transform: name for name, transform in _KEYWORDS.items()}
_SYNONYMS = ({f"aes{bits}gcm128": f"aes{bits}gcm16" for bits in (128, 192, 256)}
             | {f"sha2_{bits}": f"sha{bits}" for bits in (256, 384, 512)}
             | {"x25519": "curve25519", "aes": "aes128"})
_AEADS = frozenset(row.id for row in ENCR.values() if row.aead)
# The PRF that goes with an integrity algorithm where none is named (as swanctl does).
_PRF_OF_INTEG = {2: 2, 12: 5, 13: 6, 14: 7}
_LEGACY = frozenset((
    *(row.name for row in ENCR.values() if row.legacy), *(row.name for row in INTEG.values() if row.legacy),
    *(row.name for row in PRF.values() if row.legacy), *(row.name for row in KEX.values() if row.legacy)))


def parse_proposal(text: str, protocol: ProtocolId, *, legacy: bool = False) -> Proposal:
    """``text`` in swanctl keywords → a Proposal numbered 1, without SPI, its transforms grouped by type.

    Several keywords of one type are alternatives, best first. IKE wants a KE method, and a PRF, which an integrity
    keyword stands for where none is named; with AEADs that is all an integrity keyword does. ESP without ``esn``
    means ``noesn``, as with swanctl; ``esn-noesn`` leaves it to the gateway. Old algorithms want ``legacy``.
    Raises ValueError, which names the bad keyword.
    """
    words = text.strip().lower().split("-")
    if len(words) > MAX_KEYWORDS:
        raise ValueError(f"more than {MAX_KEYWORDS} keywords")
    found = list(dict.fromkeys(_keyword(word, text, legacy) for word in words))
    kinds = {kind: [t for t in found if t.type == kind] for kind in _RANK}
    aead = {transform.id in _AEADS for transform in kinds[_ENCR]}
    if len(aead) != 1:
        raise ValueError(f"{text}: AEADs and other ciphers need proposals of their own (RFC 7296 §3.3)" if aead
                         else f"{text}: no encryption algorithm")
    if aead == {False} and not kinds[_INTEG]:
        raise ValueError(f"{text}: no integrity algorithm")
    if protocol == ProtocolId.IKE:
        _complete_ike(kinds, text)
    else:
        _complete_esp(kinds)
    if aead == {True}:
        kinds[_INTEG] = []
    return Proposal(1, protocol, b"", tuple(transform for kind in _RANK for transform in kinds[kind]))


def proposal_name(proposal: Proposal) -> str:
    """The keywords of a chosen proposal (an offer names its alternatives in order).

    ``noesn`` is not printed where it is the only choice, nor a PRF that the integrity algorithm implies; what has no
    keyword is printed by its numbers.
    """
    implied = [_PRF_OF_INTEG.get(transform.id) for transform in proposal.of_type(_INTEG)]
    prfs = [transform.id for transform in proposal.of_type(_PRF)]
    hidden = _PRF if implied and implied == prfs else None
    names = []
    for transform in sorted(proposal.transforms, key=lambda transform: _RANK.get(transform.type, len(_RANK))):
        nothing = transform.id == 0 and transform.type in Proposal.OPTIONAL and not (
            transform.type == _ESN and len(proposal.of_type(_ESN)) > 1)
        if not nothing and transform.type != hidden:
            names.append(_NAMES.get(transform) or _by_number(transform))
    return "-".join(names)


def _keyword(word: str, text: str, legacy: bool) -> Transform:
    word = _SYNONYMS.get(word, word)
    if not legacy and word.rpartition("_")[2] in _LEGACY:
        raise ValueError(f"{word} in {text[:200]!r} is outdated: only ike.legacy = \"on\" allows it")
    if word not in _KEYWORDS:
        shown = word[:40] if word.isprintable() else ascii(word[:40])
        raise ValueError(f"unknown keyword {shown!r} in {text[:200]!r}")
    return _KEYWORDS[word]


def _complete_ike(kinds: dict[TransformType, list[Transform]], text: str) -> None:
    if kinds[_ESN]:
        raise ValueError(f"{text}: esn and noesn are for ESP")
    if not kinds[_PRF]:
        kinds[_PRF] = [Transform(_PRF, _PRF_OF_INTEG[transform.id]) for transform in kinds[_INTEG]]
    if not kinds[_PRF]:
        raise ValueError(f"{text}: no PRF (prfsha256, prfsha384, prfsha512)")
    if not kinds[_KE]:
        raise ValueError(f"{text}: no key exchange method")


def _complete_esp(kinds: dict[TransformType, list[Transform]]) -> None:
    if kinds[_PRF]:
        raise ValueError(f"{_NAMES[kinds[_PRF][0]]}: ESP has no PRF")
    kinds[_ESN] = kinds[_ESN] or [Transform(_ESN, 0)]


def _by_number(transform: Transform) -> str:
    bits = f"_{transform.key_bits}" if transform.key_bits else ""
    return f"{transform.type.name.lower()}{transform.id}{bits}"
