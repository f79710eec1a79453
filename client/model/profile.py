"""A profile: what the user's TOML says, checked once, then trusted.

Every key is a row of ``KEYS``. A key whose capability has not landed accepts only its neutral value and is
otherwise refused by name, so that nobody believes in a protection that is not there.
"""

import base64
import contextlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from client.model.pkcs11_uri import UriError, is_pkcs11_uri, parse_pkcs11_uri

VERSION = 1
# A parsed profile of version n → the same of n + 1. Files stay as they were written: one can go back to an older Rove.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
MAX_BYTES = 256 * 1024
MAX_CHILDREN = 16        # CHILD_SAs of one profile
MAX_DOTS = 512           # in one line: tomllib needs time and memory with the square of a dotted key's parts
TRANSPORTS = ("udp", "tcp", "esp")
AUTH_METHODS = ("psk", "certificate", "smartcard", "eap-mschapv2", "eap-md5", "eap-gtc", "eap-tls",
                *(f"eap-ttls/{inner}" for inner in ("mschapv2", "pap", "gtc", "md5")),
                *(f"eap-peap/{inner}" for inner in ("mschapv2", "gtc")))
CERTIFICATE_METHODS = ("certificate", "eap-tls")     # of a Round: those that need the user's certificate
MAX_ROUNDS = 4           # authentications one after the other (RFC 4739)
_ONCE = ("psk", "certificate", "smartcard")      # a profile has one key and one certificate
# EAP methods that prove the gateway as well as the user, make a key, and give nobody who plays the gateway the means to
# guess a password (RFC 5998 §4): by these alone a gateway may prove itself.
EAP_ONLY_METHODS = ("eap-tls", "eap-ttls", "eap-peap")
KEYLESS_METHODS = ("eap-md5", "eap-gtc")    # these make no key: they prove the user, and nothing of the gateway
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_DURATION = re.compile(r"(\d{1,7})(s|m|h|d)")
_OID = re.compile(r"[0-2](?:\.[0-9]{1,20}){1,30}")
# What a certificate may be for, as people write it → its object identifier (RFC 5280 §4.2.1.12, RFC 4945 §5.1.3.12)
EXTENDED_USAGES = {
    "clientAuth": "1.3.6.1.5.5.7.3.2", "ipsecIKE": "1.3.6.1.5.5.7.3.17", "emailProtection": "1.3.6.1.5.5.7.3.4",
    "smartcardLogon": "1.3.6.1.4.1.311.20.2.2",
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

IpNetwork = IPv4Network | IPv6Network


class ProfileError(ValueError):
    """The profile cannot be used; the message names the key and says what would be right."""


@dataclass(frozen=True)
class Gateway:
    address: tuple[str, ...]
    identity: str
    trust: str | tuple[str, ...]         # "system", "eap" (RFC 5998), "pin" (nothing else), or PEM texts
    pin: str = ""                        # sha256: and 64 hexadecimal digits, of its certificate's SubjectPublicKeyInfo
    revocation: str = "soft"             # "soft" | "strict" | "off"


@dataclass(frozen=True)
class Round:
    """One authentication of the user."""

    auth: str                            # one of AUTH_METHODS; "certificate" also for smartcards (User.on_token)
    identity: str
    ike_identity: str
    own: bool = True                     # are the identities meant for this very round, not for all of them?


@dataclass(frozen=True)
class CertificateRule:
    """Which certificates on smartcards may be used; empty: any."""

    issuer: str = ""                     # a common name or a whole distinguished name (RFC 4514)
    eku: str = ""                        # an object identifier


@dataclass(frozen=True)
class Aaa:
    """The authentication server that EAP-TLS, TTLS and PEAP must meet."""

    trust: str | tuple[str, ...] = "gateway"    # as gateway.trust and pin; "system", or PEM texts
    server_name: str = ""                       # empty: gateway.identity


@dataclass(frozen=True)
class User:
    rounds: tuple[Round, ...]            # 1 to MAX_ROUNDS
    certificate: str                     # a path for the front end, which roved never opens, or a PKCS#11 URI
    key: str
    rule: CertificateRule | None = None  # instead of ``certificate``
    aaa: Aaa = Aaa()

    @property
    def on_token(self) -> bool:
        """Is the private key on a smartcard?"""
        return self.rule is not None or is_pkcs11_uri(self.certificate)

    @property
    def auth(self) -> str:
        """The methods as people read them: "psk", "certificate, eap-mschapv2", "smartcard"."""
        return ", ".join("smartcard" if each.auth == "certificate" and self.on_token else each.auth
                         for each in self.rounds)

    @property
    def identity(self) -> str:
        """The names as people read them."""
        return ", ".join(dict.fromkeys(each.identity for each in self.rounds if each.identity))

    @property
    def has_eap(self) -> bool:
        return any(each.auth.startswith("eap-") for each in self.rounds)

    def has(self, auth: str) -> bool:
        """Is this one of the methods?"""
        return any(each.auth == auth for each in self.rounds)


@dataclass(frozen=True)
class Tunnel:
    remote: tuple[IpNetwork, ...]
    exclude: tuple[IpNetwork, ...]
    lan: str

    @property
    def full(self) -> bool:
        return any(net.prefixlen == 0 for net in self.remote)


@dataclass(frozen=True)
class Child:
    """One ``[[child]]`` table: a CHILD_SA of its own. ``local`` empty is whatever address the gateway gives."""

    name: str
    remote: tuple[IpNetwork, ...]
    local: tuple[IpNetwork, ...]
    esp_proposals: tuple[str, ...]
    pfs: str
    child_lifetime: float


@dataclass(frozen=True)
class Dns:
    mode: str
    domains: tuple[str, ...]


@dataclass(frozen=True)
class Ike:
    proposals: tuple[str, ...]
    esp_proposals: tuple[str, ...]
    pfs: str
    lifetime: float                      # seconds, like all durations here
    child_lifetime: float
    dpd: float
    mobike: bool
    fragmentation: bool
    legacy: str                          # "off" | "on": 3DES, SHA-1, MODP-1024 too | "never": SHA-1 in AUTH neither
    renew: str                           # "reauth" | "rekey"
    reauth: float
    ppk: str                             # the identity of a post-quantum pre-shared key (RFC 8784), or empty


@dataclass(frozen=True)
class Policy:
    autoconnect: bool = False            # by itself: with the smartcard; a system profile when roved starts, else a
                                         # user's when his agent comes
    token_removed: str = "disconnect"    # noqa: S105 - "disconnect" | "keep", when the smartcard is

    @property
    def ends_with_token(self) -> bool:
        return self.token_removed == "disconnect"   # noqa: S105


@dataclass(frozen=True)
class Roaming:
    """``transports`` in the order in which they are tried: "udp", "tcp"; "esp" is UDP without UDP where no NAT is."""

    transports: tuple[str, ...] = ("udp", "tcp")
    tcp_port: int = 4500


@dataclass(frozen=True)
class Profile:
    name: str
    gateway: Gateway
    user: User
    tunnel: Tunnel
    dns: Dns
    ike: Ike
    children: tuple[Child, ...] = ()     # empty: [tunnel] is the only one; else ``tunnel.remote`` is all of theirs
    policy: Policy = Policy()
    roaming: Roaming = Roaming()


def parse_profile(text: str) -> Profile:
    """TOML text → Profile. Raises ProfileError, whose message names the key."""
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise ProfileError(f"the profile is larger than {MAX_BYTES // 1024} KiB")
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MAX_DOTS:
            raise ProfileError(f"line {number} is too long: write the list in several lines")
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:    # also integers of thousands of digits
        raise ProfileError(f"not TOML: {error}") from error
    return profile_from_dict(tree)


def profile_from_dict(tree: Mapping[str, Any]) -> Profile:
    """The parsed TOML → Profile. Raises ProfileError."""
    values = _checked(_migrated(tree))
    gateway = Gateway(values["gateway.address"], values["gateway.identity"] or values["gateway.address"][0],
                      _trust_with_pin(tree, values), values["gateway.pin"], values["gateway.revocation"])
    user = _user(values)
    for each in user.rounds:
        if each.auth != "certificate" and not each.identity:
            raise ProfileError(f"user.identity is missing: auth = \"{each.auth}\" needs the user's name")
    if gateway.trust == "eap" and user.rounds[0].auth.split("/")[0] not in EAP_ONLY_METHODS:
        raise ProfileError(f"gateway.trust: \"eap\" is for {', '.join(EAP_ONLY_METHODS)} alone; with "
                           f"{user.rounds[0].auth} whoever plays the gateway could guess the password or learn it")
    if gateway.trust == "eap" and gateway.revocation == "strict":
        raise ProfileError("gateway.revocation: \"strict\" cannot be held with trust = \"eap\": whether the "
                           "authentication server's certificate was revoked is not looked up")
    only_psk = all(each.auth == "psk" for each in user.rounds)
    values["ike.renew"] = values["ike.renew"] or ("rekey" if only_psk else "reauth")
    ike = Ike(*(values[f"ike.{k}"] for k in ("proposals", "esp_proposals", "pfs", "lifetime", "child_lifetime",
                                             "dpd", "mobike", "fragmentation", "legacy", "renew", "reauth", "ppk")))
    children = tuple(Child(**{"esp_proposals": ike.esp_proposals, "pfs": ike.pfs,
                              "child_lifetime": ike.child_lifetime, **given}) for given in values["child"])
    remote = values["tunnel.remote"]
    if children:
        if "remote" in tree.get("tunnel", {}):
            raise ProfileError("child: the networks are in the [[child]] tables, so tunnel.remote must be left out")
        remote = tuple(network for child in children for network in child.remote)
    return Profile(values["name"], gateway, user, Tunnel(remote, values["tunnel.exclude"], values["tunnel.lan"]),
                   Dns(values["dns.mode"], values["dns.domains"]), ike, children, _policy(values),
                   Roaming(values["roaming.transports"], values["roaming.tcp_port"]))


def _user(values: Mapping[str, Any]) -> User:
    given = values["user.certificate"]
    smartcard = "smartcard" in values["user.auth"]
    rule = given if isinstance(given, CertificateRule) else CertificateRule() if smartcard and not given else None
    rounds = _rounds({**values, "user.auth": tuple("certificate" if auth == "smartcard" else auth
                                                   for auth in values["user.auth"])})
    user = User(rounds, "" if rule is not None else given, values["user.key"], rule, values["user.aaa"])
    for each in rounds:
        if each.auth in CERTIFICATE_METHODS and not (user.certificate or user.on_token):
            raise ProfileError(f"user.certificate is missing: auth = \"{each.auth}\" needs a PKCS#12 or PEM file")
    if user.aaa != Aaa() and not any(each.auth.startswith(EAP_ONLY_METHODS) for each in rounds):
        raise ProfileError(f"user.aaa: is whom {', '.join(EAP_ONLY_METHODS)} must meet; user.auth has none of them")
    if smartcard and not user.on_token:
        raise ProfileError("user.certificate: with auth = \"smartcard\" it must be a PKCS#11 URI (pkcs11:…) or a rule "
                           "{ issuer = \"…\", eku = \"…\" }")
    if user.on_token and user.key:
        raise ProfileError("user.key: must be left out, the key is on the smartcard")
    return user


def _policy(values: Mapping[str, Any]) -> Policy:
    return Policy(values["policy.autoconnect"], values["policy.token_removed"])


def _trust_with_pin(tree: Mapping[str, Any], values: Mapping[str, Any]) -> str | tuple[str, ...]:
    """A pin needs no authority; where the profile names one all the same, both have to vouch."""
    trust: str | tuple[str, ...] = values["gateway.trust"]
    if not values["gateway.pin"]:
        return trust
    if trust == "eap":
        raise ProfileError("gateway.pin: there is no certificate to pin with trust = \"eap\"")
    return trust if "trust" in tree.get("gateway", {}) else "pin"


def _rounds(values: Mapping[str, Any]) -> tuple[Round, ...]:
    """One identity is for all rounds; a list has one for each."""
    methods = values["user.auth"]
    columns: list[tuple[str, ...]] = []
    for key in ("user.identity", "user.ike_identity"):
        texts: tuple[str, ...] = values[key]
        if len(texts) not in (1, len(methods)):
            raise ProfileError(f"{key}: must be one text, or a list of as many as user.auth has ({len(methods)})")
        columns.append(texts if len(texts) == len(methods) else texts * len(methods))
    own = len(methods) == 1 or len(values["user.identity"]) > 1
    return tuple(Round(auth, name, ike_name, own) for auth, name, ike_name in zip(methods, *columns, strict=True))


def check_name(name: str) -> str:
    """A profile's name, safe as a file name. Raises ProfileError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ProfileError("name: letters, digits and _ . @ - only, at most 64, beginning with a letter or digit")
    return name


# --- checks: each takes the TOML value and returns ours, or raises ValueError saying what is right ---


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1024 or any(ord(c) < 32 for c in value):
        raise ValueError("must be a text of one line")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _list(value: Any, limit: int = 256) -> list[Any]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or len(value) > limit:
        raise ValueError(f"must be a list of at most {limit} texts")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value))


def _is_name(text: str) -> bool:
    """A DNS name, by RFC 1123 and with underscores."""
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.removesuffix(".").split("."))


def _hosts(value: Any) -> tuple[str, ...]:
    hosts = _texts(value)
    if not hosts:
        raise ValueError("must name at least one host or address")
    for host in hosts:
        try:
            ip_address(host)
        except ValueError:
            if not _is_name(host):
                raise ValueError(f"{host!r} is neither a host name nor an address") from None
    return hosts


def _domains(value: Any) -> tuple[str, ...]:
    for name in _texts(value):
        if not _is_name(name):
            raise ValueError(f"{name!r} is not a domain name")
    return _texts(value)


def _networks(value: Any) -> tuple[IpNetwork, ...]:
    try:
        return tuple(ip_network(text) for text in _texts(value))
    except ValueError as error:
        raise ValueError(f"must be networks like 10.0.0.0/8 ({error})") from error


def _remote(value: Any) -> tuple[IpNetwork, ...]:
    networks = _networks(value)
    if not networks:
        raise ValueError("must name at least one network")
    return networks


def _trust(value: Any) -> str | tuple[str, ...]:
    if value in ("system", "eap"):
        return str(value)
    items = _list(value, 64)
    if not items or not all(isinstance(item, str) and len(item) < 64 * 1024 for item in items):
        raise ValueError('must be "system", "eap" or a list of CA certificates')
    return tuple(items)


def _pin(value: Any) -> str:
    """Hexadecimal or Base64, of one hash → in small hexadecimal digits."""
    text = _text(value)
    if not text:
        return ""
    kind, _, digest = text.partition(":")
    octets = b""
    with contextlib.suppress(ValueError):       # binascii.Error is one
        octets = (bytes.fromhex(digest.replace(":", "")) if len(digest) >= 64
                  else base64.b64decode(digest, validate=True))
    if kind.lower() != "sha256" or len(octets) != 32:
        raise ValueError('must be "sha256:" and the SHA-256 of the gateway\'s public key (SubjectPublicKeyInfo), as 64 '
                         "hexadecimal digits or in Base64")
    return f"sha256:{octets.hex()}"


def _duration(least: float, most: float) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if not match:
            raise ValueError('must be a duration like "30s", "45m" or "4h"')
        seconds = float(int(match[1]) * _UNITS[match[2]])
        if not least <= seconds <= most:
            raise ValueError(f"must be between {least:.0f} and {most:.0f} seconds")
        return seconds
    return check


def _choice(*allowed: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return str(value)
    return check


def _auth(value: Any) -> tuple[str, ...]:
    methods = _list(value, MAX_ROUNDS)
    if not methods:
        raise ValueError("must name at least one method")
    for method in methods:
        if _choice(*AUTH_METHODS)(method) in _ONCE and methods.count(method) > 1:
            raise ValueError(f"{method!r} can be there once")
    if "smartcard" in methods and "certificate" in methods:
        raise ValueError("'smartcard' and 'certificate' cannot both be there: a profile has one certificate")
    return tuple(methods)


def _for_rounds(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in _list(value, MAX_ROUNDS)) or ("",)


def _certificate(value: Any) -> str | CertificateRule:
    if isinstance(value, CertificateRule):
        return value
    if isinstance(value, dict):
        unknown = [key for key in value if key not in ("issuer", "eku")]
        if unknown:
            raise ValueError(f"a rule has issuer and eku, not {unknown[0]!r}")
        return CertificateRule(_text(value.get("issuer", "")), _usage(value.get("eku", "")))
    text = _text(value)
    try:
        if is_pkcs11_uri(text) and parse_pkcs11_uri(text).type not in (None, "cert", "private"):
            raise ValueError("the PKCS#11 URI must be of a certificate (type=cert)")
    except UriError as error:
        raise ValueError(str(error)) from error
    return text


def _usage(value: Any) -> str:
    text = EXTENDED_USAGES.get(_text(value), _text(value))
    if text and not _OID.fullmatch(text):
        names = ", ".join(EXTENDED_USAGES)
        raise ValueError(f"eku must be one of {names}, or an object identifier like 1.3.6.1.5.5.7.3.2")
    return text
def _aaa(value: Any) -> Aaa:
    if not isinstance(value, dict):
        raise ValueError('must be a table like { trust = ["ca.pem"], server_name = "radius.example.org" }')
    unknown = [key for key in value if key not in ("trust", "server_name")]
    if unknown:
        raise ValueError(f"there is no key {unknown[0]!r}; there are trust and server_name")
    trust = value.get("trust", "gateway")
    if trust in ("eap", "pin"):
        raise ValueError('trust must be "gateway", "system" or a list of CA certificates')
    try:
        judged_by = trust if trust == "gateway" else _trust(trust)
    except ValueError as error:
        raise ValueError('trust must be "gateway", "system" or a list of CA certificates') from error
    return Aaa(judged_by, _text(value.get("server_name", "")))


def _ppk_id(value: Any) -> str:
    if len(_text(value).encode(errors="surrogatepass")) > 256 or not _text(value).isprintable():
        raise ValueError("must be the name of a key, at most 256 octets")
    return str(value)


def _transports(value: Any) -> tuple[str, ...]:
    names = _list(value, len(TRANSPORTS))
    if not names or len(set(map(str, names))) < len(names):
        raise ValueError(f"must be a list of one or more of {', '.join(TRANSPORTS)}, each once")
    return tuple(_choice(*TRANSPORTS)(name) for name in names)


def _port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError("must be a port number, 1 to 65535")
    return value


def _children(value: Any) -> tuple[dict[str, Any], ...]:
    """What each table gives, checked; what it leaves out is as in [ike]."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ValueError("must be tables, each beginning with [[child]]")
    if len(value) > MAX_CHILDREN:
        raise ValueError(f"must be at most {MAX_CHILDREN} tables")
    children = tuple(_child(table) for table in value)
    seen: dict[str, tuple[IpNetwork, ...]] = {}
    for child in children:
        name = child["name"]
        if name in seen:
            raise ValueError(f"two tables have the name {name!r}")
        for other, networks in seen.items():
            if any(one.version == two.version and one.overlaps(two)
                   for one in child["remote"] for two in networks):
                raise ValueError(f"the networks of {other!r} and {name!r} overlap: a packet has one way")
        seen[name] = child["remote"]
    return children


def _child(table: dict[str, Any]) -> dict[str, Any]:
    unknown = [key for key in table if key not in CHILD_KEYS]
    if unknown:
        raise ValueError(f"there is no key {unknown[0]!r}; there are {', '.join(CHILD_KEYS)}")
    missing = [key for key in ("name", "remote") if key not in table]
    if missing:
        raise ValueError(f"{missing[0]} is missing")
    given: dict[str, Any] = {"local": ()}
    for key, value in table.items():
        try:
            given[key] = CHILD_KEYS[key](value)
        except ValueError as error:
            raise ValueError(f"{key} {error}") from error
    if given["local"] and {one.version for one in given["local"]} != {one.version for one in given["remote"]}:
        raise ValueError("local and remote must be of the same IP versions")
    return given


def _child_name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("must be letters, digits and _ . @ -, at most 64, beginning with a letter or digit")
    return value


def _later(neutral: Any) -> Callable[[Any], Any]:
    """A key of the contract whose capability has not landed: only its neutral value passes."""
    def check(value: Any) -> Any:
        if value != neutral:
            raise ValueError(f"is not available in this version (only {neutral!r} is accepted)")
        return value
    return check


_REQUIRED = object()
# key → (check, default). docs/profiles.md explains each to users.
KEYS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "version": (_later(VERSION), VERSION),      # after _migrated
    "name": (check_name, _REQUIRED),
    "gateway.address": (_hosts, _REQUIRED),
    "gateway.identity": (_text, ""),
    "gateway.trust": (_trust, "system"),
    "gateway.pin": (_pin, ""),
    "gateway.revocation": (_choice("soft", "strict", "off"), "soft"),
    "user.auth": (_auth, _REQUIRED),
    "user.identity": (_for_rounds, ""),
    "user.ike_identity": (_for_rounds, ""),
    "user.certificate": (_certificate, ""),
    "user.key": (_text, ""),
    "user.aaa": (_aaa, {}),
    "tunnel.remote": (_remote, ("0.0.0.0/0", "::/0")),
    "tunnel.exclude": (_networks, ()),
    "tunnel.lan": (_choice("allow", "block"), "allow"),
    "dns.mode": (_choice("auto", "full", "split", "off"), "auto"),
    "dns.domains": (_domains, ()),
    "ike.proposals": (_texts, ()),
    "ike.esp_proposals": (_texts, ()),
    "ike.pfs": (_text, "auto"),
    "ike.lifetime": (_duration(10, 7 * 86400), "4h"),
    "ike.child_lifetime": (_duration(10, 7 * 86400), "1h"),
    "ike.renew": (_choice("reauth", "rekey", ""), ""),      # "": by user.auth
    "ike.reauth": (_duration(20, 7 * 86400), "8h"),
    "ike.dpd": (_duration(1, 3600), "30s"),
    "ike.mobike": (_flag, True),
    "ike.fragmentation": (_flag, True),
    "ike.legacy": (_choice("off", "on", "never"), "off"),
    "ike.ppk": (_ppk_id, ""),
    "roaming.transports": (_transports, ("udp", "tcp")),
    "roaming.tcp_port": (_port, 4500),
    "policy.autoconnect": (_flag, False),
    "policy.lockdown": (_later("off"), "off"),
    "policy.on_reauth_failure": (_later("disconnect"), "disconnect"),
    "policy.token_removed": (_choice("disconnect", "keep"), "disconnect"),
    "child": (_children, []),
}
# of a [[child]] table → check
CHILD_KEYS: dict[str, Callable[[Any], Any]] = {
    "name": _child_name, "remote": _remote, "local": _networks, "esp_proposals": _texts, "pfs": _text,
    "child_lifetime": _duration(10, 7 * 86400),
}
_SECTIONS = {key.split(".")[0] for key in KEYS if "." in key}


def _migrated(tree: Mapping[str, Any]) -> dict[str, Any]:
    """As this version has it. Raises ProfileError for one that it does not know, before a key can be strange to it."""
    version, current = tree.get("version", 1), dict(tree)
    if type(version) is not int or version < 1:
        raise ProfileError("version: must be a whole number from 1")
    if version > VERSION:
        raise ProfileError(f"version: the profile is of a newer Rove; this one reads versions up to {VERSION}")
    for step in range(version, VERSION):
        current = MIGRATIONS[step](current)
    return {**current, "version": VERSION}


def _checked(tree: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for key, value in tree.items():
        if key in _SECTIONS:
            if not isinstance(value, dict):
                raise ProfileError(f"{key}: must be a table, [{key}]")
            given.update((f"{key}.{inner}", item) for inner, item in value.items())
        else:
            given[key] = value
    for key in given:
        if key not in KEYS:
            raise ProfileError(f"{key}: there is no such key")
    values = {}
    for key, (check, default) in KEYS.items():
        value = given.get(key, default)
        if value is _REQUIRED:
            raise ProfileError(f"{key} is missing")
        if isinstance(value, tuple):
            value = list(value)
        try:
            values[key] = check(value)
        except ValueError as error:
            raise ProfileError(f"{key}: {error}") from error
    return values
