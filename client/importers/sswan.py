"""Profiles of the strongSwan app for Android: JSON, media type application/vnd.strongswan.profile.

Format: https://docs.strongswan.org/docs/latest/os/androidVpnClientProfiles.html. Every key is a row of KEYS; what is
no row was not understood, what has a ``lacks`` is understood but has no counterpart here. Both are listed.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network, summarize_address_range
from typing import Any
from uuid import UUID

from client.importers.imported import CredentialFile, IdentityMissing, Imported, ImportFailed
from client.importers.reader import MAX_CREDENTIAL, certificates, check_tree, decode_base64, one_line, safe_name
from client.importers.toml import toml_text
from client.model.profile import CERTIFICATE_METHODS, MAX_BYTES

MAX_DEPTH = 8
MAX_KEYS = 500
MAX_NETWORKS = 256
# type → user.auth; None: known, but this version cannot do it
TYPES: dict[str, str | None] = {
    "ikev2-eap": "eap-mschapv2",        # the app leaves the method to the gateway; MSCHAPv2 is what they use
    "ikev2-cert": "certificate",
    "ikev2-cert-eap": None,
    "ikev2-eap-tls": "eap-tls",
    "ikev2-byod-eap": None,
}


def import_sswan(data: bytes, name: str | None = None, identity: str | None = None) -> Imported:
    """The file's contents → Imported. Raises ImportFailed, IdentityMissing."""
    found = _Found(_flat(_parsed(data)))
    for key, value in found.given.items():
        row = KEYS.get(key)
        if row is None:
            found.not_understood.append(one_line(key, 80))
            continue
        if row.take:
            found.attempt(row.take, key, value)
        if row.lacks and value not in row.harmless:
            found.missing.append(f"{key}: {row.lacks}")
    return _finished(found, name, identity)


@dataclass
class _Found:
    given: Mapping[str, Any]
    auth: str = ""
    original_name: str = ""
    uuid: str = ""
    values: dict[str, Any] = field(default_factory=dict)        # our key → value
    p12: bytes = field(default=b"", repr=False)
    missing: list[str] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def attempt(self, take: "Take", key: str, value: Any) -> None:
        try:
            take(self, key, value)
        except ImportFailed as error:
            self.problems += error.problems
        except ValueError as error:
            self.problems.append(f"{key}: {error}")


Take = Callable[[_Found, str, Any], None]


@dataclass(frozen=True)
class Row:
    """``take`` puts the value where it belongs; ``lacks`` says what is not done, unless the value is ``harmless``."""

    take: Take | None = None
    lacks: str = ""
    harmless: tuple[Any, ...] = ()


# --- taking over single values: each raises ValueError saying what is right ---


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be a text")
    return value.strip()


def _into(target: str) -> Take:
    def take(found: _Found, _key: str, value: Any) -> None:
        found.values[target] = _text(value)
    return take


def _name(found: _Found, _key: str, value: Any) -> None:
    found.original_name = one_line(_text(value), 100)


def _uuid(found: _Found, _key: str, value: Any) -> None:
    found.uuid = str(UUID(_text(value)))


def _type(found: _Found, _key: str, value: Any) -> None:
    auth = TYPES.get(_text(value), "")
    if not auth:
        raise ValueError(f"{one_line(value, 40)} is {'not available in this version' if auth is None else 'not known'}")
    found.auth = auth


def _address(found: _Found, _key: str, value: Any) -> None:
    found.values["gateway.address"] = [_text(value)]


def _certificate(found: _Found, key: str, value: Any) -> None:
    found.values["gateway.trust"] = certificates(decode_base64(value, key), key)


def _p12(found: _Found, key: str, value: Any) -> None:
    found.p12 = decode_base64(value, key)
    if not 0 < len(found.p12) <= MAX_CREDENTIAL:
        raise ValueError(f"must be a PKCS#12 bundle of at most {MAX_CREDENTIAL // 1024} KiB")


def _proposals(target: str) -> Take:
    def take(found: _Found, _key: str, value: Any) -> None:
        found.values[target] = [part.strip() for part in _text(value).split(",")]
    return take


def _networks(target: str) -> Take:
    """Networks, addresses, and ranges like "192.0.2.1 - 192.0.2.9"; one text, or a list of them."""
    def take(found: _Found, _key: str, value: Any) -> None:
        items = value if isinstance(value, list) else _text(value).replace(" - ", "-").split()
        networks: list[str] = []
        for item in items:
            first, dash, last = _text(item).replace(" ", "").partition("-")
            if dash:
                networks += map(str, summarize_address_range(ip_address(first), ip_address(last)))
            else:
                networks.append(str(ip_network(first, strict=False)))
            if len(networks) > MAX_NETWORKS:
                raise ValueError(f"more than {MAX_NETWORKS} networks")
        if networks:
            found.values[target] = networks

    def checked(found: _Found, key: str, value: Any) -> None:
        try:
            take(found, key, value)
        except TypeError as error:
            raise ValueError("a range must not mix IPv4 and IPv6") from error
    return checked


def _strict(found: _Found, _key: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    if value:
        found.values["gateway.revocation"] = "strict"


_ONE_OF_THEM = "OCSP and CRLs are used as the certificates name them"
KEYS: dict[str, Row] = {
    "uuid": Row(_uuid),
    "name": Row(_name),
    "type": Row(_type),
    "remote.addr": Row(_address),
    "remote.id": Row(_into("gateway.identity")),
    "remote.cert": Row(_certificate),
    "remote.port": Row(lacks="only the standard ports 500 and 4500 are used", harmless=(500,)),
    "remote.certreq": Row(lacks="certificate requests are always sent", harmless=(True,)),
    "remote.revocation.crl": Row(lacks=_ONE_OF_THEM, harmless=(True,)),
    "remote.revocation.ocsp": Row(lacks=_ONE_OF_THEM, harmless=(True,)),
    "remote.revocation.strict": Row(_strict),
    "local.id": Row(_into("user.ike_identity")),
    "local.eap_id": Row(_into("user.identity")),
    "local.p12": Row(_p12),
    "local.rsa-pss": Row(lacks="the signature scheme is negotiated (RFC 7427)", harmless=(False,)),
    "ike-proposal": Row(_proposals("ike.proposals")),
    "esp-proposal": Row(_proposals("ike.esp_proposals")),
    "dns-servers": Row(lacks="the gateway's DNS servers are used", harmless=("", [])),
    "mtu": Row(lacks="it cannot be set, it is worked out"),
    "nat-keepalive": Row(lacks="the interval cannot be set"),
    "split-tunneling.subnets": Row(_networks("tunnel.remote")),
    "split-tunneling.excluded": Row(_networks("tunnel.exclude")),
    # false lets a family pass outside the tunnel where the gateway has none of it; here a full tunnel never leaks
    "split-tunneling.block-ipv4": Row(lacks="traffic outside the named networks cannot be blocked", harmless=(False,)),
    "split-tunneling.block-ipv6": Row(lacks="traffic outside the named networks cannot be blocked", harmless=(False,)),
    "apps": Row(lacks="connections cannot be limited to apps", harmless=([],)),
    "excluded-apps": Row(lacks="apps cannot be kept out of the tunnel", harmless=([],)),
}
_BLOCKS = ("split-tunneling.block-ipv4", "split-tunneling.block-ipv6")
_OBJECTS = {key.rpartition(".")[0] for key in KEYS if "." in key} | {"remote"}


# --- from the file to the tree, and from the values to the profile ---


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        tree = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:       # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise ImportFailed([f"not a strongSwan profile: {error}"]) from error
    if not isinstance(tree, dict):
        raise ImportFailed(["not a strongSwan profile: must be a JSON object"])
    return tree


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key is there twice")
    return tree


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys; only the objects that the format knows are opened. Null counts as absent, as in the app."""
    flat: dict[str, Any] = {}
    pending: list[tuple[str, Mapping[str, Any], int]] = [("", tree, 1)]
    while pending:
        prefix, level, depth = pending.pop()
        for key, value in level.items():
            dotted = prefix + key
            if isinstance(value, dict) and dotted in _OBJECTS and depth < MAX_DEPTH:
                pending.append((dotted + ".", value, depth + 1))
            elif value is not None:
                flat[dotted] = value
    if len(flat) > MAX_KEYS:
        raise ImportFailed([f"more than {MAX_KEYS} keys"])
    return flat


def _finished(found: _Found, name: str | None, identity: str | None) -> Imported:
    if "type" not in found.given:
        found.problems.append("type is missing")
    if "remote.addr" not in found.given:
        found.problems.append("remote.addr is missing")
    if "tunnel.remote" not in found.values:     # a full tunnel blocks all the same
        found.missing = [line for line in found.missing if line.split(":")[0] not in _BLOCKS]
    name = name or safe_name(found.original_name, "vpn")
    files = _credential(found, name)
    if found.problems:
        raise ImportFailed(found.problems)
    found.values["user.auth"] = found.auth
    if found.auth != "certificate" and "user.identity" not in found.values and identity:
        found.values["user.identity"] = identity
    tree: dict[str, Any] = {"version": 1, "name": name}
    for table in ("gateway", "user", "tunnel", "ike"):
        inner = {key.split(".")[1]: value for key, value in found.values.items() if key.startswith(table + ".")}
        tree |= {table: inner} if inner else {}
    if found.auth != "certificate" and "user.identity" not in found.values:
        check_tree({**tree, "user": {**tree["user"], "identity": "x"}})
        raise IdentityMissing(["local.eap_id is missing: the file leaves the user's name to you"])
    check_tree(tree)
    text = toml_text(tree, _origin(found))
    if len(text.encode()) > MAX_BYTES:
        raise ImportFailed([f"with its certificates the profile is larger than {MAX_BYTES // 1024} KiB"])
    return Imported(name, text, files, tuple(found.not_understood), tuple(found.missing))


def _credential(found: _Found, name: str) -> tuple[CredentialFile, ...]:
    """Checks that what the type needs is there, and says of what it does not use."""
    if found.auth not in CERTIFICATE_METHODS:
        if found.p12:
            found.missing.append("local.p12: not used with this type")
        return ()
    if found.auth == "certificate" and found.values.pop("user.identity", None):
        found.missing.append("local.eap_id: not used with this type")
    if not found.p12:
        if "local.p12" not in found.given:
            found.problems.append("local.p12 is missing: the file relies on a certificate that is on the phone")
        return ()
    file_name = safe_name(name, "user") + ".p12"
    found.values["user.certificate"] = file_name
    return (CredentialFile(file_name, found.p12),)


def _origin(found: _Found) -> str:
    words = ["imported from a strongSwan profile", found.original_name and f"“{found.original_name}”", found.uuid]
    return " ".join(word for word in words if word)
