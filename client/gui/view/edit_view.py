"""A profile's TOML → the form in which a person changes it, and the form → TOML again, or what is wrong with which
field. What the form has not is kept as it is."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from client.importers import ImportFailed
from client.importers.edited import edited
from client.model.profile import AUTH_METHODS
from client.texts import marked, plain
from client.texts import translated as _

MODE, NETWORKS = "tunnel.mode", "tunnel.remote"     # the first is the form's alone: all traffic, or some networks
ALL, SOME, CHILDREN = "all", "some", "children"
EVERYTHING = ["0.0.0.0/0", "::/0"]
_KEY = re.compile(r"[a-z_]+(?:\.[a-z_]+)?")


class Kind(Enum):
    TEXT = "text"
    LIST = "list"           # several, with commas between them
    CHOICE = "choice"       # one of ``choices``
    OFFERED = "offered"     # several, as LIST; ``choices`` are offered
    FILE = "file"           # a name of a copied file, a PKCS#11 URI, or a path: a file to be copied
    FLAG = "flag"


@dataclass(frozen=True)
class Row:
    label: str
    kind: Kind
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()     # value, words


# key → its row of the form, in the form's order; the words are translated where they are shown
ROWS: Mapping[str, Row] = MappingProxyType({
    "gateway.address": Row(marked("&Gateway"), Kind.LIST, marked("host names or addresses, with commas between them")),
    "gateway.identity": Row(marked("Must &prove to be"), Kind.TEXT, marked("empty: the first of the gateway's names")),
    "user.auth": Row(marked("&Log-in"), Kind.OFFERED, "", tuple((method, method) for method in AUTH_METHODS)),
    "user.identity": Row(marked("&User name"), Kind.LIST, marked("as whoever runs the gateway gave it to you")),
    "user.certificate": Row(marked("&Certificate"), Kind.FILE, marked("a file, or pkcs11:… on a smartcard")),
    "user.key": Row(marked("&Key"), Kind.FILE, marked("where it is not in the certificate's file")),
    MODE: Row(marked("&Tunnel for"), Kind.CHOICE, "", ((ALL, marked("all traffic")), (SOME, marked("these networks")))),
    NETWORKS: Row(marked("&Networks"), Kind.LIST, marked("like 10.0.0.0/8, with commas between them")),
    "dns.mode": Row(marked("&DNS"), Kind.CHOICE, "", (
        ("auto", marked("automatic")), ("full", marked("all names by the tunnel")),
        ("split", marked("only the tunnel's names by the tunnel")), ("off", marked("as without the tunnel")))),
    "policy.autoconnect": Row(marked("Connect &automatically"), Kind.FLAG),
})
_DEFAULTS: Mapping[str, Any] = MappingProxyType({"dns.mode": "auto", "policy.autoconnect": False})

Form = Mapping[str, str | bool]


@dataclass(frozen=True)
class Field:
    """``fixed``: why it cannot be changed here, empty where it can."""

    key: str
    row: Row
    value: str | bool
    fixed: str = ""


@dataclass(frozen=True)
class Judged:
    """``toml`` is there when nothing is wrong; ``errors`` by the form's keys, "" for what no field is to blame for.
    ``files``: those to be copied, by key."""

    toml: str | None
    errors: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    files: Mapping[str, str] = field(default_factory=dict)


def fields(text: str) -> tuple[Field, ...]:
    tree = _tree(text)
    return tuple(Field(key, row, _shown(tree, key, row), _fixed(tree, key)) for key, row in ROWS.items())


def judged(text: str, form: Form, copies: Mapping[str, str] = MappingProxyType({})) -> Judged:
    """``copies``: the names that files have got, by key; before that a file's own name stands for it."""
    changes, files = _changes(text, form)
    changes |= {key: copies.get(key, PurePath(path).name) for key, path in files.items()}
    if not changes:
        return Judged(text)
    try:
        return Judged(edited(text, changes), {}, True, files)
    except (ImportFailed, ValueError, RecursionError) as error:
        problems = error.problems if isinstance(error, ImportFailed) else (str(error),)
        return Judged(None, _by_field(problems), True, files)


def _changes(text: str, form: Form) -> tuple[dict[str, Any], dict[str, str]]:
    """What differs from what the form showed → new values by key; files to be copied by key."""
    changes: dict[str, Any] = {}
    files: dict[str, str] = {}
    shown = {one.key: one for one in fields(text)}
    mode = form.get(MODE, shown[MODE].value)
    rounds = len(_split(str(form.get("user.auth", shown["user.auth"].value))))
    for key, now in form.items():
        one = shown[key]
        if one.fixed or key in (MODE, NETWORKS) or now == one.value:
            continue
        value = _value(key, now, rounds)
        if one.row.kind is Kind.FILE and isinstance(value, str) and value.startswith(("/", "~")):
            files[key] = value
        else:
            changes[key] = value
    if not shown[MODE].fixed and (mode, form.get(NETWORKS)) != (shown[MODE].value, shown[NETWORKS].value):
        if mode == ALL and shown[MODE].value != ALL:
            changes[NETWORKS] = EVERYTHING
        elif mode == SOME:
            changes[NETWORKS] = _split(str(form.get(NETWORKS, "")))
    return changes, files


def _value(key: str, now: str | bool, rounds: int) -> Any:
    """As TOML has it; None: the key goes, its default counts. One log-in has one name, which may have commas in it."""
    kind = ROWS[key].kind
    if isinstance(now, bool):
        return now
    if kind in (Kind.LIST, Kind.OFFERED) and (key != "user.identity" or rounds > 1):
        items = _split(now)
        if key == "gateway.address":
            return items
        return items[0] if len(items) == 1 else items or None
    return now.strip() or None


def _shown(tree: Mapping[str, Any], key: str, row: Row) -> str | bool:
    remote = _get(tree, NETWORKS)
    full = remote is None or any(str(network).endswith("/0") for network in _listed(remote))
    if key == MODE:
        return ALL if full else SOME
    if key == NETWORKS:
        return "" if full else ", ".join(map(str, _listed(remote)))
    value = _get(tree, key)
    if value is None:
        value = _DEFAULTS.get(key, "")
    if row.kind is Kind.FLAG:
        return value is True
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {plain(str(item), 80)}" for name, item in value.items())
    return ", ".join(map(str, _listed(value)))


def _fixed(tree: Mapping[str, Any], key: str) -> str:
    if key in (MODE, NETWORKS) and tree.get("child"):
        return _("The profile has several tunnels ([[child]]); change them in its file.")
    if isinstance(_get(tree, key), Mapping):
        return _("The profile has a rule for certificates on smartcards; change it in its file.")
    return ""


def _by_field(problems: tuple[str, ...]) -> dict[str, str]:
    """ "gateway.address: must …" → the field, and what is wrong."""
    errors: dict[str, str] = {}
    for problem in problems:
        found = _KEY.match(problem)
        key = found[0] if found and found[0] in ROWS else ""
        text = problem.removeprefix(key).lstrip(": ") if key else problem
        errors.setdefault(key, plain(text, 300))
    return errors


def _split(text: str) -> list[str]:
    return [part for part in (piece.strip() for piece in text.replace("\n", ",").split(",")) if part]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _get(tree: Mapping[str, Any], key: str) -> Any:
    table, _dot, name = key.partition(".")
    inner = tree.get(table)
    return inner.get(name) if isinstance(inner, Mapping) else None


def _tree(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
