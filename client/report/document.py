"""Material → the report. Everything that is not our own word passes the mask: what one part forgets, it finds. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from client.model.profile import KEYS
from client.model.state import rfc3339
from client.report.collect import Material
from client.report.facts import ENVIRONMENT, LABELS, PACKAGES
from client.report.mask import WITHHELD, Mask
from client.report.profile import gateway_addresses, networks, profile_names, told_profile
from client.texts import plain

INTRODUCTION = """\
Rove report, {time}

For whoever helps you. Read it before you pass it on.
Left out: passwords, keys, PINs, certificates and all that is kept in a keyring.
Masked: user names and identities, the names of profiles, of this computer and of its user, addresses of this computer
and of its networks, hardware addresses, subjects of certificates, words of the gateway. The same has the same mark.
Not masked: the gateway's name and addresses, the networks that a profile names, algorithms, versions, times.
"""
# What of the status document is told, as it is written there: names and addresses pass the mask.
STATUS = ("state", "since", "gateway", "path", "virtual_ips", "ike", "children", "counters", "last_error", "findings")
MAX_LINES = 4000
_OURS = frozenset({*KEYS, *PACKAGES, *ENVIRONMENT, *LABELS, "was not asked", "cannot be used"})


def report_text(material: Material, now: datetime) -> str:
    mask = _mask(material)
    # A profile's name may be a person's or an employer's. Marks are given in order: profile-1 is the first of the list.
    for name in sorted(material.profiles):
        mask.mark("profile", name)
    parts = [INTRODUCTION.format(time=rfc3339(now.timestamp())), _section("System", material.facts, mask)]
    if material.trouble:
        parts.append(_section("roved", [("was not asked", material.trouble)], mask))
    parts += [_section(f"Profile {mask.mark('profile', name)}", told_profile(text), mask)
              for name, text in sorted(material.profiles.items())]
    for connection in _objects(material.status.get("connections")):
        rows = [row for key in STATUS for row in _flat(key, connection.get(key))]
        parts.append(_section(f"Connection {mask.mark('profile', str(connection.get('name', '')))}", rows, mask))
    parts.append("".join(["Log\n", *(_line(line, mask) for line in material.log[-MAX_LINES:])]))
    return "\n".join(parts)


def _mask(material: Material) -> Mask:
    texts = material.profiles.values()
    names = [*material.names, *((name, "profile") for name in material.profiles),
             *(found for text in texts for found in profile_names(text))]
    connections = _objects(material.status.get("connections"))
    keep = [*(address for text in texts for address in (*gateway_addresses(text), *networks(text))),
            *(str(_object(one, "gateway").get("address", "")) for one in connections)]
    # The gateway's own name is not masked, also where the user is called alike
    gateways = {host.casefold() for text in texts for host in gateway_addresses(text)}
    return Mask(((name, kind) for name, kind in names if name.casefold() not in gateways), keep)


def _section(title: str, rows: Iterable[tuple[str, str]], mask: Mask) -> str:
    return f"{title}\n" + "".join(f"  {_row(key, plain(value), mask)}\n" for key, value in rows)


def _row(key: str, value: str, mask: Mask) -> str:
    """Our own keys stay, whoever is called “User”. A key may say that its value is a secret."""
    if key in _OURS or key.split(".")[0].split("[")[0] in STATUS:
        return f"{key}: {WITHHELD if mask.is_secret(key) else mask(value)}"
    return mask(f"{plain(key)}: {value}")


def _line(line: Mapping[str, Any], mask: Mask) -> str:
    """The name of the connection is masked by itself: it may be too short to be looked for in texts."""
    connection = mask.mark("profile", str(line.get("connection", ""))) if line.get("connection") else "-"
    return f"  {plain(str(line.get('time', '')), 40)}  {connection}  {plain(str(line.get('level', '')), 10):8}" \
           f"{mask(plain(str(line.get('text', ''))))}\n"


def _flat(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _flat(f"{key}.{inner}", item)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _flat(f"{key}[{number}]", item)
    elif value is not None:
        yield key, str(value)


def _object(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
