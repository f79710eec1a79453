"""Proposals as swanctl writes them → words for people, and whether a quantum computer could undo the key exchange."""

import re
from dataclasses import dataclass

from client.texts import translated as _

_ENCRYPTION = ((re.compile(r"aes(\d+)gcm(?:\d+)?"), "AES-{0}-GCM"), (re.compile(r"aes(\d+)ccm(?:\d+)?"), "AES-{0}-CCM"),
               (re.compile(r"aes(\d+)(?:cbc)?"), "AES-{0}-CBC"), (re.compile(r"aes(\d+)ctr"), "AES-{0}-CTR"),
               (re.compile(r"chacha20poly1305"), "ChaCha20-Poly1305"), (re.compile(r"3des"), "3DES"))
_INTEGRITY = ((re.compile(r"sha1(?:_160)?"), "HMAC-SHA-1"), (re.compile(r"sha(\d+)(?:_\d+)?"), "HMAC-SHA-{0}"),
              (re.compile(r"aesxcbc"), "AES-XCBC"), (re.compile(r"aescmac"), "AES-CMAC"))
_EXCHANGE = ((re.compile(r"modp(\d+)(?:s\d+)?"), "MODP-{0}"), (re.compile(r"ecp(\d+)(?:bp)?"), "ECP-{0}"),
             (re.compile(r"(?:curve|x)25519"), "X25519"), (re.compile(r"(?:curve|x)448"), "X448"),
             (re.compile(r"mlkem(\d+)"), "ML-KEM-{0}"))
_PRF = re.compile(r"prf(.+)")
_ADDITIONAL = re.compile(r"ke\d_(.+)")
_QUANTUM_SAFE = re.compile(r"(?:ke\d_)?mlkem\d+")
_WEAK = re.compile(r"3des|sha1|prfsha1|md5|prfmd5|modp(?:768|1024)(?:s160)?")


@dataclass(frozen=True)
class Suite:
    """``rows``: (what it is for, its name); ``weak``: keywords that are outdated."""

    rows: tuple[tuple[str, str], ...]
    post_quantum: bool
    weak: tuple[str, ...]


def suite(proposal: str) -> Suite:
    """A keyword that nobody knows is shown as it is."""
    keywords = [keyword for keyword in proposal.split("-") if keyword]
    rows: dict[str, list[str]] = {}
    for keyword in keywords:
        purpose, name = _described(keyword)
        rows.setdefault(purpose, []).append(name)
    return Suite(tuple((purpose, " + ".join(names)) for purpose, names in rows.items()),
                 any(_QUANTUM_SAFE.fullmatch(keyword) for keyword in keywords),
                 tuple(keyword for keyword in keywords if _WEAK.fullmatch(keyword)))


def _described(keyword: str) -> tuple[str, str]:
    if keyword in ("esn", "noesn"):
        return _("Sequence numbers"), (_("64 bits") if keyword == "esn" else _("32 bits"))
    if prf := _PRF.fullmatch(keyword):
        return _("Key derivation"), _named(prf[1], _INTEGRITY) or keyword
    if more := _ADDITIONAL.fullmatch(keyword):
        return _("Key exchange"), _named(more[1], _EXCHANGE) or keyword
    for table, purpose in ((_ENCRYPTION, _("Encryption")), (_EXCHANGE, _("Key exchange")),
                           (_INTEGRITY, _("Integrity"))):
        if name := _named(keyword, table):
            return purpose, name
    return _("Also"), keyword


def _named(keyword: str, table: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, name in table:
        if found := pattern.fullmatch(keyword):
            return name.format(*found.groups())
    return ""
