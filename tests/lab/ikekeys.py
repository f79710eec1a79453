"""From charon's log at level 4 to a Wireshark profile that decrypts IKEv2.

The log of either end will do: SK_ei and SK_er mean initiator and responder in both. tshark 4.0 knows no
ChaCha20-Poly1305 for IKEv2: such IKE_SAs are left out.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

_ENCR = {"AES_GCM_16_128": "AES-GCM-128 with 16 octet ICV [RFC5282]",
         "AES_GCM_16_256": "AES-GCM-256 with 16 octet ICV [RFC5282]",
         "AES_CBC_128": "AES-CBC-128 [RFC3602]", "AES_CBC_256": "AES-CBC-256 [RFC3602]"}
_INTEG = {"HMAC_SHA2_256_128": "HMAC_SHA2_256_128 [RFC4868]", "HMAC_SHA2_384_192": "HMAC_SHA2_384_192 [RFC4868]",
          "HMAC_SHA2_512_256": "HMAC_SHA2_512_256 [RFC4868]", "HMAC_SHA1_96": "HMAC_SHA1_96 [RFC2404]"}
_NO_INTEG = "NONE [RFC4306]"
_LINE = re.compile(r"\S+ (\d+)\[\w+\]\s+(.*)")
_CHECKIN = re.compile(r"checkin IKEv2 SA .* with SPIs ([0-9a-f]{16})_i ([0-9a-f]{16})_r")
Keys = dict[str, str]


@dataclass
class _Thread:
    """What one of charon's threads said since it last put an IKE_SA back: those of other threads come between."""

    proposal: list[str] = field(default_factory=list)
    keys: Keys = field(default_factory=dict)
    current: str = ""


def write_profile(log: str, folder: Path) -> int:
    """Fill ``folder`` for ``WIRESHARK_CONFIG_DIR``. Returns how many IKE_SAs can be decrypted."""
    threads: dict[str, _Thread] = {}
    proposals: dict[str, list[str]] = {}
    rows: dict[str, str] = {}
    for line in log.splitlines():
        if not (match := _LINE.match(line)):
            continue
        thread = threads.setdefault(match[1], _Thread())
        if spis := _CHECKIN.match(match[2]):
            # the proposal is chosen by IKE_SA_INIT, the responder's keys are made by IKE_AUTH, in whatever thread
            chosen = proposals.setdefault(spis[1], thread.proposal) or thread.proposal
            if thread.keys and chosen and (row := _row(spis[1], spis[2], chosen, thread.keys)):
                rows[spis[1]] = row
            threads[match[1]] = _Thread()
        else:
            _read(match[2], thread)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ikev2_decryption_table").write_text("".join(f"{row}\n" for row in rows.values()))
    return len(rows)


def _read(text: str, thread: _Thread) -> None:
    if proposal := re.match(r"selected proposal: IKE:(\S+)", text):
        thread.proposal = proposal[1].split("/")
    elif name := re.match(r"(Sk_\w+) secret => ", text):
        thread.current = name[1]
        thread.keys[name[1]] = ""
    elif thread.current and (octets := re.match(r"\d+: ((?:[0-9A-F]{2} )+)", text)):
        thread.keys[thread.current] += octets[1].replace(" ", "").lower()
    else:
        thread.current = ""


def _row(spi_i: str, spi_r: str, proposal: list[str], keys: Keys) -> str:
    encr = _ENCR.get(proposal[0])
    if not encr:
        return ""
    integ = next((_INTEG[part] for part in proposal if part in _INTEG), _NO_INTEG)
    ei, er, ai, ar = (keys.get(name, "") for name in ("Sk_ei", "Sk_er", "Sk_ai", "Sk_ar"))
    return f'{spi_i},{spi_r},{ei},{er},"{encr}",{ai},{ar},"{integ}"'
