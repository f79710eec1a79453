"""A profile's TOML → what may be told of it, by a list of what may: whatever is not in it is only counted."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from client.model.profile import ProfileError, parse_profile

# Keys whose value says how a connection is made, and not who makes it.
TOLD = frozenset({
    "version", "gateway.address", "gateway.identity", "gateway.revocation", "user.auth", "tunnel.remote",
    "tunnel.exclude", "tunnel.lan", "dns.mode", "ike.proposals", "ike.esp_proposals", "ike.pfs", "ike.lifetime",
    "ike.child_lifetime", "ike.renew", "ike.reauth", "ike.dpd", "ike.mobike", "ike.fragmentation", "ike.legacy",
    "roaming.transports", "roaming.tcp_port", "policy.autoconnect", "policy.lockdown",
    "policy.on_reauth_failure", "policy.token_removed"})
# Keys whose value is told where it is one of these words.
WORDS = {"gateway.trust": ("system", "eap")}
IDENTITIES = ("user.identity", "user.ike_identity", "ike.ppk")


def told_profile(text: str) -> list[tuple[str, str]]:
    """(key, value as TOML writes it, or "(set)"). A profile that cannot be used has its error beside what it says."""
    rows = [(key, _told(key, value)) for key, value in _flat(_tree(text))]
    try:
        parse_profile(text)
    except ProfileError as error:
        rows.append(("cannot be used", str(error)))
    return rows


def profile_names(text: str) -> list[tuple[str, str]]:
    """Who is named in it, in each form that a log may use: (name, kind of mark)."""
    names: list[tuple[str, str]] = []
    for key, value in _flat(_tree(text)):
        if key in IDENTITIES:
            for name in value if isinstance(value, list) else [value]:
                if isinstance(name, str):
                    local, _, _ = name.partition("@")
                    names += [(name, "user"), (local, "user"), (name.rpartition("\\")[2], "user")]
        elif key in ("user.certificate", "user.key") and isinstance(value, str):
            names += [(value, "file"), (value.rpartition("/")[2], "file")]
    return [(name, kind) for name, kind in names if name]


def gateway_addresses(text: str) -> list[str]:
    """Those that the profile names; not each is an address."""
    value = dict(_flat(_tree(text))).get("gateway.address", [])
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def networks(text: str) -> list[str]:
    """The addresses of networks that the profile names: an office's, not the person's."""
    return [str(network).partition("/")[0] for key, value in _flat(_tree(text)) if key.startswith("tunnel.")
            for network in (value if isinstance(value, list) else [value])]


def _told(key: str, value: Any) -> str:
    if key in TOLD or value in WORDS.get(key, ()):
        return json.dumps(value, ensure_ascii=False, default=str)
    return f"(set, {len(value)} items)" if isinstance(value, list | dict) else "(set)"


def _tree(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _flat(tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", item) for inner, item in value.items())
        else:
            yield key, value
