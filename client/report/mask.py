"""Takes out of a text what names a person, a computer or a secret. The same becomes the same mark, so that lines can
still be compared: ``address-1`` here is ``address-1`` there.

Known names are masked wherever they stand; what only looks like one is masked as well: the doubt costs a word of the
report, the other way round it costs the person.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address

WITHHELD = "(secret)"      # what stands in its place
SHORTEST = 3        # characters: a shorter name would be found in every other word

# A secret by the word before it: to the end of the line, as it may have spaces, or its quotes: password=…, PIN "…"
_NAMED = re.compile(
    r"(?i)\b((?:pass(?:word|phrase|wd|code)|pwd|psk|ppk|pin(?:-value|-source)?|secret|token|otp|(?:private|shared|session|ike"
    r"|esp|api)[ _-]?key|sk_\w+|msk|keymat|credential|cookie|authorization|bearer|ticket)s?)"
    r"(?:[\"']?\s*[:=][^\n]*|\s+(?:\"[^\"\n]*\"?|'[^'\n]*'?|“[^”\n]*”?))")
_PEM = re.compile(r"-----BEGIN [^-]{1,40}-----.*?(?:-----END [^-]{1,40}-----|\Z)", re.DOTALL)
_LONG = re.compile(r"(?<![\w+/=])(?:0x)?[0-9A-Fa-f]{32,}(?!\w)|"
                   # Base64; proposals are as long, and in small letters
                   r"(?<![\w+/=-])(?=[a-z0-9+/_-]*[A-Z])[A-Za-z0-9+/_-]{40,}={0,2}(?!\w)|"
                   r"\b[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){7,}\b")
_TOKEN_URI = re.compile(r"(?i)(?<![\w-])pkcs11:[^\s\"'”,)]*")
_URL_USER = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@]*@")
_URL_TAIL = re.compile(r"(?i)\b(https?://[^\s/?#\"'”)]+)[/?#][^\s\"'”)]*")
_MAIL = re.compile(r"[^\s@\"'“”‘’<>(),;:=\[\]{}]+@[^\s@\"'“”‘’<>(),;=\[\]{}]+")
_DOMAIN_USER = re.compile(r"(?<![\w\\])[\w.-]+\\[\w.-]+")
# Of a distinguished name: what may be a person or a device
_SUBJECT = re.compile(r"(?i)\b((?:CN|UID|SN|GN|givenName|surname|serialNumber|emailAddress|E|title|pseudonym|"
                      r"2\.5\.4\.\d+|0\.9\.2342\.[\d.]+)\s*=\s*)(\"[^\"]*\"?|(?:\\.|[^,+;\n\"”’')])+)")
_QUOTED = re.compile(r"“[^”\n]*”?")         # words of a gateway, a label of a token
_HOME = re.compile(r"(/(?:home|Users|root|var/home|run/user)/)[^/\s:\"'”,)]+")
_MAC = re.compile(r"(?i)(?<![0-9a-f:-])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![0-9a-f:-])")
_V4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
_V6 = re.compile(r"(?i)(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?"
                 r"(?:%[\w.-]+)?(?![\w:])")


class Mask:
    """``names``: of the person and the computer, → their mark. ``keep``: addresses that are the gateway's or
    everybody's; they stay, as do host names, for without the gateway nobody can help."""

    def __init__(self, names: Iterable[tuple[str, str]] = (), keep: Iterable[str] = ()) -> None:
        self._keep = {text for address in keep if (text := _canonical(address))}
        self._marks: dict[tuple[str, str], str] = {}
        known = {name.casefold(): kind for name, kind in names if len(name.strip()) >= SHORTEST}
        self._known = known
        # the longest first: alice@example.org before alice
        alternatives = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
        self._names = re.compile(rf"(?i)(?<![^\W_])(?:{alternatives})(?![^\W_])") if known else None

    def __call__(self, text: str) -> str:
        text = _PEM.sub("(PEM)", text)
        text = _TOKEN_URI.sub("pkcs11:(masked)", text)
        text = _NAMED.sub(rf"\1 {WITHHELD}", text)
        if self._names is not None:
            text = self._names.sub(self._name, text)
        text = _QUOTED.sub("“…”", text)
        text = _URL_USER.sub(r"\1", text)
        text = _URL_TAIL.sub(r"\1/…", text)
        text = _SUBJECT.sub(r"\1…", text)
        text = _HOME.sub(r"\1…", text)
        text = _MAIL.sub(self._as("user"), text)
        text = _DOMAIN_USER.sub(self._as("user"), text)
        text = _MAC.sub(self._as("mac"), text)
        text = _V6.sub(self._address, text)
        text = _V4.sub(self._address, text)
        return _LONG.sub("(long value)", text)

    @staticmethod
    def is_secret(key: str) -> bool:
        """Would a value that comes after this be one?"""
        return _NAMED.search(f"{key}: x") is not None

    def mark(self, kind: str, value: str) -> str:
        """``kind-N``, the same for the same value."""
        key = (kind, value.casefold())
        if key not in self._marks:
            self._marks[key] = f"{kind}-{sum(of == kind for of, _ in self._marks) + 1}"
        return self._marks[key]

    def _name(self, found: re.Match[str]) -> str:
        # casefold of a longer letter (ß) may not be the one that was listed
        return self.mark(self._known.get(found[0].casefold(), "user"), found[0])

    def _as(self, kind: str) -> Callable[[re.Match[str]], str]:
        return lambda found: self.mark(kind, found[0])

    def _address(self, found: re.Match[str]) -> str:
        canonical = _canonical(found[0].partition("%")[0])
        if canonical is None or canonical in self._keep:
            return found[0]
        address = ip_address(canonical)
        if address.is_unspecified or address.is_loopback or address.is_multicast:
            return found[0]
        kind = "link-local" if address.is_link_local else "private" if address.is_private else "public"
        return self.mark(f"{kind}-ipv{address.version}", canonical)


def _canonical(text: str) -> str | None:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return None
