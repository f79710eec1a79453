"""Random calls of roved's D-Bus methods, from a seed: the same seed makes the same calls.

Three in four have the method's own types with hostile values; the others any types, names, paths and interfaces.
"""

import random
from typing import Any

from client.bus.interface import INTERFACE, METHODS, OBJECT_PATH
from tests.helper.world import profile

_TEXTS = ("", "work", "bobs", "../../etc/shadow", "/etc/rove/profiles.d/x", "a" * 300, "\x1b[31m", "ü\U0001f511",
          "%s%n", "*", "name = 1", "[gateway]\naddress = 1", "child", "ike", "\u202e", "-", ".", "kind", "work\n")
_NUMBERS = (0.0, -1.0, 1e308, -1e308, float("inf"), float("nan"), 5e-324, 86400.0, 86400.1, 2.0 ** 63)
_TYPES = ("", "s", "b", "d", "u", "x", "y", "o", "as", "ay", "a{sv}", "v", "(ss)", "aas", "a{sa{sv}}", "ss", "sss",
          "sb", "sd", "av", "a{ss}", "q", "n", "i", "t", "a(sv)", "sa{say}a{ss}")
_PATHS = (OBJECT_PATH, OBJECT_PATH, "/", "/org", f"{OBJECT_PATH}/Agent", "/a/b/c")
_INTERFACES = (INTERFACE, INTERFACE, "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.Introspectable",
               "org.freedesktop.DBus.Peer", f"{INTERFACE}.Agent", "org.example.Nothing")
_MEMBERS = (*METHODS, "Get", "Set", "GetAll", "Introspect", "Ping", "GetMachineId", "Prepare", "SignIkeAuth", "Quit")
_BIG = 200_000      # octets, once in some thousand calls


def call(source: random.Random) -> dict[str, Any]:
    """An order for tests/helper/caller.py."""
    if source.random() < 0.75:
        row = source.choice(tuple(METHODS.values()))
        return {"member": row.name, "signature": row.signature, "body": values(row.signature, source)}
    signature = source.choice(_TYPES)
    return {"member": source.choice(_MEMBERS), "path": source.choice(_PATHS), "interface": source.choice(_INTERFACES),
            "signature": signature, "body": values(signature, source)}


def values(signature: str, source: random.Random) -> list[Any]:
    """One value for each complete type."""
    found = []
    while signature:
        length = _complete(signature)
        found.append(_value(signature[:length], source))
        signature = signature[length:]
    return found


def _complete(signature: str) -> int:
    """How long the first complete type is."""
    if signature[0] == "a":
        return 1 + _complete(signature[1:])
    depth = 0
    for at, kind in enumerate(signature):
        depth += (kind in "({") - (kind in ")}")
        if not depth:
            return at + 1
    raise ValueError(signature)


def _value(kind: str, source: random.Random) -> Any:
    match kind[0]:
        case "s":
            return _text(source)
        case "o":
            return source.choice(_PATHS)
        case "b":
            return source.random() < 0.5
        case "d":
            return source.choice(_NUMBERS)
        case "y" | "n" | "q" | "i" | "u" | "x" | "t":
            return source.choice((0, 1, 127))
        case "v":
            inner = source.choice(("s", "u", "as", "d", "b"))
            return {"v": [inner, _value(inner, source)]}
        case "(":
            return values(kind[1:-1], source)
    if kind == "ay":
        return {"hex": source.randbytes(source.choice((0, 1, 40, 3000))).hex()}
    if kind[1] == "{":
        # "hex" and "v" mean other things to the caller
        return {f"{_text(source)[:60]}.{n}": _value(kind[3:-1], source) for n in range(source.choice((0, 1, 3, 40)))}
    return [_value(kind[1:], source) for _ in range(source.choice((0, 1, 5)))]


def _text(source: random.Random) -> str:
    if source.random() < 0.0005:
        return "x" * _BIG
    if source.random() < 0.3:       # any character that D-Bus carries
        return "".join(chr(source.choice((source.randrange(1, 128), source.randrange(160, 0xD800))))
                       for _ in range(source.randrange(60)))
    if source.random() < 0.1:       # a profile that roved takes, or would with an octet less or more
        at, text = source.randrange(120), profile(source.choice(("work", "slow-a", "asks-a", "breaks-a", "bobs")))
        return text if source.random() < 0.5 else text[:at] + source.choice(("", "\"", "x", "=")) + text[at + 1:]
    return source.choice(_TEXTS)
